"""Prompts written out: by words of our own, and by a chat model behind a real server. One contract for both."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Generate
from proxy import config
from proxy.enhance import Chat, Enhancer, Words
from proxy.enhance.words import STYLES, enhanced
from proxy.transport import Guard, Lease, Room, Transport
from tests.edge.house import House, house
from tests.properties import MANY
from tests.transport.serving import Server, serving
from tests.walk.vendors import OpenAIVendor, at
from tests.walk.vendors import serving as selling

BOAT = Generate(model="photo", prompt="A boat", style="cinematic", enhance=True)
LONGER = "A small wooden boat on a still lake at dawn, mist over the water"
PRICE = 40_000


class Model:
    """A chat model that says what it is told to say."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.says: Any = {
            "choices": [{"message": {"role": "assistant", "content": LONGER}}],
            "usage": {"prompt_tokens": 80, "completion_tokens": 20, "total_tokens": 100},
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        assert request.headers["authorization"] == "Bearer chat-key"
        self.asked.append(await request.json())
        body = self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode()
        return web.Response(status=self.status, body=body, content_type="application/json")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def there(model: Model) -> AsyncIterator[Server]:
    async with serving(model.answer) as found:
        yield found


def row(there: Server) -> dict[str, Any]:
    return {
        "base": f"{there.origin}/v1",
        "key": "chat-key",
        "model": "small",
        "text_in": "0.25",
        "text_out": "2",
        "tokens": 100,
    }


@pytest.fixture(params=["words", "chat"])
async def enhancer(request: pytest.FixtureRequest, there: Server) -> AsyncIterator[Enhancer]:
    if request.param == "words":
        yield Words()
        return
    guard = Guard((), 1 << 20)
    transport = Transport(guard, {}, 1 << 20)
    told = config.parse(json.dumps({"enhancer": row(there)}), {}).enhancer
    assert told is not None
    yield Chat(told, transport)
    await transport.close()
    await guard.close()


async def test_what_is_written_is_within_what_was_priced(enhancer: Enhancer) -> None:
    prepared = enhancer.prepared(BOAT)
    written = await enhancer.write(prepared, Lease(Room(1 << 20)))
    assert written.prompt.startswith("A ")
    if prepared.enhance:  # what is written out before it is priced has no bound to keep
        assert len(written.prompt.encode()) <= prepared.billable().prompt_bytes
    assert 0 <= written.micros <= enhancer.quote(BOAT.prompt)
    assert prepared.billable().prompt_bytes >= BOAT.billable().prompt_bytes


@MANY
@given(st.text(max_size=400), st.sampled_from([None, *STYLES]))
def test_our_own_words_keep_what_was_written_in_front_and_repeat_nothing(prompt: str, style: str | None) -> None:
    once = enhanced(prompt, style)
    assert once == prompt or once.startswith(prompt.rstrip(" ,."))
    assert enhanced(once, style) == once or len(once) > len(prompt)


async def create(home: House, key: str, **headers: str) -> Any:
    sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): said for name, said in headers.items()}}
    return await home.http.post(
        "http://darkroom.test/api/image-studio/create",
        json={"prompt": "A boat", "model": "photo", "width": 1024, "height": 1024},
        headers=sent,
    )


async def run(tmp_path: Path, there: Server, vendor: OpenAIVendor, check: Any) -> None:
    with selling(vendor):
        told = {"default_model": "photo", "providers": {"stub": at(vendor), "sandbox": {}}, "enhancer": row(there)}
        async with house(tmp_path, told) as home:
            await check(home)


async def test_a_chat_model_writes_and_is_paid_by_its_usage(model: Model, there: Server, tmp_path: Path) -> None:
    vendor = OpenAIVendor()

    async def check(home: House) -> None:
        answer = await create(home, home.key("acme", "1/total"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["request"]["enhanced_prompt"] == LONGER
        [asked] = vendor.submits
        assert asked["prompt"] == LONGER
        assert model.asked[0]["messages"][1] == {"role": "user", "content": "A boat"}
        assert home.spent("acme") == (PRICE + 60, 0)  # 80 x $0.25 and 20 x $2 a million
        assert answer.headers["x-darkroom-cost"] == "0.04006"

    await run(tmp_path, there, vendor, check)


async def test_both_are_held_as_one_and_planned_as_one(model: Model, there: Server, tmp_path: Path) -> None:
    vendor = OpenAIVendor()

    async def check(home: House) -> None:
        poor = home.key("poor", "0.04/total")
        refused = await create(home, poor)
        assert refused.status_code == 429
        assert home.spent("poor") == (0, 0)
        plan = (await create(home, poor, x_darkroom_dry_run="plan")).json()
        assert float(plan["estimated_cost_usd"]) == pytest.approx(0.04 + float(plan["enhancer_usd"]))
        assert (await create(home, poor, x_darkroom_max_cost="0.04")).status_code == 400
        assert (model.asked, vendor.submits) == ([], [])

    await run(tmp_path, there, vendor, check)


@pytest.mark.parametrize(
    ("status", "says", "held"),
    [
        (500, b"{}", False),
        (429, b"{}", False),
        (401, b"{}", False),
        (200, b"nonsense", True),
        (200, {"choices": []}, True),
        (200, {"choices": [{"message": {"content": "  "}}]}, True),
    ],
)
async def test_a_model_that_fails_leaves_the_prompt_as_it_was(
    status: int, says: Any, held: bool, model: Model, there: Server, tmp_path: Path
) -> None:
    vendor = OpenAIVendor()
    model.status, model.says = status, says

    async def check(home: House) -> None:
        answer = await create(home, home.key("acme", "1/total"))
        assert answer.status_code == 200
        assert vendor.submits[0]["prompt"] == "A boat"
        assert "prompt: is as it was sent" in answer.headers["x-darkroom-notes"]
        settled, left = home.spent("acme")
        assert (settled, left > 0) == (PRICE, held)  # one that said yes and nothing usable may have charged

    await run(tmp_path, there, vendor, check)


async def test_what_is_written_too_long_is_cut_at_a_word(model: Model, there: Server, tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    model.says["choices"][0]["message"]["content"] = "word " * 500

    async def check(home: House) -> None:
        assert (await create(home, home.key("acme", "1/total"))).status_code == 200
        sent = vendor.submits[0]["prompt"]
        assert len(sent) <= len("A boat") + 400
        assert sent.endswith("word.")

    await run(tmp_path, there, vendor, check)


async def test_a_test_key_asks_no_model(model: Model, there: Server, tmp_path: Path) -> None:
    vendor = OpenAIVendor()

    async def check(home: House) -> None:
        answer = await create(home, home.key("acme", "1/total", test=True))
        assert answer.status_code == 200
        assert answer.json()["request"]["enhanced_prompt"] != "A boat"
        assert (model.asked, home.spent("acme")) == ([], (0, 0))

    await run(tmp_path, there, vendor, check)


async def test_where_no_picture_is_made_the_writing_is_still_paid(model: Model, there: Server, tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    vendor.fail_next = [
        (400, {}, {"error": {"message": "no", "type": "x", "param": None, "code": "moderation_blocked"}})
    ]

    async def check(home: House) -> None:
        answer = await create(home, home.key("acme", "1/total"))
        assert answer.status_code == 400
        assert home.spent("acme") == (60, 0)

    await run(tmp_path, there, vendor, check)
