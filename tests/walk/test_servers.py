"""Several servers on one ledger: what became of a request on one of them, any other knows, and goes on with it."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from providers.contract import Image
from proxy.ledger.accounts import Accounts
from proxy.ledger.engine import FILE
from tests.ledger.posted import audit
from tests.walk.running import Running, eventually, running
from tests.walk.test_repeats import FLUX, hung_up_on, post
from tests.walk.vendors import PICTURE, OpenAIVendor, PollingVendor, at, serving


@contextmanager
def two(folder: Path, config: dict[str, Any]) -> Iterator[tuple[Running, Running]]:
    """Two servers on one folder."""
    with ExitStack() as stack:
        servers = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            servers.append(stack.enter_context(running(folder / name, config, data=folder / "data")))
        yield servers[0], servers[1]


def flux(vendor: PollingVendor, **more: Any) -> dict[str, Any]:
    """A vendor that is polled."""
    return {
        "providers": {"bfl": {"base": vendor.origin, "key": "bfl-key"}},
        "default_model": "flux-pro-1.1",
        "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
        **more,
    }


def in_thread(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_what_a_killed_server_had_a_ticket_for_is_taken_up_by_the_other_and_settled_once(tmp_path: Path) -> None:
    vendor = PollingVendor()
    with serving(vendor), two(tmp_path, flux(vendor)) as (one, other):
        key = one.key("acme", "1/total")
        vendor.gate.clear()
        caller = in_thread(lambda: hung_up_on_with(one, key, "order-1"))
        eventually(lambda: [hold for hold in one.rows("holds") if hold["ticket"]])
        one.kill()
        caller.join(10)
        answers: list[httpx.Response] = []
        again = in_thread(lambda: answers.append(post(other, key, FLUX, idempotency_key="order-1")))
        eventually(lambda: any(event["event"] == "TakenOver" for event in other.log()), within=5)  # not after a lease
        vendor.gate.set()
        again.join(30)
        assert answers[0].status_code == 200, answers[0].text
        assert answers[0].json()["data"][0]["b64_json"]
        assert len(vendor.submits) == 1
        assert one.spent("acme") == (40_000, 0)
        assert [entry["kind"] for entry in one.rows("entries")] == ["hold", "settle"]
        assert one.rows("holds") == []
        (job,) = one.rows("jobs")
        assert job["state"] == "done"
        state = httpx.get(f"{other.base}/darkroom/requests/{job['job']}", headers={"authorization": f"Bearer {key}"})
        assert httpx.get(state.json()["images"][0]["url"]).content == PICTURE
        audit(one.data / FILE)


def hung_up_on_with(server: Running, key: str, idempotency: str) -> None:
    with pytest.raises(httpx.HTTPError):
        post(server, key, FLUX, idempotency_key=idempotency)


class Pair(NamedTuple):
    vendor: PollingVendor
    one: Running
    other: Running


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers for the tests that leave them running."""
    vendor = PollingVendor()
    with serving(vendor), two(tmp_path_factory.mktemp("both"), flux(vendor)) as servers:
        yield Pair(vendor, *servers)


@pytest.fixture
def pair(both: Pair) -> Pair:
    """The same, with a vendor that nobody has asked anything."""
    both.vendor.submits.clear()
    both.vendor.gate.set()
    return both


def test_leonardos_jobs_are_polled_at_whichever_server_is_asked(pair: Pair) -> None:
    vendor, one, other = pair
    headers = {"authorization": f"Bearer {one.key('leonardo', '1/total')}"}
    vendor.gate.clear()

    def at_leonardo(server: Running) -> str:
        return f"{server.base.removesuffix('/v1')}/api/rest/v1/generations"

    size = {"width": 1024, "height": 1024}
    body = {"prompt": "A boat", "num_images": 1, "modelId": "flux-pro-1.1", **size}
    begun = httpx.post(at_leonardo(one), json=body, headers=headers)
    assert begun.status_code == 200, begun.text
    generation = begun.json()["sdGenerationJob"]["generationId"]

    def told() -> dict[str, Any]:
        answer = httpx.get(f"{at_leonardo(other)}/{generation}", headers=headers)
        found: dict[str, Any] = answer.json()["generations_by_pk"]
        return found

    assert told()["status"] == "PENDING"
    vendor.gate.set()
    eventually(lambda: told()["status"] == "COMPLETE")
    (picture,) = told()["generated_images"]
    assert Image(httpx.get(picture["url"]).content).width == 1024  # as large as it was asked for
    assert len(vendor.submits) == 1


