"""The shelf of models, with a keeper that only keeps count: what is on the device, what goes, who waits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from providers.contract import Failure, Fault
from proxy.renderer.engine.shelf import LAPSES, PATIENCE, Shelf, ShortError
from proxy.renderer.wire import Shelved

SIZES = {"a": 10, "b": 20, "c": 30, "d": 40, "e": 60, "huge": 101}
BUDGET = 100


class Thing:
    """An opened model."""

    def __init__(self, name: str, weight: int) -> None:
        self.name = name
        self.weight = weight


class Counting:
    """Keeps count of what is where, and asserts that nothing happens twice or out of order."""

    def __init__(self, heavier: int = 0) -> None:
        self.heavier = heavier
        self.device: set[str] = set()
        self.parked: set[str] = set()
        self.opened: list[str] = []
        self.short = 0

    def needs(self, model: str) -> int:
        if model not in SIZES:
            raise Failure(Fault.UNAVAILABLE, f"no local model is called {model!r}")
        return SIZES[model]

    def open(self, model: str) -> Thing:
        self._lack()
        assert model not in self.device | self.parked
        self.device.add(model)
        self.opened.append(model)
        return Thing(model, SIZES[model] + self.heavier)

    def weigh(self, opened: Thing) -> int:
        return opened.weight

    def park(self, opened: Thing) -> None:
        self.device.remove(opened.name)
        self.parked.add(opened.name)

    def fetch(self, opened: Thing) -> None:
        self._lack()
        self.parked.remove(opened.name)
        self.device.add(opened.name)

    def drop(self, opened: Thing) -> None:
        (self.device if opened.name in self.device else self.parked).remove(opened.name)

    def _lack(self) -> None:
        if self.short:
            self.short -= 1
            raise ShortError


def shelf(keeper: Counting | None = None, **more: Any) -> Shelf[Thing]:
    return Shelf(keeper or Counting(), BUDGET, **more)


def there(made: Shelf[Thing]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is on the device, and what is parked."""
    return made.models, made.parked


def test_opened_once_and_kept() -> None:
    keeper = Counting()
    made = shelf(keeper)
    first = made.open("a")
    assert first is not None
    assert made.open("a") is first
    assert keeper.opened == ["a"]
    assert (made.models, made.used_bytes) == (("a",), 10)


def test_the_longest_unused_goes_first() -> None:
    made = shelf()
    for model in ("a", "c", "d", "a"):  # 80
        made.open(model)
    made.open("b")
    assert there(made)[0] == ("c", "d", "a", "b")
    made.open("c")
    assert there(made)[0][-1] == "c"
    made.open("d")
    made.open("e")
    assert there(made)[0] == ("d", "e")


def test_no_more_is_evicted_than_needed() -> None:
    made = shelf()
    for model in ("a", "b", "c"):
        made.open(model)
    made.open("d")
    assert there(made)[0] == ("a", "b", "c", "d")
    made.open("e")  # 40 must go: a and b do not do
    assert there(made)[0] == ("d", "e")


def test_a_busy_model_stays_and_the_other_waits() -> None:
    made = shelf()
    made.open("e")
    assert made.open("c", busy={"e"}) is not None
    assert made.open("d", busy={"e"}) is not None, "the idle one goes"
    assert there(made)[0] == ("e", "d")
    assert made.open("c", busy={"e", "d"}) is None
    assert there(made)[0] == ("e", "d"), "nothing goes where that would not do"
    assert made.open("c", busy={"e"}) is not None


def test_what_never_fits_is_refused_before_it_is_opened() -> None:
    keeper = Counting()
    with pytest.raises(Failure, match=r"'huge' takes 0.00 MB, and 0.00 MB are there for models") as caught:
        shelf(keeper).open("huge")
    assert caught.value.fault is Fault.UNAVAILABLE
    assert keeper.opened == []
    with pytest.raises(Failure, match="no local model is called 'nobody'"):
        shelf(keeper).open("nobody")


def test_evicted_models_are_parked_while_there_is_room_and_come_back() -> None:
    keeper = Counting()
    made = shelf(keeper, park_bytes=70)
    first = made.open("e")
    made.open("d")
    made.open("c")
    assert there(made) == (("d", "c"), ("e",))
    assert made.used_bytes == 70
    assert made.open("e") is first
    assert there(made) == (("c", "e"), ("d",))
    assert keeper.opened == ["e", "d", "c"]
    made.open("d")
    assert there(made) == (("e", "d"), ("c",))
    made.open("b")
    assert there(made) == (("d", "b"), ("e",)), "no room for both: c was parked first"
    assert keeper.parked == {"e"}


def test_what_is_fetched_is_not_dropped_for_what_is_parked_now() -> None:
    keeper = Counting()
    made = shelf(keeper, park_bytes=60)
    made.open("e")
    made.open("d")
    made.open("b")
    assert there(made)[1] == ("e",)
    made.open("e")
    assert there(made)[1] == ("d",)
    assert keeper.opened == ["e", "d", "b"], "e was fetched, although d was parked in its place"


def test_too_large_to_park_is_dropped() -> None:
    made = shelf(park_bytes=50)
    made.open("e")
    made.open("c")
    made.open("d")
    assert there(made) == (("c", "d"), ())


def test_a_shortage_while_opening_evicts_the_idle_and_tries_once_more() -> None:
    keeper = Counting()
    made = shelf(keeper)
    made.open("a")
    made.open("b")
    keeper.short = 1
    assert made.open("c", busy={"a"}) is not None
    assert there(made)[0] == ("a", "c")
    keeper.short = 2
    with pytest.raises(Failure, match=r"the memory is too small for the local model 'd'"):
        made.open("d", busy={"a"})
    assert there(made)[0] == ("a",)
    assert keeper.device == {"a"}


