"""A plan as it is kept with its job: what was chosen from, in which order, and why. Without the request's own words.

It is encoded once, where the job is written down, and read by whoever asks later why a request went where it did.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from pricing import Quote, to_micros
from proxy.policy import Choice, Out, Plan


class Reason(Struct, frozen=True, omit_defaults=True):
    """What a rule had to say for an offer, or against it."""

    rule: str
    usd: Decimal
    reason: str = ""


class Chosen(Struct, frozen=True, omit_defaults=True):
    """An offer in its place."""

    offer: str
    micros: int
    """Its quote for the whole request, in micro-USD, rounded up; likewise below."""
    worth: Decimal
    reasons: tuple[Reason, ...] = ()


class LeftOut(Struct, frozen=True, omit_defaults=True):
    """An offer that was not to be asked."""

    offer: str
    rule: str
    reason: str
    micros: int | None = None
    """None where it has no price, or cannot do it at any."""


class Planned(Struct, frozen=True, omit_defaults=True):
    """A plan, in the order in which its offers were to be tried."""

    choices: tuple[Chosen, ...] = ()
    out: tuple[LeftOut, ...] = ()
    finish: Planned | None = None
    """Who was to make every picture larger afterwards; quotes are for one picture."""
    writing: int = 0
    """The most that writing the prompt out may cost, in micro-USD."""


class Grounds(Struct, frozen=True):
    """On what grounds a job went where it did, as its row in the ledger has it."""

    plan: str | None
    """`Planned` as JSON."""
    policy: str | None
    """The name of the policy that decided."""


UNKNOWN = Grounds(None, None)
"""Of a job that was not planned."""
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Planned)


def keep(plan: Plan, ending: Plan | None = None, writing: Decimal = Decimal(0)) -> Grounds:
    """What the ledger keeps of a plan."""
    return Grounds(_ENCODER.encode(planned(plan, ending, writing)).decode(), plan.policy)


def read(text: str) -> Planned:
    """The plan again. Raises msgspec.DecodeError for what is none."""
    return _DECODER.decode(text)


def planned(plan: Plan, ending: Plan | None = None, writing: Decimal = Decimal(0)) -> Planned:
    """The part of a plan that is worth keeping."""
    return Planned(
        choices=tuple([_chosen(choice) for choice in plan.choices]),
        out=tuple([_left_out(out) for out in plan.out]),
        finish=None if ending is None else planned(ending),
        writing=to_micros(writing) if writing else 0,
    )


def _chosen(choice: Choice) -> Chosen:
    reasons = tuple([Reason(rule, score.usd, score.reason) for rule, score in choice.reasons])
    return Chosen(choice.offer.name, to_micros(choice.quote.usd), choice.worth, reasons)


def _left_out(out: Out) -> LeftOut:
    quote = out.candidate.quote
    micros = to_micros(quote.usd) if isinstance(quote, Quote) else None
    return LeftOut(out.candidate.offer.name, out.rule, out.drop.reason, micros)
