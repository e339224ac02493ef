"""`POST /estimate-cost`: both answers in one, in credits or USD, and no price that is not known."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Control, Edit, EditKind, Failure, Fault, Generate, Upscale
from tests.dialects.alwrity.asking import World, offer, talked

COST = "/estimate-cost"
IDEOGRAM = [offer("wavespeed", "ideogram-v3-turbo", "0.10"), offer("ideogram", "ideogram-v3-turbo", "0.12")]
BOTH = {*("estimated_cost", "currency", "provider", "model", "operation", "num_images")} | {
    *("resolution", "cost_per_image", "total_cost", "estimated", "available")
}


def world(**prices: Any) -> World:
    return World(prices={name.replace("_", "-"): offers for name, offers in prices.items()})


def test_the_documents_example_is_five_credits() -> None:
    told = talked(
        COST,
        {
            "provider": "wavespeed",
            "model": "ideogram-v3-turbo",
            "operation": "generate",
            "num_images": 1,
            "width": 1200,
            "height": 628,
        },
        world=world(ideogram_v3_turbo=IDEOGRAM),
    )
    assert set(told) == BOTH
    assert told == {
        "estimated_cost": 5,
        "currency": "credits",
        "provider": "wavespeed",
        "model": "ideogram-v3-turbo",
        "operation": "generate",
        "num_images": 1,
        "resolution": "1200x628",
        "cost_per_image": 5,
        "total_cost": 5,
        "estimated": True,
        "available": True,
    }


def test_the_front_end_is_told_usd_where_the_configuration_says_so() -> None:
    body = {"provider": "wavespeed", "model": "ideogram-v3-turbo", "num_images": 2}
    prices = world(ideogram_v3_turbo=[offer("wavespeed", "ideogram-v3-turbo", "0.20")])
    told = talked(COST, body, world=prices, options={"currency": "USD"})
    assert (told["currency"], told["total_cost"], told["cost_per_image"]) == ("USD", 0.2, 0.1)
    assert (told["estimated_cost"], told["resolution"]) == (0.2, "default")
    told = talked(COST, body, world=prices, options={"credit_usd": "0.03"})
    assert (told["estimated_cost"], told["cost_per_image"]) == (6.6667, 3.3333)
    assert [request.n for request in prices.asked] == [2, 2]


def test_a_provider_that_is_named_is_the_only_one_and_auto_is_any() -> None:
    prices = world(ideogram_v3_turbo=IDEOGRAM, standard=[offer("sandbox", "sandbox", "0"), *IDEOGRAM])
    body = {"provider": "ideogram", "model": "ideogram-v3-turbo"}
    assert talked(COST, {**body, "provider": "wavespeed"}, world=prices)["provider"] == "wavespeed"
    assert talked(COST, {"provider": "auto"}, world=prices)["provider"] == "sandbox"
    told = talked(COST, {"provider": "auto"}, world=prices)
    assert (told["model"], told["estimated_cost"]) == ("sandbox", 0)
    assert talked(COST, body, world=prices)["provider"] == "wavespeed"  # a recommendation, which binds nobody
    only = {"providers": {"ideogram": ["ideogram"]}}
    assert talked(COST, body, world=prices, options=only)["provider"] == "ideogram"


def test_an_offer_that_would_serve_goes_before_one_that_would_not() -> None:
    prices = world(m=[offer("a", "m", "0.02", out="its key is not set"), offer("b", "m", "0.04")])
    assert talked(COST, {"provider": "auto", "model": "m"}, world=prices)["provider"] == "b"
    told = talked(COST, {"provider": "a", "model": "m"}, world=prices)
    assert (told["available"], told["unavailable_because"], told["estimated_cost"]) == (False, "its key is not set", 1)


@pytest.mark.parametrize(
    ("offers", "provider", "says"),
    [
        ([], "auto", "There is no price for this request here."),
        (
            [offer("a", "m", None), offer("b", "m", None, out="it is down")],
            "auto",
            "There is no price for this request here (a/m: its price is not known; b/m: it is down).",
        ),
        ([offer("a", "m", "0.02")], "acme", "There is no price for this request from acme."),
    ],
)
def test_a_price_that_is_not_known_is_never_nothing(offers: Any, provider: str, says: str) -> None:
    with pytest.raises(Failure) as caught:
        talked(COST, {"provider": provider, "model": "m"}, world=world(m=offers))
    assert (caught.value.fault, caught.value.detail) == (Fault.REJECTED, says)


def test_a_model_there_is_none_of_is_refused_as_it_would_be() -> None:
    with pytest.raises(Failure, match="no such model"):
        talked(COST, {"provider": "auto", "model": "nothing"}, world=world())


@pytest.mark.parametrize(
    ("operation", "model", "kind", "priced"),
    [
        ("generate", "standard", Generate, "generate"),
        ("create", "standard", Generate, "generate"),
        ("text-to-image", "standard", Generate, "generate"),
        ("edit", "edit", Edit, "edit.general"),
        ("general_edit", "edit", Edit, "edit.general"),
        ("inpaint", "inpaint", Edit, "edit.inpaint"),
        ("outpaint", "outpaint", Edit, "edit.outpaint"),
        ("remove_background", "remove-background", Edit, "edit.remove_background"),
        ("search_replace", "search-replace", Edit, "edit.search_replace"),
        ("search_recolor", "search-recolor", Edit, "edit.search_recolor"),
        ("relight", "replace-background", Edit, "edit.replace_background"),
        ("upscale", "upscale", Upscale, "upscale.fast"),
        ("upscale_fast", "upscale", Upscale, "upscale.fast"),
        ("upscale_conservative", "upscale", Upscale, "upscale.conservative"),
        ("upscale_creative", "upscale", Upscale, "upscale.creative"),
        ("control", "control", Control, "control.structure"),
        ("sketch", "control", Control, "control.sketch"),
        ("structure", "control", Control, "control.structure"),
        ("style", "control", Control, "control.style"),
        ("style_transfer", "control", Control, "control.style_transfer"),
    ],
)
def test_every_operation_is_priced_as_it_would_be_asked_for(
    operation: str, model: str, kind: type, priced: str
) -> None:
    prices = World(prices={model: [offer("p", "m", "0.02")]})
    told = talked(COST, {"provider": "auto", "operation": operation, "width": 800, "height": 600}, world=prices)
    [request] = prices.asked
    assert isinstance(request, kind)
    assert request.operation == priced
    assert told["operation"] == operation
    assert all((image.width, image.height) == (800, 600) for image in request.images)
    inputs = {"edit.inpaint": 2, "edit.replace_background": 2, "control.style_transfer": 2}
    assert len(request.images) == (0 if kind is Generate else inputs.get(priced, 1))
    assert not isinstance(request, Edit) or (request.right > 0) is (request.kind is EditKind.OUTPAINT)
    sized = (request.width, request.height, request.exact) == (800, 600, True)
    assert sized is (kind is Generate)


def test_a_picture_sent_along_is_supposed_to_be_of_a_usual_size() -> None:
    prices = World(prices={"upscale": [offer("p", "m", "0.02")]})
    talked(COST, {"provider": "auto", "operation": "upscale"}, world=prices)
    assert [(image.width, image.height) for image in prices.asked[0].images] == [(1024, 1024)]


def test_a_quality_and_the_configuration_choose_the_model() -> None:
    prices = world(premium=[offer("p", "m", "0.02")], core=[offer("stability", "core", "0.03")])
    assert talked(COST, {"provider": "auto", "quality": "premium"}, world=prices)["model"] == "m"
    options = {"models": {"stability": {"standard": "core"}}}
    assert talked(COST, {"provider": "stability"}, world=prices, options=options)["estimated_cost"] == 1.5


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "provider"),
        ({"provider": "auto", "num_images": 0}, "num_images"),
        ({"provider": "auto", "num_images": 1001}, "num_images"),
        ({"provider": "auto", "operation": "knit"}, "Supported values"),
        ({"provider": "auto", "width": 100}, "together"),
        ({"provider": "auto", "height": 100}, "together"),
        ({"provider": "auto", "width": 0, "height": 9}, "width"),
    ],
)
def test_what_makes_no_sense_is_refused(body: dict[str, Any], says: str) -> None:
    with pytest.raises(Failure) as caught:
        talked(COST, body, world=world())
    assert caught.value.fault is Fault.REJECTED
    assert says in caught.value.detail
