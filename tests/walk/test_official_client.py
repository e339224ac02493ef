"""The official openai client, unmodified, against a running server."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from tests.pictures import png
from tests.walk.running import Running
from tests.walk.vendors import PICTURE, OpenAIVendor


def mask(width: int, height: int) -> bytes:
    """A mask as OpenAI's clients send it: transparent where the picture may change."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def test_a_link_is_answered_by_default_and_works_without_a_key(server: Running, team: str) -> None:
    client = server.client(server.key(team, "1/total"))
    answer = client.images.generate(model="photo", prompt="A boat", size="64x64")
    assert answer.data is not None
    link = answer.data[0].url
    assert link is not None
    assert link.startswith(server.base.removesuffix("/v1"))
    assert link.endswith(".png")
    assert answer.data[0].b64_json is None
    assert answer.data[0].revised_prompt == "as drawn"
    fetched = httpx.get(link)
    assert fetched.content == PICTURE
    assert fetched.headers["content-type"] == "image/png"
    assert answer._request_id is not None


def test_the_picture_itself_is_answered_where_it_is_asked_for(server: Running, team: str) -> None:
    client = server.client(server.key(team, "1/total"))
    answer = client.images.generate(model="photo", prompt="A boat", response_format="b64_json")
    assert answer.data is not None
    assert base64.b64decode(answer.data[0].b64_json or "") == PICTURE
    assert answer.data[0].url is None


def test_three_pictures_of_a_model_that_gives_one_are_three_calls_and_three_settlements(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    raw = server.client(server.key(team, "1/total")).images.with_raw_response.generate(
        model="photo", prompt="A boat", n=3
    )
    answer = raw.parse()
    assert answer.data is not None
    assert len(answer.data) == 3
    assert len(vendor.submits) == 3
    assert all("n" not in submit for submit in vendor.submits)
    assert server.spent(team) == (120_000, 0)
    assert raw.headers["x-darkroom-cost"] == "0.12"
    assert raw.headers["x-darkroom-provider"] == "stub"
    assert raw.headers["x-darkroom-attempts"] == "3"


def test_an_edit_with_a_mask_reaches_the_vendor_as_it_was_sent(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    client = server.client(server.key(team, "1/total"))
    sent, hole = png(64, 64, (9, 9, 9)), mask(64, 64)
    answer = client.images.edit(model="photo", image=sent, mask=hole, prompt="Make it green", size="64x64")
    assert answer.data is not None
    assert answer.data[0].url is not None
    assert base64.b64decode(answer.data[0].b64_json or "") == PICTURE
    (submit,) = vendor.submits
    assert submit["image"] == sent
    assert submit["mask"] == hole
    assert submit["prompt"] == "Make it green"
    assert server.spent(team) == (40_000, 0)


def test_a_stream_brings_two_unfinished_pictures_and_a_finished_one(server: Running, team: str) -> None:
    client = server.client(server.key(team, "1/total"))
    stream = client.images.generate(model="photo", prompt="A boat", stream=True, partial_images=2)
    events: list[Any] = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert all(base64.b64decode(event.b64_json) == PICTURE for event in events)
    assert events[-1].usage.total_tokens == 0
    assert server.spent(team) == (40_000, 0)


def test_the_sandbox_streams_too(server: Running, team: str) -> None:
    stream = server.client(server.key(team)).images.generate(
        model="sandbox", prompt="A boat", size="256x256", stream=True, partial_images=2
    )
    events: list[Any] = list(stream)
    sizes = [Image.open(io.BytesIO(base64.b64decode(event.b64_json))).size for event in events]
    assert sizes == [(256, 256)] * 3
    assert len({event.b64_json for event in events}) == 3


def test_models_are_listed_with_what_they_can_do(server: Running, team: str) -> None:
    key = server.key(team)
    client = server.client(key)
    names = {model.id for model in client.models.list()}
    assert {"photo", "sandbox", "dall-e-3"} <= names
    photo = client.models.retrieve("photo").model_dump()
    assert photo["type"] == "image"
    assert photo["capabilities"]["sizes"] == ["64x64", "128x64"]
    assert client.models.retrieve("sandbox/slow").id == "sandbox/slow"
    by_type = httpx.get(f"{server.base}/models?type=image_generation", headers={"authorization": f"Bearer {key}"})
    assert {model["id"] for model in by_type.json()["data"]} == names
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/knows")


def test_a_retired_name_is_served_by_its_successor_and_a_note_says_so(server: Running, team: str) -> None:
    raw = server.client(server.key(team, "1/total")).images.with_raw_response.generate(
        model="dall-e-3", prompt="A boat", size="1024x1024", quality="hd", style="vivid"
    )
    assert raw.headers["x-darkroom-model"] == "photo"
    assert "dall-e-3 is retired" in raw.headers["x-darkroom-notes"]
    assert "64x64 is the nearest size" in raw.headers["x-darkroom-notes"]


def test_a_test_key_is_served_by_the_sandbox_whatever_it_asks_for(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    raw = server.client(server.key(team, test=True)).images.with_raw_response.generate(model="photo", prompt="A boat")
    assert raw.headers["x-darkroom-provider"] == "sandbox"
    assert raw.headers["x-darkroom-cost"] == "0"
    assert vendor.submits == []


def test_a_strict_request_is_refused_where_something_would_be_lost(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    client = server.client(server.key(team, "1/total"))
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(
            model="photo", prompt="A boat", extra_body={"seed": 1}, extra_headers={"X-Darkroom-Strict": "true"}
        )
    assert caught.value.param == "seed"
    assert vendor.submits == []


def test_the_vendor_is_settled_by_its_own_usage_where_the_price_is_by_token(
    vendor: OpenAIVendor, team: str, tmp_path: Any
) -> None:
    from tests.walk.running import running
    from tests.walk.vendors import at

    tokens = {
        "type": "token",
        "text_in": "5",
        "image_in": "8",
        "image_out": "30",
        "output": {"type": "table", "tokens": {"low": {"64x64": 200}, "high": {"64x64": 1000}}},
    }
    vendor.usage = {
        "input_tokens": 12,
        "output_tokens": 196,
        "total_tokens": 208,
        "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
    }
    config = {"providers": {"stub": at(vendor, price={"per": tokens})}, "default_model": "photo"}
    with running(tmp_path, config) as server:
        raw = server.client(server.key(team, "1/total")).images.with_raw_response.generate(
            model="photo", prompt="A boat", response_format="b64_json"
        )
        assert server.spent(team) == (12 * 5 + 196 * 30, 0)
        assert raw.headers["x-darkroom-cost"] == "0.00594"
        assert raw.headers["x-darkroom-estimated-cost"] == "0.03003"
        usage = raw.parse().usage
        assert usage is not None
        assert usage.total_tokens == 208
