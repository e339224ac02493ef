"""The official client, unmodified, with this dialect at the other end of its wire."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.models.errors import SDKError

from providers.contract import Failure, Format, Generate, Model
from proxy.dialects.contract import Accepted, Ask, Card, Generating, Incoming, Informing, Outgoing
from proxy.dialects.leonardo import DIALECT
from proxy.dialects.leonardo.shapes import user_id
from proxy.dialects.wants import Known, Pictured
from tests.dialects.leonardo.asking import FLUX, KINO, ONE, asked, composed, route_of
from tests.dialects.leonardo.test_polling import FIELDS, LINK
from tests.dialects.world import World, converse

CARDS = [
    Card(name=name, model=Model(name="m"), providers=("sandbox",), served_by="m", description="x")
    for name in (FLUX, KINO)
]


class Told(World):
    """A world with the requests a test puts into it."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []

    def _request(self, want: Any) -> Any:
        found = [each for each in self.known if each.id == getattr(want, "id", each.id)]
        return next(iter(found), None) if hasattr(want, "id") else found


class Wire:
    """Answers the client, and remembers what it asked for."""

    def __init__(self) -> None:
        self.world = Told()
        self.asks: list[Ask] = []
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.client: Any = LeonardoAiSDK(bearer_auth="key", server_url="http://here/api/rest/v1", client=http)
        self.close = http.close

    def done(self, ask: Ask, state: Any = "done") -> None:
        pictures = (Pictured(id=f"{ONE[:-2]}01", link=LINK, format=Format.PNG, seed=8_827_082_104),)
        known = Known(
            id=ONE,
            model="m",
            state=state,
            created=1_732_012_979_533,
            recall=ask.recall or "",
            pictures=pictures if state == "done" else (),
        )
        self.world.known = [known]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        route, parts = route_of(request.method, request.url.path)
        incoming = Incoming(
            method=request.method,
            path=request.url.path,
            headers=dict(request.headers),
            origin="http://here",
            query=dict(request.url.params),
            parts=parts,
            body=request.read(),
        )
        try:
            outgoing = self._told(route, incoming)
        except Failure as failure:
            outgoing = DIALECT.render_error(failure)
        return httpx.Response(outgoing.status, headers=dict(outgoing.headers), content=b"".join(outgoing.body))

    def _told(self, route: Any, incoming: Incoming) -> Outgoing:
        if isinstance(route, Informing):
            return route.answer(incoming, CARDS)
        if isinstance(route, Generating):
            ask = route.parse(incoming)
            self.asks.append(ask)
            assert route.accept is not None
            return route.accept(ask, Accepted(request_id=ONE, created=1, held=Decimal("0.0164")))
        told = converse(route, incoming, self.world)
        if isinstance(told, Failure):
            raise told
        return told


STATES = [("open", "PENDING", 0), ("done", "COMPLETE", 1), ("failed", "FAILED", 0)]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The client marks fields of its own that are going away."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


def test_a_prompt_alone_is_a_generation_and_nothing_about_it_is_news(wire: Wire) -> None:
    job = wire.client.image.create_generation(request={"prompt": "hello"}).object.sd_generation_job
    assert (job.generation_id, job.api_credit_cost) == (ONE, 11)
    assert (job.cost.amount, job.cost.unit) == ("0.0164", "DOLLARS")
    [ask] = wire.asks
    assert ask.notes == ()
    request = composed(ask)
    assert request == Generate(
        model="b24e16ff-06e3-43eb-8d33-4416c2d75876", prompt="hello", n=4, width=1024, height=768, exact=True
    )


def test_every_parameter_the_client_knows_is_understood(wire: Wire) -> None:
    wire.client.image.create_generation(
        request={
            "prompt": "A boat",
            "alchemy": True,
            "contrast": 3.5,
            "controlnets": [
                {"init_image_id": ONE, "init_image_type": "UPLOADED", "preprocessor_id": 67, "strength_type": "High"}
            ],
            "elements": [{"ak_uuid": "lora"}],
            "user_elements": [{"user_lora_id": 3, "weight": 0.5}],
            "guidance_scale": 7,
            "negative_prompt": "rain",
            "num_images": 1,
            "num_inference_steps": 10,
            "preset_style": "ANIME",
            "scheduler": "DDIM",
            "sd_version": "SDXL_1_0",
            "seed": 1,
            "tiling": True,
            "transparency": "foreground_only",
            "enhance_prompt": True,
            "photo_real": None,
            "model_id": None,
        }
    )
    request = composed(wire.asks[0])
    assert (request.operation, request.n, request.style, request.seed) == ("control.style", 1, "anime", 1)
    assert wire.asks[0].notes == ()


