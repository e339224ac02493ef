"""Budgets under concurrency: exact to the micro-dollar, at every moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.walk.looking import Looking
from tests.walk.running import balance_of, eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving

CLIENT = """
import sys, json
from concurrent.futures import ThreadPoolExecutor
import openai
base, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = openai.OpenAI(base_url=base, api_key=key, max_retries=0, timeout=60)
print("ready", flush=True)
sys.stdin.readline()
def one(_):
    try:
        client.images.generate(model="photo", prompt="A boat", response_format="b64_json")
        return "ok"
    except openai.APIStatusError as error:
        return f"{error.status_code} {error.code}"
with ThreadPoolExecutor(count) as pool:
    print(json.dumps(list(pool.map(one, range(count)))), flush=True)
"""


def test_64_requests_of_4_processes_never_overspend_a_dollar(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor), running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as server:
        key = server.key("acme", "1.00/total")
        clients = [
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, server.base, key, "16"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n"
        vendor.gate.clear()
        with Looking(server.engine(), balance_of("acme")) as looking:
            for client in clients:
                assert client.stdin is not None
                client.stdin.write("go\n")
                client.stdin.flush()
            eventually(lambda: len(vendor.submits) == 25 and (0, 1_000_000) in looking.seen)
            vendor.gate.set()  # every hold there can be is open by now
            said = [outcome for client in clients for outcome in json.loads(client.communicate(timeout=60)[0])]
        assert len(said) == 64
        assert said.count("ok") == 25
        assert said.count("429 insufficient_quota") == 39
        assert len(vendor.submits) == 25
        assert server.spent("acme") == (1_000_000, 0)
        assert len(looking.seen) > 5
        assert max(settled + held for settled, held in looking.seen) == 1_000_000
        charged = [entry["micros"] for entry in server.rows("entries") if entry["kind"] == "settle"]
        assert charged == [40_000] * 25


def test_what_fails_is_given_back_in_full(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor), running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as server:
        client = server.client(server.key("acme", "0.12/total"))
        boom = {"message": "boom", "type": "server_error", "param": None, "code": None}
        vendor.fail_next = [(500, {}, {"error": boom})]
        answer = client.images.with_raw_response.generate(model="photo", prompt="A boat", n=3)
        parsed = answer.parse()
        assert parsed.data is not None
        assert len(parsed.data) == 2  # one of three calls failed, and nobody else draws it
        assert "2 of 3 pictures were made" in answer.headers["x-darkroom-notes"]
        assert server.spent("acme") == (80_000, 0)
        client.images.generate(model="photo", prompt="A boat")
        assert server.spent("acme") == (120_000, 0)
        kinds = sorted(entry["kind"] for entry in server.rows("entries"))
        assert kinds == ["hold"] * 4 + ["release"] + ["settle"] * 3


def test_a_failed_offer_is_followed_by_the_next_of_the_plan(tmp_path: Path) -> None:
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    with serving(cheap), serving(dear):
        dearer = {"per": {"type": "image", "rows": [{"price": "0.07"}]}}
        config = {"providers": {"cheap": at(cheap), "dear": at(dear, price=dearer)}, "default_model": "photo"}
        with running(tmp_path, config) as server:
            client = server.client(server.key("acme", "1/total"))
            first = client.images.with_raw_response.generate(model="photo", prompt="A boat")
            assert first.headers["x-darkroom-provider"] == "cheap"
            busy = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
            cheap.fail_next = [(429, {"retry-after": "60"}, busy)]
            second = client.images.with_raw_response.generate(model="photo", prompt="A boat")
            assert second.headers["x-darkroom-provider"] == "dear"
            assert second.headers["x-darkroom-attempts"] == "2"
            assert second.headers["x-darkroom-cost"] == "0.07"
            third = client.images.with_raw_response.generate(model="photo", prompt="A boat")
            assert third.headers["x-darkroom-attempts"] == "1"  # cheap asked to be left alone for a minute
            assert len(cheap.submits) == 2
            assert server.spent("acme") == (180_000, 0)
