"""A request for pictures at the edge: what its headers mean, and what becomes of an answer nobody waited for."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Note
from proxy import dialects
from proxy.app.setup import FIRST
from proxy.dialects.contract import Generating
from proxy.edge.answering import notes_header
from proxy.edge.generating import streaming
from proxy.edge.preparing import LARGE
from proxy.edge.wire import origin
from tests.edge.house import BODY, GENERATIONS, House, Visitor, Wire, house
from tests.edge.vendors import LargeVendor, noise
from tests.properties import MANY
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import PICTURE, OpenAIVendor, at, serving

FORM = {"content-type": "multipart/form-data; boundary=x"}
TEXT = json.dumps(BODY).encode()


def form(**fields: str) -> bytes:
    """A form with a picture."""
    parts = [
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{said}\r\n'.encode()
        for name, said in fields.items()
    ]
    file = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return b"".join([*parts, file, PICTURE, b"\r\n--x--\r\n"])


SAMPLES: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {
    ("openai", "/v1/images/generations"): (TEXT, {}),
    ("openai", "/v1/images/edits"): (form(model="photo", prompt="A boat"), FORM),
    ("openai", "/v1/images/variations"): (form(model="photo"), FORM),
}
"""A body each generating route takes: a route without one here fails the test that walks them."""
GENERATING = [
    (name, entry.path) for name in [FIRST] for entry in dialects.load(name).routes if isinstance(entry, Generating)
]
OPERATIONS = ["generate", "edit.general", "edit.inpaint", "edit.variation"]


def config(vendor: OpenAIVendor, **more: Any) -> dict[str, Any]:
    return {"providers": {"stub": at(vendor, operations=OPERATIONS)}, "default_model": "photo", **more}


# Headers.


@pytest.mark.parametrize(("dialect", "path"), GENERATING)
def test_every_generating_route_tells_its_plan_and_spends_nothing(
    dialect: str, path: str, server: Running, vendor: OpenAIVendor, team: str
) -> None:
    body, headers = SAMPLES[dialect, path]
    key = server.key(team, "0.05/total", "images:3/day", "in_flight:1")
    origin = server.base.removesuffix("/v1")
    asked = {"authorization": f"Bearer {key}", "X-Darkroom-Dry-Run": "plan", "idempotency-key": "once", **headers}
    for _ in range(2):  # a plan is no request: its key is not used up
        answer = httpx.post(f"{origin}{path}", content=body, headers=asked)
        told = answer.json()
        assert answer.status_code == 200, told
        assert told["object"] == "darkroom.plan"
        assert told["request_id"] == answer.headers["x-request-id"]
        offers = [each["offer"] for each in told["choices"]] + [each["offer"] for each in told["left_out"]]
        assert offers == ["stub/photo"]
        assert [(each["what"], each.get("left_after_usd", each.get("left"))) for each in told["budget"]] == [
            ("images", 3),
            ("usd", "0.01" if told["choices"] else "0.05"),
        ]
    assert vendor.submits == []
    assert server.spent(team) == (0, 0)
    assert [job for job in server.rows("jobs") if job["team"] == team] == []
    wrong = httpx.post(f"{origin}{path}", content=body, headers={**asked, "X-Darkroom-Dry-Run": "Plan"})
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "header",
    [
        {"x-darkroom-max-cost": ""},
        {"x-darkroom-max-cost": "free"},
        {"x-darkroom-max-cost": "-0.01"},
        {"x-darkroom-max-cost": "NaN"},
        {"x-darkroom-max-cost": "Infinity"},
        {"x-darkroom-max-cost": "0,04"},
        {"x-darkroom-max-cost": "$1"},
        {"x-darkroom-max-cost": "1e-999999999"},
        {"x-darkroom-max-cost": "0e-999999999"},
        {"x-darkroom-max-cost": "1e999999999"},
        {"x-darkroom-strict": "yes"},
        {"x-darkroom-strict": ""},
        {"x-darkroom-strict": "2"},
        {"x-darkroom-dry-run": "true"},
        {"x-darkroom-dry-run": ""},
        {"idempotency-key": "k" * 256},
    ],
)
def test_a_header_that_makes_no_sense_is_refused_and_nothing_is_bought(
    header: dict[str, str], server: Running, vendor: OpenAIVendor, key: str
) -> None:
    sent = {"authorization": f"Bearer {key}", **header}
    answer = httpx.post(f"{server.base}{GENERATIONS}", content=TEXT, headers=sent)
    assert answer.status_code == 400
    assert len(answer.text) < 1000
    assert next(iter(header)) in answer.text.lower()
    assert vendor.submits == []


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"x-darkroom-max-cost": "0.04"}, 200),
        ({"x-darkroom-max-cost": "4e-2"}, 200),
        ({"x-darkroom-max-cost": "0.0399999"}, 400),
        ({"x-darkroom-max-cost": "0"}, 400),
        ({"x-darkroom-strict": "true"}, 400),
        ({"x-darkroom-strict": "1"}, 400),
        ({"x-darkroom-strict": "TRUE"}, 400),
        ({"x-darkroom-strict": "false"}, 200),
        ({"x-darkroom-strict": "0"}, 200),
        ({"idempotency-key": ""}, 200),
        ({"x-stainless-retry-count": "not a number"}, 200),
        ({"x-stainless-retry-count": "9999999999"}, 200),
    ],
)
def test_a_header_that_makes_sense_is_obeyed(
    header: dict[str, str], status: int, server: Running, vendor: OpenAIVendor, key: str
) -> None:
    sent = {"authorization": f"Bearer {key}", **header}
    body = {**BODY, "seed": 1}  # which the model would ignore: lost, for a strict request
    answer = httpx.post(f"{server.base}{GENERATIONS}", json=body, headers=sent)
    assert answer.status_code == status, answer.text
    assert len(vendor.submits) == (status == 200)


def test_a_strict_request_for_what_is_done_as_asked_is_served(server: Running, key: str) -> None:
    sent = {"authorization": f"Bearer {key}", "x-darkroom-strict": "true"}
    assert httpx.post(f"{server.base}{GENERATIONS}", content=TEXT, headers=sent).status_code == 200


def test_a_note_never_breaks_the_answer_it_travels_with(server: Running, key: str) -> None:
    odd = {"\u0000": 1, "\r\nset-cookie: x": 1, "\x1b[2J\x7f\t": 1, "größe": 1}
    sent = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{server.base}{GENERATIONS}", json={**BODY, **odd}, headers=sent)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-darkroom-notes"].count("was ignored") == len(odd)


@MANY
@given(st.lists(st.builds(Note, st.text(max_size=30), st.text(max_size=400)), max_size=8))
def test_notes_fit_any_header(notes: list[Note]) -> None:
    text = notes_header(notes)
    assert all(" " <= character <= "~" for character in text)
    assert len(text) <= 1000


def test_a_large_body_is_read_like_a_small_one(server: Running, vendor: OpenAIVendor, key: str) -> None:
    sent = {"authorization": f"Bearer {key}"}
    padding = " " * LARGE
    first = httpx.post(f"{server.base}{GENERATIONS}", content=TEXT + padding.encode(), headers=sent)
    assert first.status_code == 200
    retried = {**sent, "x-stainless-retry-count": "1"}
    again = httpx.post(f"{server.base}{GENERATIONS}", content=TEXT + padding.encode(), headers=retried)
    assert again.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
    assert len(vendor.submits) == 1
    broken = httpx.post(f"{server.base}{GENERATIONS}", content=b"{" + padding.encode(), headers=sent)
    assert broken.status_code == 400


# An answer nobody waited for.


async def state_of(home: House, key: str, job: str) -> dict[str, Any]:
    answer = await home.get(key, f"/darkroom/requests/{job}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize(
    "body",
    [
        {"model": "photo", "prompt": "A boat"},
        {"model": "photo", "prompt": "A boat", "response_format": "b64_json", "n": 2},
        {"model": "photo", "prompt": "A boat", "stream": True, "partial_images": 1},
    ],
    ids=["links", "base64", "stream"],
)
async def test_a_request_whose_caller_went_away_ends_settles_and_is_there_for_its_team_alone(
    body: dict[str, Any], tmp_path: Path
) -> None:
    vendor = OpenAIVendor()
    pictures = body.get("n", 1)
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key, stranger = home.key("acme", "1/total", "in_flight:1"), home.key("other")
            vendor.gate.clear()
            visitor = Visitor(key).says(json.dumps(body).encode())
            visit = asyncio.create_task(visitor.visit(home.app))
            while len(vendor.submits) < pictures:
                await asyncio.sleep(0.01)
            (job,) = [row["job"] for row in home.rows("jobs")]
            assert (await state_of(home, key, job))["state"] == "open"
            visitor.goes_away()
            vendor.gate.set()
            await visit
            assert home.spent("acme") == (40_000 * pictures, 0)
            state = await state_of(home, home.another_key("acme"), job)
            assert (state["state"], state["model"], len(state["images"])) == ("done", "photo", pictures)
            for image in state["images"]:
                assert (await home.http.get(image["url"])).content == PICTURE
            for other in (stranger, "dk_live_nobody"):
                refused = await home.get(other, f"/darkroom/requests/{job}")
                assert refused.status_code == (404 if other == stranger else 401)
                assert "photo" not in refused.text
            again = Visitor(key, x_stainless_retry_count="1").says(json.dumps(body).encode())
            assert (await again.visit(home.app)).status == 200
            assert len(vendor.submits) == pictures


async def test_a_request_that_is_nobodys_is_404(tmp_path: Path) -> None:
    async with house(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}) as home:
        key = home.key("acme")
        for name in ("req_none", "%00", "x" * 3000):
            answer = await home.get(key, f"/darkroom/requests/{name}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_an_answer_too_large_to_remember_that_broke_off_on_its_way_is_not_bought_again(tmp_path: Path) -> None:
    vendor = LargeVendor(noise(2000, 1400))
    limits = {"repeats": {"memory_bytes": 100_000}, "limits": {"reply_bytes": 30_000_000}}
    with serving(vendor), running(tmp_path, config(vendor, **limits)) as server:
        key = server.key("acme", "1/total")
        with Wire(server, window=16_384) as wire:
            wire.head(key, f"content-length: {len(TEXT)}").send(TEXT).takes(1000)
        eventually(lambda: any(line.get("team") == "acme" for line in server.log()))
        sent = {"authorization": f"Bearer {key}", "x-stainless-retry-count": "1"}
        again = httpx.post(f"{server.base}{GENERATIONS}", content=TEXT, headers=sent)
        assert again.status_code == 200
        assert len(again.content) > 11_000_000
        assert len(vendor.submits) == 1
        assert server.spent("acme") == (40_000, 0)


async def test_links_that_cannot_be_made_on_a_full_disk_do_not_lose_what_was_paid_for(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    body = {"model": "photo", "prompt": "A boat", "response_format": "url"}
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            blocks = [home.data / "pictures" / f"{number:02x}" for number in range(256)]
            blocks[0].parent.mkdir(parents=True, exist_ok=True)
            for block in blocks:
                block.touch()  # a file where a folder is to be made
            refused = await home.post(key, body)
            assert refused.status_code == 503
            for block in blocks:
                block.unlink()
            again = await home.post(key, body, x_stainless_retry_count="1")
            assert again.status_code == 200
            assert (await home.http.get(again.json()["data"][0]["url"])).content == PICTURE
            assert len(vendor.submits) == 1
            assert home.spent("acme") == (40_000, 0)


# Event by event.


class Streams(OpenAIVendor):
    """Its streams come with one unfinished picture, and end as a test wants."""

    ends = "error"

    async def _stream(self, request: web.Request, partials: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        text = base64.b64encode(PICTURE).decode()
        partial = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": text}
        await response.write(f"data: {json.dumps(partial)}\n\n".encode())
        if self.ends == "error":
            error = {"code": "server_is_overloaded", "message": "not now"}
            await response.write(f"data: {json.dumps({'type': 'error', 'error': error})}\n\n".encode())
        return response


STREAM = {"model": "photo", "prompt": "A boat", "stream": True, "partial_images": 1}


@pytest.mark.parametrize(
    ("ends", "spent", "code"), [("error", (0, 0), "server_is_overloaded"), ("", (0, 40_000), None)]
)
async def test_a_stream_that_breaks_after_its_first_event_ends_with_an_error_event(
    ends: str, spent: tuple[int, int], code: str | None, tmp_path: Path
) -> None:
    vendor = Streams()
    vendor.ends = ends
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            answer = await home.post(key, STREAM)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            first, last = [line for line in answer.text.splitlines() if line.startswith("data:")]
            assert json.loads(first[5:])["type"] == "image_generation.partial_image"
            assert json.loads(last[5:])["error"]["code"] == code
            assert home.spent("acme") == spent


async def test_a_stream_that_cannot_begin_is_a_plain_error(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            key = home.key("acme", "1/total")
            vendor.fail_next = [(429, {"retry-after": "7"}, {})]
            answer = await home.post(key, STREAM)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
            assert answer.json()["error"]["code"] == "rate_limit_exceeded"
            body = form(model="photo", stream="true")
            sent = {"authorization": f"Bearer {key}", **FORM}
            refused = await home.http.post("/images/variations", content=body, headers=sent)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stream")
            assert len(vendor.submits) == 1


async def test_a_stream_in_which_nothing_happens_says_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "ALIVE_S", 0.05)
    vendor = OpenAIVendor()
    with serving(vendor):
        async with house(tmp_path, config(vendor)) as home:
            vendor.gate.clear()
            visitor = Visitor(home.key("acme", "1/total")).says(json.dumps(STREAM).encode())
            visit = asyncio.create_task(visitor.visit(home.app))
            while visitor.body.count(b": ping\n\n") < 3:
                await asyncio.sleep(0.01)
            vendor.gate.set()
            await visit
            events = [line for line in visitor.body.splitlines() if line.startswith(b"event:")]
            assert events == [b"event: image_generation.partial_image", b"event: image_generation.completed"]
            assert home.spent("acme") == (40_000, 0)


# Where links lead.


@pytest.mark.parametrize(
    ("client", "headers", "expected"),
    [
        ("127.0.0.1", {"host": "a.test:8080"}, "http://a.test:8080"),
        ("127.0.0.1", {"host": "a", "x-forwarded-proto": "https", "x-forwarded-host": "b.test"}, "https://b.test"),
        ("127.0.0.1", {"host": "a", "x-forwarded-proto": "https, http"}, "https://a"),
        ("127.0.0.1", {"host": "a", "x-forwarded-proto": "javascript"}, "http://a"),
        ("::1", {"host": "a", "x-forwarded-host": "b.test, c.test"}, "http://b.test"),
        ("203.0.113.9", {"host": "a", "x-forwarded-proto": "https", "x-forwarded-host": "evil.test"}, "http://a"),
        (None, {"host": "a", "x-forwarded-host": "evil.test"}, "http://a"),
        ("127.0.0.1", {}, "http://localhost"),
    ],
)
def test_links_lead_to_where_the_client_came_and_only_a_proxy_here_may_say_otherwise(
    client: str | None, headers: dict[str, str], expected: str
) -> None:
    scope: Any = {"scheme": "http", "client": (client, 1) if client else None}
    assert origin(scope, headers) == expected


async def test_links_lead_to_the_public_url_where_there_is_one(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        public = {"store": {"public_url": "https://pictures.example/"}}
        async with house(tmp_path, config(vendor, **public)) as home:
            key = home.key("acme", "1/total")
            answer = await home.post(key, {"model": "photo", "prompt": "A boat"}, idempotency_key="once")
            link = answer.json()["data"][0]["url"]
            assert link.startswith("https://pictures.example/v1/temp-images/")
            state = await state_of(home, key, answer.headers["x-request-id"])
            assert state["images"][0]["url"].startswith("https://pictures.example/v1/temp-images/")
