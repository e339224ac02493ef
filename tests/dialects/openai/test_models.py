from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from openai.types import Model as TheirModel

from providers.contract import Code, Failure, Format, Inputs, Model, Quality, Sizes
from proxy.dialects.contract import Card, Incoming, Sold
from proxy.dialects.openai.models import list_models, retrieve_model
from tests.dialects.openai.asking import written

PHOTO = Card(
    name="photo",
    model=Model(
        name="gpt-image-2",
        title="Photo",
        description="Photographs.",
        operations=frozenset({"generate", "edit.inpaint"}),
        sizes=Sizes(
            listed=("1024x1024", "1536x1024"),
            step=16,
            default="1536x1024",
            min_side=256,
            max_side=2048,
            max_pixels=4_000_000,
        ),
        qualities=(Quality.LOW, Quality.HIGH),
        formats=(Format.PNG, Format.WEBP),
        honours=frozenset({"seed", "background"}),
        inputs=16,
        accepts=Inputs(formats=frozenset({Format.WEBP, Format.PNG})),
        previews=3,
        needs=frozenset({"prompt"}),
        ranges={"seed": (0, 99)},
        styles={"vivid": "v", "natural": "n"},
        prompt_limit=4000,
    ),
    providers=("openai", "azure"),
    served_by="openai/gpt-image-2",
    sold=(
        Sold(
            offer="openai/gpt-image-2", provider="openai", model="gpt-image-2", tier="premium", regions=("us",),
            from_usd=Decimal("0.00500"),
        ),
        Sold(offer="azure/gpt-image-2", provider="azure", model="gpt-image-2", unpriced="nobody says"),
    ),
)  # fmt: skip
OLD = Card(
    name="dall-e-3",
    model=Model(name="gpt-image-2"),
    providers=(),
    served_by="photo",
    retired=True,
    ends=date(2026, 5, 12),
    successor="photo",
)
SLASHED = Card(name="vendor/flux-dev", model=Model(name="flux-dev"), providers=("bfl",), served_by="bfl/flux-dev")
HIDDEN = Card(name="hidden", model=Model(name="h", shows=False), providers=("bfl",), served_by="bfl/h")
CARDS = [PHOTO, OLD, SLASHED, HIDDEN]


def listed(**query: str) -> list[dict[str, Any]]:
    outgoing = list_models(Incoming(method="GET", path="/v1/models", headers={}, query=query), CARDS)
    assert (outgoing.status, outgoing.headers["content-type"]) == (200, "application/json")
    told = written(outgoing.body)
    assert (set(told), told["object"]) == ({"object", "data"}, "list")
    found: list[dict[str, Any]] = told["data"]
    return found


def retrieved(name: str) -> dict[str, Any]:
    outgoing = retrieve_model(Incoming(method="GET", path="", headers={}, parts={"model": name}), CARDS)
    found: dict[str, Any] = written(outgoing.body)
    return found


@pytest.mark.parametrize("query", [{}, {"type": "image_generation"}, {"type": "image"}, {"type": ""}, {"limit": "5"}])
def test_every_model_that_is_shown_is_listed(query: dict[str, str]) -> None:
    assert [each["id"] for each in listed(**query)] == ["photo", "dall-e-3", "vendor/flux-dev"]


@pytest.mark.parametrize("kind", ["chat", "embedding", "IMAGE"])
def test_models_of_another_type_are_none(kind: str) -> None:
    assert listed(type=kind) == []


def test_a_model_has_the_official_keys_and_beside_them_what_it_can_do() -> None:
    [found, *_] = listed()
    TheirModel.model_validate(found, strict=True)
    assert found == {
        "id": "photo",
        "object": "model",
        "created": found["created"],
        "owned_by": "openai",
        "shutdown_date": None,
        "type": "image",
        "display_name": "Photo",
        "description": "Photographs.",
        "served_by": "openai/gpt-image-2",
        "retired": False,
        "successor": None,
        "tier": None,
        "from_usd": "0.005",
        "offers": [
            {
                "id": "openai/gpt-image-2",
                "provider": "openai",
                "model": "gpt-image-2",
                "tier": "premium",
                "regions": ["us"],
                "from_usd": "0.005",
                "unpriced": None,
            },
            {
                "id": "azure/gpt-image-2",
                "provider": "azure",
                "model": "gpt-image-2",
                "tier": "standard",
                "regions": [],
                "from_usd": None,
                "unpriced": "nobody says",
            },
        ],
        "capabilities": {
            "operations": ["edit.inpaint", "generate"],
            "sizes": ["1024x1024", "1536x1024"],
            "any_size_in_steps_of": 16,
            "smallest_side": 256,
            "largest_side": 2048,
            "most_pixels": 4_000_000,
            "default_size": "1536x1024",
            "qualities": ["low", "high"],
            "output_formats": ["png", "webp"],
            "parameters": ["background", "seed"],
            "required": ["prompt"],
            "ranges": {"seed": [0, 99]},
            "styles": ["natural", "vivid"],
            "prompt_limit": 4000,
            "images_per_request": 10,
            "images_sent_along": 16,
            "input_formats": ["png", "webp"],
            "partial_images": 3,
            "transparent_background": True,
        },
    }


def test_a_retired_name_says_what_serves_it_and_a_model_without_a_provider_is_ours() -> None:
    found = listed()[1]
    assert (found["retired"], found["served_by"], found["owned_by"]) == (True, "photo", "darkroom")
    assert found["display_name"] == "dall-e-3"
    assert (found["shutdown_date"], found["successor"]) == ("2026-05-12", "photo")
    assert (found["offers"], found["from_usd"]) == ([], None)
    for name in ("any_size_in_steps_of", "smallest_side", "largest_side", "most_pixels"):
        assert found["capabilities"][name] is None
    assert found["capabilities"]["input_formats"] == []
    assert found["capabilities"]["transparent_background"] is False


def test_a_class_is_called_by_its_own_name_and_starts_at_its_cheapest_offer() -> None:
    offers = [
        Sold(offer=f"{name}/x", provider=name, model="x", from_usd=Decimal(usd))
        for name, usd in (("a", "0.1"), ("b", "0.04"))
    ]
    model = Model(name="x", title="The X model")
    card = Card(
        name="photo.draft", model=model, providers=("a", "b"), served_by="photo.draft", tier="draft", sold=tuple(offers)
    )
    outgoing = retrieve_model(Incoming(method="GET", path="", headers={}, parts={"model": "photo.draft"}), [card])
    found = written(outgoing.body)
    assert (found["display_name"], found["tier"], found["from_usd"]) == ("photo.draft", "draft", "0.04")


@pytest.mark.parametrize("name", ["vendor/flux-dev", "vendor%2Fflux-dev", "/vendor/flux-dev", "vendor%2fflux-dev"])
def test_a_slash_in_a_name_may_be_written_as_it_is_or_encoded(name: str) -> None:
    assert retrieved(name) == listed()[2]


def test_a_model_that_is_not_listed_can_still_be_asked_for() -> None:
    assert retrieved("hidden")["id"] == "hidden"


@pytest.mark.parametrize("name", ["photo2", "flux-dev", "PHOTO", "", "/", "%2F", "%ff"])
def test_an_unknown_model_is_not_found(name: str) -> None:
    with pytest.raises(Failure, match="does not exist or you do not have access to it") as caught:
        retrieved(name)
    assert (caught.value.code, caught.value.field) == (Code.UNKNOWN_MODEL, "model")
