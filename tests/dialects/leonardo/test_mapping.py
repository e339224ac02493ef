"""What a generation comes to in our words, and what of it is told in a note."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from providers.contract import Adapter, Background, Failure, Fault, Format, Generate, Quality, Sampler
from proxy.dialects.contract import Accepted, Served
from proxy.dialects.leonardo.models import DEFAULT, MODELS, of_version
from proxy.dialects.leonardo.parse import accept, parse_generation, recalled, render
from proxy.dialects.leonardo.styles import BY_UUID, PRESETS
from tests.dialects.leonardo.asking import (
    CLIENTS_OWN,
    FLUX,
    KINO,
    ONE,
    PHOENIX,
    asked,
    generated,
    noted,
    posting,
    read,
)

MEANINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"guidance_scale": 7.5}, {"guidance": 7.5}),
    ({"num_inference_steps": 30}, {"steps": 30}),
    ({"seed": 0}, {"seed": 0}),
    ({"negative_prompt": "rain"}, {"negative": "rain"}),
    ({"num_images": 2}, {"n": 2}),
    ({"width": 512, "height": 1024}, {"width": 512, "height": 1024, "exact": True}),
    ({"width": 512}, {"width": 512, "height": 768}),
    ({"tiling": True}, {"tiling": True}),
    ({"tiling": False}, {"tiling": None}),
    ({"contrast": 3, "modelId": FLUX}, {"contrast": 3, "model": FLUX}),
    ({"transparency": "foreground_only"}, {"background": Background.TRANSPARENT, "format": Format.PNG}),
    ({"transparency": "disabled"}, {"background": None, "format": None}),
    ({"ultra": True}, {"quality": Quality.HIGH}),
    ({"highResolution": True}, {"quality": Quality.HIGH}),
    ({"highResolution": False, "ultra": False}, {"quality": None}),
    ({"enhancePrompt": True}, {"enhance": True}),
    ({"enhancePrompt": False}, {"enhance": False}),
    ({"scheduler": "KLMS"}, {"sampler": Sampler.LMS}),
    ({"scheduler": "EULER_ANCESTRAL_DISCRETE"}, {"sampler": Sampler.EULER_ANCESTRAL}),
    ({"scheduler": "EULER_DISCRETE"}, {"sampler": Sampler.EULER}),
    ({"scheduler": "DDIM"}, {"sampler": Sampler.DDIM}),
    ({"scheduler": "DPM_SOLVER"}, {"sampler": Sampler.DPM}),
    ({"scheduler": "PNDM"}, {"sampler": Sampler.PNDM}),
    ({"presetStyle": "ANIME"}, {"style": "anime"}),
    ({"presetStyle": "PHOTOGRAPHY"}, {"style": "photographic"}),
    ({"presetStyle": "DYNAMIC"}, {"style": None}),
    ({"presetStyle": "NONE"}, {"style": None}),
    ({"styleUUID": "a5632c7c-ddbb-4e2f-ba34-8456ab3ac436"}, {"style": "cinematic"}),
    ({"styleUUID": "a5632c7c-ddbb-4e2f-ba34-8456ab3ac436", "presetStyle": "ANIME"}, {"style": "cinematic"}),
    ({"photoReal": True}, {"style": "photographic"}),
    ({"photoReal": True, "presetStyle": "FILM"}, {"style": "analog-film"}),
    (
        {"elements": [{"akUUID": "lora-1", "weight": 0.5}, {"akUUID": "lora-2"}]},
        {"adapters": (Adapter("lora-1", 0.5), Adapter("lora-2", 1.0))},
    ),
    ({"userElements": [{"userLoraId": 17, "weight": -1}]}, {"adapters": (Adapter("17", -1),)}),
    (
        {"elements": [{"akUUID": "a"}], "userElements": [{"userLoraId": 3}]},
        {"adapters": (Adapter("a", 1.0), Adapter("3", 1.0))},
    ),
    ({"modelId": KINO}, {"model": KINO}),
    ({"modelId": "an-operators-own"}, {"model": "an-operators-own"}),
    ({"sd_version": "FLUX"}, {"model": "1dd50843-d653-4516-a8e3-f0238ee453ff"}),
    ({"sd_version": "v1_5"}, {"model": "ac614f96-1082-45bf-be9d-757f2d31c174"}),
    ({"sd_version": "v3"}, {"model": DEFAULT}),
    ({"modelId": None, "sd_version": "PHOENIX"}, {"model": PHOENIX}),
    ({"modelId": KINO, "sd_version": "PHOENIX"}, {"model": KINO}),
]


@pytest.mark.parametrize(("fields", "meaning"), MEANINGS, ids=lambda value: str(value)[:70])
def test_what_is_asked_for_in_our_words(fields: dict[str, Any], meaning: dict[str, Any]) -> None:
    request = generated(**fields)
    assert {name: getattr(request, name) for name in meaning} == meaning


NOTES: list[tuple[dict[str, Any], dict[str, bool]]] = [
    ({"contrastRatio": 0.5}, {"contrastRatio": True}),
    ({"expandedDomain": True}, {"expandedDomain": True}),
    ({"fantasyAvatar": True}, {"fantasyAvatar": True}),
    ({"highContrast": True}, {"highContrast": True}),
    ({"promptMagic": True, "promptMagicVersion": "v3", "promptMagicStrength": 0.4}, {"promptMagic": True}),
    ({"upscaleRatio": 1.5}, {"upscaleRatio": True}),
    ({"scheduler": "LEONARDO"}, {"scheduler": True}),
    ({"presetStyle": "LEONARDO"}, {"presetStyle": True}),
    ({"styleUUID": ONE}, {"styleUUID": True}),
    ({"photoReal": True, "photoRealStrength": 0.5}, {"photoRealStrength": True}),
    ({"public": True}, {"public": False}),
    ({"enhancePrompt": True, "enhancePromptInstruction": "short"}, {"enhancePromptInstruction": True}),
    ({"enhancePromptInstruction": "short"}, {"enhancePromptInstruction": False}),
    ({"modelId": KINO, "sd_version": "v2"}, {"sd_version": False}),
    ({"init_strength": 0.5}, {"init_strength": False}),
    ({"imagePromptWeight": 0.5}, {"imagePromptWeight": False}),
    # What is off, or has a meaning, is no news.
    (
        {
            "expandedDomain": False,
            "fantasyAvatar": False,
            "highContrast": False,
            "highResolution": False,
            "photoReal": False,
            "photoRealStrength": 0.5,
            "promptMagic": False,
            "promptMagicVersion": "v2",
            "public": False,
            "tiling": False,
            "ultra": False,
            "unzoom": False,
            "controlNet": False,
            "canvasRequest": False,
            "enhancePrompt": False,
            "transparency": "disabled",
        },
        {},
    ),
    ({**CLIENTS_OWN, "seed": 7, "guidance_scale": 7, "negative_prompt": "x", "elements": [{"akUUID": "a"}]}, {}),
    ({"styleUUID": "556c1ee5-ec38-42e8-955a-1e82dad0ffa1"}, {}),
]


@pytest.mark.parametrize(("fields", "notes"), NOTES, ids=lambda value: str(value)[:70])
def test_what_has_no_meaning_here_is_told(fields: dict[str, Any], notes: dict[str, bool]) -> None:
    ask = asked(**fields)
    assert noted(ask.notes) == notes
    assert all(note.detail for note in ask.notes)


def test_every_version_has_a_model_and_every_style_is_one_word() -> None:
    for model_id, known in MODELS.items():
        assert known.version is None or MODELS[of_version(known.version)].version == known.version, model_id
    assert of_version(None) == of_version("SDXL_LIGHTNING") == DEFAULT
    for style in [*PRESETS.values(), *BY_UUID.values()]:
        assert style is None or style == style.lower().strip()


def test_a_generation_is_remembered_as_it_was_asked_for() -> None:
    fields = {"prompt": "A boat", "seed": 7, "elements": [{"akUUID": "a", "weight": 0.5}], "presetStyle": "ANIME"}
    kept = recalled(parse_generation(posting({**fields, "tiling": None})).recall or "")
    assert kept is not None
    assert (kept.kind, kept.model, kept.asked) == ("generation", DEFAULT, fields)
    assert recalled("") is None


def test_nothing_is_needed_to_make_the_request_of_a_prompt() -> None:
    ask = asked()
    assert (ask.sources, ask.links, ask.base64, ask.streams) == ((), True, False, False)
    assert isinstance(ask.compose(()), Generate)


# The answer.


@pytest.mark.parametrize(
    ("held", "credits_due", "amount"),
    [
        ("0", 0, "0.0000"),
        ("0.0164", 11, "0.0164"),
        ("0.016445", 11, "0.0165"),
        ("0.01644501", 12, "0.0165"),
        ("0.000001", 1, "0.0001"),
        ("0.001495", 1, "0.0015"),
        ("1", 669, "1.0000"),
        ("1E+3", 668897, "1000.0000"),
    ],
)
def test_the_answer_is_an_id_and_the_most_it_costs(held: str, credits_due: int, amount: str) -> None:
    outgoing = accept(asked(), Accepted(request_id=ONE, created=1, held=Decimal(held)))
    assert (outgoing.status, outgoing.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert read(outgoing) == {
        "sdGenerationJob": {
            "generationId": ONE,
            "apiCreditCost": credits_due,
            "cost": {"amount": amount, "unit": "DOLLARS"},
        }
    }


def test_a_request_that_is_done_already_is_answered_alike() -> None:
    served = Served(request_id=ONE, created=1, model=KINO, pictures=(), charged=Decimal("0.01"))
    told = read(render(asked(), served))["sdGenerationJob"]
    assert told == {"generationId": ONE, "apiCreditCost": 7, "cost": {"amount": "0.0100", "unit": "DOLLARS"}}


@pytest.mark.parametrize("rate", ["0.01", 0.01, Decimal("0.01")])
def test_the_price_of_a_credit_is_configured(rate: object) -> None:
    ask = parse_generation(posting({"prompt": "A boat"}, options={"credit_usd": rate}))
    told = read(accept(ask, Accepted(request_id=ONE, created=1, held=Decimal("0.05"))))["sdGenerationJob"]
    assert (told["apiCreditCost"], told["cost"]["amount"]) == (5, "0.0500")


@pytest.mark.parametrize("rate", ["", "x", 0, "-1", "NaN", "Infinity", None, [], {}])
def test_a_rate_that_is_none_is_our_own_mistake(rate: object) -> None:
    with pytest.raises(Failure) as caught:
        parse_generation(posting({"prompt": "A boat"}, options={"credit_usd": rate}))
    assert caught.value.fault is Fault.UNAVAILABLE
    assert "credit_usd" in caught.value.detail
