"""`POST /upscale`: modes, presets, targets."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Format, Note, Upscale, UpscaleKind
from tests.dialects.alwrity.asking import answer, composed, named, parse, refusal, served, text, url
from tests.pictures import jpeg, png, svg

UPSCALE = "/upscale"
WIDE = png(768, 512)


def asked(**fields: Any) -> Upscale:
    request = composed(parse(UPSCALE, {"image_base64": url(WIDE), **fields}))
    assert isinstance(request, Upscale)
    return request


def test_a_picture_alone_is_enlarged_fast_and_by_as_much_as_the_model_does() -> None:
    request = asked()
    assert (request.model, request.kind, request.prompt, request.n) == ("upscale", UpscaleKind.FAST, "", 1)
    assert (request.width, request.height, request.factor, request.exact) == (None, None, None, False)
    assert (request.picture.body, request.format) == (WIDE, Format.PNG)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"preset": "web"}, (2048, 1365)),
        ({"preset": "print"}, (3072, 2048)),
        ({"preset": "social"}, (1080, 720)),
        ({"target_width": 1536}, (1536, 1024)),
        ({"target_height": 1024}, (1536, 1024)),
        ({"target_width": 1000, "target_height": 1000}, (1000, 1000)),
        ({"target_width": 700, "target_height": 1000}, (700, 1000)),
        ({"preset": "web", "target_width": 1536}, (1536, 1024)),
    ],
)
def test_a_target_is_a_size_and_a_preset_the_longest_side(fields: dict[str, Any], size: tuple[int, int]) -> None:
    request = asked(**fields)
    assert (request.width, request.height) == size
    assert request.exact


def test_a_preset_of_a_tall_picture_is_its_height() -> None:
    request = composed(parse(UPSCALE, {"image_base64": text(jpeg(512, 768)), "preset": "print"}))
    assert (request.width, request.height) == (2048, 3072)


def test_a_preset_beside_a_target_is_noted() -> None:
    ask = parse(UPSCALE, {"image_base64": url(WIDE), "preset": "web", "target_width": 1536})
    assert named(ask.notes) == {"preset": False}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"mode": "fast"}, UpscaleKind.FAST),
        ({"mode": "conservative"}, UpscaleKind.CONSERVATIVE),
        ({"mode": "creative"}, UpscaleKind.CREATIVE),
        ({"mode": "auto"}, UpscaleKind.FAST),
        ({"mode": "auto", "target_width": 2999}, UpscaleKind.FAST),
        ({"mode": "auto", "target_width": 3000}, UpscaleKind.CONSERVATIVE),
        ({"mode": "auto", "preset": "print"}, UpscaleKind.CONSERVATIVE),
        ({"mode": "auto", "preset": "web"}, UpscaleKind.FAST),
        ({"mode": "fast", "preset": "print"}, UpscaleKind.FAST),
    ],
)
def test_auto_is_careful_where_the_target_is_large(fields: dict[str, Any], kind: UpscaleKind) -> None:
    ask = parse(UPSCALE, {"image_base64": url(WIDE), **fields})
    assert composed(ask).kind is kind
    assert answer(UPSCALE, ask, served(png(1536, 1024)))["mode"] == kind


def test_a_prompt_goes_to_the_modes_that_take_one_and_they_always_have_one() -> None:
    assert asked(mode="creative", prompt="Crisp").prompt == "Crisp"
    assert asked(mode="creative").prompt
    assert asked(mode="conservative").prompt
    ask = parse(UPSCALE, {"image_base64": url(WIDE), "mode": "fast", "prompt": "Crisp"})
    assert composed(ask).prompt == ""
    assert named(ask.notes) == {"prompt": True}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"image_base64": None}, "Primary image is required for upscaling"),
        ({"image_base64": "@@@"}, "Invalid base64 image payload"),
        ({"image_base64": text(b"no picture")}, "Invalid base64 image payload"),
        ({"image_base64": url(svg(), "image/svg+xml")}, "Invalid base64 image payload"),
        ({"mode": "turbo"}, "'auto', 'fast', 'conservative', 'creative'"),
        ({"preset": "billboard"}, "'web', 'print', 'social'"),
        ({"target_width": 0}, "target_width"),
        ({"target_height": 20_000}, "target_height"),
        ({"target_width": 10_000}, "larger than any"),
        ({"target_width": 16_000, "image_base64": url(png(10, 100))}, "larger than any"),
        ({"target_width": 768}, "already"),
        ({"target_width": 100, "target_height": 100}, "already"),
        ({"preset": "social", "image_base64": url(png(1080, 1080))}, "The image is 1080x1080 already"),
    ],
)
def test_what_would_not_enlarge_it_or_makes_no_sense_is_refused(fields: dict[str, Any], says: str) -> None:
    status, detail = refusal(UPSCALE, {"image_base64": url(WIDE), **fields})
    assert status == 400
    assert says in detail


def test_an_answer_says_how_much_larger_it_is() -> None:
    ask = parse(UPSCALE, {"image_base64": url(WIDE), "mode": "conservative", "preset": "print", "prompt": "Crisp"})
    made = png(3072, 2048)
    told = answer(UPSCALE, ask, served(made, notes=(Note("a", "b"),)))
    assert told == {
        "success": True,
        "mode": "conservative",
        "image_base64": url(made),
        "width": 3072,
        "height": 2048,
        "metadata": {
            "preset": "print",
            "original_width": 768,
            "original_height": 512,
            "upscale_factor": 4.0,
            "target_width": None,
            "target_height": None,
            "prompt": "Crisp",
            "processing_time": 2.512,
            "provider": "wavespeed",
            "model": "ideogram-v3-turbo",
            "notes": ["a: b"],
        },
    }
