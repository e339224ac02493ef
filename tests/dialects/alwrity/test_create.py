"""`POST /create`: every field, what goes before what, and the answer."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from providers.contract import Failure, Fault, Format, Generate, Note, Quality
from proxy.dialects.wants import Find
from tests.dialects.alwrity.asking import PHOTO, answer, composed, named, parse, refusal, route, served, text, written
from tests.pictures import png

CREATE = "/create"


def generate(**fields: Any) -> Generate:
    request = composed(parse(CREATE, {"prompt": "A boat", **fields}))
    assert isinstance(request, Generate)
    return request


def test_a_prompt_alone_is_a_standard_picture_as_png_with_its_prompt_written_out() -> None:
    ask = parse(CREATE, {"prompt": "A boat"})
    assert composed(ask) == Generate(model="standard", prompt="A boat", enhance=True, format=Format.PNG)
    assert (ask.base64, ask.links, ask.streams, ask.providers, ask.prefix, ask.notes) == (
        *(True, False, False, (), None),
        (),
    )


def test_nulls_are_fields_not_sent() -> None:
    names = ["template_id", "provider", "model", "width", "height", "aspect_ratio", "style_preset", "quality"]
    names += ["negative_prompt", "guidance_scale", "steps", "seed", "num_variations", "enhance_prompt"]
    names += ["use_persona", "persona_id"]
    assert generate(**dict.fromkeys(names)) == generate()


@pytest.mark.parametrize(
    ("field", "value", "ours", "meant"),
    [
        ("model", "flux-pro-1.1", "model", "flux-pro-1.1"),
        ("style_preset", "cinematic", "style", "cinematic"),
        ("negative_prompt", "blurry", "negative", "blurry"),
        ("guidance_scale", 7.5, "guidance", 7.5),
        ("guidance_scale", 0, "guidance", 0.0),
        ("steps", 40, "steps", 40),
        ("steps", "40", "steps", 40),
        ("seed", 7, "seed", 7),
        ("seed", 0, "seed", 0),
        ("seed", -1, "seed", None),
        ("num_variations", 1, "n", 1),
        ("num_variations", 10, "n", 10),
        ("enhance_prompt", False, "enhance", False),
        ("enhance_prompt", True, "enhance", True),
    ],
)
def test_a_field_and_its_meaning(field: str, value: Any, ours: str, meant: Any) -> None:
    assert getattr(generate(**{field: value}), ours) == meant


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("num_variations", 0, "num_variations"),
        ("num_variations", 11, "num_variations"),
        ("num_variations", "many", "num_variations"),
        ("num_variations", 1.5, "num_variations"),
        ("width", 8, "width"),
        ("width", 9000, "width"),
        ("height", -1, "height"),
        ("height", "tall", "height"),
        ("aspect_ratio", "wide", "aspect_ratio"),
        ("aspect_ratio", "16:0", "aspect_ratio"),
        ("aspect_ratio", "0:9", "aspect_ratio"),
        ("aspect_ratio", "100:1", "aspect_ratio"),
        ("aspect_ratio", 1.5, "aspect_ratio"),
        ("quality", "ultra", "'draft', 'standard', 'premium'"),
        ("quality", 3, "quality"),
        ("steps", 0, "steps"),
        ("seed", -2, "seed"),
        ("guidance_scale", 101, "guidance_scale"),
        ("guidance_scale", "strong", "guidance_scale"),
        ("enhance_prompt", "maybe", "enhance_prompt"),
        ("template_id", "myspace_post", "Template not found: myspace_post"),
        ("template_id", 5, "template_id"),
        ("prompt", "x" * 32_001, "prompt"),
        ("model", ["a"], "model"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(field: str, value: Any, says: str) -> None:
    status, detail = refusal(CREATE, {"prompt": "A boat", field: value})
    assert status == 400
    assert says in detail


@pytest.mark.parametrize("body", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": "  "}])
def test_a_prompt_is_required(body: dict[str, Any]) -> None:
    assert refusal(CREATE, body) == (400, "Prompt is required for image generation")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(CREATE, body)[0] == 400


def test_fields_that_are_not_known_are_ignored_and_noted() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "mood": "calm"})
    assert ask.notes == (Note("mood", "is not known here and was ignored", lossy=False),)
    many = parse(CREATE, {"prompt": "A boat", **{f"x{place}": 1 for place in range(25)}})
    assert len(many.notes) == 21
    assert many.notes[-1].detail.startswith("5 more")


# Sizes.


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"width": 1200, "height": 628}, (1200, 628)),
        ({"width": 1200, "height": 628, "aspect_ratio": "1.91:1"}, (1200, 628)),
        ({"width": 1600, "aspect_ratio": "16:9"}, (1600, 900)),
        ({"height": 900, "aspect_ratio": "16:9"}, (1600, 900)),
        ({"aspect_ratio": "16:9"}, (1920, 1080)),
        ({"aspect_ratio": "9:16"}, (1080, 1920)),
        ({"aspect_ratio": "1:1"}, (1920, 1920)),
        ({"aspect_ratio": "1.91:1"}, (1920, 1005)),
        ({"template_id": "linkedin_post"}, (1200, 628)),
        ({"template_id": "linkedin_post", "width": 600}, (600, 314)),
        ({"template_id": "linkedin_post", "height": 314}, (600, 314)),
        ({"template_id": "linkedin_post", "aspect_ratio": "1:1"}, (1200, 1200)),
        ({"template_id": "linkedin_post", "width": 640, "height": 640}, (640, 640)),
    ],
)
def test_a_size_is_what_was_said_of_it_and_must_come_out_exactly(fields: dict[str, Any], size: tuple[int, int]) -> None:
    request = generate(**fields)
    assert (request.width, request.height) == size
    assert request.exact


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 640},
        {"height": 640},
        {"width": 640, "height": 640, "aspect_ratio": "16:9"},
        {"width": 8192, "aspect_ratio": "1:2"},
        {"width": 20, "aspect_ratio": "20:1"},
        {"width": 4097, "height": 4096},
        {"width": 8192, "aspect_ratio": "16:9"},
        {"height": 8000, "aspect_ratio": "1:1"},
    ],
)
def test_half_a_size_and_one_that_contradicts_itself_are_refused(fields: dict[str, Any]) -> None:
    assert refusal(CREATE, {"prompt": "A boat", **fields})[0] == 400


# Templates, qualities, models.


@pytest.mark.parametrize(
    ("fields", "model", "told"),
    [
        ({}, "standard", "standard"),
        ({"quality": "draft"}, "draft", "draft"),
        ({"quality": "premium"}, "premium", "premium"),
        ({"template_id": "linkedin_post"}, "premium", "premium"),
        ({"template_id": "linkedin_post", "quality": "standard"}, "standard", "standard"),
        ({"template_id": "twitter_post"}, "standard", "standard"),
        ({"template_id": "twitter_post", "quality": "draft"}, "draft", "draft"),
    ],
)
def test_a_quality_is_a_model_by_its_role(fields: dict[str, Any], model: str, told: str) -> None:
    ask = parse(CREATE, {"prompt": "A boat", **fields})
    assert composed(ask).model == model
    assert composed(ask).quality is None
    assert answer(CREATE, ask, served(PHOTO))["request"]["quality"] == told


@pytest.mark.parametrize(
    ("quality", "meant"), [(None, None), ("draft", Quality.LOW), ("standard", None), ("premium", Quality.HIGH)]
)
def test_of_a_model_that_is_named_a_quality_is_asked(quality: str | None, meant: Quality | None) -> None:
    request = generate(model="gpt-image-2", quality=quality)
    assert (request.model, request.quality) == ("gpt-image-2", meant)


def test_a_template_says_the_style_unless_the_request_does() -> None:
    assert generate(template_id="instagram_story").style == "digital-art"
    assert generate(template_id="instagram_story", style_preset="anime").style == "anime"


# Providers.


@pytest.mark.parametrize(
    ("provider", "providers", "noted"),
    [
        (None, (), False),
        ("auto", (), False),
        ("AUTO", (), False),
        ("stability", ("stability",), False),
        ("wavespeed", ("wavespeed",), False),
        ("ideogram", (), True),
        ("qwen", (), True),
        ("gemini", ("gemini", "google"), False),
        ("google", ("gemini", "google"), False),
        ("hf", ("huggingface", "hf"), False),
        ("huggingface", ("huggingface", "hf"), False),
        ("acme", ("acme",), False),
    ],
)
def test_a_provider_that_is_named_is_the_only_one(
    provider: str | None, providers: tuple[str, ...], noted: bool
) -> None:
    ask = parse(CREATE, {"prompt": "A boat", "provider": provider})
    assert ask.providers == providers
    assert named(ask.notes) == ({"provider": False} if noted else {})


@pytest.mark.parametrize(
    ("provider", "models"),
    [
        ("auto", ("draft", "standard", "premium")),
        ("ideogram", ("draft", "standard", "premium")),
        ("acme", ("draft", "standard", "premium")),
        ("stability", ("core", "core", "ultra")),
        ("wavespeed", ("qwen-image", "qwen-image", "ideogram-v3-turbo")),
    ],
)
def test_a_quality_of_a_provider_is_the_model_the_document_names(provider: str, models: tuple[str, ...]) -> None:
    found = [generate(provider=provider, quality=quality).model for quality in ("draft", "standard", "premium")]
    assert tuple(found) == models


def test_the_configuration_may_say_what_a_provider_stands_for_and_which_model_of_it_is_meant() -> None:
    options = {
        "providers": {"ideogram": ["ideogram", "wavespeed"], "acme": []},
        "models": {"wavespeed": {"premium": "ideogram-v3-turbo"}, "stability": {"draft": "core"}},
    }
    body = {"prompt": "A boat", "provider": "ideogram", "quality": "premium"}
    ask = parse(CREATE, body, **options)
    assert ask.providers == ("ideogram", "wavespeed")
    assert composed(ask).model == "ideogram-v3-turbo"
    assert composed(parse(CREATE, {**body, "model": "v2"}, **options)).model == "v2"
    stability = {"prompt": "A boat", "provider": "stability"}
    assert composed(parse(CREATE, {**stability, "quality": "draft"}, **options)).model == "core"
    assert composed(parse(CREATE, {**stability, "quality": "premium"}, **options)).model == "premium"
    assert parse(CREATE, {"prompt": "A boat", "provider": "acme"}, **options).providers == ()


@pytest.mark.parametrize("options", [{"credit_usd": "0"}, {"credit_usd": "NaN"}, {"currency": "EUR"}, {"models": 3}])
def test_a_configuration_without_sense_is_a_fault_of_ours(options: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        parse(CREATE, {"prompt": "A boat"}, **options)
    assert caught.value.fault is Fault.UNAVAILABLE
    assert "misconfigured" in caught.value.detail


# Personas.


def test_a_persona_goes_before_the_prompt() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "use_persona": True, "persona_id": "acme"})
    assert ask.prefix == Find("persona", "acme")


def test_a_persona_that_is_not_to_be_used_is_noted() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "use_persona": False, "persona_id": "acme"})
    assert ask.prefix is None
    assert named(ask.notes) == {"persona_id": False}


def test_a_persona_must_be_named() -> None:
    assert refusal(CREATE, {"prompt": "A boat", "use_persona": True}) == (
        400,
        "persona_id is required when use_persona is true",
    )


# Answers.


def test_an_answer_carries_bare_base64_and_what_was_applied() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "num_variations": 2, "template_id": "linkedin_post"})
    first, second = png(1200, 628), png(1200, 628, "blue")
    told = answer(CREATE, ask, served(first, second, notes=(Note("size", "drawn at 1216x640 and brought to it"),)))
    metadata = {
        "processing_time": 2.512,
        "style_preset": "photographic",
        "notes": ["size: drawn at 1216x640 and brought to it"],
    }
    shared = {"width": 1200, "height": 628, "provider": "wavespeed", "model": "ideogram-v3-turbo", "metadata": metadata}
    assert told == {
        "success": True,
        "request": {
            "prompt": "A boat",
            "enhanced_prompt": "as sent",
            "template_id": "linkedin_post",
            "template_name": "LinkedIn Post",
            "provider": "wavespeed",
            "model": "ideogram-v3-turbo",
            "dimensions": "1200x628",
            "quality": "premium",
            "num_variations": 2,
        },
        "results": [
            {**shared, "image_base64": text(first), "seed": 0, "variation": 1},
            {**shared, "image_base64": text(second), "seed": 1, "variation": 2},
        ],
        "total_generated": 2,
        "total_failed": 0,
    }


def test_what_was_not_made_is_told_after_what_was() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "num_variations": 3})
    told = answer(CREATE, ask, served(PHOTO, missing=2))
    assert (told["success"], told["total_generated"], told["total_failed"]) == (True, 1, 2)
    assert [set(each) for each in told["results"][1:]] == [{"error", "variation"}] * 2
    assert [each["variation"] for each in told["results"]] == [1, 2, 3]
    assert told["results"][1]["error"] == "This variation could not be generated."
    told = answer(CREATE, ask, served(PHOTO, missing=2, notes=(Note("n", "1 of 3 were made: the vendor is down"),)))
    assert told["results"][1]["error"] == "1 of 3 were made: the vendor is down"


def test_where_nothing_was_made_nothing_is_called_a_success() -> None:
    ask = parse(CREATE, {"prompt": "A boat"})
    outgoing = route(CREATE).render(ask, served(missing=1))
    assert outgoing.status == 502
    told = written(outgoing)
    assert (told["success"], told["total_generated"], told["total_failed"]) == (False, 0, 1)
    assert told["request"]["dimensions"] is None


def test_a_prompt_that_was_not_to_be_written_out_has_no_other() -> None:
    ask = parse(CREATE, {"prompt": "A boat", "enhance_prompt": False})
    assert answer(CREATE, ask, served(PHOTO))["request"]["enhanced_prompt"] is None
    ask = parse(CREATE, {"prompt": "A boat"})
    assert answer(CREATE, ask, served(PHOTO, prompt=""))["request"]["enhanced_prompt"] == "A boat"


def test_a_size_nobody_asked_for_is_told_as_it_came() -> None:
    told = answer(CREATE, parse(CREATE, {"prompt": "A boat"}), served(PHOTO, drawn_by=""))
    assert told["request"]["dimensions"] == "40x30"
    assert told["request"]["model"] == told["results"][0]["model"] == "premium"


def test_a_prompt_the_vendor_wrote_anew_is_told() -> None:
    made = served(PHOTO)
    revised = replace(made, pictures=(replace(made.pictures[0], revised_prompt="A red boat"),))
    told = answer(CREATE, parse(CREATE, {"prompt": "A boat"}), revised)
    assert told["results"][0]["metadata"]["revised_prompt"] == "A red boat"