@pytest.mark.parametrize("repeats", [{"idempotency_key": "order-1"}, {"x_stainless_retry_count": "1"}])
def test_a_repetition_waits_for_the_server_that_works_on_the_request(pair: Pair, repeats: dict[str, str]) -> None:
    (team,) = repeats
    first = repeats if "idempotency_key" in repeats else {"x_stainless_retry_count": "0"}
    vendor, one, other = pair
    key = one.key(team, "1/total")
    eventually(lambda: any(event.get("count") == 2 for event in one.log()))  # it knows that it is not alone
    vendor.gate.clear()
    answers: list[httpx.Response] = []
    threads = [in_thread(lambda: answers.append(post(one, key, FLUX, **first)))]
    eventually(lambda: [hold for hold in one.rows("holds") if hold["ticket"]])
    threads.append(in_thread(lambda: answers.append(post(other, key, FLUX, **repeats))))
    threads[1].join(0.7)
    assert answers == []
    vendor.gate.set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert len({answer.headers.get("x-darkroom-repeats") for answer in answers}) == 2
    assert post(other, key, FLUX, **repeats).status_code == 200  # and afterwards as well
    assert len(vendor.submits) == 1
    assert one.spent(team) == (40_000, 0)


def test_a_server_that_was_paused_for_longer_than_its_lease_settles_nothing_that_another_took(tmp_path: Path) -> None:
    """Its lock is still its own: it is as on another machine, where only its lease says that it is over."""
    vendor = PollingVendor()
    with serving(vendor), two(tmp_path, flux(vendor, ledger={"lease_s": 1})) as (one, other):
        key = one.key("acme", "1/total")
        vendor.gate.clear()
        answers: list[httpx.Response] = []
        caller = in_thread(lambda: answers.append(post(one, key, FLUX, idempotency_key="order-1")))
        eventually(lambda: [hold for hold in one.rows("holds") if hold["ticket"]])
        paused = [psutil.Process(one.pid), *psutil.Process(one.pid).children()]
        for process in paused:
            process.suspend()
        eventually(lambda: any(event["event"] == "TakenOver" for event in other.log()), within=10)
        vendor.gate.set()
        eventually(lambda: [entry for entry in other.rows("entries") if entry["kind"] == "settle"])
        for process in paused:
            process.resume()
        caller.join(20)
        eventually(lambda: any(event["event"] == "LeaseLapsed" for event in one.log()))
        assert len(vendor.submits) == 1
        assert [entry["kind"] for entry in one.rows("entries")] == ["hold", "settle"]
        assert one.spent("acme") == (40_000, 0)
        assert post(one, key, FLUX).status_code == 200  # it goes on with what is new
        audit(one.data / FILE)


def test_a_server_that_stops_leaves_its_ticket_to_the_other_at_once(tmp_path: Path) -> None:
    vendor = PollingVendor()
    with serving(vendor), two(tmp_path, flux(vendor)) as (one, other):
        key = one.key("acme", "1/total")
        vendor.gate.clear()
        caller = in_thread(lambda: hung_up_on(one, key, FLUX))
        eventually(lambda: [hold for hold in one.rows("holds") if hold["ticket"]])
        one.kill()
        caller.join(10)
        vendor.gate.set()
        eventually(lambda: other.spent("acme") == (40_000, 0), within=10)
        one.start()
        assert post(one, key, FLUX, x_stainless_retry_count="1").status_code == 200
        assert len(vendor.submits) == 1


