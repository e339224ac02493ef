"""What is refused before it costs anything, and where the bounds are."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.dialects.studiolm.asking import PHOTO, asked, carrying, generate, refusal, sent

INVALID = "invalid_request_error"
BARE = base64.b64encode(PHOTO).decode()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n\t"}, "prompt"),
        ({"prompt": ["A boat"]}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "x" * 32_001}, "prompt"),
        ({"style": "Vivid"}, "style"),
        ({"style": "anime"}, "style"),
        ({"style": 1}, "style"),
        ({"aspect_ratio": "1:1"}, "aspect_ratio"),
        ({"aspect_ratio": "SQUARE"}, "aspect_ratio"),
        ({"aspect_ratio": ["square"]}, "aspect_ratio"),
        ({"response_format": "png"}, "response_format"),
        ({"response_format": []}, "response_format"),
        ({"response_format": ["url", "jpeg"]}, "response_format"),
        ({"response_format": ["url", None]}, "response_format"),
        ({"response_format": [""]}, "response_format"),
        ({"response_format": [["url"]]}, "response_format"),
        ({"response_format": {"type": "url"}}, "response_format"),
        ({"response_format": 1}, "response_format"),
        ({"user_selected_model": 1}, "user_selected_model"),
        ({"user_selected_model": "x" * 129}, "user_selected_model"),
        ({"model": ["a"]}, "model"),
        ({"negative_prompt": ["fog"]}, "negative_prompt"),
        ({"negative_prompt": "x" * 32_001}, "negative_prompt"),
        ({"seed": 1.5}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": -(2**63) - 1}, "seed"),
        ({"disable_safety_checker": "maybe"}, "disable_safety_checker"),
        ({"disable_safety_checker": 1}, "disable_safety_checker"),
        ({"force_prompt_enhancement": []}, "force_prompt_enhancement"),
        ({"denoising_strength": -0.01}, "denoising_strength"),
        ({"denoising_strength": 1.01}, "denoising_strength"),
        ({"denoising_strength": 75}, "denoising_strength"),
        ({"denoising_strength": "NaN"}, "denoising_strength"),
        ({"denoising_strength": "much"}, "denoising_strength"),
        ({"denoising_strength": True}, "denoising_strength"),
        ({"reference_image": 5}, "reference_image"),
        ({"reference_image": [BARE]}, "reference_image"),
        ({"reference_image": "not base64!"}, "reference_image"),
        ({"reference_image": BARE[:-1]}, "reference_image"),
        ({"reference_image": "päckchen"}, "reference_image"),
        ({"reference_image": "  "}, "reference_image"),
        ({"reference_image": "data:image/png;base64,"}, "reference_image"),
        ({"reference_image": "data:image/png;base64"}, "reference_image"),
        ({"reference_image": "data:image/png,rawtext"}, "reference_image"),
        ({"reference_image": "data:"}, "reference_image"),
        ({"reference_image": "file:///etc/passwd"}, "reference_image"),
        ({"reference_image_url": 5}, "reference_image_url"),
        ({"reference_image_url": "photo.png"}, "reference_image_url"),
        ({"reference_image_url": BARE}, "reference_image_url"),
        ({"reference_image_url": "file:///etc/passwd"}, "reference_image_url"),
        ({"reference_image_url": "ftp://example.com/a.png"}, "reference_image_url"),
        ({"reference_image_url": "https://example.com/" + "x" * 8_192}, "reference_image_url"),
        ({"reference_image_url": "data:image/png;base64,?"}, "reference_image_url"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_cannot_be_meant_is_refused_by_its_name(fields: dict[str, Any], field: str) -> None:
    refused = refusal(sent(**fields))
    assert (refused.status, refused.kind, refused.field) == (400, INVALID, field)
    assert field in refused.message
    assert len(refused.message) < 1000


def test_a_prompt_that_is_not_sent_is_asked_for() -> None:
    refused = refusal(carrying(b"{}"))
    assert (refused.status, refused.kind, refused.field) == (400, INVALID, "prompt")
    assert refused.message == "Missing required parameter: 'prompt'."


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"A boat"', b"\xff", b"{" * 5000, b"prompt=A+boat"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    refused = refusal(carrying(body))
    assert (refused.status, refused.kind, refused.field) == (400, INVALID, None)


def test_the_bounds_themselves_are_taken() -> None:
    assert generate(prompt="x" * 32_000, user_selected_model="m" * 128).model == "m" * 128
    link = "https://example.com/".ljust(8_192, "x")
    assert asked(reference_image_url=link).sources[0].url == link
