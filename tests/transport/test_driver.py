"""The driver's work on one conversation: what is sent, connections shared, streams, pictures drawn here, goodbyes."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from decimal import Decimal
from email.message import Message
from email.parser import BytesParser

import pybase64
import pytest
from aiohttp import web

from providers.contract import (
    Call,
    Conversation,
    Drawn,
    Event,
    Failure,
    Fault,
    Generate,
    Image,
    Model,
    Next,
    Part,
    Preview,
    Render,
    Result,
    Step,
    Ticket,
)
from providers.openai import run as ask_openai
from proxy.renderer import Show, unseen
from proxy.transport import Lease, Room
from tests.pictures import png
from tests.transport.driving import LIMIT, driving, paying
from tests.transport.serving import eventually, left, misbehaving, serving


async def _echo(request: web.BaseRequest) -> web.Response:
    return web.json_response({"path": request.path_qs}, headers={"X-Request-Id": "r-1"})


async def test_a_json_call_and_its_reply_arrive_as_they_were_meant() -> None:
    async with serving(_echo) as vendor, driving(f"{vendor.origin}/v1") as driver:
        call = Call(method="POST", url=f"{vendor.origin}/v1/x?y=1", headers={"x-own": "1"}, json={"prompt": "ö"})
        [reply] = await driver.ask(call)
        [seen] = vendor.seen
        assert (seen.method, seen.path) == ("POST", "/v1/x?y=1")
        assert json.loads(seen.body) == {"prompt": "ö"}
        assert seen.headers["content-type"] == "application/json"
        assert (seen.headers["x-own"], seen.headers["accept-encoding"]) == ("1", "identity")
        assert (reply.status, reply.headers["x-request-id"]) == (200, "r-1")
        assert reply.read(dict) == {"path": "/v1/x?y=1"}


async def test_a_form_arrives_part_by_part() -> None:
    picture = png()
    parts = (
        Part(name="prompt", value="ö\r\n--x"),
        Part(name="image[]", value=picture, filename="image-1.png", mime="image/png"),
        Part(name="image[]", value=picture, filename="image-2.png", mime="image/png"),
    )
    async with serving(_echo) as vendor, driving(vendor.origin) as driver:
        await driver.ask(Call(method="POST", url=f"{vendor.origin}/", form=parts))
        await driver.ask(Call(method="POST", url=f"{vendor.origin}/", form=parts[:1]))
        for seen, count in zip(vendor.seen, (3, 1), strict=True):
            head = f"content-type: {seen.headers['content-type']}\r\n\r\n".encode()
            message = BytesParser().parsebytes(head + seen.body)
            assert message.get_content_type() == "multipart/form-data"
            got = message.get_payload()
            assert isinstance(got, list)
            assert len(got) == count
            for part, sent in zip(parts, got, strict=False):
                assert isinstance(sent, Message)
                assert sent.get_param("name", header="content-disposition") == part.name
                assert sent.get_filename() == part.filename
                body = part.value.encode() if isinstance(part.value, str) else part.value
                assert sent.get_payload(decode=True) == body


async def test_calls_one_after_another_share_a_connection() -> None:
    async with serving(_echo) as vendor, driving(vendor.origin) as driver:
        for _ in range(3):
            await driver.ask(paying(vendor.origin), Call(url=f"{vendor.origin}/poll"))
        assert len(vendor.seen) == 6
        assert len({seen.peer for seen in vendor.seen}) == 1


async def test_a_connection_that_ended_with_an_error_status_can_be_used_again() -> None:
    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=500, text="x" * 1000)

    async with serving(refuse) as vendor, driving(vendor.origin) as driver:
        for _ in range(3):
            await driver.fault(paying(vendor.origin))
        assert len({seen.peer for seen in vendor.seen}) == 1


async def test_calls_at_once_do_not_wait_for_each_other() -> None:
    together = asyncio.Barrier(8)

    async def meet(_: web.BaseRequest) -> web.Response:
        async with asyncio.timeout(5), together:
            return web.Response()

    async with serving(meet) as vendor, driving(vendor.origin) as driver:
        await asyncio.gather(*(driver.ask(paying(vendor.origin)) for _ in range(8)))


async def test_a_paying_call_on_a_connection_gone_stale_is_not_replayed() -> None:
    """The vendor closes a kept connection just as the next call arrives on it: nobody knows whether it was taken."""

    async def stale(count: int, writer: asyncio.StreamWriter) -> None:
        if count == 2:
            writer.close()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()

    async with misbehaving(stale) as vendor, driving(vendor.origin) as driver:
        await driver.ask(paying(vendor.origin))
        assert (await driver.fault(paying(vendor.origin))).fault is Fault.AMBIGUOUS
        assert len({seen.peer for seen in vendor.seen}) == 1  # it was the kept one
        await asyncio.sleep(0.05)
        assert len(vendor.seen) == 2
        await driver.ask(paying(vendor.origin))
        assert (len(vendor.seen), vendor.connections) == (3, 2)


async def test_a_kept_connection_the_vendor_closed_in_time_is_replaced_unnoticed() -> None:
    async def brief(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with misbehaving(brief) as vendor, driving(vendor.origin) as driver:
        for _ in range(3):
            await driver.ask(paying(vendor.origin))
            await asyncio.sleep(0.02)
        assert (len(vendor.seen), vendor.connections) == (3, 3)


# Replies, by their size.


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, LIMIT])
async def test_a_reply_is_read_whole_whatever_its_size(size: int, stated: bool) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    async def send(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if stated:
            response.content_length = size
        await response.prepare(request)
        await response.write(body)
        return response

    async with serving(send) as vendor, driving(vendor.origin) as driver:
        [reply] = await driver.ask(Call(url=f"{vendor.origin}/"))
        assert bytes(reply.body) == body


@pytest.mark.parametrize("stated", [True, False])
async def test_a_reply_without_end_is_cut_off_and_its_connection_closed(stated: bool) -> None:
    sent = 0

    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if stated:
            response.content_length = 1 << 40
        await response.prepare(request)
        while True:
            await response.write(bytes(65_536))
            sent += 65_536

    async with serving(flood) as vendor, driving(vendor.origin, limit=500_000) as driver:
        failure = await driver.fault(Call(url=f"{vendor.origin}/"))
        assert failure.fault is Fault.MALFORMED
        assert "500000" in failure.detail
        await asyncio.sleep(0.05)
        at = sent
        await asyncio.sleep(0.05)
        assert sent == at < 50_000_000


async def test_a_reply_that_was_packed_against_our_wish_is_limited_by_its_real_size() -> None:
    async def send(request: web.BaseRequest) -> web.Response:
        response = web.Response(body=bytes(int(request.path.strip("/"))))
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(send) as vendor, driving(vendor.origin, limit=200_000) as driver:
        [reply] = await driver.ask(Call(url=f"{vendor.origin}/200000"))
        assert bytes(reply.body) == bytes(200_000)
        assert (await driver.fault(Call(url=f"{vendor.origin}/20000000"))).fault is Fault.MALFORMED


async def test_the_base64_of_a_large_reply_is_neither_copied_nor_decoded() -> None:
    """A reply is in memory once: its picture is a part of it."""
    size = 12_000_000
    picture = png()
    text = pybase64.b64encode(picture + bytes(size * 3 // 4 - len(picture)))
    reply = b'{"created":1,"data":[{"b64_json":"%s"}]}' % text

    async def send(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        response.content_length = len(reply)
        await response.prepare(request)
        for at in range(0, len(reply), 65_536):
            await response.write(memoryview(reply)[at : at + 65_536])
        return response

    async with serving(send) as vendor, driving(vendor.origin, limit=1 << 26) as driver:
        request = Generate(model="photo", prompt="A boat")
        tracemalloc.start()
        try:
            result = await driver.hold(ask_openai(request, Model(name="photo"), driver.account), deadline=60)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        image = result.pictures[0].image
        assert memoryview(image.base64) == text
        assert image.weight == len(text)  # the bytes were not made
        assert peak < len(reply) * 1.5


# Streams.


async def test_a_stream_is_told_event_by_event_while_it_runs() -> None:
    step = asyncio.Event()

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(b"event: a\ndata: 1\n\n")
        await asyncio.wait_for(step.wait(), 5)
        await response.write(b"data: 2\n\n")
        return response

    got: list[object] = []

    def listen() -> Conversation:
        reply = yield paying(vendor.origin, stream=True)
        assert reply.streams
        got.append((yield Next()))
        step.set()  # only now is the second one sent
        got.append((yield Next()))
        got.append((yield Next()))
        return Result(pictures=())

    async with serving(stream) as vendor, driving(vendor.origin) as driver:
        await driver.hold(listen())
        assert got == [Event(b"1"), Event(b"2"), None]


async def test_a_stream_that_was_asked_for_and_is_none_is_a_reply() -> None:
    async with serving(_echo) as vendor, driving(vendor.origin) as driver:
        [reply] = await driver.ask(paying(vendor.origin, stream=True))
        assert not reply.streams
        assert reply.read(dict) == {"path": "/submit"}


async def test_a_stream_refused_is_a_failure() -> None:
    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=429, content_type="text/event-stream")

    async with serving(refuse) as vendor, driving(vendor.origin) as driver:
        assert (await driver.fault(paying(vendor.origin, stream=True))).fault is Fault.THROTTLED


async def test_a_stream_that_breaks_off_is_ambiguous() -> None:
    async def breaks(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\ndata: 1\n\nda")
        await writer.drain()
        writer.close()

    async with misbehaving(breaks) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(paying(vendor.origin, stream=True), Next(), Next())
        assert failure.fault is Fault.AMBIGUOUS


async def test_a_conversation_that_has_heard_enough_closes_its_stream() -> None:
    gone = asyncio.Event()

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await left(request)
        gone.set()
        return response

    async with serving(endless) as vendor, driving(vendor.origin) as driver:
        await driver.ask(paying(vendor.origin, stream=True), Next())
        await asyncio.wait_for(gone.wait(), 5)


# Whoever watches.


async def test_tickets_and_previews_are_passed_on_before_the_conversation_goes_on() -> None:
    image = Image(png())
    async with driving("http://127.0.0.1:1") as driver:
        answers = await driver.ask(Ticket("t-1"), Preview(image, 2))
        assert answers == [None, None]
        assert driver.watched.tickets == ["t-1"]
        assert driver.watched.previews == [(image, 2)]


async def test_a_ticket_that_cannot_be_kept_stops_the_conversation() -> None:
    """Nothing may be asked on after it: who pays and cannot write it down is in doubt."""

    async with serving(_echo) as vendor, driving(vendor.origin) as driver:

        async def lost(_: str) -> None:
            raise OSError("disk full")

        driver.watched.ticket = lost  # type: ignore[method-assign, assignment]
        failure = await driver.fault(paying(vendor.origin), Ticket("t-1"), Call(url=f"{vendor.origin}/poll"))
        assert failure.fault is Fault.AMBIGUOUS
        assert len(vendor.seen) == 1


# Pictures drawn here.


class Painter:
    """A renderer of one colour."""

    async def start(self) -> None:
        raise AssertionError

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        if step.model == "broken":
            raise Failure(Fault.UNAVAILABLE, "no paint")
        return Drawn(images=(Image(png()),), seconds=Decimal(1))

    async def close(self) -> None:
        raise AssertionError


async def test_what_is_drawn_here_goes_to_the_renderer_of_its_engine() -> None:
    request = Generate(model="m", prompt="A boat")
    async with driving("", renderers={"card": Painter()}) as driver:
        [drawn] = await driver.ask(Render(engine="card", model="m", request=request))
        assert drawn.images[0].body == png()
        for engine, model, said in (("card", "broken", "no paint"), ("diffusers", "m", "no diffusers renderer")):
            failure = await driver.fault(Render(engine=engine, model=model, request=request))
            assert failure.fault is Fault.UNAVAILABLE
            assert said in failure.detail


async def test_a_renderer_and_a_call_wait_as_long_as_they_are_told() -> None:
    loop = asyncio.get_running_loop()
    request = Generate(model="m", prompt="A boat")
    async with serving(_echo) as vendor, driving(vendor.origin, renderers={"card": Painter()}) as driver:
        for step in (
            Call(url=f"{vendor.origin}/", after=0.1),
            Render(engine="card", model="m", request=request, after=0.1),
        ):
            began = loop.time()
            await driver.ask(step)
            assert 0.1 <= loop.time() - began < 0.4


# The caller goes away.


@pytest.mark.parametrize("stage", ["waiting", "reading", "streaming", "no room"])
async def test_who_is_cancelled_closes_the_connection(stage: str) -> None:
    gone = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        kind = "text/event-stream" if stage == "streaming" else "application/json"
        response = web.StreamResponse(headers={"content-type": kind})
        response.content_length = 3_000_000
        if stage != "waiting":
            await response.prepare(request)
            await response.write(b"data: 1\n\n")
        await left(request)
        gone.set()
        return response

    room = Room(4_000_000)
    lease = Lease(room)
    if stage == "no room":
        await room.claim(2_000_000)
    async with serving(slow) as vendor, driving(vendor.origin) as driver:
        streams = stage == "streaming"
        steps: list[Step] = [paying(vendor.origin, stream=streams), *([Next()] * 2 if streams else [])]
        task = asyncio.create_task(driver.ask(*steps, lease=lease))
        await eventually(lambda: vendor.seen)
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)
    lease.release()
    if stage == "no room":
        room.give(2_000_000)
    async with asyncio.timeout(1):
        await room.claim(4_000_000)  # nothing leaked


async def test_whatever_ends_a_conversation_the_adapter_is_closed() -> None:
    ended: list[str] = []

    def talk(url: str) -> Conversation:
        try:
            yield Call(url=url)
            return Result(pictures=())
        finally:
            ended.append(url)

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/slow":
            await left(request)
        return web.Response(status=200 if request.path == "/ok" else 500)

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        await driver.hold(talk(f"{vendor.origin}/ok"))
        with pytest.raises(Failure):
            await driver.hold(talk(f"{vendor.origin}/bad"))
        with pytest.raises(Failure):
            await driver.hold(talk(f"{vendor.origin}/slow"), deadline=0.01)
        task = asyncio.create_task(driver.hold(talk(f"{vendor.origin}/slow")))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [url.rsplit("/", 1)[1] for url in ended] == ["ok", "bad", "slow", "slow"]
