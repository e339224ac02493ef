"""Every example of the document, replayed: what it shows in an answer is in ours, in the same place."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from providers.contract import Control, ControlKind, Edit, EditKind, Generate, Upscale, UpscaleKind
from tests.dialects.alwrity.asking import PHOTO, World, answer, composed, offer, parse, served, talked, told, url
from tests.dialects.alwrity.test_listing import EDITS, card
from tests.pictures import png

WORKSPACE = {
    "prompt": "Modern minimalist workspace with laptop",
    "template_id": "linkedin_post",
    "provider": "auto",
    "model": None,
    "width": None,
    "height": None,
    "aspect_ratio": None,
    "style_preset": "photographic",
    "quality": "standard",
    "negative_prompt": "blurry, low quality",
    "guidance_scale": None,
    "steps": None,
    "seed": None,
    "num_variations": 1,
    "enhance_prompt": True,
    "use_persona": False,
    "persona_id": None,
}
OFFICE = {"prompt": "Modern office workspace", "template_id": "linkedin_post", "quality": "standard"}
EDITING: dict[str, Any] = {
    "image_base64": url(PHOTO),
    "operation": "remove_background",
    "prompt": None,
    "negative_prompt": None,
    "mask_base64": None,
    "search_prompt": None,
    "select_prompt": None,
    "background_image_base64": None,
    "lighting_image_base64": None,
    "expand_left": 0,
    "expand_right": 0,
    "expand_up": 0,
    "expand_down": 0,
    "provider": None,
    "model": None,
    "style_preset": None,
    "guidance_scale": None,
    "steps": None,
    "seed": None,
    "output_format": "png",
    "options": {},
}
UPSCALING = {
    "image_base64": url(png(768, 512)),
    "mode": "conservative",
    "target_width": None,
    "target_height": None,
    "preset": "print",
    "prompt": "High fidelity upscale preserving original details",
}
STEERING = {
    "control_image_base64": url(PHOTO),
    "operation": "sketch",
    "prompt": "Modern office interior",
    "style_image_base64": None,
    "negative_prompt": None,
    "control_strength": 0.8,
    "fidelity": None,
    "style_strength": None,
    "composition_fidelity": None,
    "change_strength": None,
    "aspect_ratio": None,
    "style_preset": None,
    "seed": None,
    "output_format": "png",
}


class Kind:
    """A value whose kind is shown, and that is another every time."""

    def __init__(self, kind: type) -> None:
        self.kind = kind


TEXT = Kind(str)


def shows(ours: Any, theirs: Any, at: str = "answer") -> None:
    """Everything the document shows is there."""
    if isinstance(theirs, Kind):
        assert isinstance(ours, theirs.kind), at
    elif isinstance(theirs, dict):
        assert set(theirs) <= set(ours), at
        for name, value in theirs.items():
            shows(ours[name], value, f"{at}.{name}")
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        assert len(ours) >= len(theirs), at
        for place, value in enumerate(theirs):
            shows(ours[place], value, f"{at}[{place}]")
    else:
        assert ours == theirs, at


def test_create() -> None:
    ask = parse("/create", WORKSPACE)
    request = composed(ask)
    assert isinstance(request, Generate)
    assert (request.width, request.height, request.exact, request.n) == (1200, 628, True, 1)
    assert (request.model, request.style, request.negative) == ("standard", "photographic", "blurry, low quality")
    assert (ask.providers, ask.notes) == ((), ())
    shows(
        answer("/create", ask, served(png(1200, 628))),
        {
            "success": True,
            "request": {
                "prompt": "Modern minimalist workspace with laptop",
                "enhanced_prompt": TEXT,
                "template_id": "linkedin_post",
                "template_name": "LinkedIn Post",
                "provider": "wavespeed",
                "model": "ideogram-v3-turbo",
                "dimensions": "1200x628",
                "quality": "standard",
            },
            "results": [
                {
                    "image_base64": TEXT,
                    "width": 1200,
                    "height": 628,
                    "provider": "wavespeed",
                    "model": "ideogram-v3-turbo",
                    "variation": 1,
                }
            ],
            "total_generated": 1,
            "total_failed": 0,
        },
    )


def test_the_code_examples_decode_a_picture() -> None:
    ask = parse("/create", OFFICE)
    assert composed(ask).prompt == "Modern office workspace"
    body = png(1200, 628)
    told_ = answer("/create", ask, served(body))
    assert base64.b64decode(told_["results"][0]["image_base64"], validate=True) == body


SQUARE = {
    "id": "instagram_feed_square",
    "name": "Instagram Feed Post (Square)",
    "category": "social_media",
    "platform": "instagram",
    "aspect_ratio": {"ratio": "1:1", "width": 1080, "height": 1080, "label": "Square"},
    "description": TEXT,
    "recommended_provider": "ideogram",
    "style_preset": "photographic",
    "quality": "premium",
    "use_cases": ["Product showcase", "Lifestyle posts", "Brand content"],
}


def test_templates() -> None:
    shows(told("/templates", {"platform": "instagram"}), {"templates": [SQUARE], "total": 4})
    found = told("/templates/search", {"query": "linkedin"})
    assert (found["total"], {each["platform"] for each in found["templates"]}) == (4, {"linkedin"})
    found = told("/templates/recommend", {"use_case": "product showcase", "platform": "instagram"})
    shows(found, {"templates": [SQUARE]})
    assert found["total"] == len(found["templates"])


def test_providers() -> None:
    cards = [card(name, "wavespeed") for name in ("ideogram-v3-turbo", "qwen-image")]
    world = World(cards, {"qwen-image": [offer("wavespeed", "qwen-image", "0.02")]})
    shows(
        talked("/providers", method="GET", world=world),
        {
            "providers": {
                "wavespeed": {
                    "name": "WaveSpeed AI",
                    "models": ["ideogram-v3-turbo", "qwen-image"],
                    "capabilities": ["generation"],
                    "max_resolution": "1024x1024",
                    "cost_range": "1 credits",
                }
            }
        },
    )


def test_edit() -> None:
    ask = parse("/edit/process", EDITING)
    request = composed(ask)
    assert isinstance(request, Edit)
    assert (request.kind, ask.notes) == (EditKind.REMOVE_BACKGROUND, ())
    shows(
        answer("/edit/process", ask, served(png(1200, 628), provider="stability", seconds=2.5)),
        {
            "success": True,
            "operation": "remove_background",
            "provider": "stability",
            "image_base64": TEXT,
            "width": 1200,
            "height": 628,
            "metadata": {"operation": "remove_background", "processing_time": 2.5},
        },
    )


def test_edit_operations() -> None:
    fields = dict.fromkeys(
        [
            *("prompt", "mask", "negative_prompt", "search_prompt"),
            *("select_prompt", "background", "lighting", "expansion"),
        ],
        False,
    )
    shows(
        told("/edit/operations", cards=[card("stable", "stability", does=EDITS)]),
        {
            "operations": {
                "remove_background": {
                    "label": "Remove Background",
                    "description": TEXT,
                    "provider": "stability",
                    "fields": fields,
                },
                "inpaint": {
                    "label": "Inpaint & Fix",
                    "description": TEXT,
                    "provider": "stability",
                    "fields": {**fields, "prompt": True, "mask": True, "negative_prompt": True},
                },
            }
        },
    )


def test_upscale() -> None:
    ask = parse("/upscale", UPSCALING)
    request = composed(ask)
    assert isinstance(request, Upscale)
    assert (request.kind, request.width, request.height) == (UpscaleKind.CONSERVATIVE, 3072, 2048)
    assert ask.notes == ()
    shows(
        answer("/upscale", ask, served(png(3072, 2048))),
        {
            "success": True,
            "mode": "conservative",
            "image_base64": TEXT,
            "width": 3072,
            "height": 2048,
            "metadata": {"preset": "print", "original_width": 768, "original_height": 512, "upscale_factor": 4.0},
        },
    )


def test_control() -> None:
    ask = parse("/control/process", STEERING)
    request = composed(ask)
    assert isinstance(request, Control)
    assert (request.kind, request.strength, ask.notes) == (ControlKind.SKETCH, 0.8, ())
    shows(
        answer("/control/process", ask, served(png(1024, 1024), provider="stability")),
        {
            "success": True,
            "operation": "sketch",
            "provider": "stability",
            "image_base64": TEXT,
            "width": 1024,
            "height": 1024,
            "metadata": {"operation": "sketch", "control_strength": 0.8},
        },
    )


def test_health() -> None:
    shows(
        talked("/health", method="GET", world=World([card("any", "sandbox")])),
        {
            "status": "healthy",
            "service": "image_studio",
            "version": "1.0.0",
            "modules": {"create_studio": "available", "templates": "available", "providers": "available"},
        },
    )


@pytest.mark.parametrize(
    "sent",
    [
        {"template_id": "linkedin_post", "provider": "ideogram", "style_preset": "photographic", "quality": "premium"},
        {"provider": "stability", "model": "ultra", "guidance_scale": 7.5, "steps": 40, "seed": 7},
        {"provider": "huggingface", "model": "FLUX.1-Krea-dev", "guidance_scale": 6, "steps": 30},
    ],
)
def test_what_the_front_end_sends(sent: dict[str, Any]) -> None:
    """No size, no persona; a picked template names its provider; settings only beside a provider that was picked."""
    ask = parse(
        "/create", {"prompt": "A boat", "num_variations": 2, "enhance_prompt": True, "quality": "draft", **sent}
    )
    told_ = answer("/create", ask, served(PHOTO, PHOTO))
    assert told_["success"]
    assert [each["variation"] for each in told_["results"]] == [1, 2]
    assert not any(note.lossy for note in ask.notes)
