"""A plan as it is kept: small, without the request's words, and the same plan when it is read again."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import to_micros
from proxy.cli import main
from proxy.explain import explain_served
from proxy.ledger.submissions import Served, Submission
from proxy.planned import Chosen, LeftOut, Planned, Reason, keep, planned, read
from tests.properties import MANY
from tests.test_explain import planned as made

TEXT = st.text(max_size=30)
MICROS = st.integers(0, 10**12)
USD = st.decimals(min_value=-1000, max_value=1000, places=9)
PLANS = st.builds(
    Planned,
    choices=st.lists(
        st.builds(Chosen, TEXT, MICROS, USD, st.lists(st.builds(Reason, TEXT, USD, TEXT), max_size=2).map(tuple)),
        max_size=3,
    ).map(tuple),
    out=st.lists(st.builds(LeftOut, TEXT, TEXT, TEXT, st.none() | MICROS), max_size=3).map(tuple),
    writing=MICROS,
)


def test_what_is_kept_is_what_was_planned() -> None:
    plan = made(ceiling=Decimal(1))
    kept = read(keep(plan).plan or "")
    assert [choice.offer for choice in kept.choices] == [choice.offer.name for choice in plan.choices]
    assert [choice.micros for choice in kept.choices] == [to_micros(choice.quote.usd) for choice in plan.choices]
    assert [choice.worth for choice in kept.choices] == [choice.worth for choice in plan.choices]
    assert [(out.offer, out.rule, out.reason) for out in kept.out] == [
        (out.candidate.offer.name, out.rule, out.drop.reason) for out in plan.out
    ]
    assert {out.offer: out.micros for out in kept.out}["mystery/photo"] is None


def test_the_policy_is_kept_by_its_name_and_the_rest_of_the_work_with_it() -> None:
    plan = made()
    grounds = keep(replace(plan, policy="cheapest"), plan, Decimal("0.0000001"))
    kept = read(grounds.plan or "")
    assert grounds.policy == "cheapest"
    assert (kept.finish, kept.writing) == (planned(plan), 1)
    assert "A boat" not in (grounds.plan or "")


@MANY
@given(PLANS)
def test_a_kept_plan_is_told_whole(plan: Planned) -> None:
    text = msgspec.json.encode(plan).decode()
    assert read(text) == plan
    told = explain_served(job(text))["plan"]
    assert [each["offer"] for each in told["choices"]] == [choice.offer for choice in plan.choices]
    assert [Decimal(each["worth_usd"]) for each in told["choices"]] == [choice.worth for choice in plan.choices]
    assert [each["rule"] for each in told["left_out"]] == [out.rule for out in plan.out]


def job(plan: str | None, *submissions: Submission) -> Served:
    return Served(
        job="req_1",
        team="acme",
        key="k",
        dialect="openai",
        model="photo",
        state="done",
        created=1_790_000_000_000,
        finished=None,
        plan=plan,
        policy=None,
        submissions=submissions,
    )


def test_a_job_from_before_plans_were_kept_has_none() -> None:
    assert explain_served(job(None)) == {"policy": None, "plan": None, "attempts": [], "charged_usd": "0"}


# The command line.


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_check_explains_one_request_in_place_of_the_rest() -> None:
    told = run("check", "--explain", "A boat", "--model", "sandbox", "--size", "64x64", "-n", "2")
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[0] == "place\toffer\tUSD\twhy"
    assert told.stdout.splitlines()[1].startswith("1\tsandbox/sandbox\t0\t")
    plan = run("plan", "--prompt", "A boat", "--model", "sandbox", "--size", "64x64", "-n", "2").stdout
    assert told.stdout == plan
    assert run("check", "--explain", "A boat", "--model", "nothing-like-it").exit_code == 1
