"""What is drawn on this machine: quoted by what was measured, put in order by its wait and by what is in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Pace, Price, Quote, Unpriced
from pricing.kinds import PerSecond
from pricing.pace import Sample, paced
from providers.contract import Code, Control, ControlKind, Fault, Generate, Image, Misfit, Model, Sizes
from proxy.parts import divided
from proxy.policy import Candidate, Drop, Local, Offer, Score, Standing, Wish
from proxy.policy.engine import KEEP
from proxy.policy.rules import REQUIRED, load
from tests.pictures import png
from tests.policy.offers import DAY, alone, dropped, offer, order, planned, wish, world
from tests.properties import MANY

SQUARE = 1024 * 1024
DRAWS = Model(
    name="photo", sizes=Sizes(default="1024x1024", step=64, min_side=256, max_side=2048), at_once=2,
    honours=frozenset({"steps", "guidance"}), operations=frozenset({"generate", "control.sketch"}), inputs=1,
)  # fmt: skip
SECOND = Price(
    models=("photo",), per=PerSecond(usd=Decimal("0.001"), seconds=Decimal(30)), since=DAY, checked=DAY, source="ours"
)
HERE = offer("here", model=DRAWS, prices=(SECOND,), here=True)
PACE = paced([(guided, [Sample(SQUARE, 20, 2.0 + 2.0 * guided)] * 5) for guided in (False, True)])
"""20 steps take 2 seconds, or 4 where they are guided."""


def usd(of: Offer, local: Local, **fields: Any) -> Decimal:
    asked = Generate(**{"model": "photo", "prompt": "x", "width": 1024, "height": 1024, **fields})
    [choice] = planned([of], wish(request=asked), world({"here": local})).choices
    return choice.quote.usd


# Quotes.


def test_a_picture_drawn_here_is_quoted_by_what_such_pictures_took() -> None:
    known = Local(pace=PACE, steps=20, guided=False)
    assert usd(HERE, Local()) == Decimal("0.03")
    assert usd(HERE, known) == Decimal("0.0025")
    assert usd(HERE, known, n=4) == Decimal("0.01")
    assert usd(HERE, known, steps=40) == Decimal("0.005")
    assert usd(HERE, known, guidance=7.5) == Decimal("0.005")
    assert usd(HERE, known, width=2048, height=2048) == Decimal("0.03")
    assert usd(HERE, known, steps=1000) == Decimal("0.03")  # never above what the row says


def test_what_is_not_measured_apart_is_quoted_as_if_nothing_was_measured() -> None:
    known = Local(pace=PACE, steps=20, guided=False)
    asked = Generate(model="photo", width=1024, height=1024)
    assert known.bound(asked) == Decimal("2.5")
    assert known.bound(replace(asked, previews=2)) is None
    sketch = Control(model="photo", kind=ControlKind.SKETCH, picture=Image(png(512, 512)), width=1024, height=1024)
    assert known.bound(sketch) is None
    assert known.draws_s(sketch) == pytest.approx(2.0)
    assert known.bound(Generate(model="photo")) is None  # of no size
    assert known.draws_s(Generate(model="photo")) is None
    assert known.bound(Generate(model="photo", references=(Image(png(512, 512)),))) == Decimal("2.5")


def test_a_quote_of_somebody_elses_or_without_a_price_stays_as_it_was() -> None:
    local = Local(pace=PACE, steps=20, guided=False)
    assert usd(offer("here", "0.04", model=DRAWS), local) == Decimal("0.04")
    unpriced = planned([offer("here", None, model=DRAWS)], seen=world({"here": local}))
    assert dropped(unpriced)["here"][0] == "priced"
    capped = offer("here", None, model=DRAWS, ceiling=Decimal("0.5"))
    assert usd(capped, local) == Decimal("0.5")


def test_the_calls_of_a_request_are_held_for_at_the_pace_that_it_was_planned_with() -> None:
    asked = Generate(model="photo", prompt="x", n=5, width=1024, height=1024)
    seen = world({"here": Local(pace=PACE, steps=20, guided=False)})
    [choice] = planned([HERE], wish(request=asked), seen).choices
    parts = divided(choice, choice.fit.request, DAY)
    assert [part.micros for part in parts] == [5000, 5000, 2500]
    assert choice.billable.seconds == Decimal("2.5")


locals_of = st.builds(
    Local,
    wait_s=st.floats(0, 500),
    ahead=st.integers(0, 60),
    full=st.booleans(),
    warm=st.booleans(),
    load_s=st.none() | st.floats(0, 60),
    pace=st.sampled_from([Pace(), PACE]),
    steps=st.sampled_from([None, 20]),
    guided=st.sampled_from([None, False, True]),
)


@MANY
@given(locals_of, st.integers(1, 10), st.none() | st.integers(1, 200), st.sampled_from([256, 1024, 2048]))
def test_a_quote_never_exceeds_what_it_is_where_nothing_was_measured(
    local: Local, n: int, steps: int | None, side: int
) -> None:
    known = replace(local, full=False)
    asked = {"n": n, "steps": steps, "width": side, "height": side}
    assert 0 < usd(HERE, known, **asked) <= usd(HERE, Local(), **asked)


# Who is out.


def test_a_full_queue_is_out_with_its_wait_and_only_as_long_as_it_is_full() -> None:
    full = Local(full=True, wait_s=41.6, warm=True)
    verdict = alone("healthy", HERE, seen=world({"here": full}))
    assert verdict == Drop("has a full queue here: expected wait 42 s", Fault.THROTTLED, Code.BUSY, retry_after=41.6)
    cold = alone("healthy", HERE, seen=world({"here": replace(full, warm=False, load_s=8.4)}))
    assert isinstance(cold, Drop)
    assert "expected wait 50 s" in cold.reason
    soon = alone("healthy", HERE, seen=world({"here": replace(full, wait_s=0.1)}))
    assert isinstance(soon, Drop)
    assert soon.retry_after == 1.0
    assert alone("healthy", HERE, seen=world({"here": replace(full, full=False)})) is KEEP
    sick = world({"here": full}, here=Standing(usable=False, reason="keeps failing"))
    assert alone("healthy", HERE, seen=sick) == Drop("keeps failing", Fault.UNAVAILABLE)


def test_another_serves_while_the_queue_is_full_and_nobody_else_means_to_come_again() -> None:
    seen = world({"here": Local(full=True, wait_s=30.0)})
    both = planned([HERE, offer("there", "0.09", model=DRAWS)], seen=seen)
    assert order(both) == ["there"]
    assert dropped(both)["here"][0] == "healthy"
    failure = planned([HERE], seen=seen).failure()
    assert (failure.fault, failure.code, failure.retry_after) == (Fault.THROTTLED, Code.BUSY, 30.0)
    assert failure.detail == "photo has a full queue here: expected wait 30 s"


def test_max_seconds_counts_the_wait_the_loading_and_every_picture() -> None:
    local = Local(wait_s=5.0, load_s=3.0, pace=PACE, steps=20, guided=False)
    asked = replace(wish().request, n=2)

    def out(limit: float, known: Local, **health: Standing) -> bool:
        seen = world({"here": known}, **health)
        return isinstance(alone("max_seconds", HERE, wish(request=asked, max_seconds=limit), seen), Drop)

    assert out(11.9, local)
    assert not out(12.0, local)
    assert not out(9.0, replace(local, warm=True))
    assert out(8.9, replace(local, warm=True))
    assert out(9.0, replace(local, pace=Pace()), here=Standing(p95=9.5))  # as long as nothing was measured
    verdict = alone("max_seconds", HERE, wish(request=asked, max_seconds=1), world({"here": local}))
    assert isinstance(verdict, Drop)
    assert verdict.reason == "takes 12 s here, 8 s of them until it is begun, over the limit of 1 s"


# What is worth how much.


def fastest(local: Local | None, *, n: int = 1, **health: Standing) -> Score:
    seen = world({} if local is None else {"here": local}, **health)
    asked = wish(request=replace(wish().request, n=n))
    verdict = alone("fastest", replace(HERE, seconds=7.0), asked, seen, second="0.01")
    assert isinstance(verdict, Score)
    return verdict


def test_fastest_counts_the_wait_and_the_loading_of_what_is_drawn_here() -> None:
    local = Local(pace=PACE, steps=20, guided=False, warm=True)
    assert fastest(local) == Score(Decimal("-0.02"), "2.000 seconds it takes here, as such pictures were measured to")
    assert fastest(local, n=3).usd == Decimal("-0.06")
    assert fastest(replace(local, wait_s=4.0)) == Score(
        Decimal("-0.06"),
        "6.000 seconds it takes here, as such pictures were measured to, after a wait for its turn here",
    )
    cold = fastest(replace(local, wait_s=4.0, warm=False, load_s=10.0))
    assert cold.usd == Decimal("-0.16")
    assert cold.reason.endswith("after a wait for its turn here, and for its model to be loaded")
    assert fastest(replace(local, warm=False)).usd == Decimal("-0.02")  # nobody knows how long loading takes


def test_fastest_goes_by_what_was_seen_or_configured_until_pictures_were_measured() -> None:
    assert fastest(Local(wait_s=3.0, warm=True), here=Standing(p50=1.0)).usd == Decimal("-0.04")
    assert fastest(Local(wait_s=3.0, warm=True)).usd == Decimal("-0.1")
    assert fastest(None).usd == Decimal("-0.07")


def test_least_busy_measures_the_queue_here_by_the_request_itself() -> None:
    local = Local(wait_s=5.0, ahead=3, pace=PACE, steps=20, guided=False)
    assert alone("least_busy", HERE, None, world({"here": local}), worth="0.01") == Score(
        Decimal("-0.025"), "has 5.0 s of drawing before it here, and takes 2.0 s"
    )
    unknown = alone("least_busy", HERE, None, world({"here": replace(local, pace=Pace())}), worth="0.01")
    assert unknown == Score(Decimal("-0.03"), "has 3 requests and takes 1 at once")
    busy = world({"here": Local()}, here=Standing(in_flight=9, room=1))
    assert alone("least_busy", HERE, None, busy) is KEEP  # nothing is before it, whatever stands at its account


def test_warm_is_worth_something_to_a_model_in_memory_and_nothing_to_others() -> None:
    assert alone("warm", HERE, None, world({"here": Local(warm=True)}), worth="0.02") == Score(
        Decimal("0.02"), "its model is in memory here"
    )
    assert alone("warm", HERE, None, world({"here": Local()}), worth="0.02") is KEEP
    assert alone("warm", offer("there"), None, world({"here": Local(warm=True)})) is KEEP
    with pytest.raises(ValueError, match="worth is an amount in USD"):
        load([*REQUIRED, {"warm": {"worth": "-1"}}])


def test_a_longer_queue_sends_requests_elsewhere() -> None:
    rules = load([*REQUIRED, {"fastest": {"second": "0.01"}}, "cheapest"])
    there = offer("there", "0.01", model=DRAWS, seconds=3.0)
    local = Local(pace=PACE, steps=20, guided=False, warm=True)
    assert order(planned([HERE, there], seen=world({"here": local}), rules=rules)) == ["here", "there"]
    queued = replace(local, wait_s=10.0, ahead=5)
    assert order(planned([HERE, there], seen=world({"here": queued}), rules=rules)) == ["there", "here"]


def test_what_does_not_fit_has_no_seconds() -> None:
    misfit = Candidate(HERE, Misfit("does not", "model"), Unpriced("does not"), None, Standing(), Local(pace=PACE))
    assert misfit.draws_s is None


@MANY
@given(locals_of, st.lists(st.sampled_from(["fastest", "least_busy", "warm", "cheapest"]), unique=True))
def test_a_full_queue_never_serves_and_every_other_is_quoted(local: Local, rules: list[str]) -> None:
    made = planned([HERE], Wish(request=wish().request), world({"here": local}), load([*REQUIRED, "healthy", *rules]))
    assert bool(made.choices) is not local.full
    for choice in made.choices:
        assert isinstance(choice.quote, Quote)
        assert all(score.reason for _, score in choice.reasons)
