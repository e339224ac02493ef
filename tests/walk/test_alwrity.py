"""The studio's routes against a running server, as its front end and its document's examples call them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.pictures import jpeg, png
from tests.walk.running import Running, running
from tests.walk.vendors import OpenAIVendor, at

ROOT = "/api/image-studio"
SANDBOX = {"to": ["sandbox"]}
ROLES = (
    *("draft", "standard", "premium", "edit", "inpaint", "outpaint", "remove-background"),
    *("replace-background", "search-replace", "search-recolor", "upscale", "control"),
)
FAILURES = {
    "sandbox/throttled": 503,
    "sandbox/unavailable": 503,
    "sandbox/credential": 503,
    "sandbox/malformed": 502,
    "sandbox/ambiguous": 504,
    "sandbox/moderated": 400,
}
"""Models that fail after they were asked, and how a caller sees that."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that draws for nothing, and a model of a price nobody serves."""
    named = {"speaks": "openai", "base": "http://127.0.0.1:9/v1"}
    model = {
        "name": "ideogram-v3-turbo",
        "sizes": {"default": "1024x1024", "step": 8, "min_side": 64, "max_side": 2048},
        "price": {"per": {"type": "image", "rows": [{"price": "0.10"}]}},
    }
    config = {
        "providers": {"sandbox": {}, "wavespeed": {**named, "models": [model]}},
        "models": dict.fromkeys(ROLES, SANDBOX),
        "default_model": "standard",
        "limits": {"body_bytes": 8_000_000, "breaker_s": 0.2},
    }
    with running(tmp_path_factory.mktemp("alwrity"), config) as made:
        yield made


class Caller:
    """Somebody with a key."""

    def __init__(self, server: Running, key: str) -> None:
        self._base = server.base.removesuffix("/v1") + ROOT
        self._headers = {"authorization": f"Bearer {key}"}

    def __call__(self, path: str, body: Any = None, /, *, method: str | None = None, **headers: str) -> httpx.Response:
        """The answer to a request: POST where there is a body, else GET."""
        return httpx.request(
            method or ("GET" if body is None else "POST"),
            self._base + path,
            json=body,
            headers={**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
            timeout=60,
        )


@pytest.fixture
def call(server: Running, team: str) -> Caller:
    """A caller who may spend a dollar."""
    return Caller(server, server.key(team, "1/total"))


def url(body: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(body).decode()}"


def opened(text: str) -> Image.Image:
    """A picture by its data URL or its bare base64."""
    return Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2], validate=True)))


def test_the_documents_example_succeeds(call: Caller) -> None:
    answer = call(
        "/create",
        {
            "prompt": "Modern minimalist workspace with laptop",
            "template_id": "linkedin_post",
            "provider": "auto",
            "model": None,
            "style_preset": "photographic",
            "quality": "standard",
            "negative_prompt": "blurry, low quality",
            "num_variations": 1,
            "enhance_prompt": True,
            "use_persona": False,
        },
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["success"], told["total_generated"], told["total_failed"]) == (True, 1, 0)
    assert told["request"]["dimensions"] == "1200x628"
    assert told["request"]["template_name"] == "LinkedIn Post"
    assert told["request"]["provider"] == "sandbox"
    assert told["request"]["enhanced_prompt"].startswith("Modern minimalist workspace with laptop, ")
    [result] = told["results"]
    assert (result["width"], result["height"], result["variation"]) == (1200, 628, 1)
    assert not result["image_base64"].startswith("data:")
    picture = opened(result["image_base64"])
    assert (picture.format, picture.size) == ("PNG", (1200, 628))
    assert result["metadata"]["processing_time"] > 0


def test_what_the_front_end_sends_once_a_template_is_picked_is_served(call: Caller) -> None:
    body = {"prompt": "A boat", "template_id": "facebook_cover", "provider": "ideogram", "guidance_scale": 7.5}
    told = call("/create", {**body, "steps": 40, "num_variations": 3}).json()
    assert [opened(each["image_base64"]).size for each in told["results"]] == [(820, 312)] * 3
    assert len({each["image_base64"] for each in told["results"]}) == 3


@pytest.mark.parametrize("template", ["instagram_story", "linkedin_cover", "blog_header_wide", "pinterest_pin"])
def test_templates_of_any_shape_come_out_exactly(call: Caller, template: str) -> None:
    found = next(each for each in call("/templates").json()["templates"] if each["id"] == template)
    told = call("/create", {"prompt": "A boat", "template_id": template}).json()
    ratio = found["aspect_ratio"]
    assert opened(told["results"][0]["image_base64"]).size == (ratio["width"], ratio["height"])


