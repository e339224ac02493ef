"""What the world answers is what the wants promise, and it catches a conversation that goes wrong."""

from __future__ import annotations

from typing import get_args

import pytest

from providers.contract import Failure, Fault, Generate
from proxy.dialects.contract import Card, Incoming, Outgoing, Talk, Talking
from proxy.dialects.wants import (
    Asset,
    Cards,
    Drop,
    Erase,
    Estimate,
    Fill,
    Find,
    Keep,
    Known,
    Look,
    LookBack,
    Money,
    Offer,
    Price,
    Purse,
    Retouch,
    Slot,
    Want,
)
from proxy.retouch import Encoding, Retouched, Shape
from tests.dialects.world import World, converse

HERE = Incoming(method="GET", path="/", headers={})
DONE = Outgoing(status=204)
PRICE = Price(Generate(model="m", prompt="A boat"))
RETOUCH = Retouch(body=b"x", encoding=Encoding(), shape=Shape(width=4, height=2))
EVERYTHING: list[tuple[Want, type, object]] = [
    (Cards(), tuple, ()),
    (Money(), Purse, ...),
    (PRICE, Estimate, Estimate(())),
    (Look("x"), Known, None),
    (LookBack(0, 2), list, []),
    (Erase("x"), bool, False),
    (Offer(kind="init", suffix="png", seconds=9), Slot, ...),
    (Fill(token="t", body=b""), bool, False),
    (Keep(kind="voice", name="mine", facts="f"), Asset, ...),
    (Find(kind="voice", id="mine"), Asset, None),
    (Drop(kind="voice", id="mine"), bool, False),
    (RETOUCH, Retouched, ...),
]
"""Every want, what it is answered with, and where there is nothing, what then, if that differs."""


def talking(*wants: Want, public: bool = False, heard: list[object] | None = None) -> Talking:
    def talk(_: Incoming) -> Talk:
        for want in wants:
            answer = yield want
            if heard is not None:
                heard.append(answer)
        return DONE

    return Talking(path="/", talk=talk, public=public)


def test_every_want_is_answered_as_it_promises() -> None:
    assert {type(want) for want, *_ in EVERYTHING} == set(get_args(Want))
    heard: list[object] = []
    assert converse(talking(*[want for want, *_ in EVERYTHING], heard=heard), HERE, World(["a", "", "b"])) is DONE
    assert [type(answer) for answer in heard] == [expected for _, expected, _ in EVERYTHING]
    assert all(isinstance(card, Card) for card in heard[0])  # type: ignore[attr-defined]
    assert [known.recall for known in heard[4]] == ["a", "b"]  # type: ignore[attr-defined]


def test_where_there_is_nothing_it_says_so() -> None:
    heard: list[object] = []
    converse(talking(*[want for want, *_ in EVERYTHING], heard=heard), HERE, World(["a"], has=False))
    for answer, (_, _, nothing) in zip(heard, EVERYTHING, strict=True):
        assert nothing is ... or answer == nothing


def test_assets_are_what_was_kept_before() -> None:
    heard: list[object] = []
    world = World()
    wants = Find("voice", "a"), Keep(kind="voice", facts="f"), Find("voice", "a"), Find("init", "a")
    converse(talking(*wants, heard=heard), HERE, world)
    assert heard[0] is None
    assert heard[3] is None
    assert isinstance(heard[2], Asset)
    assert (heard[2].id, heard[2].facts) == ("a", "f")


@pytest.mark.parametrize("want", [PRICE, RETOUCH, Keep(kind="k"), Fill(token="t", body=b"")])
def test_what_may_be_refused_is_refused(want: Want) -> None:
    failure = converse(talking(want), HERE, World(refuses=True))
    assert isinstance(failure, Failure)
    assert failure.fault is Fault.REJECTED


def test_a_conversation_may_go_on_after_a_refusal() -> None:
    def talk(_: Incoming) -> Talk:
        try:
            yield RETOUCH
        except Failure:
            yield Cards()
        return DONE

    assert converse(Talking(path="/", talk=talk), HERE, World(refuses=True)) is DONE


def test_a_conversation_may_be_over_before_it_begins() -> None:
    def talk(_: Incoming) -> Talk:
        raise Failure(Fault.REJECTED, "no")

    assert isinstance(converse(Talking(path="/", talk=talk), HERE, World()), Failure)


def test_one_that_never_ends_or_wants_too_much_in_public_is_caught() -> None:
    with pytest.raises(AssertionError, match="never ends"):
        converse(talking(*[Money()] * 2000), HERE, World())
    with pytest.raises(AssertionError):
        converse(talking(Money(), public=True), HERE, World())
    assert converse(talking(Cards(), public=True), HERE, World()) is DONE
