"""Who asks, what is left, which models there are, and what a request would cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from providers.contract import Failure, Fault, Generate, ImageRequest, Model, Quality, Sizes, Upscale
from proxy.dialects.contract import Card, Incoming
from proxy.dialects.leonardo import account, pricing
from proxy.dialects.leonardo.models import DEFAULT, MODELS
from proxy.dialects.leonardo.shapes import user_id
from proxy.dialects.wants import Estimate, Estimated, Price, Purse
from tests.dialects.leonardo.asking import (
    FLUX,
    KINO,
    KONTEXT,
    LIGHTNING,
    ONE,
    PHOENIX,
    conversing,
    getting,
    posting,
    read,
    refused,
)


def card(name: str, title: str = "", **more: Any) -> Card:
    model = Model(name="m", title="A model", sizes=Sizes(default="512x768"))
    return Card(name=name, model=model, providers=("sandbox",), served_by="m", title=title, **more)


# The team.


@pytest.mark.parametrize(
    ("left", "tokens"),
    [("1.495", 1000), ("1.4949", 999), ("0.001494", 0), ("0", 0), ("-1", 0), (None, 1_000_000_000)],
)
def test_what_is_left_is_told_in_whole_credits(left: str | None, tokens: int) -> None:
    purse = Purse(team="design", left=None if left is None else Decimal(left), settled=Decimal(1))
    outgoing, _ = conversing(account.me, getting(), purse)
    assert read(outgoing) == {
        "user_details": [
            {
                "user": {"id": user_id("design"), "username": "design"},
                "tokenRenewalDate": None,
                "paidTokens": 0,
                "subscriptionTokens": 0,
                "subscriptionGptTokens": 0,
                "subscriptionModelTokens": 0,
                "apiConcurrencySlots": 10,
                "apiPaidTokens": tokens,
                "apiSubscriptionTokens": 0,
                "apiPlanTokenRenewalDate": None,
            }
        ]
    }


def test_what_is_left_is_told_by_the_configured_rate() -> None:
    incoming = Incoming(method="GET", path="/", headers={}, options={"credit_usd": "0.5"})
    outgoing, _ = conversing(account.me, incoming, Purse(team="t", left=Decimal("1.9"), settled=Decimal(0)))
    assert read(outgoing)["user_details"][0]["apiPaidTokens"] == 3


# Models.

CARDS = [
    card("gpt-image-2"),
    card("zzzzzzzz-0000-4000-8000-000000000000"),
    card("00000000-0000-4000-8000-000000000000", description="An operator's own."),
    card(KINO, "A model"),
    card(PHOENIX, "Phoenix!"),
]


def test_platform_models_are_the_names_that_are_ids() -> None:
    told = read(account.platform_models(getting(), CARDS))["custom_models"]
    assert told[0] == {
        "id": PHOENIX,
        "name": "Phoenix!",
        "description": "",
        "nsfw": False,
        "featured": False,
        "generated_image": None,
    }
    assert [(each["id"], each["name"]) for each in told[1:]] == [
        (KINO, "Leonardo Kino XL"),
        ("00000000-0000-4000-8000-000000000000", "A model"),
    ]
    assert told[2]["description"] == "An operator's own."


def test_every_model_there_is_would_be_told_in_order() -> None:
    told = read(account.platform_models(getting(), [card(name) for name in sorted(MODELS)]))["custom_models"]
    assert [(each["id"], each["name"]) for each in told] == [(name, known.name) for name, known in MODELS.items()]


@pytest.mark.parametrize("wanted", [KINO, KINO.upper()])
def test_a_model_is_told(wanted: str) -> None:
    assert read(account.model(getting(id=wanted), CARDS))["custom_models_by_pk"] == {
        "id": KINO,
        "name": "Leonardo Kino XL",
        "description": "",
        "instancePrompt": None,
        "modelHeight": 768,
        "modelWidth": 512,
        "public": True,
        "status": "COMPLETE",
        "type": "GENERAL",
        "sdVersion": "SDXL_1_0",
    }


def test_a_model_of_no_known_version_goes_without_one() -> None:
    assert "sdVersion" not in read(account.model(getting(id="gpt-image-2"), CARDS))["custom_models_by_pk"]


def test_a_model_that_is_none_is_null() -> None:
    assert read(account.model(getting(id=ONE), CARDS)) == {"custom_models_by_pk": None}


def test_nobody_trains_anything_here() -> None:
    assert read(account.own_models(getting(user=ONE), CARDS)) == {"custom_models": []}
    assert read(account.elements(getting(), CARDS)) == {"loras": []}
    assert read(account.own_elements(getting(user=ONE), CARDS)) == {"user_loras": []}


# Prices.

PRICED = Estimated(provider="p", model="m", usd=Decimal("0.01"))
LEFT_OUT = Estimated(provider="q", model="m", usd=Decimal("0.001"), out="no key")
UNPRICED = Estimated(provider="r", model="m", usd=None)


def asked(**params: Any) -> Incoming:
    return posting({"service": "IMAGE_GENERATION", "serviceParams": {"IMAGE_GENERATION": params}})


def calculated(incoming: Incoming, *offers: Estimated) -> tuple[Any, ImageRequest]:
    outgoing, [want] = conversing(pricing.calculate, incoming, Estimate(offers))
    assert isinstance(want, Price)
    told = read(outgoing)
    assert set(told) == {"calculateProductionApiServiceCost"}
    return told["calculateProductionApiServiceCost"]["cost"], want.request


@pytest.mark.parametrize(
    ("offers", "cost"),
    [
        ([PRICED], 7),
        ([LEFT_OUT, UNPRICED, PRICED], 7),
        ([PRICED, Estimated(provider="c", model="m", usd=Decimal(0))], 7),
        ([Estimated(provider="c", model="m", usd=Decimal(0))], 0),
        ([LEFT_OUT, UNPRICED], None),
        ([], None),
    ],
)
def test_the_price_is_that_of_the_offer_asked_first(offers: list[Estimated], cost: int | None) -> None:
    assert calculated(asked(), *offers)[0] == cost


def test_a_price_is_for_what_would_be_asked_for() -> None:
    full = {
        "imageHeight": 512,
        "imageWidth": 640.0,
        "numImages": 2,
        "inferenceSteps": 10,
        "promptMagic": True,
        "promptMagicStrength": 0.4,
        "promptMagicVersion": "v3",
        "alchemyMode": True,
        "photoRealMode": True,
        "photoRealStrength": 0.5,
        "photoRealVersion": "v2",
        "highResolution": True,
        "loraCount": 2,
        "isModelCustom": False,
        "controlnetsCost": 75,
        "isPhoenix": False,
        "isSDXL": False,
        "isSDXLLightning": False,
        "isUltra": False,
        "isFluxSchnell": False,
        "isFluxDev": True,
        "isFluxKontext": False,
    }
    _, request = calculated(asked(**full))
    assert request == Generate(model=FLUX, n=2, width=640, height=512, steps=10, exact=True, quality=Quality.HIGH)


@pytest.mark.parametrize(
    ("name", "model"),
    [("isPhoenix", PHOENIX), ("isFluxKontext", KONTEXT), ("isSDXLLightning", LIGHTNING), ("isUltra", DEFAULT)],
)
def test_a_price_is_for_the_model_that_is_flagged(name: str, model: str) -> None:
    _, request = calculated(asked(**{name: True}))
    assert (request.model, request.quality) == (model, Quality.HIGH if name == "isUltra" else None)


def test_an_avatar_is_a_picture() -> None:
    params = {"FANTASY_AVATAR_GENERATION": {"imageHeight": 512, "imageWidth": 512, "numImages": 1}}
    _, request = calculated(posting({"service": "FANTASY_AVATAR_GENERATION", "serviceParams": params}))
    assert (request.n, request.width) == (1, 512)


@pytest.mark.parametrize("service", ["UNIVERSAL_UPSCALER", "UNIVERSAL_UPSCALER_ULTRA"])
def test_an_upscale_is_priced_by_its_size(service: str) -> None:
    _, request = calculated(posting({"service": service, "serviceParams": {service: {"megapixel": 16}}}), PRICED)
    assert isinstance(request, Upscale)
    assert (request.model, request.operation, request.factor) == ("upscale", "upscale.creative", 2.0)
    assert request.billable().inputs == ((2000, 2000),)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"service": "IMAGE_GENERATION"},
        {"serviceParams": {}},
        {"service": "IMAGE_GENERATION", "serviceParams": {}},
        {"service": "IMAGE_GENERATION", "serviceParams": {"IMAGE_GENERATION": None}},
        {"service": "IMAGE_GENERATION", "serviceParams": []},
        {"service": "TEA", "serviceParams": {"TEA": {}}},
        {"service": "LCM_GENERATION", "serviceParams": {"LCM_GENERATION": {}}},
        {"service": "MODEL_TRAINING", "serviceParams": {"MODEL_TRAINING": {"resolution": 512}}},
        {"service": "UNIVERSAL_UPSCALER", "serviceParams": {"UNIVERSAL_UPSCALER": {}}},
        {"service": "UNIVERSAL_UPSCALER", "serviceParams": {"UNIVERSAL_UPSCALER": {"megapixel": 21}}},
        {"service": "IMAGE_GENERATION", "serviceParams": {"IMAGE_GENERATION": {"imageHeight": 33}}},
        {"service": "IMAGE_GENERATION", "serviceParams": {"IMAGE_GENERATION": {"width": 512}}},
    ],
)
def test_a_price_is_asked_for_in_these_words(body: Any) -> None:
    assert refused(lambda: conversing(pricing.calculate, posting(body))).status == 400


def test_a_request_that_cannot_be_served_has_no_price_either() -> None:
    failure = Failure(Fault.REJECTED, "no model does that")
    assert refused(lambda: conversing(pricing.calculate, asked(), failure)).error == "no model does that"
