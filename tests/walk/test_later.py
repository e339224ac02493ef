"""Answers that come later, and connections kept open: the official client, real sockets, `kill -9`."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types import ImagesResponse

from tests.edge.house import Wire
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import PICTURE, OpenAIVendor, PollingVendor, at, serving

BOAT: dict[str, Any] = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}
ASYNC = {"Prefer": "respond-async"}


def opened_after(vendor: OpenAIVendor, seconds: float) -> None:
    """The vendor answers in a while."""
    vendor.gate.clear()
    threading.Timer(seconds, vendor.gate.set).start()


def fetched(client: openai.OpenAI, location: str) -> dict[str, Any]:
    """What has become of it, once it has ended."""
    path = location.removeprefix("/v1")

    def look() -> dict[str, Any] | None:
        told: Any = client.get(path, cast_to=object)
        return told if told["state"] != "open" else None

    found: dict[str, Any] = eventually(look)
    return found


def test_the_official_client_asks_now_and_fetches_later(server: Running, vendor: OpenAIVendor, team: str) -> None:
    client = server.client(server.key(team, "1/total"))
    vendor.gate.clear()
    raw = client.images.with_raw_response.generate(**BOAT, extra_headers=ASYNC)
    vendor.gate.set()  # it was answered before the vendor was through
    assert raw.http_response.status_code == 202
    assert raw.headers["preference-applied"] == "respond-async"
    told = fetched(client, raw.headers["location"])
    answer = ImagesResponse.model_validate(told["answer"])
    assert answer.data is not None
    assert answer.data[0].b64_json is not None
    assert httpx.get(told["images"][0]["url"]).content == PICTURE
    assert server.spent(team) == (40_000, 0)
    refused = server.client(server.key(f"{team}-poor", "0.01/total"))
    with pytest.raises(openai.RateLimitError, match="budget"):
        refused.images.generate(**BOAT, extra_headers=ASYNC)


def test_a_form_is_put_off_as_well(server: Running, vendor: OpenAIVendor, team: str) -> None:
    client = server.client(server.key(team, "1/total"))
    raw = client.images.with_raw_response.edit(
        model="photo", prompt="A boat", image=("a.png", PICTURE), response_format="b64_json", extra_headers=ASYNC
    )
    assert raw.http_response.status_code == 202
    told = fetched(client, raw.headers["location"])
    assert told["status"] == 200
    assert ImagesResponse.model_validate(told["answer"]).data


def test_the_official_client_reads_an_answer_behind_blanks(server: Running, vendor: OpenAIVendor, team: str) -> None:
    """The timeout stands for that of a proxy on the way, which ends connections on which nothing moves."""
    client = server.client(server.key(team, "1/total"), timeout=httpx.Timeout(30, read=2))
    opened_after(vendor, 3)
    answer = client.images.generate(**BOAT, extra_headers={"X-Darkroom-Keep-Alive": "1"})
    assert answer.data is not None
    assert answer.data[0].b64_json is not None
    vendor.gate.clear()
    with pytest.raises(openai.APITimeoutError):
        client.images.generate(**BOAT)
    vendor.gate.set()
    eventually(lambda: server.spent(team) == (80_000, 0))


def test_blanks_come_one_by_one_over_the_wire(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    vendor.gate.clear()
    body = b'{"model":"photo","prompt":"A boat","response_format":"b64_json"}'
    with Wire(server) as wire:
        wire.head(key, "content-type: application/json", f"content-length: {len(body)}", "x-darkroom-keep-alive: 1")
        began = time.monotonic()
        head = wire.send(body)._until(b"\r\n\r\n")
        assert 0.8 < time.monotonic() - began < 5
        assert head.startswith(b"HTTP/1.1 200")
        assert b"transfer-encoding: chunked" in head.lower()
        assert wire._until(b"\r\n") == b"1"
        assert wire._until(b"\r\n") == b" "
        vendor.gate.set()


@pytest.fixture
def polling(tmp_path: Path) -> Any:
    """A server whose vendor is polled."""
    vendor = PollingVendor()
    with serving(vendor):
        config = {
            "providers": {"bfl": {"base": vendor.origin, "key": "bfl-key"}},
            "default_model": "flux-pro-1.1",
            "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
        }
        with running(tmp_path, config) as server:
            yield server, vendor


def test_what_a_killed_server_had_taken_is_fetched_from_the_next_one(polling: Any) -> None:
    server, vendor = polling
    key = server.key("acme", "1/total")
    vendor.gate.clear()
    flux = {**BOAT, "model": "flux-pro-1.1"}
    raw = server.client(key).images.with_raw_response.generate(**flux, extra_headers=ASYNC)
    location = raw.headers["location"]
    eventually(lambda: vendor.polls >= 2)
    server.kill()
    server.start()
    client = server.client(key)
    state: Any = client.get(location.removeprefix("/v1"), cast_to=object)
    assert state["state"] == "open"
    vendor.gate.set()
    told = fetched(client, location)
    assert (told["state"], told["status"]) == ("done", 200)
    answer = ImagesResponse.model_validate(told["answer"])
    assert answer.data is not None
    assert answer.data[0].b64_json is not None
    assert httpx.get(told["images"][0]["url"]).content == PICTURE
    assert len(vendor.submits) == 1
    assert server.spent("acme") == (40_000, 0)


def test_what_was_taken_and_cannot_be_resumed_is_told_to_be_lost(tmp_path: Path) -> None:
    config = {"providers": {"sandbox": {"options": {"delay_s": 30}}}, "default_model": "sandbox"}
    with running(tmp_path, config) as server:
        key = server.key("acme", "1/total")
        slow = {"model": "sandbox/slow", "prompt": "A boat"}
        raw = server.client(key).images.with_raw_response.generate(**slow, extra_headers=ASYNC)  # type: ignore[call-overload]
        server.kill()
        server.start()
        told = fetched(server.client(key), raw.headers["location"])
        assert (told["state"], told["status"]) == ("failed", 503)
        assert "restarted" in told["error"]["message"]
        assert server.spent("acme") == (0, 0)


def test_messages_on_their_way_do_not_hold_up_a_stop(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {
            "providers": {"stub": at(vendor)},
            "default_model": "photo",
            "links": {"allow": ["127.0.0.1:9"]},
        }
        with running(tmp_path, config) as server:
            client = server.client(server.key("acme", "1/total"))
            nobody = {**ASYNC, "X-Darkroom-Webhook": "http://127.0.0.1:9/hook"}
            raw = client.images.with_raw_response.generate(**BOAT, extra_headers=nobody)
            fetched(client, raw.headers["location"])
            eventually(lambda: list((server.data / "letters").glob("*/*.letter")))
            server.close_clients()
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 10
            assert len(list((server.data / "letters").glob("*/*.letter"))) == 1