# Workers.


def exposed(server: Running) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = httpx.get(f"{server.base.removesuffix('/v1')}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def workers_of(server: Running) -> list[psutil.Process]:
    alive = [each for each in psutil.Process(server.pid).children() if each.status() != psutil.STATUS_ZOMBIE]
    found = []
    for child in alive:
        with suppress(psutil.Error):  # it ended just now
            found += [child] if "--worker" in child.cmdline() else []
    return found


SPEND = ("darkroom_spend_usd_total", (("model", "photo"), ("provider", "stub"), ("team", "acme")))


def test_workers_count_together_and_what_a_dead_one_counted_stays(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with ExitStack() as stack:
        stack.enter_context(serving(vendor))
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo"}
        server = stack.enter_context(running(tmp_path, config, options=("--workers", "2")))
        key = server.key("acme", "10/total")
        served: set[str] = set()
        for _ in range(40):  # each of them on a connection of its own, so that both workers get some
            assert post(server, key).status_code == 200
            served = {job["owner"] for job in server.rows("jobs")}
            if len(served) == 2 and len(server.rows("jobs")) >= 6:
                break
        assert len(served) == 2
        done = len(server.rows("jobs"))
        eventually(lambda: exposed(server).get(SPEND) == pytest.approx(done * 0.04))
        assert exposed(server)["darkroom_servers", ()] == 2
        victim, survivor = workers_of(server)
        victim.kill()
        eventually(lambda: [each for each in workers_of(server) if each.pid not in (victim.pid, survivor.pid)])
        assert exposed(server)[SPEND] == pytest.approx(done * 0.04)
        eventually(lambda: any(event.get("what") == "worker ended" for event in server.log()))
        eventually(lambda: sum(event.get("what") == "started" for event in server.log()) == 3)
        for _ in range(12):
            assert post(server, key).status_code == 200
        eventually(lambda: exposed(server)[SPEND] == pytest.approx((done + 12) * 0.04))
        assert server.spent("acme") == ((done + 12) * 40_000, 0)


def test_workers_reload_together_and_end_when_they_are_told(tmp_path: Path) -> None:
    config = {"providers": {"sandbox": {}}, "default_model": "sandbox"}
    with running(tmp_path, config, options=("--workers", "2")) as server:
        psutil.Process(server.pid).send_signal(signal.SIGHUP)
        eventually(lambda: sum(event.get("by") == "SIGHUP" for event in server.log()) == 2)
        engine = server.engine()
        accounts = Accounts(engine)
        accounts.create_team("ops")
        admin = accounts.create_key("ops", grants=frozenset({"admin"}))[1]
        engine.dispose()
        url = f"{server.base.removesuffix('/v1')}/admin/v1/reload"
        assert httpx.post(url, headers={"authorization": f"Bearer {admin}"}).status_code == 200
        eventually(lambda: sum(event.get("by") == "SIGHUP" for event in server.log()) == 4)
        left = workers_of(server)
        assert server.stop() == 0
        assert not [each for each in left if each.is_running()]
        assert not list((server.data / "servers").iterdir())


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    config = {"providers": {"sandbox": {}}, "default_model": "sandbox"}
    with running(tmp_path, config, options=("--workers", "2")) as server:
        left = workers_of(server)
        server.kill()
        eventually(lambda: not [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE])
        server.start()
        assert httpx.get(f"{server.base.removesuffix('/v1')}/health/ready").status_code == 200


def test_a_crew_whose_workers_cannot_start_ends_and_says_why(tmp_path: Path) -> None:
    server = Running(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}, options=("--workers", "2"))
    older = os.open(server.data / "server.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(older, fcntl.LOCK_EX)  # as a server of a version does that wants the folder for itself
    began = time.monotonic()
    with pytest.raises(AssertionError, match="older version"):
        server.start()
    assert server.ends() == 1
    assert time.monotonic() - began < 20
    os.close(older)
