"""Several accounts and `kill -9`: a job that one account was given is taken up with that account's key and no other."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import yaml
from aiohttp import web

from tests.walk.running import eventually, running
from tests.walk.vendors import PollingVendor, serving

FLUX = {"model": "flux-pro-1.1", "response_format": "b64_json"}
JOBS = 6


class StrictVendor(PollingVendor):
    """Knows a job only to the key it was submitted with, as vendors do."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, str] = {}
        self.strangers = 0

    async def _submit(self, request: web.Request) -> web.Response:
        answer = await super()._submit(request)
        self.owners[str(len(self.submits))] = request.headers["x-key"]
        return answer

    async def _poll(self, request: web.Request) -> web.Response:
        if request.headers["x-key"] != self.owners[request.match_info["id"]]:
            self.strangers += 1
            return web.json_response({"status": "Task not found"}, status=404)
        return await super()._poll(request)


def rows(vendor: StrictVendor, *accounts: dict[str, Any]) -> dict[str, Any]:
    return {
        "providers": {"bfl": {"base": vendor.origin, "accounts": list(accounts)}},
        "default_model": "flux-pro-1.1",
        "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
    }


def ask(base: str, key: str, number: int) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with suppress(httpx.HTTPError):
        httpx.post(f"{base}/images/generations", json={**FLUX, "prompt": f"Boat {number}"}, headers=headers, timeout=30)


def test_every_job_goes_on_with_the_account_that_submitted_it(tmp_path: Path) -> None:
    vendor = StrictVendor()
    one, two = {"name": "one", "key": "key-1"}, {"name": "two", "key": "key-2"}
    with serving(vendor), running(tmp_path, rows(vendor, one, two)) as server:
        key = server.key("acme", "1/total")
        vendor.gate.clear()
        callers = [threading.Thread(target=ask, args=(server.base, key, number)) for number in range(JOBS)]
        for caller in callers:
            caller.start()
        eventually(lambda: sum(row["ticket"] is not None for row in server.rows("holds")) == JOBS)
        server.kill()
        for caller in callers:
            caller.join(10)
        assert server.spent("acme") == (0, JOBS * 40_000)
        # Meanwhile the accounts were put in another order, and one was added.
        server.config.write_text(yaml.safe_dump(rows(vendor, {"name": "new", "key": "key-3"}, two, one)))
        vendor.gate.set()
        server.start()
        eventually(lambda: server.spent("acme") == (JOBS * 40_000, 0))
        assert vendor.strangers == 0
        assert Counter(vendor.owners.values()).keys() <= {"key-1", "key-2"}
        assert len(vendor.submits) == JOBS
        assert {job["state"] for job in server.rows("jobs")} == {"done"}


def test_a_job_of_an_account_that_is_gone_keeps_its_hold_and_is_shown_to_no_other(tmp_path: Path) -> None:
    vendor = StrictVendor()
    with serving(vendor), running(tmp_path, rows(vendor, {"name": "old", "key": "key-1"})) as server:
        key = server.key("acme", "1/total")
        vendor.gate.clear()
        caller = threading.Thread(target=ask, args=(server.base, key, 1))
        caller.start()
        eventually(lambda: [row for row in server.rows("holds") if row["ticket"]])
        server.kill()
        caller.join(10)
        server.config.write_text(yaml.safe_dump(rows(vendor, {"name": "new", "key": "key-2"})))
        vendor.gate.set()
        server.start()
        (hold,) = eventually(lambda: [row for row in server.rows("holds") if row["state"] == "ambiguous"])
        assert hold["micros"] == 40_000
        assert vendor.strangers == 0
        left = eventually(lambda: [event for event in server.log() if event["event"] == "HoldLeft"])
        assert left[0]["why"] == "the account of bfl that submitted it is configured no more"
