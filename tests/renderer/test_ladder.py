"""The order of what is tried when memory runs out, and how many pictures a step is given afterwards."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.renderer.engine.ladder import Bounds, Rung, Trouble, next_rung

ALL = Trouble(coding=True, tiles=True, idle=True, offloads=True)


@pytest.mark.parametrize(
    ("trouble", "rung"),
    [
        (ALL, Rung.TILE),
        (replace(ALL, tiles=False), Rung.EVICT),
        (replace(ALL, coding=False), Rung.EVICT),
        (replace(ALL, coding=False, idle=False), Rung.OFFLOAD),
        (replace(ALL, tiles=False, idle=False), Rung.OFFLOAD),
        (replace(ALL, coding=False, idle=False, offloads=False), None),
        (Trouble(coding=True, tiles=False, idle=False, offloads=False), None),
    ],
)
def test_the_order(trouble: Trouble, rung: Rung | None) -> None:
    assert next_rung(trouble) is rung


TAKES_AWAY = {Rung.TILE: "tiles", Rung.EVICT: "idle", Rung.OFFLOAD: "offloads"}


def test_every_climb_ends() -> None:
    for coding, tiles, idle, offloads in product([True, False], repeat=4):
        trouble = Trouble(coding=coding, tiles=tiles, idle=idle, offloads=offloads)
        climbed: list[Rung] = []
        while (rung := next_rung(trouble)) is not None:
            assert getattr(trouble, TAKES_AWAY[rung]), f"{rung} cannot be done"
            climbed.append(rung)
            trouble = replace(trouble, **{TAKES_AWAY[rung]: False})
        assert climbed == sorted(set(climbed), key=list(Rung).index)


def test_a_bound_is_learnt_for_its_group_alone() -> None:
    bounds = Bounds()
    assert bounds.most("group", 8) == 8
    assert bounds.halve("group", 8) == 4
    assert (bounds.most("group", 8), bounds.most("group", 2), bounds.most("other", 8)) == (4, 2, 8)
    assert bounds.halve("group", 4) == 2
    assert bounds.halve("group", 2) == 1
    assert bounds.halve("group", 1) == 1


def well(bounds: Bounds, size: int, times: int) -> None:
    for _ in range(times):
        bounds.went_well("group", size)


def test_a_bound_is_forgotten_step_by_step_and_ever_more_slowly() -> None:
    bounds = Bounds()
    bounds.halve("group", 8)
    well(bounds, 2, 1000)
    assert bounds.most("group", 8) == 4, "smaller batches prove nothing"
    well(bounds, 4, 31)
    assert bounds.most("group", 8) == 4
    well(bounds, 4, 1)
    assert bounds.most("group", 8) == 8
    bounds.halve("group", 8)
    well(bounds, 4, 63)
    assert bounds.most("group", 8) == 4
    well(bounds, 4, 1)
    assert bounds.most("group", 8) == 8


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([1, 2, 4, 8]), st.none()), max_size=200), st.sampled_from([1, 2, 4, 8]))
def test_a_device_that_can_do_so_many_soon_gets_so_many(between: list[int | None], can: int) -> None:
    """Whatever came before, a device that fails above `can` is soon given that many, and fails ever more rarely."""
    bounds = Bounds()
    for each in between:
        if each is None:
            well(bounds, bounds.most("group", 8), 40)
        else:
            bounds.halve("group", each)
    failures = 0
    for _ in range(6_000):
        size = bounds.most("group", 8)
        if size > can:
            failures += 1
            bounds.halve("group", size)
        else:
            bounds.went_well("group", size)
    assert bounds.most("group", 8) >= can
    assert failures <= 15


def test_no_more_groups_are_remembered_than_there_can_be_at_once() -> None:
    bounds = Bounds()
    for number in range(300):
        bounds.halve(number, 8)
    assert bounds.most(0, 8) == 8
    assert bounds.most(299, 8) == 4