@pytest.mark.parametrize(("model", "status"), FAILURES.items())
def test_a_failed_generation_is_no_success(call: Caller, model: str, status: int) -> None:
    answer = call("/create", {"prompt": "A boat", "model": model})
    assert answer.status_code == status
    told = answer.json()
    assert set(told) == {"success", "detail"}
    assert told["success"] is False
    assert isinstance(told["detail"], str)


def test_what_a_vendor_did_not_make_is_told_after_what_it_did(vendor: OpenAIVendor, tmp_path: Path, team: str) -> None:
    with running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as server:
        vendor.fail_next = [(500, {}, {"error": {"message": "down", "type": "server_error"}})]
        caller = Caller(server, server.key(team, "1/total"))
        body = {"prompt": "A boat", "model": "photo", "width": 64, "height": 64, "num_variations": 3}
        answer = caller("/create", body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["success"], told["total_generated"], told["total_failed"]) == (True, 2, 1)
        assert [set(each) == {"error", "variation"} for each in told["results"]] == [False, False, True]
        assert told["results"][2]["variation"] == 3
        assert server.spent(team) == (80_000, 0)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prompt": ""}, "Prompt is required"),
        ({"prompt": "A boat", "num_variations": 11}, "num_variations"),
        ({"prompt": "A boat", "template_id": "nothing"}, "Template not found: nothing"),
        ({"prompt": "A boat", "model": "nothing"}, "nothing"),
    ],
)
def test_what_cannot_be_served_is_a_400_with_a_string(call: Caller, body: dict[str, Any], says: str) -> None:
    answer = call("/create", body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail"}
    assert says in answer.json()["detail"]


def test_a_provider_that_is_named_and_not_there_is_the_callers_to_mend(call: Caller) -> None:
    answer = call("/create", {"prompt": "A boat", "provider": "acme"})
    assert 400 <= answer.status_code < 404
    assert isinstance(answer.json()["detail"], str)


def test_a_key_is_needed_for_everything_but_health(server: Running) -> None:
    base = server.base.removesuffix("/v1") + ROOT
    for answer in (httpx.post(f"{base}/create", json={"prompt": "A"}), httpx.get(f"{base}/templates")):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json() == {"detail": "Authenticated user required for image operations."}
    told = httpx.get(f"{base}/health").json()
    assert (told["status"], told["modules"]["create_studio"]) == ("healthy", "available")


def test_a_budget_that_is_spent_is_a_429_with_a_string(server: Running, team: str) -> None:
    caller = Caller(server, server.key(team, "images:1/day"))
    assert caller("/create", {"prompt": "A boat"}).status_code == 200
    answer = caller("/create", {"prompt": "A boat"})
    assert answer.status_code == 429
    assert isinstance(answer.json()["detail"], str)


# Personas.


def test_a_persona_goes_before_the_prompt_and_belongs_to_its_team(server: Running, call: Caller, team: str) -> None:
    asked = {"prompt": "A boat", "use_persona": True, "persona_id": "acme", "enhance_prompt": True}
    assert call("/create", asked).status_code == 404
    assert call("/personas/acme", {"description": "Warm light."}, method="PUT").json()["success"]
    assert call("/personas/acme").json()["description"] == "Warm light."
    told = call("/create", asked).json()
    assert told["request"]["enhanced_prompt"].startswith("Warm light. A boat")
    other = Caller(server, server.key(f"{team}-other", "1/total"))
    assert other("/personas/acme").status_code == 404
    assert other("/create", asked).status_code == 404
    assert call("/personas/acme", method="DELETE").json()["success"]
    assert call("/personas/acme", method="DELETE").status_code == 404


# Edits, upscaling, control.

PHOTO = url(jpeg(320, 240), "image/jpeg")
MASK = url(png(320, 240, "white"))
EDITS: dict[str, dict[str, Any]] = {
    "remove_background": {},
    "inpaint": {"prompt": "A hat", "mask_base64": MASK},
    "outpaint": {"expand_left": 100, "expand_right": 0},
    "search_replace": {"prompt": "A cat", "search_prompt": "the dog"},
    "search_recolor": {"prompt": "Red", "select_prompt": "the car"},
    "relight": {"background_image_base64": PHOTO},
    "general_edit": {"prompt": "Night", "mask_base64": MASK},
}


@pytest.mark.parametrize("operation", EDITS)
def test_every_edit_that_is_told_works(call: Caller, operation: str) -> None:
    assert operation in call("/edit/operations").json()["operations"]
    body = {"image_base64": PHOTO, "operation": operation, "output_format": "png", "options": {}, **EDITS[operation]}
    answer = call("/edit/process", body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["success"], told["operation"], told["provider"]) == (True, operation, "sandbox")
    assert told["image_base64"].startswith("data:image/png;base64,")
    assert opened(told["image_base64"]).size == (told["width"], told["height"])
    assert told["metadata"]["processing_time"] > 0


def test_an_edit_says_what_is_missing_before_it_costs_anything(call: Caller) -> None:
    answer = call("/edit/process", {"image_base64": PHOTO, "operation": "inpaint"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Prompt is required for inpainting"})
    answer = call("/edit/process", {"image_base64": "@@@", "operation": "remove_background"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid base64 image payload"})


@pytest.mark.parametrize(
    ("fields", "size", "mode"),
    [
        ({"preset": "web"}, (2048, 1536), "fast"),
        ({"preset": "print"}, (3072, 2304), "conservative"),
        ({"preset": "social", "mode": "creative"}, (1080, 810), "creative"),
        ({"target_width": 640}, (640, 480), "fast"),
    ],
)
def test_a_picture_is_enlarged_to_what_was_asked(
    call: Caller, fields: dict[str, Any], size: tuple[int, int], mode: str
) -> None:
    answer = call("/upscale", {"image_base64": PHOTO, **fields})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["width"], told["height"], told["mode"]) == (*size, mode)
    assert opened(told["image_base64"]).size == size
    metadata = told["metadata"]
    assert (metadata["original_width"], metadata["original_height"]) == (320, 240)
    assert metadata["upscale_factor"] == size[0] / 320


@pytest.mark.parametrize("operation", ["sketch", "structure", "style", "style_transfer"])
def test_every_control_that_is_told_works(call: Caller, operation: str) -> None:
    assert operation in call("/control/operations").json()["operations"]
    body = {"control_image_base64": PHOTO, "operation": operation, "prompt": "An office", "control_strength": 0.0}
    looks = {"style_image_base64": PHOTO} if operation == "style_transfer" else {}
    answer = call("/control/process", {**body, **looks})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["success"], told["operation"], told["provider"]) == (True, operation, "sandbox")
    assert opened(told["image_base64"]).size == (told["width"], told["height"])
    if operation in ("sketch", "structure"):
        assert told["metadata"]["control_strength"] == 0.0


# What is told.


def test_an_estimate_is_what_it_would_cost(call: Caller) -> None:
    body = {"provider": "wavespeed", "model": "ideogram-v3-turbo", "operation": "generate", "num_images": 1}
    told = call("/estimate-cost", {**body, "width": 1200, "height": 628}).json()
    assert (told["estimated_cost"], told["currency"], told["provider"]) == (5, "credits", "wavespeed")
    assert call("/estimate-cost", {"provider": "auto"}).json()["estimated_cost"] == 0
    assert call("/estimate-cost", {"provider": "auto", "operation": "inpaint"}).json()["provider"] == "sandbox"
    assert call("/estimate-cost", {"provider": "acme"}).status_code == 400


def test_providers_and_models_are_those_configured(call: Caller) -> None:
    found = call("/providers").json()["providers"]
    assert found["wavespeed"]["models"] == ["ideogram-v3-turbo"]
    assert found["wavespeed"]["cost_range"] == "5 credits"
    assert "sandbox" in found["sandbox"]["models"]
    models = call("/edit/models?operation=general_edit").json()
    assert "sandbox" in [each["id"] for each in models["models"]]
    told = call("/edit/recommend", {"operation": "inpaint", "image_resolution": {"width": 640, "height": 480}}).json()
    assert told["recommended_model"].startswith("sandbox")


def test_templates_are_found_by_words(call: Caller) -> None:
    assert call("/templates?platform=instagram").json()["total"] == 4
    assert call("/templates/search?query=linkedin").json()["total"] == 4
    found = call("/templates/recommend?use_case=product+showcase&platform=instagram").json()
    assert found["templates"][0]["id"] == "instagram_feed_square"
    assert call("/templates?platform=myspace").status_code == 400
    assert call("/templates/search").status_code == 400


def test_the_same_paths_are_under_the_dialects_own_name(server: Running) -> None:
    base = server.base.removesuffix("/v1")
    assert httpx.get(f"{base}/alwrity{ROOT}/health").json()["service"] == "image_studio"
