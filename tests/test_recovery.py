"""What a dead process left, in every state it can be left in: nothing is invented, nothing forgotten, nothing asked for
twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from aiohttp import web
from msgspec import Struct

from providers.contract import Format, Generate
from proxy import recovery
from proxy.job import Kept, KeptPicture
from proxy.ledger.book import Ledger
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.orders import Close, Held, HoldOrder, JobRecord, Outcome, Reserve
from tests.edge.house import Here, House, house
from tests.walk.running import Running, eventually, running
from tests.walk.test_repeats import FLUX, post
from tests.walk.vendors import PICTURE, PollingVendor, serving

CENTS = 40_000
DAY_S = 86_400.0


class MoodyVendor(PollingVendor):
    """Says of each job what the test wants; or nothing, while it is down."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, str] = {}
        self.down = threading.Event()
        self.polled: list[str] = []

    async def _poll(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.polled.append(name)
        if self.down.is_set():
            return web.json_response({}, status=503)
        if name in self.says:
            return web.json_response({"status": self.says[name]})
        return await super()._poll(request)


class Left(Struct, frozen=True, kw_only=True):
    """A submission as a dead process left it."""

    provider: str = "bfl"
    model: str = "flux-pro-1.1"
    ticket: str | None = None
    """The vendor's id of the job; it keeps its hold if there is none."""
    ambiguous: bool = False


class Case(Struct, frozen=True, kw_only=True):
    """What was left, and what is to become of it."""

    holds: tuple[Left, ...] = (Left(),)
    old: bool = False
    done: bool = False
    """Answered already, with what else it bought."""
    settled: int = 0
    held: int = 0
    state: str
    pictures: int | None = None
    """In its answer."""


LOST = Left()
READY = Left(ticket="ready")
CASES: dict[str, Case] = {
    "set aside, and perhaps sent": Case(held=1, state="open"),
    "sent, with a ticket": Case(holds=(READY,), settled=1, state="done", pictures=1),
    "sent, with a ticket, and silent before": Case(
        holds=(Left(ticket="silent", ambiguous=True),), settled=1, state="done", pictures=1
    ),
    "silent before, without a ticket": Case(holds=(Left(ambiguous=True),), held=1, state="open"),
    "a ticket whose job failed": Case(holds=(Left(ticket="failed"),), state="failed"),
    "a ticket whose job was refused": Case(holds=(Left(ticket="refused"),), state="failed"),
    "a ticket nobody can read": Case(holds=(Left(ticket="{"),), held=1, state="open"),
    "three tickets, one of a job that failed": Case(
        holds=(READY, Left(ticket="failed"), Left(ticket="ready-2")), settled=2, state="done", pictures=2
    ),
    "one with a ticket and one without": Case(holds=(READY, LOST), settled=1, held=1, state="done", pictures=1),
    "a failed one and one without": Case(holds=(Left(ticket="failed"), LOST), held=1, state="open"),
    "drawn here": Case(holds=(Left(provider="sandbox", model="sandbox"),), state="failed"),
    "one drawn here and one sent": Case(holds=(Left(provider="sandbox", model="sandbox"), LOST), held=1, state="open"),
    "at a provider that is gone from the configuration": Case(
        holds=(Left(provider="gone", ticket="ready"),), held=1, state="open"
    ),
    "nothing set aside any more": Case(holds=(), state="failed"),
    "silent for longer than it may be": Case(holds=(Left(ambiguous=True),), old=True, settled=1, state="failed"),
    "answered, and one of it silent": Case(holds=(LOST,), done=True, held=1, state="done", pictures=1),
    "answered, and one of it silent for too long": Case(
        holds=(Left(ambiguous=True),), done=True, old=True, settled=1, state="done", pictures=1
    ),
    "answered, and one of it ready at last": Case(
        holds=(Left(ticket="late", ambiguous=True),), done=True, settled=1, state="done", pictures=1
    ),
}


def config(vendor: PollingVendor, **more: Any) -> dict[str, Any]:
    bfl = {"base": vendor.origin, "key": "bfl-key", "deadline_s": 2}
    return {
        "providers": {"bfl": bfl, "sandbox": {}},
        "default_model": "flux-pro-1.1",
        "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
        "ledger": {"ambiguous_s": DAY_S},
        **more,
    }


async def leave(data: Path, vendor: PollingVendor, cases: Mapping[str, Case]) -> None:
    """Write cases down, by team, as a process would that then dies."""
    writer = Here(data / FILE)
    ledger = Ledger(open_ledger(data), writer, lambda _: None)
    for team, case in cases.items():
        writer.behind_s = 2 * DAY_S if case.old else 0
        await _leave(ledger, vendor, team, case)
    await ledger.shut()


async def _leave(ledger: Ledger, vendor: PollingVendor, team: str, case: Case) -> None:
    facts = msgspec.json.encode(Generate(prompt="A boat", model="flux-pro-1.1", width=1024, height=768).billable())
    record = JobRecord(
        job=f"req_{team}",
        team=team,
        key="k_1",
        dialect="openai",
        model="flux-pro-1.1",
        facts=facts.decode(),
        print=team.encode().ljust(32),
    )
    orders = tuple(
        HoldOrder(provider=left.provider, model=left.model, micros=CENTS, images=1, facts=facts.decode())
        for left in case.holds
    )
    held = await ledger.reserve(Reserve(job=record, orders=orders))
    assert isinstance(held, Held)
    silent = []
    for hold, left in zip(held.holds, case.holds, strict=True):
        if left.ticket is not None:
            known = {"id": left.ticket, "url": f"{vendor.origin}/poll/{left.ticket}", "credits": "4"}
            await ledger.ticket(hold.hold, left.ticket if left.ticket == "{" else json.dumps(known))
        if left.ambiguous:
            silent.append(Outcome(hold=hold.hold, kind="ambiguous"))
    kept = Kept(created=1, model="flux-pro-1.1", offer="bfl/flux-pro-1.1", pictures=(KeptPicture("00", Format.PNG),))
    end: dict[str, Any] = {"job": record.job, "state": "done", "answer": msgspec.json.encode(kept).decode()}
    await ledger.close(Close(outcomes=tuple(silent), **(end if case.done else {})))


class Found(Struct):
    """What became of a case."""

    spent: tuple[int, int]
    state: str
    pictures: int | None


def look(home: House, team: str) -> Found:
    (job,) = [row for row in home.rows("jobs") if row["team"] == team]
    pictures = len(json.loads(job["answer"])["pictures"]) if job["answer"] else None
    return Found(home.spent(team), job["state"], pictures)


def expected(case: Case) -> Found:
    return Found((case.settled * CENTS, case.held * CENTS), case.state, case.pictures)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Found]]:
    """Every case in one ledger, and one start that finds them all."""
    vendor = MoodyVendor()
    vendor.says = {"failed": "Error", "refused": "Content Moderated"}

    async def play() -> dict[str, Found]:
        folder = tmp_path_factory.mktemp("recovery")
        made = House(folder, config(vendor))
        await leave(made.data, vendor, {f"team-{place}": case for place, case in enumerate(CASES.values())})
        async with house(folder, config(vendor)) as home:
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                found = {what: look(home, f"team-{place}") for place, what in enumerate(CASES)}
                if all(found[what] == expected(case) for what, case in CASES.items()):
                    await asyncio.sleep(0.3)  # and it stays so
                    break
                await asyncio.sleep(0.05)
            return {what: look(home, f"team-{place}") for place, what in enumerate(CASES)}

    with serving(vendor):
        yield asyncio.run(play())
        assert vendor.submits == []


