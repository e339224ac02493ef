"""A world to converse with: it answers every want of a `Talking` route as the proxy might, and remembers what is kept.

It says what a dialect may rely on. What is told of requests and assets is what the dialect itself has said of them
before: nobody else writes a `recall` or `facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, assert_never

from providers.contract import Failure, Fault, Format, Model
from proxy.dialects.contract import Card, Incoming, Outgoing, Talking
from proxy.dialects.wants import (
    Asset,
    Cards,
    Drop,
    Erase,
    Estimate,
    Estimated,
    Fill,
    Find,
    Keep,
    Known,
    Look,
    LookBack,
    Money,
    Offer,
    Pictured,
    Price,
    Purse,
    Retouch,
    Slot,
    Want,
)
from proxy.retouch import Retouched
from tests.pictures import png

WANTS_MOST = 1000
"""A conversation longer than this never ends."""
ID = "0b9d6c1e-3f5a-4c52-9a57-2f4d7c1f8e11"
LINK = "https://here.test/pictures/one.png"
CREATED = 1_735_689_600_000


class World:
    """What a team has: everything that was spoken of, or nothing at all."""

    def __init__(self, recalls: Sequence[str] = (), *, has: bool = True, refuses: bool = False) -> None:
        """`recalls` are what the dialect's own requests say; `refuses`: whatever may be refused is."""
        self._recalls = recalls
        self._has = has
        self._refuses = refuses
        self._facts: dict[str, str] = {}
        """The latest of every kind that was ever kept or offered."""

    def answer(self, want: Want) -> Any:
        """What it is answered with. Raises REJECTED where that may be, and this world refuses."""
        if self._refuses and isinstance(want, Price | Keep | Fill | Retouch):
            raise Failure(Fault.REJECTED, "This world refuses.", field="image")
        match want:
            case Look() | LookBack() | Erase():
                return self._request(want)
            case Offer() | Fill() | Keep() | Find() | Drop():
                return self._asset(want)
            case Cards():
                return CARDS if self._has else ()
            case Money():
                return Purse(team="team", left=Decimal("1.5") if self._has else None, settled=Decimal("0.25"))
            case Price():
                return Estimate(ESTIMATED if self._has else ())
            case Retouch():
                size = (8, 6) if want.shape is None else (want.shape.width, want.shape.height)
                return Retouched(body=png(), format=want.encoding.format, width=size[0], height=size[1])
            case _:
                assert_never(want)

    def _request(self, want: Look | LookBack | Erase) -> Any:
        known = [_known(place, recall) for place, recall in enumerate(self._recalls)] if self._has else []
        match want:
            case Look():
                return known[0] if known else None
            case LookBack():
                return [each for each in known if each.recall][want.offset : want.offset + want.limit]
            case Erase():
                return bool(known)

    def _asset(self, want: Offer | Fill | Keep | Find | Drop) -> Any:
        match want:
            case Offer():
                self._facts.setdefault(want.kind, "")
                return Slot(id=ID, token="token", origin="https://here.test")
            case Fill():
                return self._has
            case Keep():
                self._facts[want.kind] = want.facts
                return _asset(want.name or ID, want.kind, want.facts, pictured=want.body is not None)
            case Find():
                there = self._has and want.kind in self._facts
                return _asset(want.id, want.kind, self._facts[want.kind], pictured=True) if there else None
            case Drop():
                return self._has and want.kind in self._facts


def converse(route: Talking, incoming: Incoming, world: World) -> Outgoing | Failure:
    """Talk until there is an answer or a `Failure`; a public route may want but little."""
    refused: Failure | None = None
    answer: Any = None
    try:
        talk = route.talk(incoming)
        for _ in range(WANTS_MOST):
            want = talk.send(answer) if refused is None else talk.throw(refused)
            assert not route.public or isinstance(want, Fill | Cards)
            answer = refused = None
            try:
                answer = world.answer(want)
            except Failure as failure:
                refused = failure
    except StopIteration as end:
        answer = end.value
    except Failure as failure:
        return failure
    assert isinstance(answer, Outgoing), "the conversation never ends"
    return answer


CARDS = (
    Card(name="standard", model=Model(name="card"), providers=("sandbox",), served_by="card", title="Standard"),
    Card(
        name="old/one",
        model=Model(name="m", operations=frozenset({"upscale.fast"}), shows=False),
        providers=(),
        served_by="m",
        retired=True,
        description="Gone.",
    ),
)
ESTIMATED = (
    Estimated(provider="sandbox", model="card", usd=Decimal("0.04")),
    Estimated(provider="vendor", model="m", usd=Decimal("0.05"), out="its key is not set"),
    Estimated(provider="vendor", model="n", usd=None, out="its price is not known"),
)


def _known(place: int, recall: str) -> Known:
    """Requests in every state, one after the other, the first of them done."""
    state = ("done", "open", "failed")[place % 3]
    picture = Pictured(id=ID, link=LINK, format=Format.PNG, width=0 if place else 8, height=0 if place else 6)
    return Known(
        id=ID,
        model="standard",
        state=state,  # type: ignore[arg-type]
        created=CREATED - place,
        finished=None if state == "open" else CREATED + 1,
        recall=recall,
        pictures=(picture,) if state == "done" else (),
    )


def _asset(id_: str, kind: str, facts: str, *, pictured: bool) -> Asset:
    shown: dict[str, Any] = {"link": LINK, "format": Format.PNG, "bytes": 99} if pictured else {}
    return Asset(id=id_, kind=kind, created=CREATED, facts=facts, **shown)
