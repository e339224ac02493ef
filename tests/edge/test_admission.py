"""Who comes in: by key before a byte of the body, by requests in flight, by bytes in memory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Failure
from proxy.edge.wire import GoneError, Intake
from tests.edge.house import BODY, Visitor, house
from tests.edge.vendors import FickleVendor, LargeVendor, noise
from tests.properties import MANY
from tests.walk.vendors import at, serving

SANDBOX = {"providers": {"sandbox": {}}, "default_model": "sandbox"}
CARD = json.dumps({"model": "sandbox", "prompt": "A boat", "size": "16x16", "response_format": "b64_json"}).encode()


@pytest.mark.parametrize("key", ["", "dk_live_wrong"])
async def test_a_stranger_is_sent_away_without_being_listened_to(key: str, tmp_path: Path) -> None:
    async with house(tmp_path, SANDBOX) as home:
        visitor = await Visitor(key).visit(home.app)
        assert visitor.status == 401
        assert visitor.asked == 0


async def test_a_server_that_drains_lets_nothing_new_in_and_says_when_to_come_again(tmp_path: Path) -> None:
    async with house(tmp_path, SANDBOX) as home:
        key = home.key("acme")
        origin = "http://darkroom.test"
        assert (await home.http.get(f"{origin}/health/ready")).status_code == 200
        home.app.premises.admission.open = False
        visitor = await Visitor(key).says(CARD).visit(home.app)
        assert (visitor.status, visitor.asked) == (503, 0)
        assert visitor.headers["retry-after"] == "1"
        assert (await home.http.get(f"{origin}/health/ready")).status_code == 503
        assert (await home.http.get(f"{origin}/health/live")).status_code == 200


async def test_a_place_in_flight_is_free_again_however_a_request_ends(tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as home:
            key = home.key("acme", "1/total", "in_flight:1")

            async def still_fits(**headers: str) -> None:
                assert (await home.post(key, **headers)).status_code == 200

            assert (await home.post(key, b"{")).status_code == 400
            await still_fits()
            assert (await home.post(key, x_darkroom_max_cost="0")).status_code == 400
            await still_fits()
            assert (await Visitor(key).says(b"{", more=True).goes_away().visit(home.app)).status is None
            await still_fits()
            vendor.does = ["refuses"]
            assert (await home.post(key)).status_code == 400
            await still_fits()
            vendor.gate.clear()
            leaving = Visitor(key).says(json.dumps(BODY).encode())
            visit = asyncio.create_task(leaving.visit(home.app))
            before = len(vendor.submits)
            while len(vendor.submits) == before:
                await asyncio.sleep(0.01)
            leaving.goes_away()
            busy = await home.post(key)  # gone, and its picture is still being made
            assert (busy.status_code, busy.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            assert busy.headers["retry-after"] == "1"
            vendor.gate.set()
            await visit
            await still_fits()
            cancelled = asyncio.create_task(Visitor(key).visit(home.app))
            await asyncio.sleep(0.01)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
            await still_fits()


# Bytes of requests.


async def test_bodies_that_do_not_fit_together_are_turned_away_and_the_others_are_not(tmp_path: Path) -> None:
    limits = {"body_bytes": 1000, "bodies_bytes": 1500}
    async with house(tmp_path, {**SANDBOX, "limits": limits}) as home:
        key = home.key("acme")
        first = Visitor(key).says(CARD, more=True).says(b" " * (1000 - len(CARD)), more=True)
        visit = asyncio.create_task(first.visit(home.app))
        await asyncio.sleep(0.05)
        small = await Visitor(key).says(CARD).visit(home.app)
        assert small.status == 200
        large = await Visitor(key).says(CARD + b" " * (1000 - len(CARD))).visit(home.app)
        assert large.status == 429
        assert large.headers["retry-after"] == "1"
        first.says(b"")
        await visit
        assert first.status == 200
        again = await Visitor(key).says(CARD + b" " * (1000 - len(CARD))).visit(home.app)
        assert again.status == 200


ENDS = st.sampled_from(["whole", "gone", "cancelled"])
BODIES = st.lists(st.tuples(st.lists(st.integers(0, 60), max_size=6), ENDS), min_size=1, max_size=8)


@MANY
@given(BODIES)
def test_room_for_bodies_is_given_back_to_the_byte(bodies: list[tuple[list[int], str]]) -> None:
    asyncio.run(_all_come_back(bodies))


async def _all_come_back(bodies: list[tuple[list[int], str]]) -> None:
    intake = Intake(each=100, together=150)

    async def one(sizes: list[int], end: str) -> None:
        coming = [{"type": "http.request", "body": b"x" * size, "more_body": True} for size in sizes]
        last = {"type": "http.disconnect"} if end == "gone" else {"type": "http.request"}

        async def receive() -> Any:
            await asyncio.sleep(0)
            if coming:
                return coming.pop(0)
            if end == "cancelled":
                raise asyncio.CancelledError
            return last

        try:
            body = await intake.read({}, receive)
        except (GoneError, asyncio.CancelledError):
            assert end != "whole"
        except Failure:  # alone it would fit, if it is not too large for itself
            assert sum(sizes) > 100 or len(bodies) > 1
        else:
            assert len(body) == sum(sizes) <= 100
            await asyncio.sleep(0)
            intake.give(len(body))

    await asyncio.gather(*[one(*body) for body in bodies])

    sizes = [0]

    async def receive_one() -> Any:
        return {"type": "http.request", "body": b"x" * sizes[0], "more_body": False}

    for size, fits in ((100, True), (51, False), (50, True), (1, False)):  # all 150 are there, and not one more
        sizes[0] = size
        try:
            await intake.read({}, receive_one)
        except Failure:
            assert not fits
        else:
            assert fits


# Bytes of replies.


async def _arrived(vendor: LargeVendor, count: int) -> None:
    while len(vendor.submits) < count:
        await asyncio.sleep(0.01)


def _small_room(vendor: LargeVendor) -> dict[str, Any]:
    return {
        "providers": {"stub": at(vendor)},
        "default_model": "photo",
        "limits": {"replies_bytes": 300_000},  # one of its replies, and half of another
    }


async def test_replies_that_do_not_fit_together_wait_in_order_and_whoever_leaves_the_queue_holds_nobody_up(
    tmp_path: Path,
) -> None:
    vendor = LargeVendor(noise(256, 192))
    with serving(vendor):
        async with house(tmp_path, _small_room(vendor)) as home:
            key = home.key("acme", "1/total")
            slow = Visitor(key).says(json.dumps(BODY).encode())
            slow.takes.clear()  # its reply stays in memory
            visit = asyncio.create_task(slow.visit(home.app))
            await _arrived(vendor, 1)
            done: list[int] = []

            async def ask(place: int) -> None:
                assert (await home.post(key)).status_code == 200
                done.append(place)

            asking = []
            for place in range(5):
                await asyncio.sleep(0.1)
                asking.append(asyncio.create_task(ask(place)))
                await _arrived(vendor, place + 2)
            await asyncio.sleep(0.1)
            assert done == []
            asking[1].cancel()
            slow.takes.set()
            await asyncio.wait_for(asyncio.gather(visit, *asking, return_exceptions=True), 10)
            assert done == [0, 2, 3, 4]


async def test_one_request_of_many_calls_never_waits_for_itself(tmp_path: Path) -> None:
    vendor = LargeVendor(noise(256, 192))
    with serving(vendor):
        async with house(tmp_path, _small_room(vendor)) as home:
            key = home.key("acme", "1/total")
            slow = Visitor(key).says(json.dumps(BODY).encode())
            slow.takes.clear()  # its reply stays in memory
            visit = asyncio.create_task(slow.visit(home.app))
            await _arrived(vendor, 1)
            await asyncio.sleep(0.2)
            asking = asyncio.create_task(home.post(key, {**BODY, "n": 3}))
            await _arrived(vendor, 4)
            await asyncio.sleep(0.2)  # all three replies wait for room
            assert not asking.done()
            slow.takes.set()
            answer = await asyncio.wait_for(asking, 3)
            assert len(answer.json()["data"]) == 3
            await visit
