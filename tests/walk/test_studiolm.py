"""The official studiolm client, unmodified, against a running server, and what callers write by hand."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import studiolm
from PIL import Image

from proxy.ledger.accounts import Accounts
from proxy.ledger.engine import open_ledger
from tests.pictures import jpeg, png
from tests.walk.running import Running, running
from tests.walk.vendors import OpenAIVendor

GENERATIONS = "/v1/images/generations"
FAILURES = {
    "sandbox/throttled": (429, "rate_limit_error"),
    "sandbox/unavailable": (503, "service_unavailable_error"),
    "sandbox/credential": (503, "service_unavailable_error"),
    "sandbox/malformed": (500, "server_error"),
    "sandbox/moderated": (400, "content_policy_error"),
    "sandbox/rejected": (400, "invalid_request_error"),
}
"""Models that fail, and how a caller sees that."""


@pytest.fixture(scope="module")
def server(vendor: OpenAIVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that draws for nothing, under the names by which styles choose their models."""
    config = {
        "providers": {"sandbox": {}},
        "models": {
            "draft": {"to": ["sandbox"]},
            "standard": {"to": ["sandbox"]},
            "upscale": {"to": ["sandbox"]},
            "imagen-v3": {"to": ["sandbox"], "description": "Pictures from words."},
            "old-v1": {"to": ["sandbox"], "retired": True},
        },
        "default_model": "standard",
        "limits": {"body_bytes": 4_000_000},
        "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
    }
    with running(tmp_path_factory.mktemp("studiolm"), config) as made:
        yield made


@pytest.fixture
def origin(server: Running) -> str:
    """What the client takes as its base: no `/v1`."""
    return server.base.removesuffix("/v1")


@pytest.fixture
def key(server: Running, team: str) -> str:
    """A key that may spend a dollar."""
    return server.key(team, "1/total")


@pytest.fixture
def client(origin: str, key: str) -> Iterator[Any]:
    """The official client."""
    with studiolm.Client(api_key=key, base_url=origin) as made:
        yield made


def size_of(body: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(body)).size


def post(origin: str, key: str, path: str = GENERATIONS, /, *, headers: Any = None, **body: Any) -> httpx.Response:
    """What a caller writes by hand."""
    sent = {"authorization": f"Bearer {key}", **(headers or {})}
    return httpx.post(f"{origin}{path}", json=body, headers=sent, timeout=60)


# The documented examples.


def test_the_documented_example_saves_a_png(client: Any, origin: str, tmp_path: Path) -> None:
    image = client.generate("A serene mountain lake at dawn, cinematic lighting", style="vivid", size="1024x1024")
    assert image.url.startswith(f"{origin}/v1/images/view/")
    saved = image.save(tmp_path / "output.png").read_bytes()
    assert Image.open(io.BytesIO(saved)).format == "PNG"
    assert size_of(saved) == (1024, 1024)
    assert isinstance(image.seed, int)
    assert [set(item) for item in image.data] == [{"url"}]


def test_the_documented_request_is_answered_key_by_key(origin: str, key: str) -> None:
    answer = post(
        origin,
        key,
        prompt="A serene mountain lake at dawn, cinematic lighting",
        style="vivid",
        aspect_ratio="square",
        response_format="url",
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    told = answer.json()
    assert set(told) == {"created", "data", "seed"}
    assert isinstance(told["created"], int)
    [item] = told["data"]
    picture = httpx.get(item["url"])
    assert picture.headers["content-type"] == "image/png"
    assert size_of(picture.content) == (1024, 1024)
    assert answer.headers["x-darkroom-provider"] == "sandbox"


def test_the_documented_example_with_a_picture(client: Any, vendor: OpenAIVendor, tmp_path: Path) -> None:
    painting = client.generate(
        "Transform into oil painting style",
        reference_image_url=f"{vendor.origin}/pictures/one.png",
        denoising_strength=0.6,
    )
    assert size_of(painting.save(tmp_path / "painting.png").read_bytes()) == (1024, 1024)


def test_the_documented_loop_over_models(client: Any) -> None:
    told = {each["display_name"]: each["description"] for each in client.images.available_models()}
    assert {"draft", "standard", "imagen-v3", "sandbox"} <= set(told)
    assert told["imagen-v3"] == "Pictures from words."
    assert "old-v1" not in told
    assert all(isinstance(description, str) and description for description in told.values())


def test_image_models_are_also_among_the_models(client: Any) -> None:
    listed = {each["id"]: each for each in client.models.list()}
    for each in client.images.available_models():
        assert listed[each["display_name"]]["type"] == "image"


def test_the_documented_error(origin: str) -> None:
    with studiolm.Client(api_key="sk-nobody", base_url=f"{origin}/studiolm") as client:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            client.generate("A boat")
        answer = caught.value.response
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "code"}
        assert (error["type"], error["code"]) == ("authentication_error", 401)
        with pytest.raises(httpx.HTTPStatusError) as caught:
            client.images.available_models()
        assert caught.value.response.json()["error"]["code"] == 401


