"""Plans and budgets as people and programs read them: every offer, its quote, its place or the reason it is out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pricing import Quote, from_micros
from providers.contract import Code, Failure, Fault, ImageRequest
from proxy.job import FINISHER, Job
from proxy.ledger.orders import Refused
from proxy.ledger.standing import BudgetState
from proxy.ledger.submissions import Served, Submission
from proxy.planned import Planned, Reason, read
from proxy.policy import Candidate, Local, Plan, Score

NOTHING = Decimal(0)
OUTCOMES: Mapping[str, str] = {"settle": "paid", "release": "released"}
"""In the ledger's words, and in ours; the state of a hold that has not ended is told as it is."""


def explain(
    plan: Plan, job: Job, budget: Sequence[BudgetState], ending: Plan | None = None, *, writing: Decimal = NOTHING
) -> dict[str, Any]:
    """The plan of a job, and what its first choice would leave of the budget. Amounts are USD, as text.

    `ending`: who would make each of its pictures larger afterwards, where that is asked for; `writing`: what it would
    cost to have the prompt written out before.
    """
    first = (plan.choices[0].quote.usd if plan.choices else Decimal(0)) + writing
    told = explain_plan(plan, job.request)
    if writing:
        told["enhancer_usd"] = usd(writing)
        told["estimated_cost_usd"] = usd(first) if plan.choices else None
    if ending is not None and job.finish is not None:
        last = ending.choices[0].quote.usd * job.request.n if ending.choices else Decimal(0)
        first += last
        told["finish"] = _explained(ending, FINISHER, f"upscale.{job.finish}", job.request.n)
        told["estimated_cost_usd"] = usd(first) if plan.choices and ending.choices else None
    return {
        **told,
        "request_id": job.id,
        "budget": [_budget(state, first) for state in budget],
    }


def explain_plan(plan: Plan, request: ImageRequest) -> dict[str, Any]:
    """The plan of a request, whoever might make it."""
    return _explained(plan, request.model, request.operation, request.n)


def _explained(plan: Plan, model: str, operation: str, images: int) -> dict[str, Any]:
    return {
        "object": "darkroom.plan",
        "model": model,
        "operation": operation,
        "policy": plan.policy,
        "images": images,
        "estimated_cost_usd": usd(plan.choices[0].quote.usd) if plan.choices else None,
        "choices": [
            {
                "place": place,
                **_offer(choice.candidate),
                "worth_usd": usd(choice.worth),
                "reasons": [_reason(rule, score) for rule, score in choice.reasons],
                "notes": [{"field": note.field, "detail": note.detail} for note in choice.fit.notes],
            }
            for place, choice in enumerate(plan.choices, 1)
        ],
        "left_out": [{**_offer(out.candidate), "rule": out.rule, "reason": out.drop.reason} for out in plan.out],
    }


def explain_served(served: Served) -> dict[str, Any]:
    """Why a request went where it did, and what everything that was tried for it came to. Amounts are USD, as text."""
    return {
        "policy": served.policy,
        "plan": None if served.plan is None else _kept(read(served.plan)),
        "attempts": [_submission(each) for each in served.submissions],
        "charged_usd": usd(from_micros(served.charged)),
    }


def _kept(plan: Planned) -> dict[str, Any]:
    told: dict[str, Any] = {
        "choices": [
            {
                "place": place,
                "offer": choice.offer,
                "quote_usd": usd(from_micros(choice.micros)),
                "worth_usd": usd(choice.worth),
                "reasons": [_kept_reason(reason) for reason in choice.reasons],
            }
            for place, choice in enumerate(plan.choices, 1)
        ],
        "left_out": [
            {
                "offer": out.offer,
                "quote_usd": None if out.micros is None else usd(from_micros(out.micros)),
                "rule": out.rule,
                "reason": out.reason,
            }
            for out in plan.out
        ],
    }
    if plan.writing:
        told["enhancer_usd"] = usd(from_micros(plan.writing))
    if plan.finish is not None:
        told["finish"] = _kept(plan.finish)
    return told


def _kept_reason(reason: Reason) -> dict[str, str]:
    return {"rule": reason.rule, "usd": usd(reason.usd), "reason": reason.reason}


