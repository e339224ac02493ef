"""One buys, the others wait: with what it bought, all of them; where it came to nothing, the next in line."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.job import Answer
from proxy.twins.turns import Turns
from tests.properties import MANY

ONE, TWO = b"1" * 32, b"2" * 32
ANSWER = Answer(job="req_1", created=1, model="photo", offer="stub/photo", pictures=())


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_everybody_who_waits_gets_the_answer_and_then_nothing_is_running() -> None:
    turns = Turns()
    turns.begin(ONE)
    waiting = [asyncio.create_task(turns.wait(ONE, heir=heir)) for heir in (True, False, True)]
    await settle()
    assert turns.running((TWO, ONE)) == ONE
    assert turns.running((TWO,)) is None
    turns.end(ONE, ANSWER)
    assert turns.running((ONE,)) is None
    assert await asyncio.gather(*waiting) == [ANSWER] * 3


async def test_after_a_failure_the_first_heir_buys_the_other_heirs_wait_and_the_rest_look_again() -> None:
    turns = Turns()
    turns.begin(ONE)
    first, second = (asyncio.create_task(turns.wait(ONE, heir=True)) for _ in range(2))
    other = asyncio.create_task(turns.wait(ONE, heir=False))
    await settle()
    turns.end(ONE, None)
    await settle()
    assert (first.done(), second.done(), other.done()) == (True, False, True)
    assert (first.result(), other.result()) == (None, None)
    assert turns.running((ONE,)) == ONE  # the heir's
    turns.end(ONE, ANSWER)
    assert await second is ANSWER


@pytest.mark.parametrize("moment", ["before", "in the moment", "in the moment, alone"])
async def test_an_heir_who_goes_away_does_not_take_the_turn_with_it(moment: str) -> None:
    turns = Turns()
    turns.begin(ONE)
    gone = asyncio.create_task(turns.wait(ONE, heir=True))
    await settle()
    next_ = None if moment.endswith("alone") else asyncio.create_task(turns.wait(ONE, heir=True))
    await settle()
    if moment == "before":
        gone.cancel()
        await settle()
        turns.end(ONE, None)
    else:
        turns.end(ONE, None)
        gone.cancel()
    await settle()
    assert gone.cancelled()
    if next_ is None:
        assert turns.running((ONE,)) is None
    else:
        assert await next_ is None
        assert turns.running((ONE,)) == ONE


@MANY
@given(st.lists(st.sampled_from(["answer", "nothing", "gone"]), min_size=1, max_size=12))
async def test_never_two_buy_at_once_and_nobody_is_forgotten(becomes: list[str]) -> None:
    """Each of many, when its turn comes, comes to an answer, to nothing, or is broken off while it buys."""
    turns, buying, most = Turns(), 0, 0
    got: list[Answer | None] = []

    async def one(what: str) -> None:
        nonlocal buying, most
        if turns.running((ONE,)) is None:
            turns.begin(ONE)
        elif (found := await turns.wait(ONE, heir=True)) is not None:
            got.append(found)
            return
        buying += 1
        most = max(most, buying)
        try:
            await asyncio.sleep(0)
            if what == "gone":
                raise asyncio.CancelledError
            got.append(ANSWER if what == "answer" else None)
        finally:
            buying -= 1
            turns.end(ONE, ANSWER if what == "answer" else None)

    ended = await asyncio.wait_for(asyncio.gather(*map(one, becomes), return_exceptions=True), 5)
    assert most == 1
    assert turns.running((ONE,)) is None
    before = becomes.index("answer") if "answer" in becomes else len(becomes)
    assert len([each for each in ended if isinstance(each, asyncio.CancelledError)]) == becomes[:before].count("gone")
    assert got.count(None) == becomes[:before].count("nothing")
    assert len(got) == len(becomes) - becomes[:before].count("gone")
