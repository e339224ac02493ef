"""On a path that dialects share: whose request is it?"""

from __future__ import annotations

import timeit
from typing import Any

import msgspec
import pytest

from proxy.dialects.studiolm.claims import claims
from tests.dialects.studiolm.asking import AS_THE_CLIENT, carrying, sent

OURS: list[dict[str, Any]] = [
    AS_THE_CLIENT,
    {"style": "vivid", "aspect_ratio": "square", "response_format": "url"},
    {"reference_image_url": "https://example.com/photo.jpg", "denoising_strength": 0.6, "aspect_ratio": "square"},
    {"aspect_ratio": "portrait"},
    {"aspect_ratio": "16:9"},
    {"aspect_ratio": None},
    {"user_selected_model": "imagen-v3"},
    {"user_selected_model": None},
    {"reference_image": "iVBORw0KGgo="},
    {"reference_image_url": ""},
    {"denoising_strength": 0},
    {"disable_safety_checker": False},
    {"force_prompt_enhancement": False},
    {"style": "preview"},
    {"style": "normal"},
    {"style": "upscaled"},
    {"response_format": "hxd"},
    {"response_format": ["url"]},
    {"response_format": []},
    {"response_format": "url", "aspect_ratio": "square", "model": "dall-e-3", "n": 1, "size": "1024x1024"},
    {"style": "preview", "quality": "low"},
]
NOT_OURS: list[dict[str, Any]] = [
    {},
    {"model": "gpt-image-2"},
    {"model": "dall-e-3", "n": 1, "size": "1024x1024", "quality": "hd", "style": "vivid", "response_format": "url"},
    {"style": "vivid"},
    {"style": "natural"},
    {"style": None},
    {"style": "Preview"},
    {"style": "sketch"},
    {"style": ["preview"]},
    {"style": {"preview": "preview"}},
    {"response_format": "url"},
    {"response_format": "b64_json"},
    {"response_format": None},
    {"response_format": {"type": "hxd"}},
    {"seed": 7, "negative_prompt": "fog"},
    {"user": "aspect_ratio", "metadata": {"aspect_ratio": "square", "style": "preview", "response_format": ["url"]}},
    {"prompt": '"aspect_ratio": "square"'},
    {"Aspect_Ratio": "square"},
    {"image": "x", "strength": 0.5},
]


@pytest.mark.parametrize("fields", OURS, ids=lambda fields: msgspec.json.encode(fields).decode())
def test_what_only_this_dialect_sends_is_ours(fields: dict[str, Any]) -> None:
    assert claims(sent(**fields))


@pytest.mark.parametrize("fields", NOT_OURS, ids=lambda fields: msgspec.json.encode(fields).decode())
def test_what_others_send_too_is_not(fields: dict[str, Any]) -> None:
    assert not claims(sent(**fields))


@pytest.mark.parametrize(
    ("body", "ours"),
    [
        (b"", False),
        (b"null", False),
        (b'["aspect_ratio"]', False),
        (b'"aspect_ratio"', False),
        (b'{"aspect_ratio":"square"', False),
        (b'{"aspect_ratio":"square"} x', False),
        (b"\xef\xbb\xbf{}", False),
        (b"\xff\xfe", False),
        (b"{" * 5000, False),
        (b'{"aspect_ratio":' + b"[" * 100_000, False),
        (b'{"prompt":' + b"[" * 100_000, False),
        (b'--b\r\ncontent-disposition: form-data; name="aspect_ratio"\r\n\r\nsquare\r\n--b--', False),
        (b' \n{ "style" :\t"preview" , "prompt" : "A boat" }', True),
        (b'{"response_format" : [ "url" ]}', True),
        (b'{"style":"vivid","style":"preview"}', True),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_body_decides_whatever_it_is(body: bytes, ours: bool) -> None:
    assert claims(carrying(body)) is ours


def test_it_costs_next_to_nothing() -> None:
    """About half a microsecond when measured; many times that is allowed for, as machines are busy."""
    for fields in (AS_THE_CLIENT, {"model": "gpt-image-2", "n": 1, "size": "1024x1024", "style": "vivid"}):
        incoming = sent(**fields)
        best = min(timeit.repeat(lambda incoming=incoming: claims(incoming), number=1000, repeat=20)) / 1000  # type: ignore[misc]
        assert best < 5e-6