@pytest.mark.parametrize(
    ("state", "status", "images"), [("open", "PENDING", 0), ("done", "COMPLETE", 1), ("failed", "FAILED", 0)]
)
@pytest.mark.parametrize("fields", [{}, FIELDS, {"modelId": "own"}, {"modelId": None}], ids=["", "all", "own", "null"])
def test_a_generation_is_polled(wire: Wire, fields: dict[str, Any], state: str, status: str, images: int) -> None:
    wire.done(asked(**fields), state)
    found = wire.client.image.get_generation_by_id(id=ONE).object.generations_by_pk
    assert (found.status, found.id, len(found.generated_images)) == (status, ONE, images)
    assert found.prompt == fields.get("prompt", "A boat")
    listed = wire.client.image.get_generations_by_user_id(user_id=user_id("team")).object.generations
    assert [each.status for each in listed] == [status]
    if images:
        assert found.generated_images[0].url == LINK
        assert found.seed in (2_000_000_000, 8_827_082_104)


def test_a_generation_that_is_none_is_none(wire: Wire) -> None:
    assert wire.client.image.get_generation_by_id(id=ONE).object.generations_by_pk is None
    assert wire.client.image.delete_generation_by_id(id=ONE).object.delete_generations_by_pk is None


@pytest.mark.parametrize(
    ("method", "field", "transform"),
    [
        ("create_variation_upscale", "sd_upscale_job", "UPSCALE"),
        ("create_variation_unzoom", "sd_unzoom_job", "UNZOOM"),
        ("create_variation_no_bg", "sd_nobg_job", "NOBG"),
    ],
)
def test_a_variation_is_asked_for_and_polled(wire: Wire, method: str, field: str, transform: str) -> None:
    job = getattr(getattr(wire.client.variation, method)(request={"id": ONE}).object, field)
    assert (job.id, job.api_credit_cost) == (ONE, 11)
    wire.done(wire.asks[0])
    [found] = wire.client.variation.get_variation_by_id(id=ONE).object.generated_image_variation_generic
    assert (found.status, found.transform_type, found.url, found.id) == ("COMPLETE", transform, LINK, ONE)


def test_the_universal_upscaler(wire: Wire) -> None:
    request = {"generated_image_id": ONE, "ultra_upscale_style": "REALISTIC", "similarity": 3}
    job = wire.client.variation.create_universal_upscaler_job(request=request).object.universal_upscaler
    assert job.id == ONE


def test_slots_and_init_images(wire: Wire) -> None:
    slot = wire.client.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    assert slot.url.startswith("https://here.test/api/rest/v1/uploads/")
    assert '"key"' in slot.fields
    shown = wire.client.init_images.get_init_image_by_id(id=slot.id).object.init_images_by_pk
    assert shown.url == "https://here.test/pictures/one.png"
    gone = wire.client.init_images.delete_init_image_by_id(id=slot.id).object.delete_init_images_by_pk
    assert gone.id == slot.id
    request = {"init_extension": "png", "mask_extension": "png"}
    canvas = wire.client.init_images.upload_canvas_init_image(request=request).object.upload_canvas_init_image
    assert canvas.mask_url


def test_the_account_and_its_models(wire: Wire) -> None:
    [details] = wire.client.user.get_user_self().object.user_details
    assert (details.api_paid_tokens, details.user.id) == (1003, user_id("team"))
    models = wire.client.models.list_platform_models().object.custom_models
    assert [(each.id, each.name) for each in models] == [(FLUX, "Flux Dev"), (KINO, "Leonardo Kino XL")]
    model = wire.client.models.get_model_by_id(id=KINO).object.custom_models_by_pk
    assert (model.name, model.sd_version, model.status) == ("Leonardo Kino XL", "SDXL_1_0", "COMPLETE")
    assert wire.client.models.get_custom_models_by_user_id(user_id=ONE).object.custom_models == []
    assert wire.client.elements.list_elements().object.loras == []
    assert wire.client.elements.get_custom_elements_by_user_id(user_id=ONE).object.user_loras == []


def test_the_calculator(wire: Wire) -> None:
    params = {"image_height": 512, "image_width": 512, "num_images": 1, "inference_steps": 10}
    request = {
        "service": "IMAGE_GENERATION",
        "service_params": {"image_generation": {**params, "alchemy_mode": True, "high_resolution": False}},
    }
    told = wire.client.pricing_calculator.pricing_calculator(request=request).object
    assert told.calculate_production_api_service_cost.cost == 27


def test_a_refusal_keeps_its_body(wire: Wire) -> None:
    with pytest.raises(SDKError) as caught:
        wire.client.image.create_generation(request={"prompt": "x" * 1501})
    assert caught.value.status_code == 400
    assert '"code":"unexpected"' in caught.value.body
