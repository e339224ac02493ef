"""The official Leonardo client, unmodified, against a running server, and what callers write by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.models.errors import SDKError
from PIL import Image

from tests.pictures import png
from tests.walk.running import Running, eventually, running
from tests.walk.vendors import OpenAIVendor, at

LIGHTNING = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
KINO = "aa77f04e-3eec-4034-9c07-d0f619684628"
SLOW = "slow-one"
ROLES = ("inpaint", "outpaint", "edit", "control", "upscale", "remove-background")
SANDBOX = {"to": ["sandbox"]}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The client marks fields of its own that are going away."""


@pytest.fixture(scope="module")
def server(vendor: OpenAIVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that draws for nothing under the ids, and for four cents under `photo`."""
    config = {
        "providers": {"stub": at(vendor), "sandbox": {"options": {"delay_s": 1}}},
        "models": {
            **dict.fromkeys(ROLES, SANDBOX),
            LIGHTNING: {**SANDBOX, "title": "Lightning XL", "description": "Quick.", "dialect": "leonardo"},
            KINO: {**SANDBOX, "dialect": "leonardo"},
            SLOW: {"to": ["sandbox/slow"]},
        },
        "default_model": "sandbox",
        "limits": {"body_bytes": 4_000_000},
    }
    with running(tmp_path_factory.mktemp("leonardo"), config) as made:
        yield made


@pytest.fixture
def base(server: Running) -> str:
    """What the client takes as its base."""
    return f"{server.base.removesuffix('/v1')}/api/rest/v1"


@pytest.fixture
def key(server: Running, team: str) -> str:
    """A key that may spend a dollar."""
    return server.key(team, "1/total")


@pytest.fixture
def client(base: str, key: str) -> Iterator[Any]:
    """The official client."""
    with httpx.Client(timeout=60) as http:
        yield LeonardoAiSDK(bearer_auth=key, server_url=base, client=http)


class Caller:
    """What a caller writes by hand."""

    def __init__(self, base: str, key: str) -> None:
        self.base = base
        self._headers = {"authorization": f"Bearer {key}"}

    def post(self, path: str, headers: Mapping[str, str] | None = None, /, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.base}{path}", json=body, headers={**self._headers, **(headers or {})}, timeout=60)

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.base}{path}", headers=self._headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def generate(self, **body: Any) -> str:
        answer = self.post("/generations", prompt="A boat", **body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sdGenerationJob"]["generationId"])

    def done(self, generation: str) -> Any:
        """A generation, once it has ended."""

        def ended() -> Any:
            found = self.get(f"/generations/{generation}")["generations_by_pk"]
            return found if found["status"] != "PENDING" else None

        return eventually(ended)

    def varied(self, answer: httpx.Response) -> Any:
        """A variation, once it has ended."""
        assert answer.status_code == 200, answer.text
        [job] = answer.json().values()

        def ended() -> Any:
            [found] = self.get(f"/variations/{job['id']}")["generated_image_variation_generic"]
            return found if found["status"] != "PENDING" else None

        return eventually(ended)

    def upload(self, body: bytes, extension: str = "png") -> str:
        """The id of an init image, put in as the guides do it."""
        slot = self.post("/init-image", extension=extension).json()["uploadInitImage"]
        answer = httpx.post(slot["url"], data=json.loads(slot["fields"]), files={"file": (f"f.{extension}", body)})
        assert (answer.status_code, answer.content) == (204, b"")
        return str(slot["id"])


@pytest.fixture
def caller(base: str, key: str) -> Caller:
    """A caller by hand."""
    return Caller(base, key)


def size_of(url: str) -> tuple[int, int]:
    answer = httpx.get(url)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content)).size


# The official client.


def polled(client: Any, generation: str) -> Any:
    def ended() -> Any:
        found = client.image.get_generation_by_id(id=generation).object.generations_by_pk
        return found if found.status != "PENDING" else None

    return eventually(ended)


def test_a_prompt_alone_becomes_four_pictures(client: Any) -> None:
    job = client.image.create_generation(request={"prompt": "A majestic cat in the snow"}).object.sd_generation_job
    assert (job.api_credit_cost, job.cost.amount, job.cost.unit) == (0, "0.0000", "DOLLARS")
    assert UUID(job.generation_id).version == 4
    found = polled(client, job.generation_id)
    assert (found.status, found.prompt, found.model_id) == ("COMPLETE", "A majestic cat in the snow", LIGHTNING)
    assert (found.image_width, found.image_height, found.sd_version) == (1024, 768, "SDXL_LIGHTNING")
    assert [size_of(each.url) for each in found.generated_images] == [(1024, 768)] * 4
    ids = [each.id for each in found.generated_images]
    assert ids == [f"{job.generation_id[:-2]}{place:02x}" for place in range(1, 5)]
    assert isinstance(found.seed, int)


def test_the_whole_life_of_a_generation(client: Any) -> None:
    request = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64, "seed": 11, "model_id": KINO}
    first = client.image.create_generation(request=request).object.sd_generation_job.generation_id
    assert polled(client, first).seed == 11
    second = client.image.create_generation(request=request).object.sd_generation_job.generation_id
    user = client.user.get_user_self().object.user_details[0].user.id
    listed = client.image.get_generations_by_user_id(user_id=user).object.generations
    assert [each.id for each in listed] == [second, first]
    assert client.image.delete_generation_by_id(id=first).object.delete_generations_by_pk.id == first
    assert client.image.get_generation_by_id(id=first).object.generations_by_pk is None
    assert [each.id for each in client.image.get_generations_by_user_id(user_id=user).object.generations] == [second]


def test_the_client_uploads_and_leans_on_it(client: Any) -> None:
    slot = client.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    answer = httpx.post(slot.url, data=json.loads(slot.fields), files={"file": ("f.png", png(64, 48))})
    assert answer.status_code == 204
    shown = client.init_images.get_init_image_by_id(id=slot.id).object.init_images_by_pk
    assert size_of(shown.url) == (64, 48)
    request = {"prompt": "A boat", "num_images": 1, "init_image_id": slot.id, "init_strength": 0.4}
    job = client.image.create_generation(request=request).object.sd_generation_job
    found = polled(client, job.generation_id)
    assert (found.status, found.init_strength) == ("COMPLETE", 0.4)
    assert client.init_images.delete_init_image_by_id(id=slot.id).object.delete_init_images_by_pk.id == slot.id
    assert client.init_images.get_init_image_by_id(id=slot.id).object.init_images_by_pk is None


def test_the_client_makes_variations(client: Any) -> None:
    request = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64}
    job = client.image.create_generation(request=request).object.sd_generation_job
    picture = polled(client, job.generation_id).generated_images[0].id
    made = client.variation.create_variation_no_bg(request={"id": picture}).object.sd_nobg_job

    def ended() -> Any:
        [found] = client.variation.get_variation_by_id(id=made.id).object.generated_image_variation_generic
        return found if found.status == "COMPLETE" else None

    found = eventually(ended)
    assert (found.id, found.transform_type) == (made.id, "NOBG")
    assert size_of(found.url)
    [beside] = polled(client, job.generation_id).generated_images[0].generated_image_variation_generics
    assert (beside.id, beside.url is not None) == (made.id, True)


def test_the_client_asks_about_everything_else(client: Any) -> None:
    models = client.models.list_platform_models().object.custom_models
    assert [(each.id, each.name, each.description) for each in models] == [
        (LIGHTNING, "Lightning XL", "Quick."),
        (KINO, "Leonardo Kino XL", "Draws a card with the request on it. Free."),
    ]
    assert client.models.get_model_by_id(id=KINO).object.custom_models_by_pk.sd_version == "SDXL_1_0"
    assert client.models.get_model_by_id(id=SLOW).object.custom_models_by_pk.name
    assert client.elements.list_elements().object.loras == []
    assert client.user.get_user_self().object.user_details[0].api_paid_tokens == 668
    params = {"image_height": 512, "image_width": 512, "num_images": 1, "inference_steps": 10}
    params |= {"alchemy_mode": True, "high_resolution": False}
    told = client.pricing_calculator.pricing_calculator(
        request={"service": "IMAGE_GENERATION", "service_params": {"image_generation": params}}
    )
    assert told.object.calculate_production_api_service_cost.cost == 0


def test_a_refusal_is_an_error_of_the_client(client: Any) -> None:
    with pytest.raises(SDKError) as caught:
        client.image.create_generation(request={"prompt": "A boat", "guidance_scale": 21})
    assert (caught.value.status_code, json.loads(caught.value.body)["code"]) == (400, "unexpected")


# By hand.


def test_a_generation_is_pending_before_it_is_done(caller: Caller) -> None:
    generation = caller.generate(modelId=SLOW, num_images=1, width=64, height=64)
    pending = caller.get(f"/generations/{generation}")["generations_by_pk"]
    assert (pending["status"], pending["generated_images"], "sdVersion" in pending) == ("PENDING", [], False)
    assert caller.done(generation)["status"] == "COMPLETE"


@pytest.mark.parametrize("fault", ["unavailable", "moderated", "malformed", "rejected"])
def test_a_generation_that_fails_is_failed(caller: Caller, fault: str) -> None:
    found = caller.done(caller.generate(modelId=f"sandbox/{fault}", num_images=1))
    assert (found["status"], found["generated_images"]) == ("FAILED", [])


def test_credits_are_held_and_what_is_left_is_told(caller: Caller, vendor: OpenAIVendor) -> None:
    answer = caller.post("/generations", prompt="A boat", modelId="photo", num_images=2, width=64, height=64)
    job = answer.json()["sdGenerationJob"]
    assert job["cost"] == {"amount": "0.0800", "unit": "DOLLARS"}
    assert job["apiCreditCost"] == 54
    assert len(caller.done(job["generationId"])["generated_images"]) == 2
    assert caller.get("/me")["user_details"][0]["apiPaidTokens"] == 615


def test_over_the_budget_nothing_is_drawn(server: Running, base: str, team: str, vendor: OpenAIVendor) -> None:
    poor = Caller(base, server.key(team, "0.05/total"))
    answer = poor.post("/generations", prompt="A boat", modelId="photo", num_images=2, width=64, height=64)
    assert (answer.status_code, answer.json()["code"]) == (400, "unexpected")
    assert answer.json()["error"].startswith("not enough api tokens")
    assert vendor.submits == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, 'expecting a value for non-nullable variable: "prompt"'),
        ({"prompt": "A boat", "sd_Version": "v2"}, 400, "Unexpected variable sd_Version"),
        ({"prompt": "A boat", "photoReal": "yes"}, 400, "expected a boolean for type 'Boolean'"),
        ({"prompt": "A boat", "width": 33}, 400, "invalid dimensions"),
        ({"prompt": "A boat", "modelId": "00000000-0000-4000-8000-000000000000"}, 400, "00000000"),
        ({"prompt": "A boat", "init_image_id": "00000000-0000-4000-8000-000000000000"}, 400, "invalid init image id"),
    ],
)
def test_refusals(caller: Caller, body: dict[str, Any], status: int, said: str) -> None:
    answer = caller.post("/generations", **body)
    told = answer.json()
    assert (answer.status_code, set(told)) == (status, {"error", "path", "code"})
    assert said in told["error"]


def test_nobody_is_answered_without_a_key(base: str) -> None:
    answer = httpx.post(f"{base}/generations", json={"prompt": "A boat"})
    assert (answer.status_code, answer.json()["code"]) == (401, "access-denied")


def test_what_belongs_to_others_is_nobodys(server: Running, base: str, caller: Caller, team: str) -> None:
    generation = caller.generate(num_images=1, width=64, height=64)
    picture = caller.done(generation)["generated_images"][0]["id"]
    asset = caller.upload(png(8, 8))
    stranger = Caller(base, server.key(f"{team}-stranger"))
    assert stranger.get(f"/generations/{generation}") == {"generations_by_pk": None}
    assert stranger.get(f"/init-image/{asset}") == {"init_images_by_pk": None}
    assert stranger.get("/generations/user/any") == {"generations": []}
    assert stranger.post("/variations/upscale", id=picture).status_code == 400
    assert stranger.post("/generations", prompt="A boat", init_image_id=asset).status_code == 400


@pytest.mark.parametrize("id_", ["00000000-0000-4000-8000-000000000000", "no-uuid", "x" * 300, "%00", "%C3%A4"])
def test_an_id_of_nothing_is_null(caller: Caller, id_: str) -> None:
    assert caller.get(f"/generations/{id_}") == {"generations_by_pk": None}
    assert caller.get(f"/variations/{id_}") == {"generated_image_variation_generic": []}
    assert caller.get(f"/init-image/{id_}") == {"init_images_by_pk": None}
    assert caller.post("/generations", prompt="A boat", init_image_id=id_[:128]).status_code == 400
    assert caller.post("/variations/upscale", id=id_[:128]).status_code == 400


def test_an_upload_is_taken_once_and_without_a_key(caller: Caller, key: str) -> None:
    slot = caller.post("/init-image", extension="png").json()["uploadInitImage"]
    form = {"data": json.loads(slot["fields"]), "files": {"file": ("f.png", png(8, 8))}}
    assert httpx.post(slot["url"], headers={"authorization": f"Bearer {key}"}, **form).status_code == 403
    bad = {**form, "files": {"file": ("f.png", b"no picture")}}
    assert httpx.post(slot["url"], **bad).status_code == 400
    assert httpx.post(slot["url"], **form).status_code == 204
    again = httpx.post(slot["url"], **form)
    assert (again.status_code, again.headers["content-type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in again.text


def test_a_generated_picture_can_be_leant_on(caller: Caller) -> None:
    first = caller.done(caller.generate(num_images=1, width=64, height=64))
    picture = first["generated_images"][0]["id"]
    again = caller.done(caller.generate(num_images=1, init_generation_image_id=picture, init_strength=0.5))
    assert (again["status"], again["initStrength"]) == ("COMPLETE", 0.5)


@pytest.mark.parametrize(
    ("path", "more", "transform"),
    [
        ("/variations/upscale", {}, "UPSCALE"),
        ("/variations/unzoom", {"isVariation": False}, "UNZOOM"),
        ("/variations/nobg", {}, "NOBG"),
    ],
)
def test_variations_of_pictures(caller: Caller, path: str, more: dict[str, Any], transform: str) -> None:
    picture = caller.done(caller.generate(num_images=1, width=64, height=64))["generated_images"][0]["id"]
    found = caller.varied(caller.post(path, id=picture, **more))
    assert (found["status"], found["transformType"]) == ("COMPLETE", transform)
    assert size_of(found["url"])
    [told] = caller.get("/generations/user/me?limit=50")["generations"]
    [beside] = told["generated_images"][0]["generated_image_variation_generics"]
    assert beside["id"] == found["id"]


def test_a_variation_of_a_variation(caller: Caller) -> None:
    picture = caller.upload(png(64, 48))
    larger = caller.varied(caller.post("/variations/universal-upscaler", initImageId=picture, upscaleMultiplier=2))
    assert larger["status"] == "COMPLETE"
    found = caller.varied(caller.post("/variations/nobg", id=larger["id"], isVariation=True))
    assert found["status"] == "COMPLETE"
    again = caller.varied(caller.post("/variations/universal-upscaler", variationId=found["id"]))
    assert again["status"] == "COMPLETE"


def test_a_canvas_is_painted_where_its_mask_is_white(caller: Caller) -> None:
    slots = caller.post("/canvas-init-image", initExtension="png", maskExtension="png").json()["uploadCanvasInitImage"]
    for part, body in (("init", png(64, 48)), ("mask", png(64, 48, "white"))):
        fields = json.loads(slots[f"{part}Fields"])
        assert httpx.post(slots[f"{part}Url"], data=fields, files={"file": ("f.png", body)}).status_code == 204
    generation = caller.generate(
        canvasRequest=True,
        canvasRequestType="INPAINT",
        canvasInitId=slots["initImageId"],
        canvasMaskId=slots["maskImageId"],
        init_strength=0.15,
        num_images=1,
    )
    found = caller.done(generation)
    assert found["status"] == "COMPLETE"
    assert size_of(found["generated_images"][0]["url"]) == (64, 48)


WORK: list[dict[str, Any]] = [
    {"controlnets": [{"initImageId": "", "initImageType": "UPLOADED", "preprocessorId": 67, "strengthType": "High"}]},
    {"contextImages": [{"type": "UPLOADED", "id": ""}]},
    {"imagePrompts": [""]},
    {"unzoom": True, "unzoomAmount": 0.5, "init_image_id": ""},
    {"canvasRequest": True, "canvasRequestType": "OUTPAINT", "canvasInitId": ""},
    {"canvasRequest": True, "canvasRequestType": "SKETCH2IMG", "canvasInitId": ""},
]


@pytest.mark.parametrize("body", WORK, ids=lambda body: next(reversed(body)) + str(body.get("canvasRequestType", "")))
def test_every_kind_of_work_is_done(caller: Caller, body: dict[str, Any]) -> None:
    picture = caller.upload(png(64, 48))
    filled = json.loads(json.dumps(body).replace('""', f'"{picture}"'))
    assert caller.done(caller.generate(num_images=1, **filled))["status"] == "COMPLETE"


def test_a_plan_costs_nothing(caller: Caller, vendor: OpenAIVendor) -> None:
    dry = {"x-darkroom-dry-run": "plan"}
    answer = caller.post("/generations", dry, prompt="A boat", modelId="photo", width=64, height=64)
    assert answer.status_code == 200
    assert "stub/photo" in answer.text
    assert vendor.submits == []


def test_what_is_dropped_is_told(caller: Caller) -> None:
    answer = caller.post("/generations", prompt="A boat", num_images=1, promptMagic=True, upscaleRatio=1.5)
    notes = [note.partition(":")[0] for note in answer.headers["x-darkroom-notes"].split("; ")]
    assert {"promptMagic", "upscaleRatio"} <= set(notes)
    strict = caller.post("/generations", {"x-darkroom-strict": "true"}, prompt="A boat", num_images=1, promptMagic=True)
    assert strict.status_code == 400


def test_every_path_is_served_under_the_dialects_name_too(server: Running, key: str) -> None:
    pinned = Caller(f"{server.base.removesuffix('/v1')}/leonardo/api/rest/v1", key)
    assert pinned.done(pinned.generate(num_images=1, width=64, height=64))["status"] == "COMPLETE"
    assert pinned.get("/me")["user_details"][0]["user"]["id"]
