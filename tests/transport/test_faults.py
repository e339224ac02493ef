"""What a status and a broken connection mean; above all, when a paying call may have been paid without an answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web

from providers.contract import Call, Conversation, Failure, Fault, Result
from proxy.transport.faults import by_error, by_status
from tests.transport.driving import EXPLAINING, driving, paying
from tests.transport.serving import Names, closed_port, misbehaving, serving

STATUSES = {
    Fault.REJECTED: (400, 413, 415, 422),
    Fault.CREDENTIAL: (401, 402, 403),
    Fault.THROTTLED: (409, 425, 429),
    Fault.UNAVAILABLE: (404, 500, 501, 502, 503, 505, 520, 521, 522, 529, 599),
    Fault.MALFORMED: (300, 301, 302, 303, 307, 308, 405, 406, 410, 418, 451),
    Fault.AMBIGUOUS: (408, 504, 524),
}


@pytest.mark.parametrize("fault", STATUSES)
async def test_a_status_is_a_fault(fault: Fault) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=int(request.path.strip("/")), text="no")

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        for status in STATUSES[fault]:
            call = Call(method="POST", url=f"{vendor.origin}/{status}", json={}, pays=True)
            failure = await driver.fault(call)
            assert failure.fault is fault, status
            assert str(status) in failure.detail
        assert len(vendor.seen) == len(STATUSES[fault])  # each sent once


def test_no_status_goes_unjudged_and_a_server_error_is_never_the_callers_doing() -> None:
    for status in range(300, 1000):
        fault = by_status(status, 3.0).fault
        assert fault is not Fault.QUOTA
        assert fault not in (Fault.REJECTED, Fault.CREDENTIAL) or status < 500
        assert by_status(status, 3.0).retry_after == 3.0


async def test_a_status_the_conversation_reads_itself_is_no_failure() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response({"detail": "wait"}, status=422)

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        [reply] = await driver.ask(Call(url=f"{vendor.origin}/", reads=(404, 422)))
        assert (reply.status, reply.read(dict)) == (422, {"detail": "wait"})
        assert (await driver.fault(Call(url=f"{vendor.origin}/", reads=(404,)))).fault is Fault.REJECTED


async def test_the_vendors_own_words_refine_the_fault_and_keep_its_patience() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=400, text="moderated", headers={"retry-after": "7"})

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(paying(vendor.origin), provider=EXPLAINING)
        assert (failure.fault, failure.detail, failure.retry_after) == (Fault.MODERATED, "in its own words", 7)


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"Retry-After": "0.5"}, 0.5, 0.5),
        ({"retry-after-ms": "250"}, 0.25, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25, 0.25),
        ({"retry-after": _date(36_000)}, 32_000, 36_000),  # dated when the tests were collected
        ({"retry-after": _date(-3600)}, 0, 0),
        ({"retry-after": "-3"}, 0, 0),
    ],
)
async def test_how_long_a_vendor_asks_to_be_left_alone(headers: dict[str, str], least: float, most: float) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=429, headers=headers)

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(Call(url=f"{vendor.origin}/"))
        assert failure.fault is Fault.THROTTLED
        assert failure.retry_after is not None
        assert least <= failure.retry_after <= most


@pytest.mark.parametrize("said", ["soon", "", "nan", "inf", "-inf", "1e999", "Wed, 99 Foo 2026 00:00:00 GMT"])
@pytest.mark.parametrize("header", ["retry-after", "retry-after-ms"])
async def test_a_vendor_that_asks_for_nonsense_has_asked_for_nothing(header: str, said: str) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=503, headers={header: said})

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        assert (await driver.fault(Call(url=f"{vendor.origin}/"))).retry_after is None


# A paying call, by what becomes of its connection.


async def _closes(_: int, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _resets(_: int, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _breaks_off_in_the_head(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    await writer.drain()
    writer.close()


async def _breaks_off_in_the_body(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()


async def _breaks_off_in_a_large_body(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + bytes(400_000))
    await writer.drain()
    writer.close()


async def _breaks_off_between_chunks(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
    await writer.drain()
    writer.close()


async def _sends_a_broken_chunk(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{\r\n")
    await writer.drain()


async def _talks_nonsense(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    await writer.drain()
    writer.close()


async def _lies_about_its_encoding(_: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope")
    await writer.drain()


@pytest.mark.parametrize(
    "talk",
    [
        _closes,
        _resets,
        _breaks_off_in_the_head,
        _breaks_off_in_the_body,
        _breaks_off_in_a_large_body,
        _breaks_off_between_chunks,
        _sends_a_broken_chunk,
        _talks_nonsense,
        _lies_about_its_encoding,
    ],
)
async def test_a_paying_call_that_was_sent_and_has_no_answer_is_ambiguous_and_never_sent_again(talk: object) -> None:
    async with misbehaving(talk) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        failure = await driver.fault(paying(vendor.origin))
        assert failure.fault is Fault.AMBIGUOUS
        assert [seen.method for seen in vendor.seen] == ["POST"]
        free = await driver.fault(Call(url=f"{vendor.origin}/"))
        assert free.fault is Fault.UNAVAILABLE


async def test_what_was_never_sent_is_definitely_not_paid(names: Names) -> None:
    """Nobody listens, nobody has the name, no TLS, a certificate of somebody else."""
    origin = f"http://127.0.0.1:{closed_port()}"
    async with driving(origin) as driver:
        assert (await driver.fault(paying(origin))).fault is Fault.UNAVAILABLE
    async with serving(_never) as plain, serving(_never, tls=True) as secure:
        names.point("vendor.test", [("127.0.0.1", plain.port)])
        names.point("other.test", [("127.0.0.1", secure.port)])
        for base in ("https://nowhere.test", "https://vendor.test", "https://other.test"):
            async with driving(base) as driver:
                assert (await driver.fault(paying(base))).fault is Fault.UNAVAILABLE, base
        assert plain.seen == secure.seen == []


async def _never(_: web.BaseRequest) -> web.Response:
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "paid", "free"),
    [
        (aiohttp.ConnectionTimeoutError(), Fault.UNAVAILABLE, Fault.UNAVAILABLE),
        (aiohttp.SocketTimeoutError(), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
        (TimeoutError(), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
        (aiohttp.ClientOSError(32, "Broken pipe"), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
        (aiohttp.ServerDisconnectedError(), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
        (aiohttp.ClientConnectionResetError(), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
        (aiohttp.ClientError(), Fault.AMBIGUOUS, Fault.UNAVAILABLE),
    ],
)
def test_an_error_of_the_library_is_a_fault(error: Exception, paid: Fault, free: Fault) -> None:
    """Those that are not easily brought about: a time-out while connecting, for one."""
    assert by_error(error, pays=True).fault is paid
    assert by_error(error, pays=False).fault is free


async def test_an_adapter_that_breaks_on_the_reply_leaves_no_hold_hanging() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response([])

    def broken(*, pays: bool) -> Conversation:
        reply = yield Call(method="POST", url=f"{vendor.origin}/", json={}, pays=pays)
        return Result(pictures=reply.read(list)[0])

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        for pays, fault in ((True, Fault.AMBIGUOUS), (False, Fault.MALFORMED)):
            with pytest.raises(Failure, match="the adapter broke") as caught:
                await driver.hold(broken(pays=pays))
            assert caught.value.fault is fault