@pytest.mark.parametrize("what", CASES)
def test_what_a_dead_process_left_is_ended_settled_or_kept(what: str, scene: dict[str, Found]) -> None:
    assert scene[what] == expected(CASES[what])


async def test_a_vendor_that_is_down_at_the_start_is_asked_again_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PAUSE_S", 0.1)
    vendor = MoodyVendor()
    with serving(vendor):
        settings = config(vendor)
        settings["providers"]["bfl"]["deadline_s"] = 0.6
        made = House(tmp_path, settings)
        await leave(made.data, vendor, {"acme": CASES["sent, with a ticket"]})
        vendor.down.set()
        async with house(tmp_path, settings) as home:
            await until(lambda: [hold["state"] for hold in home.rows("holds")] == ["ambiguous"])
            asked = len(vendor.polled)
            assert look(home, "acme") == Found((0, CENTS), "open", None)
            await until(lambda: len(vendor.polled) > asked)
            vendor.down.clear()
            await until(lambda: look(home, "acme") == Found((CENTS, 0), "done", 1))
            assert home.rows("holds") == []


async def test_a_picture_no_disk_takes_is_fetched_again_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PAUSE_S", 0.1)
    vendor = MoodyVendor()
    with serving(vendor):
        made = House(tmp_path, config(vendor))
        await leave(made.data, vendor, {"acme": CASES["sent, with a ticket"]})
        blocks = [made.data / "pictures" / f"{number:02x}" for number in range(256)]
        blocks[0].parent.mkdir()
        for block in blocks:
            block.touch()  # a file where a folder is to be made
        async with house(tmp_path, config(vendor)) as home:
            await until(lambda: [hold["state"] for hold in home.rows("holds")] == ["ambiguous"])
            assert look(home, "acme") == Found((0, CENTS), "open", None)
            for block in blocks:
                block.unlink()
            await until(lambda: look(home, "acme") == Found((CENTS, 0), "done", 1))


