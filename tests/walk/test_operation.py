"""Running it: start, stop, look at it, ask it what it would do."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.walk.running import Running, eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving


def ask(server: Running, key: str, **headers: str) -> httpx.Response:
    body = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}
    sent = {"authorization": f"Bearer {key}", **headers}
    return httpx.post(f"{server.base}/images/generations", json=body, headers=sent, timeout=30)


def metrics(server: Running) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = httpx.get(f"{server.base.removesuffix('/v1')}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_dry_run_tells_the_plan_and_costs_nothing(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "0.05/total")
    told = ask(server, key, **{"X-Darkroom-Dry-Run": "plan"}).json()
    assert [choice["offer"] for choice in told["choices"]] == ["stub/photo"]
    assert told["estimated_cost_usd"] == "0.04"
    assert told["choices"][0]["breakdown"] == [{"what": "image", "quantity": "1", "usd": "0.04"}]
    assert told["choices"][0]["reasons"][0]["rule"] == "cheapest"
    (budget,) = told["budget"]
    assert (budget["left_usd"], budget["left_after_usd"]) == ("0.05", "0.01")
    assert vendor.submits == []
    assert server.spent(team) == (0, 0)
    refused = ask(server, key, **{"X-Darkroom-Dry-Run": "everything"})
    assert refused.status_code == 400


def test_a_ceiling_of_the_request_leaves_out_what_costs_more(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    refused = ask(server, key, **{"X-Darkroom-Max-Cost": "0.01"})
    assert refused.status_code == 400
    assert "over the ceiling" in refused.json()["error"]["message"]
    assert ask(server, key, **{"X-Darkroom-Max-Cost": "0.04"}).status_code == 200
    assert ask(server, key, **{"X-Darkroom-Max-Cost": "cheap"}).status_code == 400
    assert len(vendor.submits) == 1


def test_metrics_say_what_happened(server: Running, team: str) -> None:
    key = server.key(team, "1/total")
    ask(server, key)
    ask(server, key, **{"x-stainless-retry-count": "1"})
    seen = metrics(server)
    labels = (("dialect", "openai"), ("operation", "generate"), ("status", "200"), ("team", team))
    assert seen["darkroom_requests_total", labels] == 2
    assert seen["darkroom_spend_usd_total", (("model", "photo"), ("provider", "stub"), ("team", team))] == 0.04
    assert seen["darkroom_repeats_total", ()] >= 1


def test_metrics_may_want_a_token_or_an_address_of_their_own(tmp_path: Path) -> None:
    base = {"providers": {"sandbox": {}}, "default_model": "sandbox"}
    with running(tmp_path, {**base, "metrics": {"token": "${SCRAPE}"}}, {"SCRAPE": "let-me-in"}) as server:
        url = f"{server.base.removesuffix('/v1')}/metrics"
        assert httpx.get(url).status_code == 403
        assert httpx.get(url, headers={"authorization": "Bearer let-me-in"}).status_code == 200
    other = tmp_path / "other"
    other.mkdir()
    with running(other, {**base, "metrics": {"bind": "127.0.0.1:0"}}) as server:
        assert httpx.get(f"{server.base.removesuffix('/v1')}/metrics").status_code == 404


def test_health_is_live_and_ready(server: Running) -> None:
    base = server.base.removesuffix("/v1")
    assert httpx.get(f"{base}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{base}/health/ready").json() == {"status": "ok"}
    assert httpx.head(f"{base}/health/live").status_code == 200


def test_what_is_under_way_finishes_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor), running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as server:
        key = server.key("acme", "1/total")
        vendor.gate.clear()
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(ask(server, key)))
        caller.start()
        eventually(lambda: vendor.submits)
        psutil.Process(server.pid).send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.up
        vendor.gate.set()
        caller.join(20)
        assert [answer.status_code for answer in answers] == [200]
        assert server.stop() == 0
        assert server.spent("acme") == (40_000, 0)


def test_a_data_folder_that_a_server_of_an_older_version_has_is_left_alone(tmp_path: Path) -> None:
    server = Running(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"})
    older = os.open(server.data / "server.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(older, fcntl.LOCK_EX)
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(server.config), "--data", str(server.data)]
    second = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, timeout=30, check=False)
    os.close(older)
    assert second.returncode == 1
    assert "a server of an older version is using" in second.stderr


def test_a_server_without_the_writer_of_its_ledger_stops(tmp_path: Path) -> None:
    with running(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}) as server:
        key = server.key("acme", "1/total")
        (writer,) = psutil.Process(server.pid).children()
        writer.kill()
        body = {"model": "sandbox", "prompt": "A boat"}
        with suppress(httpx.TransportError):  # it may have noticed by itself, and be gone already
            answer = httpx.post(
                f"{server.base}/images/generations", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30
            )
            assert answer.status_code == 503
        assert server.ends() == 1
        assert "the process that writes the ledger has ended" in (tmp_path / "server.log").read_text()


def test_a_key_made_while_the_server_runs_works_at_once_and_a_revoked_one_stops(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    from proxy.ledger.accounts import Accounts

    key = server.key(team, "1/total")
    assert ask(server, key).status_code == 200
    Accounts(server.engine()).revoke_key(key[:13])
    eventually(lambda: ask(server, key).status_code == 401, within=3)


def test_a_log_line_carries_no_key_and_no_prompt(server: Running, team: str) -> None:
    key = server.key(team, "1/total")
    ask(server, key)
    (line,) = eventually(lambda: [event for event in server.log() if event.get("team") == team])
    assert line["event"] == "RequestEnded"
    assert line["charged"] == 40_000
    text = (server.folder / "server.log").read_text()
    assert key not in text
    assert "A boat" not in text


def test_the_first_answer_comes_within_two_seconds_of_a_cold_start(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        server = Running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"})
        key = server.key("acme", "1/total")
        took: list[float] = []
        while not took or (took[-1] >= 2.0 and len(took) < 3):  # the machine may be busy with something else
            began = time.monotonic()
            server.start()
            assert ask(server, key).status_code == 200
            took.append(time.monotonic() - began)
            worked = sum(sum(each.cpu_times()[:2]) for each in processes(server))
            server.stop()
        print(f"a cold start: {min(took):.1f} s, work {worked:.1f} s")
        assert min(took) < 2.0 or worked < 2.0  # its own work, where others keep the machine busy
        assert min(took) < 20


def processes(server: Running) -> list[psutil.Process]:
    """A server's own, and that of the writer of its ledger."""
    own = psutil.Process(server.pid)
    return [own, *own.children()]


def test_the_demo_ends_well_with_two_pictures_of_the_size_asked_for(tmp_path: Path) -> None:
    from PIL import Image

    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "proxy", "demo", "--config", str(root / "config.yaml"), "--out"]
    done = subprocess.run([*command, str(tmp_path / "demo")], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sizes: dict[str, Any] = {"tiny-untrained": (512, 512), "sandbox": (1024, 1024)}
    for model, size in sizes.items():
        with Image.open(tmp_path / "demo" / f"{model}.png") as picture:
            picture.load()
            assert picture.size == size
            assert len(picture.convert("L").getcolors(1 << 16) or []) > 10  # no black square
    assert "budget left: $0.99" in done.stdout
    assert "local/tiny-untrained" in done.stdout
