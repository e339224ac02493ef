"""Log lines: JSON, one a line; never a key, never a picture, a prompt only if configured."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.contract import Fault
from proxy.events import Event
from proxy.logs import LOUDNESS, Log, quiet_libraries
from tests.happenings import ALL, ATTEMPT, POSTED, REFUSED, REQUEST, STARTED, TURNED
from tests.properties import MANY
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving


def written(level: str, *events: Event) -> list[dict[str, Any]]:
    target = io.BytesIO()
    Log(level, target).hear(events)
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_a_line_says_when_how_loud_what_and_nothing_that_is_empty() -> None:
    (line,) = written("info", replace(REFUSED, team="", code="invalid", field="size"))
    when = datetime.fromisoformat(line.pop("time"))
    assert abs(when - datetime.now(UTC)) < timedelta(minutes=1)
    assert line == {
        "level": "info",
        "event": "RequestEnded",
        "request": "req_2",
        "dialect": "openai",
        "route": "/v1/images/edits",
        "status": 400,
        "seconds": 0.1,
        "fault": "rejected",
        "code": "invalid",
        "field": "size",
    }


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (REQUEST, "info"),
        (REFUSED, "info"),
        (replace(REQUEST, status=499), "info"),
        (replace(REQUEST, status=500), "error"),
        (replace(REQUEST, status=503), "error"),
        (ATTEMPT, "debug"),
        *[(replace(ATTEMPT, outcome=fault), "warning") for fault in Fault],
        (TURNED, "warning"),
        (STARTED, "info"),
        (POSTED, None),
    ],
)
def test_what_needs_a_person_is_louder(event: Event, level: str | None) -> None:
    assert [line["level"] for line in written("debug", event)] == ([level] if level else [])


@pytest.mark.parametrize(("level", "told"), [("debug", 4), ("info", 3), ("INFO", 3), ("warning", 2), ("error", 1)])
def test_a_level_keeps_out_what_is_quieter(level: str, told: int) -> None:
    assert len(written(level, ATTEMPT, REQUEST, TURNED, replace(REQUEST, status=500))) == told


def test_everything_a_person_may_ask_about_becomes_a_line() -> None:
    lines = written("debug", *ALL)
    assert {line["event"] for line in lines} == {kind.__name__ for kind in LOUDNESS}
    assert {type(event).__name__ for event in ALL} - {line["event"] for line in lines} == {
        *(
            "LedgerPosted",
            "Settled",
            "PicturesSwept",
            "OfferMeasured",
            "AccountMeasured",
            "PriceMeasured",
            "BudgetUsed",
            "PictureMeasured",
            "StepShared",
            "QueueMoved",
        )  # counted; the request's line has the cost
    }


@given(st.text(max_size=80), st.text(alphabet='\n\r\u2028\x00"\\{}', max_size=20))
@MANY
def test_whatever_a_caller_writes_stays_on_one_line_and_comes_back_the_same(text: str, nasty: str) -> None:
    target = io.BytesIO()
    Log("info", target).hear([replace(REQUEST, model=text, prompt=nasty + text), STARTED])
    first, second, end = target.getvalue().split(b"\n")
    assert json.loads(first).get("model", "") == text
    assert json.loads(first).get("prompt", "") == nasty + text
    assert json.loads(second)["event"] == "ServerChanged"
    assert end == b""


class Disk(io.BytesIO):
    """A target that can be full."""

    full = False

    def write(self, lines: Any) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(lines)


def test_lines_go_out_together_and_those_that_cannot_do_not_pile_up() -> None:
    disk = Disk()
    log = Log("info", disk)
    disk.full = True
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            log.hear([REQUEST])
    disk.full = False
    log.hear([STARTED])
    assert [json.loads(line)["event"] for line in disk.getvalue().splitlines()] == ["ServerChanged"]


def test_libraries_are_heard_only_when_they_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.NOTSET)
    quiet_libraries()
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("careful")
    assert said.getvalue() == "WARNING library: careful\n"


# A server's log.

VENDOR_KEY = "sk-vendor-very-secret-0001"
TOKEN = "scrape-very-secret-0002"
PROMPT = "A quite confidential boat"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8).decode()


@pytest.fixture(scope="module")
def vendor() -> Iterator[OpenAIVendor]:
    made = OpenAIVendor()
    with serving(made):
        yield made


def serve(folder: Path, vendor: OpenAIVendor, **log: Any) -> Any:
    config = {
        "providers": {"stub": {**at(vendor), "key": "${VENDOR_KEY}"}},
        "default_model": "photo",
        "log": {"level": "debug", **log},
        "metrics": {"token": "${SCRAPE}"},
        "limits": {"breaker_s": 0.01},
    }
    return running(folder, config, {"VENDOR_KEY": VENDOR_KEY, "SCRAPE": TOKEN})


def post(server: Running, key: str, **body: Any) -> httpx.Response:
    sent = {"model": "photo", "prompt": PROMPT, "response_format": "b64_json", **body}
    return httpx.post(
        f"{server.base}/images/generations", json=sent, headers={"authorization": f"Bearer {key}"}, timeout=30
    )


def log_of(server: Running, lines: int) -> str:
    eventually(lambda: len([line for line in server.log() if line["event"] == "RequestEnded"]) >= lines)
    return (server.folder / "server.log").read_text()


def test_a_servers_log_is_json_without_a_key_a_prompt_or_a_picture(tmp_path: Path, vendor: OpenAIVendor) -> None:
    with serve(tmp_path, vendor) as server:
        key = server.key("acme", "1/total")
        assert post(server, key).status_code == 200
        vendor.fail_next = [(401, {}, {"error": {"message": f"Incorrect API key {VENDOR_KEY}", "code": "bad"}})]
        assert post(server, key, model="spare").status_code == 503
        said = {"message": "boom", "type": "server_error", "param": None, "code": None}
        vendor.fail_next = [(500, {}, {"error": said | {"message": f"cannot draw {PROMPT}"}})]
        assert post(server, key).status_code == 503
        # What stands in the wrong place is quoted to its caller, up to a hundred characters of it.
        for wrong in ({"size": PICTURE}, {"model": PICTURE}, {"n": PICTURE}, {"quality": PICTURE}, {"image": PICTURE}):
            post(server, key, **wrong)
        for other in (key + "x", key[:-1], VENDOR_KEY, TOKEN):
            assert post(server, other).status_code == 401
        metrics = f"{server.base.removesuffix('/v1')}/metrics"
        assert httpx.get(metrics, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert httpx.get(metrics, headers={"authorization": f"Bearer {key}"}).status_code == 403
        text = log_of(server, 12)
    for line in text.splitlines():
        assert json.loads(line)["event"]
    for secret in (key, key[:-1], VENDOR_KEY, TOKEN, PROMPT, PICTURE[:101]):
        assert secret not in text
    assert '"offer":"stub/photo"' in text
    assert '"outcome":"credential"' in text


def test_a_vendors_refusal_that_repeats_the_prompt_is_logged_without_it(tmp_path: Path, vendor: OpenAIVendor) -> None:
    with serve(tmp_path, vendor) as server:
        key = server.key("acme", "1/total")
        for code in ("invalid_value", "moderation_blocked"):
            said = {"message": f"'{PROMPT}' cannot be drawn", "type": "image_error", "param": None, "code": code}
            vendor.fail_next = [(400, {}, {"error": said})]
            refused = post(server, key)
            assert refused.status_code == 400
            assert PROMPT in refused.text  # its caller may well read it
        text = log_of(server, 2)
    assert PROMPT not in text


def test_a_prompt_is_logged_where_that_is_configured(tmp_path: Path, vendor: OpenAIVendor) -> None:
    with serve(tmp_path, vendor, prompts=True, level="info") as server:
        key = server.key("acme", "1/total")
        assert post(server, key).status_code == 200
        log_of(server, 1)
        (line,) = [line for line in server.log() if line["event"] == "RequestEnded"]
    assert line["prompt"] == PROMPT
    assert (line["team"], line["charged"], line["images"]) == ("acme", 40_000, 1)
    assert PICTURE[:64] not in json.dumps(line)