async def until(check: Any) -> None:
    deadline = time.monotonic() + 8
    while not check():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.02)


async def test_a_key_repeated_while_its_job_is_taken_up_waits_for_it(tmp_path: Path) -> None:
    vendor = MoodyVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            vendor.gate.clear()
            asking = asyncio.create_task(home.post(key, FLUX, idempotency_key="order-1"))
            await until(lambda: vendor.polls)
            asking.cancel()  # as the server does with what outlasts its draining
            await asyncio.gather(asking, return_exceptions=True)
        async with house(tmp_path, config(vendor)) as home:
            assert home.spent("acme") == (0, CENTS)
            both = [asyncio.create_task(home.post(key, FLUX, idempotency_key="order-1")) for _ in range(2)]
            both.append(asyncio.create_task(home.post(key, FLUX, x_stainless_retry_count="1")))
            await asyncio.sleep(0.1)
            vendor.gate.set()
            answers = await asyncio.wait_for(asyncio.gather(*both), 8)
            assert [answer.status_code for answer in answers] == [200] * 3
            assert len({answer.text for answer in answers}) == 1
            assert len(vendor.submits) == 1
            assert home.spent("acme") == (CENTS, 0)


async def test_a_job_that_comes_to_nothing_after_a_restart_sets_its_key_free(tmp_path: Path) -> None:
    vendor = MoodyVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            vendor.gate.clear()
            asking = asyncio.create_task(home.post(key, FLUX, idempotency_key="order-1"))
            await until(lambda: vendor.polls)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        vendor.says = {"1": "Error"}
        async with house(tmp_path, config(vendor)) as home:
            joined = await home.post(key, FLUX, idempotency_key="order-1")
            assert joined.status_code == 503
            await until(lambda: home.spent("acme") == (0, 0))
            vendor.gate.set()
            assert (await home.post(key, FLUX, idempotency_key="order-1")).status_code == 200
            assert len(vendor.submits) == 2


def test_a_server_told_twice_to_stop_leaves_its_jobs_a_ticket_and_takes_them_up_again(tmp_path: Path) -> None:
    vendor = MoodyVendor()
    with serving(vendor), running(tmp_path, config(vendor)) as server:
        key = server.key("acme", "1/total")
        vendor.gate.clear()
        caller = threading.Thread(target=lambda: _asks_in_vain(server, key))
        caller.start()
        eventually(lambda: vendor.polls)
        process = psutil.Process(server.pid)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: not _listens(server.base))
        process.send_signal(signal.SIGINT)
        assert server.ends() == 0
        caller.join(10)
        (hold,) = server.rows("holds")
        assert hold["ticket"]
        server.start()
        vendor.gate.set()
        eventually(lambda: server.spent("acme") == (CENTS, 0))
        (job,) = server.rows("jobs")
        state = httpx.get(f"{server.base}/darkroom/requests/{job['job']}", headers={"authorization": f"Bearer {key}"})
        assert httpx.get(state.json()["images"][0]["url"]).content == PICTURE
        assert len(vendor.submits) == 1


def _asks_in_vain(server: Running, key: str) -> None:
    with contextlib.suppress(httpx.HTTPError):  # hung up on, or told that there is no telling
        assert post(server, key, FLUX).status_code >= 500


def _listens(base: str) -> bool:
    try:
        httpx.get(f"{base}/models", timeout=1)
    except httpx.HTTPError:
        return False
    return True


async def test_a_job_that_is_taken_up_has_its_accounts_room_until_it_has_ended(tmp_path: Path) -> None:
    vendor = MoodyVendor()
    with serving(vendor):
        settings = config(vendor, limits={"queue_s": 0.1})
        settings["providers"]["bfl"]["concurrency"] = 1
        settings["providers"]["bfl"]["deadline_s"] = 20
        made = House(tmp_path, settings)
        await leave(made.data, vendor, {"acme": CASES["sent, with a ticket"]})
        vendor.gate.clear()
        async with house(tmp_path, settings) as home:
            key = home.key("other", "1/total")
            await until(lambda: vendor.polled)
            answer = await home.post(key, FLUX)
            assert (answer.status_code, "no room in time" in answer.text) == (429, True), answer.text
            assert vendor.submits == []
            vendor.gate.set()
            await until(lambda: look(home, "acme") == Found((CENTS, 0), "done", 1))
            assert (await home.post(key, FLUX)).status_code == 200
