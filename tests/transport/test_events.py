"""Server-sent events, cut into chunks anywhere: what is heard depends on what was sent, never on how it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Fault, Next
from proxy.transport.events import read_events
from tests.properties import MANY
from tests.transport.driving import driving, paying
from tests.transport.serving import serving

ENDS = ("\n", "\r\n", "\r")


class _Chunks:
    """As much of a response as is read: its content, chunk by chunk."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.content = self
        self._chunks = chunks

    async def iter_any(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def _heard(chunks: Iterable[bytes], limit: int = 1 << 20) -> list[bytes]:
    response = cast("aiohttp.ClientResponse", _Chunks(chunks))
    return [event.data async for event in read_events(response, limit)]


def _cut(text: bytes, places: Iterable[int]) -> list[bytes]:
    at = sorted({place % (len(text) + 1) for place in places})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
DATA = st.lists(LINES, min_size=1, max_size=3).map("\n".join)
NOISE = st.sampled_from([": a comment", "event: x", "id: 1", "retry: 10", "", "data", "datum: x"])
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@MANY
@given(st.lists(st.tuples(st.lists(NOISE, max_size=2), DATA), max_size=5), st.sampled_from(ENDS), CUTS, st.booleans())
async def test_every_event_is_heard_once_and_whole_wherever_it_is_cut(
    sent: list[tuple[list[str], str]], end: str, cuts: list[int], finished: bool
) -> None:
    blocks = []
    for noise, data in sent:
        lines = [*(line for line in noise if line), *(f"data: {line}" for line in data.split("\n"))]
        blocks.append(end.join(lines) + end * 2)
    text = "".join(blocks).encode()
    if not finished:
        text = text.removesuffix(end.encode() * 2)  # the last one counts though the stream ends without a blank line
    assert await _heard(_cut(text, cuts)) == [data.encode() for _, data in sent]


@MANY
@given(st.lists(st.sampled_from([*"\r\n: x", "data:", "data: ", "\r\n", "\n\n"]), max_size=25).map("".join), CUTS)
async def test_how_a_stream_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    whole = await _heard([text.encode()])
    assert await _heard(_cut(text.encode(), cuts)) == whole
    assert await _heard([bytes([byte]) for byte in text.encode()]) == whole


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b": nothing happens\n\n", []),
        (b"event: ping\n\n", []),
        (b"data:\n\n", [b""]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b"data: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"event: x\nid: 1\ndata: {}\nretry: 3\n\n", [b"{}"]),
        (b"data: [DONE]\n\n", [b"[DONE]"]),
        (b"data: a\n\ndata: b", [b"a", b"b"]),
        ("data: naïve\n\n".encode(), ["naïve".encode()]),
    ],
)
async def test_an_event_is_the_lines_of_its_data(text: bytes, heard: list[bytes]) -> None:
    assert await _heard([text]) == heard


@pytest.mark.parametrize("piece", [1000, 100_000])
async def test_an_event_larger_than_allowed_is_refused_before_it_is_whole(piece: int) -> None:
    taken = 0

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal taken
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\ndata: ")
        for _ in range(30_000_000 // piece):
            await response.write(b"x" * piece)
            taken += piece
            await asyncio.sleep(0)
        return response

    async with serving(endless) as vendor, driving(vendor.origin, limit=200_000) as driver:
        failure = await driver.fault(paying(vendor.origin, stream=True), Next(), Next())
        assert failure.fault is Fault.MALFORMED
        assert "200000" in failure.detail
    assert taken < 25_000_000


async def test_events_larger_than_the_limit_together_are_no_trouble() -> None:
    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"data: " + b"x" * 20_000 + b"\n\n")
        return response

    async with serving(stream) as vendor, driving(vendor.origin, limit=100_000) as driver:
        answers = await driver.ask(paying(vendor.origin, stream=True), *[Next()] * 21)
        assert [len(event.data) for event in answers[1:-1]] == [20_000] * 20
        assert answers[-1] is None