def test_a_shortage_while_fetching_opens_it_anew() -> None:
    keeper = Counting()
    made = shelf(keeper, park_bytes=100)
    for model in ("e", "d", "c"):
        made.open(model)
    keeper.short = 1
    assert made.open("e") is not None
    assert keeper.opened == ["e", "d", "c", "e"]


def test_heavier_than_known_makes_others_go_but_never_the_busy() -> None:
    made = shelf(keeper := Counting(heavier=40))
    made.open("a")
    made.open("b")
    assert (keeper.device, made.used_bytes) == ({"b"}, 60), "50 and 60 are too much, which shows only afterwards"
    made = shelf(keeper := Counting(heavier=25))
    made.open("d")
    made.open("c", busy={"d"})
    assert made.used_bytes == 120, "the busy one stays, and so does what was just asked for"
    assert keeper.device == {"c", "d"}


def test_who_waits_is_not_passed_for_ever() -> None:
    made = shelf()
    made.open("e")
    assert made.open("d", busy={"e"}) is not None
    busy = {"e", "d"}
    assert made.open("c", busy) is None
    for _ in range(PATIENCE):
        assert made.open("e", busy) is not None
    assert made.open("e", busy) is None, "others stand back now"
    assert made.open("d", busy) is None
    assert made.open("c", busy) is None
    assert made.open("c", {"d"}) is not None
    assert made.open("d", {"d"}) is not None


def test_who_waits_no_more_does_not_hold_others_up_for_ever() -> None:
    made = shelf()
    made.open("e")
    made.open("d", busy={"e"})
    assert made.open("c", {"e", "d"}) is None
    asked = 0
    while made.open("e", {"e", "d"}) is not None:
        asked += 1
    assert asked == PATIENCE
    for _ in range(LAPSES - PATIENCE - 1):
        assert made.open("e", {"e", "d"}) is None
    assert made.open("e", {"e", "d"}) is not None


def test_preloading_evicts_nothing_that_was_preloaded() -> None:
    made = shelf()
    assert made.preload(["e", "huge", "c", "d", "nobody", "a"]) == (
        "the local model 'huge' takes 0.00 MB, and 0.00 MB are there for models",
        "'d' is not preloaded: beside the others, 0.00 MB are left",
        "no local model is called 'nobody'",
    )
    assert there(made)[0] == ("e", "c", "a")
    for _ in range(2 * PATIENCE):
        assert made.open("a") is not None, "nobody waits for what was not preloaded"


def test_every_change_is_told() -> None:
    told: list[Shelved] = []
    clock = iter(range(0, 100, 7))
    made = shelf(tell=told.append, now=lambda: next(clock))
    made.open("a")
    made.open("a")
    assert told == [Shelved(("a",), 10, {"a": 7})], "and how long it took to be loaded"
    made.open("e")
    made.open("d")
    assert told[-1] == Shelved(("e", "d"), 100, {"d": 7})
    assert Shelved(("e",), 60) in told
    assert made.evict_idle({"d"}) == 60
    assert told[-1] == Shelved(("d",), 40)
    made.clear()
    assert told[-1] == Shelved((), 0)


def test_reweighed() -> None:
    made = shelf()
    thing = made.open("e")
    assert thing is not None
    thing.weight = 5
    made.reweigh("e")
    assert made.used_bytes == 5


class Anything(RuleBasedStateMachine):
    """Whatever is asked for and given back in whatever order."""

    @initialize(park=st.sampled_from([0, 25, 60, 1000]))
    def begin(self, park: int) -> None:
        self.keeper = Counting()
        self.shelf = shelf(self.keeper, park_bytes=park)
        self.park = park
        self.busy: list[str] = []
        self.things: dict[str, Thing] = {}

    @rule(model=st.sampled_from([name for name in SIZES if name != "huge"]))
    def ask(self, model: str) -> None:
        busy = set(self.busy)
        thing = self.shelf.open(model, busy)
        if thing is None:
            fits = sum(SIZES[each] for each in busy | {model}) <= BUDGET
            assert not fits or self.waited, "it was refused although there was room, and nobody waited"
            self.waited = True
        else:
            assert thing.name == model
            if model in busy:
                assert thing is self.things[model], "a busy model was opened anew"
            self.things[model] = thing
            self.busy.append(model)

    waited = False

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self.busy.remove(data.draw(st.sampled_from(sorted(self.busy))))

    @rule()
    def evict(self) -> None:
        self.shelf.evict_idle(set(self.busy))
        assert set(self.shelf.models) == set(self.busy)

    @rule(times=st.integers(1, 2))
    def lack(self, times: int) -> None:
        self.keeper.short = times
        busy = set(self.busy)
        try:
            if self.shelf.open("b", busy) is not None:
                self.things["b"] = self.shelf.open("b", busy) or self.things["b"]
                self.busy.append("b")
        except Failure:
            assert "b" not in busy
        self.keeper.short = 0

    @invariant()
    def within_bounds(self) -> None:
        if not hasattr(self, "shelf"):
            return
        assert self.shelf.used_bytes <= BUDGET
        assert set(self.busy) <= set(self.shelf.models), "a busy model was moved"
        assert set(self.shelf.models) == self.keeper.device
        assert set(self.shelf.parked) == self.keeper.parked
        assert sum(SIZES[each] for each in self.shelf.parked) <= self.park
        assert self.shelf.used_bytes == sum(SIZES[each] for each in self.keeper.device)


Anything.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestAnything = Anything.TestCase