# Parameters.


@pytest.mark.parametrize(
    ("ratio", "size"), [("square", (1024, 1024)), ("portrait", (832, 1216)), ("landscape", (1216, 832))]
)
def test_a_ratio_has_its_very_size(client: Any, ratio: str, size: tuple[int, int]) -> None:
    image = client.generate("A boat", aspect_ratio=ratio, response_format="b64_json")
    assert size_of(base64.b64decode(image.b64_json, validate=True)) == size


def test_an_upscaled_picture_is_a_larger_one_of_the_same_shape(client: Any) -> None:
    image = client.generate("A boat", style="upscaled", aspect_ratio="portrait", response_format="b64_json")
    width, height = size_of(base64.b64decode(image.b64_json))
    assert width > 832
    assert width / height == pytest.approx(832 / 1216, rel=0.01)


@pytest.mark.parametrize("style", ["preview", "natural", "normal", "vivid"])
def test_every_style_draws(client: Any, style: str) -> None:
    assert size_of(base64.b64decode(client.generate("A boat", style=style, response_format="b64_json").b64_json))


def test_all_formats_at_once_are_the_same_picture(client: Any, tmp_path: Path) -> None:
    image = client.generate("A boat", seed=7, response_format=["url", "b64_json", "hxd"])
    [item] = image.data
    assert set(item) == {"url", "b64_json", "hxd"}
    body = base64.b64decode(image.b64_json, validate=True)
    assert httpx.get(image.url).content == body
    size, _, pixels = image.hxd.partition(":")
    assert size == "1024x1024"
    assert bytes.fromhex(pixels) == Image.open(io.BytesIO(body)).convert("RGB").tobytes()


def test_pixels_alone_are_answered_too(client: Any) -> None:
    image = client.generate("A boat", aspect_ratio="landscape", response_format="hxd")
    assert (image.url, image.b64_json) == (None, None)
    assert image.hxd.startswith("1216x832:")
    assert len(image.hxd) == len("1216x832:") + 1216 * 832 * 6


def test_a_seed_gives_the_same_picture_and_none_another(client: Any) -> None:
    first, again, other = (
        client.generate("A boat", seed=seed, negative_prompt=f"fog {place}", response_format="b64_json")
        for place, seed in enumerate((42, 42, -1))
    )
    assert first.seed == again.seed == 42
    assert other.seed != 42
    assert other.seed >= 0


@pytest.mark.parametrize("body", [png(40, 30), jpeg(40, 30)], ids=["png", "jpeg"])
@pytest.mark.parametrize("written", ["data:image/png;base64,{}", "{}"], ids=["data", "bare"])
def test_a_picture_may_be_sent_along(client: Any, body: bytes, written: str) -> None:
    text = written.format(base64.b64encode(body).decode())
    assert client.generate("A boat", reference_image=text, response_format="b64_json").b64_json


def test_a_model_may_be_selected_by_the_name_it_is_listed_under(origin: str, key: str) -> None:
    answer = post(origin, key, prompt="A boat", user_selected_model="imagen-v3")
    assert (answer.status_code, answer.headers["x-darkroom-model"]) == (200, "sandbox")
    refused = post(origin, key, prompt="A boat", user_selected_model="Imagen-V3")
    assert refused.status_code == 404
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("not_found_error", 404)
    assert "Imagen-V3" in error["message"]


def test_pictures_without_a_filter_are_for_keys_that_may(server: Running, origin: str, team: str) -> None:
    plain = server.key(team, "1/total")
    refused = post(origin, plain, prompt="A boat", disable_safety_checker=True)
    assert refused.status_code == 403
    assert refused.json()["error"]["type"] == "permission_error"
    assert post(origin, plain, prompt="A boat", disable_safety_checker=False).status_code == 200
    accounts = Accounts(open_ledger(server.data))
    granted = accounts.create_key(team, grants=frozenset({"unfiltered"}))[1]
    assert post(origin, granted, prompt="A boat", disable_safety_checker=True).status_code == 200


