"""Requests as clients of the studio write them, and what becomes of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from providers.contract import Failure, Fault, Image, ImageRequest, Note
from proxy.dialects.alwrity import DIALECT
from proxy.dialects.contract import Ask, Card, Generating, Incoming, Informing, Outgoing, Served, Shown, Talking
from proxy.dialects.wants import Asset, Cards, Drop, Estimate, Estimated, Find, Keep, Price, Want
from tests.pictures import png

ROOT = "/api/image-studio"
PHOTO = png(40, 30)


def text(body: bytes) -> str:
    """Bare base64."""
    return base64.b64encode(body).decode()


def url(body: bytes, mime: str = "image/png") -> str:
    """A data URL."""
    return f"data:{mime};base64,{text(body)}"


def route(path: str, method: str = "POST") -> Any:
    """The route of a path."""
    [found] = [each for each in DIALECT.routes if (each.method, each.path) == (method, ROOT + path)]
    return found


def incoming(
    body: Any = None,
    *,
    query: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Incoming:
    """A request; a body that is not bytes is written as JSON."""
    return Incoming(
        method="POST",
        path="/",
        headers={"content-type": "application/json"},
        query=query or {},
        parts=parts or {},
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        options=options or {},
    )


def parse(path: str, body: Any, **options: Any) -> Ask:
    """What a body asks for."""
    found = route(path)
    assert isinstance(found, Generating)
    return found.parse(incoming(body, options=options))


def composed(ask: Ask) -> Any:
    """The request an ask comes to with the pictures that were sent."""
    request: ImageRequest = ask.compose([Image(source.body or PHOTO) for source in ask.sources])
    return request


def refusal(path: str, body: Any, **options: Any) -> tuple[int, str]:
    """Status and detail of a request that must be refused, by the caller's own fault."""
    with pytest.raises(Failure) as caught:
        parse(path, body, **options)
    assert caught.value.fault is Fault.REJECTED
    return error_of(DIALECT.render_error(caught.value))


def error_of(outgoing: Outgoing) -> tuple[int, str]:
    """Status and detail of an error that says nothing else."""
    told = written(outgoing)
    assert set(told) == {"detail"}
    return outgoing.status, told["detail"]


def written(outgoing: Outgoing) -> Any:
    """A body as its reader sees it."""
    return msgspec.json.decode(b"".join(outgoing.body))


def served(*bodies: bytes, **more: Any) -> Served:
    """An answer with these pictures."""
    pictures = tuple(Shown(image=Image(body), seed=place) for place, body in enumerate(bodies))
    facts = {"provider": "wavespeed", "drawn_by": "ideogram-v3-turbo", "seconds": 2.51234, "prompt": "as sent", **more}
    return Served(request_id="req_1", created=1, model="premium", pictures=pictures, **facts)


def answer(path: str, ask: Ask, made: Served) -> Any:
    """The body of an answer."""
    found = route(path)
    assert isinstance(found, Generating)
    return written(found.render(ask, made))


def told(path: str, query: Mapping[str, str] | None = None, cards: Sequence[Card] = ()) -> Any:
    """What a route that informs tells."""
    found = route(path, "GET")
    assert isinstance(found, Informing)
    return written(found.answer(incoming(query=query), cards))


def talked(
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    world: Callable[[Want], Any] | None = None,
    query: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """What a conversation comes to."""
    found = route(path, method)
    assert isinstance(found, Talking)
    talk = found.talk(incoming(body, query=query, parts=parts, options=options))
    said: Any = None
    failed: Failure | None = None
    try:
        while True:
            want = talk.throw(failed) if failed else talk.send(said)
            failed = None
            assert world is not None
            try:
                said = world(want)
            except Failure as failure:
                failed = failure
    except StopIteration as end:
        return written(end.value)


class World:
    """Cards, prices by the model asked for, and what was kept."""

    def __init__(self, cards: Sequence[Card] = (), prices: Mapping[str, Sequence[Estimated]] | None = None) -> None:
        self.cards = cards
        self.prices = prices or {}
        self.kept: dict[tuple[str, str], Asset] = {}
        self.asked: list[ImageRequest] = []

    def __call__(self, want: Want) -> Any:
        """Its answer to a want."""
        match want:
            case Cards():
                return self.cards
            case Price():
                self.asked.append(want.request)
                if want.request.model not in self.prices:
                    raise Failure(Fault.REJECTED, "no such model")
                return Estimate(tuple(self.prices[want.request.model]))
            case Keep():
                assert want.name is not None
                asset = Asset(id=want.name, kind=want.kind, created=5, facts=want.facts)
                self.kept[want.kind, want.name] = asset
                return asset
            case Find():
                return self.kept.get((want.kind, want.id))
            case Drop():
                return self.kept.pop((want.kind, want.id), None) is not None
        raise AssertionError(want)


def offer(provider: str, model: str, usd: str | None, out: str | None = None) -> Estimated:
    """An offer of an estimate."""
    return Estimated(provider=provider, model=model, usd=None if usd is None else Decimal(usd), out=out)


def named(notes: Sequence[Note]) -> dict[str, bool]:
    """Fields that notes are about, and whether anything was lost."""
    return {note.field: note.lossy for note in notes}