def _submission(each: Submission) -> dict[str, Any]:
    """One call to a vendor, or one that was held for and not made."""
    return {
        "offer": f"{each.provider}/{each.model}",
        "outcome": OUTCOMES.get(each.outcome, each.outcome),
        "why": each.detail if each.outcome == "release" else None,
        "hedge": each.hedge,
        "quote_usd": usd(from_micros(each.quoted)),
        "cost_usd": usd(from_micros(each.charged + each.beyond)),
        "charged_usd": usd(from_micros(each.charged)),
        "images": each.delivered,
        "seconds": None if each.ended is None else (each.ended - each.began) / 1000,
        "vendor_id": each.vendor_id,
    }


def _reason(rule: str, score: Score) -> dict[str, str]:
    return {"rule": rule, "usd": usd(score.usd), "reason": score.reason}


def _offer(candidate: Candidate) -> dict[str, Any]:
    told: dict[str, Any] = {
        "offer": candidate.offer.name,
        "provider": candidate.offer.provider,
        "model": candidate.offer.model.name,
    }
    if isinstance(candidate.quote, Quote):
        told["quote_usd"] = usd(candidate.quote.usd)
        told["breakdown"] = [
            {"what": line.what, "quantity": f"{line.quantity.normalize():f}", "usd": usd(line.usd)}
            for line in candidate.quote.lines
        ]
        told["price_source"] = candidate.quote.source
    else:
        told["quote_usd"] = None
        told["unpriced"] = candidate.quote.reason
    if candidate.local is not None:
        told["local"] = _local(candidate, candidate.local)
    return told


def _local(candidate: Candidate, local: Local) -> dict[str, Any]:
    """How a model of this machine stands: when the request would be begun, and what drawing it should take."""
    draws_s = candidate.draws_s
    return {
        "expected_wait_s": round(local.begins_s, 1),
        "ahead": local.ahead,
        "full": local.full,
        "warm": local.warm,
        "expected_seconds": None if draws_s is None else round(draws_s, 3),
    }


def _budget(state: BudgetState, cost: Decimal) -> dict[str, Any]:
    told: dict[str, Any] = {"scope": state.scope, "what": state.what, "window": state.window}
    if state.what != "usd":
        return told | {"limit": state.limit, "left": state.left}
    left = from_micros(state.left)
    return told | {
        "limit_usd": usd(from_micros(state.limit)),
        "settled_usd": usd(from_micros(state.settled)),
        "held_usd": usd(from_micros(state.held)),
        "left_usd": usd(left),
        "left_after_usd": usd(left - cost),
    }


def over_budget(refused: Refused) -> Failure:
    """Why a budget could not take a request, and when some of it is free again."""
    who, when = _who(refused.scope), WHEN[refused.window]
    if refused.zone != "UTC":
        when += f" ({refused.zone})"
    if refused.what == "usd":
        limit, left, asked = (f"${from_micros(each):.6f}" for each in (refused.limit, refused.left, refused.asked))
        detail = f"The budget of {who} is {limit} {when}, of which {left} is left; this request may cost {asked}."
    elif refused.what == "pixels":
        limit, left, asked = (usd(from_micros(each)) for each in (refused.limit, max(0, refused.left), refused.asked))
        detail = f"{who} may make {limit} megapixels {when}; {left} are left, and this request asks for {asked}."
    else:
        detail = f"{who} may make {refused.limit} pictures {when}; {max(0, refused.left)} are left."
    if refused.frees is not None:
        detail += f" More is free from {datetime.fromtimestamp(refused.frees / 1000, UTC):%Y-%m-%d %H:%M} UTC on."
    return Failure(Fault.QUOTA, detail[0].upper() + detail[1:], code=Code.BUDGET)


WHEN: Mapping[str, str] = {
    "minute": "this minute",
    "hour": "this hour",
    "day": "today",
    "week": "this week",
    "month": "this month",
    "total": "in total",
    "rolling-hour": "in any hour",
    "rolling-day": "in any 24 hours",
    "rolling-week": "in any 7 days",
    "rolling-month": "in any 30 days",
}
"""When a budget's window is, in a sentence."""


def _who(scope: str) -> str:
    kind, _, name = scope.partition(":")
    if kind == "key":
        return "this key"
    return {"org": f"organisation {name}", "user": f"user {name.partition('/')[2]}"}.get(kind, f"{kind} {name}")


def usd(amount: Decimal) -> str:
    """An amount without trailing zeros and without an exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