def test_what_was_not_done_as_asked_is_noted_and_refused_where_the_caller_is_strict(origin: str, key: str) -> None:
    answer = post(origin, key, prompt="A boat", aspect_ratio="square", n=3)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1
    assert "n: one picture is made of each request" in answer.headers["x-darkroom-notes"]
    strict = post(origin, key, prompt="A boat", aspect_ratio="square", n=3, headers={"x-darkroom-strict": "true"})
    assert strict.status_code == 400
    assert "one picture is made of each request" in strict.json()["error"]["message"]
    assert post(origin, key, prompt="A boat", style="vivid", headers={"x-darkroom-strict": "true"}).status_code == 200


def test_a_prompt_may_be_written_out(client: Any) -> None:
    plain, written = (
        client.generate("A boat", seed=7, force_prompt_enhancement=force, response_format="b64_json").b64_json
        for force in (False, True)
    )
    assert plain != written  # the sandbox draws the prompt's words


def test_a_plan_costs_nothing_and_is_told_for_this_dialect_too(origin: str, key: str) -> None:
    answer = post(origin, key, prompt="A boat", aspect_ratio="square", headers={"x-darkroom-dry-run": "plan"})
    assert answer.status_code == 200
    assert "data" not in answer.json()


# Refusals.


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": " ", "aspect_ratio": "square"},
        {"aspect_ratio": "square"},
        {"prompt": "A boat", "aspect_ratio": "16:9"},
        {"prompt": "A boat", "response_format": ["png"]},
        {"prompt": "A boat", "reference_image": "bm8gcGljdHVyZQ=="},
        {"prompt": "A boat", "reference_image": "?"},
        {"prompt": "A boat", "denoising_strength": 2},
        {"prompt": "A boat", "reference_image_url": "http://127.0.0.1:1/a.png"},
        {"prompt": "A boat", "reference_image_url": "https://nowhere.invalid/a.png"},
    ],
)
def test_what_cannot_be_served_is_refused_in_this_dialect_before_it_costs(origin: str, key: str, body: Any) -> None:
    answer = post(origin, key, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", 400)


@pytest.mark.parametrize("model", sorted(FAILURES))
def test_what_goes_wrong_has_its_documented_status(origin: str, key: str, model: str) -> None:
    status, kind = FAILURES[model]
    answer = post(origin, key, prompt="A boat", user_selected_model=model)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, status)
    assert ("retry-after" in answer.headers) is (model == "sandbox/throttled")


# One path, two dialects.


def test_openais_own_requests_on_the_same_path_are_openais(server: Running, key: str, origin: str) -> None:
    answer = server.client(key).images.generate(
        model="sandbox", prompt="A boat", n=2, size="256x256", style="vivid", response_format="b64_json"
    )
    assert len(answer.data or []) == 2
    with pytest.raises(openai.BadRequestError) as caught:
        server.client(key).images.generate(model="sandbox", prompt=" ", n=1)
    assert caught.value.param == "prompt"
    broken = httpx.post(f"{origin}{GENERATIONS}", content=b"{", headers={"authorization": f"Bearer {key}"})
    assert set(broken.json()["error"]) == {"message", "type", "param", "code"}


def test_under_its_own_name_a_dialect_takes_everything(origin: str, key: str, tmp_path: Path) -> None:
    answer = post(origin, key, f"/studiolm{GENERATIONS}", prompt="A boat")
    assert answer.status_code == 200
    assert size_of(httpx.get(answer.json()["data"][0]["url"]).content) == (1024, 1024)
    broken = httpx.post(f"{origin}/studiolm{GENERATIONS}", content=b"{", headers={"authorization": f"Bearer {key}"})
    assert broken.status_code == 400
    assert set(broken.json()["error"]) == {"message", "type", "code"}
    with studiolm.Client(api_key=key, base_url=f"{origin}/studiolm") as client:
        client.generate("A boat").save(tmp_path / "a.png")
        assert client.images.available_models()


def test_a_key_that_speaks_one_dialect_needs_no_telling_signs(server: Running, origin: str, team: str) -> None:
    server.key(team, "1/total")
    key = Accounts(open_ledger(server.data)).create_key(team, dialect="studiolm")[1]
    answer = post(origin, key, prompt="A boat", n=1, size="256x256")
    assert size_of(httpx.get(answer.json()["data"][0]["url"]).content) == (1024, 1024)
    refused = httpx.post(f"{origin}{GENERATIONS}", content=b"{", headers={"authorization": f"Bearer {key}"})
    assert set(refused.json()["error"]) == {"message", "type", "code"}
