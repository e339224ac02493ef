"""Polling and fetching: what is paid for is asked for again and again; what is not, is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from aiohttp import web

from providers.contract import Call, Fault, Fetch
from proxy.transport import driver as module
from tests.pictures import png
from tests.transport.driving import EXPLAINING, driving, paying
from tests.transport.serving import Server, misbehaving, serving

FIRST, MOST = 0.04, 0.16


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", FIRST)
    monkeypatch.setattr(module, "RETRY_MOST_S", MOST)


def answering(*answers: tuple[int, dict[str, str]]) -> Callable[[web.BaseRequest], object]:
    """A vendor that takes what is submitted, and answers everything else in this order, the last one for ever."""
    left = list(answers)

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.method == "POST":
            return web.Response()
        status, headers = left.pop(0) if len(left) > 1 else left[0]
        if status < 300:
            return web.Response(status=status, body=png(), headers=headers)
        return web.Response(status=status, headers=headers)

    return answer


def gaps(server: Server) -> list[float]:
    times = [seen.at for seen in server.seen if seen.method == "GET"]
    return [later - earlier for earlier, later in pairwise(times)]


BAD: tuple[int, dict[str, str]] = (503, {})
GOOD: tuple[int, dict[str, str]] = (200, {})


def steps(server: Server, kind: str) -> Sequence[Call | Fetch]:
    asked = Call(url=f"{server.origin}/poll") if kind == "poll" else Fetch(f"{server.origin}/one.png")
    return [paying(server.origin), asked]


@pytest.mark.parametrize("kind", ["poll", "fetch"])
async def test_what_is_paid_for_is_asked_for_again_at_growing_intervals(kind: str) -> None:
    async with serving(answering(*[BAD] * 4, GOOD)) as vendor:  # type: ignore[arg-type]
        async with driving(vendor.origin, allow=[vendor.place]) as driver:
            answers = await driver.ask(*steps(vendor, kind))
        assert answers[-1].body == png()
        for gap, least in zip(gaps(vendor), (FIRST, FIRST * 2, MOST, MOST), strict=True):
            assert least <= gap < least + 0.1
        assert [seen.method for seen in vendor.seen].count("POST") == 1


@pytest.mark.parametrize("kind", ["poll", "fetch"])
async def test_a_job_paid_for_earlier_is_asked_for_again_too(kind: str) -> None:
    async with serving(answering(BAD, GOOD)) as vendor:  # type: ignore[arg-type]
        async with driving(vendor.origin, allow=[vendor.place]) as driver:
            await driver.ask(steps(vendor, kind)[1], paid=True)
        assert len(vendor.seen) == 2


@pytest.mark.parametrize("kind", ["poll", "fetch"])
async def test_what_is_not_paid_for_is_asked_for_once(kind: str) -> None:
    async with serving(answering(BAD)) as vendor:  # type: ignore[arg-type]
        async with driving(vendor.origin, allow=[vendor.place]) as driver:
            assert (await driver.fault(steps(vendor, kind)[1])).fault is Fault.UNAVAILABLE
        assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [404, 408, 409, 425, 429, 500, 502, 503, 504, 529])
async def test_a_poll_goes_on_over_any_trouble_that_may_pass(status: int) -> None:
    async with serving(answering((status, {}), GOOD)) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        await driver.ask(*steps(vendor, "poll"))
        assert len(vendor.seen) == 3


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 410, 413, 422])
async def test_a_poll_that_can_only_fail_leaves_the_job_in_doubt_at_once(status: int) -> None:
    async with serving(answering((status, {}))) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        failure = await driver.fault(*steps(vendor, "poll"))
        assert failure.fault is Fault.AMBIGUOUS
        assert str(status) in failure.detail
        assert len(vendor.seen) == 2


async def test_a_job_refused_for_its_content_is_not_in_doubt() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=200 if request.method == "POST" else 403, text="moderated")

    async with serving(answer) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(*steps(vendor, "poll"), provider=EXPLAINING)
        assert (failure.fault, len(vendor.seen)) == (Fault.MODERATED, 2)


@pytest.mark.parametrize("headers", [{"retry-after": "0.3"}, {"retry-after-ms": "300"}])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_poll_waits_as_long_as_the_vendor_asks(status: int, headers: dict[str, str]) -> None:
    async with serving(answering((status, headers), GOOD)) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        await driver.ask(*steps(vendor, "poll"))
        assert 0.3 <= gaps(vendor)[0] < 0.5


async def test_a_poll_does_not_wait_for_ever_because_the_vendor_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER_MOST_S", 0.1)
    async with serving(answering((429, {"retry-after": "86400"}), GOOD)) as vendor:  # type: ignore[arg-type]
        async with driving(vendor.origin) as driver:
            await driver.ask(*steps(vendor, "poll"))
        assert 0.1 <= gaps(vendor)[0] < 0.3


async def test_a_poll_goes_on_over_a_connection_that_breaks() -> None:
    async def talk(count: int, writer: asyncio.StreamWriter) -> None:
        if count not in (2, 3, 4):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        else:
            writer.close()

    async with misbehaving(talk) as vendor, driving(vendor.origin) as driver:
        await driver.ask(*steps(vendor, "poll"))
        assert [seen.method for seen in vendor.seen] == ["POST", "GET", "GET", "GET", "GET"]


async def test_polls_end_with_the_deadline_and_the_job_stays_in_doubt() -> None:
    async with serving(answering(BAD)) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        failure = await driver.fault(*steps(vendor, "poll"), deadline=0.4)
        assert failure.fault is Fault.AMBIGUOUS
        assert "0.4 seconds" in failure.detail
        count = len(vendor.seen)
        assert count >= 4
        await asyncio.sleep(MOST * 1.5)
        assert len(vendor.seen) == count


async def test_a_link_that_never_works_is_given_up_after_five_tries() -> None:
    """It has expired, for all anybody knows: whoever has a ticket can ask for another."""
    async with serving(answering((404, {}))) as vendor:  # type: ignore[arg-type]
        async with driving(vendor.origin, allow=[vendor.place]) as driver:
            failure = await driver.fault(*steps(vendor, "fetch"))
        assert failure.fault is Fault.AMBIGUOUS
        assert "404" in failure.detail
        assert [seen.method for seen in vendor.seen] == ["POST", *["GET"] * 5]


async def test_a_forbidden_link_of_a_paid_job_is_not_tried_again() -> None:
    async with serving(answering(GOOD)) as vendor, driving(vendor.origin) as driver:  # type: ignore[arg-type]
        failure = await driver.fault(*steps(vendor, "fetch"))
        assert failure.fault is Fault.AMBIGUOUS
        assert len(vendor.seen) == 1


async def test_a_paying_call_is_never_repeated_whatever_the_vendor_asks() -> None:
    async def busy(_: web.BaseRequest) -> web.Response:
        return web.Response(status=429, headers={"retry-after": "0"})

    async with serving(busy) as vendor, driving(vendor.origin) as driver:
        failure = await driver.fault(paying(vendor.origin))
        assert (failure.fault, failure.retry_after) == (Fault.THROTTLED, 0.0)
        await asyncio.sleep(FIRST * 2)
        assert len(vendor.seen) == 1
