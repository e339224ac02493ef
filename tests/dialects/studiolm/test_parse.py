from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from providers.contract import Format, Generate, Image, Moderation, Note, Quality, UpscaleKind
from proxy.dialects.studiolm.parse import FIELDS
from tests.dialects.studiolm.asking import (
    AS_THE_CLIENT,
    LINK,
    OTHER,
    PHOTO,
    asked,
    composed,
    generate,
    notes,
)

BARE = base64.b64encode(PHOTO).decode()
DATA = f"data:image/png;base64,{BARE}"


def changed(**fields: Any) -> dict[str, Any]:
    """What a field changes of the request that the prompt alone comes to."""
    bare, full = asdict(generate()), asdict(generate(**fields))
    return {name: value for name, value in full.items() if value != bare[name]}


# Defaults.


def test_a_prompt_is_enough() -> None:
    ask = asked()
    assert composed(ask) == Generate(
        model="standard", prompt="A boat", width=1024, height=1024, exact=True, format=Format.PNG
    )
    assert (ask.links, ask.base64, ask.pixels, ask.streams) == (True, False, False, False)
    assert (ask.sources, ask.finish, ask.unfiltered, ask.notes, ask.echo) == ((), None, False, (), None)


def test_what_the_client_spells_out_is_the_default_but_for_the_styles_word() -> None:
    assert changed(**AS_THE_CLIENT) == {}
    assert notes(**AS_THE_CLIENT) == []


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"prompt"}))
@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_the_empty_string_are_a_field_not_sent(name: str, nothing: str | None) -> None:
    assert changed(**{name: nothing}) == {}
    assert notes(**{name: nothing}) == []


# Each field.


@pytest.mark.parametrize(
    ("style", "expected", "finish"),
    [
        ("vivid", {}, None),
        ("natural", {"style": "natural"}, None),
        ("normal", {"style": "natural"}, None),
        ("preview", {"model": "draft", "quality": Quality.LOW}, None),
        ("upscaled", {}, UpscaleKind.CONSERVATIVE),
    ],
)
def test_a_style_chooses_the_model_and_how_it_draws(
    style: str, expected: dict[str, Any], finish: UpscaleKind | None
) -> None:
    assert changed(style=style) == expected
    assert asked(style=style).finish is finish


@pytest.mark.parametrize(
    ("ratio", "size"), [("square", (1024, 1024)), ("portrait", (832, 1216)), ("landscape", (1216, 832))]
)
def test_a_ratio_is_an_exact_size(ratio: str, size: tuple[int, int]) -> None:
    request = generate(aspect_ratio=ratio)
    assert (request.width, request.height, request.exact) == (*size, True)


@pytest.mark.parametrize(
    ("said", "url", "b64_json", "hxd"),
    [
        ("url", True, False, False),
        ("b64_json", False, True, False),
        ("hxd", False, False, True),
        (["url"], True, False, False),
        (["url", "b64_json"], True, True, False),
        (["hxd", "url"], True, False, True),
        (["b64_json", "hxd", "url"], True, True, True),
        (["url", "url"], True, False, False),
    ],
)
def test_one_format_or_a_list_of_them(said: Any, url: bool, b64_json: bool, hxd: bool) -> None:
    ask = asked(response_format=said)
    assert (ask.links, ask.base64, ask.pixels) == (url, b64_json, hxd)
    assert composed(ask).format is Format.PNG


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"user_selected_model": "imagen-v3"}, {"model": "imagen-v3"}),
        ({"model": "imagen-v3"}, {"model": "imagen-v3"}),
        ({"user_selected_model": "a/b c", "model": "a/b c"}, {"model": "a/b c"}),
        ({"user_selected_model": "Imagen-V3 "}, {"model": "Imagen-V3 "}),
        ({"user_selected_model": "auto"}, {}),
        ({"model": "auto", "style": "preview"}, {"model": "draft", "quality": Quality.LOW}),
        ({"user_selected_model": "auto", "model": "imagen-v3"}, {"model": "imagen-v3"}),
        ({"user_selected_model": "imagen-v3", "style": "preview"}, {"model": "imagen-v3", "quality": Quality.LOW}),
        ({"user_selected_model": "imagen-v3", "style": "natural"}, {"model": "imagen-v3", "style": "natural"}),
        ({"negative_prompt": "fog"}, {"negative": "fog"}),
        ({"seed": 0}, {"seed": 0}),
        ({"seed": "42"}, {"seed": 42}),
        ({"seed": 42.0}, {"seed": 42}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({"seed": -1}, {}),
        ({"seed": -(2**63)}, {}),
        ({"disable_safety_checker": True}, {"moderation": Moderation.OFF}),
        ({"disable_safety_checker": "true"}, {"moderation": Moderation.OFF}),
        ({"disable_safety_checker": False}, {}),
        ({"force_prompt_enhancement": True}, {"enhance": True}),
        ({"force_prompt_enhancement": "false"}, {}),
    ],
)
def test_a_field_changes_what_it_stands_for_and_nothing_else(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert changed(**fields) == expected
    assert notes(**fields) == []


@pytest.mark.parametrize("said", [True, False, "1", "0", None])
def test_pictures_without_a_filter_are_asked_for_by_true_alone(said: Any) -> None:
    assert asked(disable_safety_checker=said).unfiltered is (said in (True, "1"))


@pytest.mark.parametrize(("seed", "echo"), [(7, 7), (0, 0), (-1, None), (None, None)])
def test_a_seed_is_remembered_for_the_answer(seed: int | None, echo: int | None) -> None:
    assert asked(seed=seed).echo == echo


def test_the_selected_model_goes_before_its_alias_and_a_note_says_so() -> None:
    assert generate(user_selected_model="a", model="b").model == "a"
    assert notes(user_selected_model="a", model="b") == [Note("model", "user_selected_model goes before it")]


# A picture to start from.


@pytest.mark.parametrize(
    "said",
    [
        DATA,
        BARE,
        DATA.replace("data:", "DATA:").replace(";base64", ";BASE64"),
        f"data:;base64,{BARE}",
        f"data:image/png;name=a.png;base64,{BARE}",
        base64.encodebytes(PHOTO).decode(),
        f" {BARE}\n",
    ],
    ids=lambda said: said[:24],
)
def test_a_picture_may_be_sent_as_a_data_url_or_as_bare_base64(said: str) -> None:
    [source] = asked(reference_image=said).sources
    assert (source.field, source.body, source.url, source.asset) == ("reference_image", PHOTO, None, None)


@pytest.mark.parametrize("link", [LINK, "http://example.com/a", "HTTPS://example.com/a"])
@pytest.mark.parametrize("field", ["reference_image_url", "reference_image"])
def test_a_link_is_followed_in_whichever_field_it_stands(field: str, link: str) -> None:
    [source] = asked(**{field: link}).sources
    assert (source.field, source.body, source.url) == (field, None, link)


def test_a_data_url_is_read_in_the_links_field_too() -> None:
    [source] = asked(reference_image_url=DATA).sources
    assert (source.field, source.body, source.url) == ("reference_image_url", PHOTO, None)


@pytest.mark.parametrize("field", ["reference_image_url", "reference_image"])
def test_the_picture_becomes_the_reference(field: str) -> None:
    ask = asked(**{field: DATA, "denoising_strength": 0.6})
    picture = Image(PHOTO)
    request = ask.compose([picture])
    assert isinstance(request, Generate)
    assert request.references == (picture,)
    assert (request.operation, request.strength, request.model) == ("generate.reference", 0.6, "standard")
    assert (request.width, request.height) == (1024, 1024)
    assert ask.notes == ()


def test_of_two_pictures_the_one_sent_along_is_used_and_a_note_says_so() -> None:
    ask = asked(reference_image=base64.b64encode(OTHER).decode(), reference_image_url=LINK)
    [source] = ask.sources
    assert (source.field, source.body) == ("reference_image", OTHER)
    assert list(ask.notes) == [Note("reference_image_url", "reference_image is used in its place")]


@pytest.mark.parametrize(
    ("said", "strength"), [(0, 0.0), (1, 1.0), (0.6, 0.6), ("0.6", 0.6), (0.75, 0.75), (None, 0.75), ("", 0.75)]
)
def test_strength_goes_from_nothing_to_all_and_has_its_default(said: Any, strength: float) -> None:
    assert generate(reference_image=BARE, denoising_strength=said).strength == strength


def test_without_a_picture_the_clients_own_strength_is_nobodys_choice() -> None:
    assert generate(denoising_strength=0.75).strength is None
    assert notes(denoising_strength=0.75) == notes(denoising_strength="0.75") == []


@pytest.mark.parametrize("strength", [0, 0.6, 1])
def test_without_a_picture_any_other_strength_is_noted(strength: float) -> None:
    assert changed(denoising_strength=strength) == {}
    assert notes(denoising_strength=strength) == [
        Note("denoising_strength", "there is no reference image it could apply to")
    ]


# What is not taken.


@pytest.mark.parametrize(("field", "value"), [("n", 2), ("n", "2"), ("n", [1]), ("size", "512x512"), ("quality", "hd")])
def test_what_callers_of_other_dialects_would_miss_is_a_note_that_a_strict_request_is_refused_for(
    field: str, value: Any
) -> None:
    [note] = notes(**{field: value})
    assert (note.field, note.lossy) == (field, True)
    assert changed(**{field: value}) == {}


@pytest.mark.parametrize("one", [1, 1.0, "1", None, ""])
def test_one_picture_is_what_is_made_anyway(one: Any) -> None:
    assert notes(n=one) == []


def test_what_is_not_known_is_ignored_with_a_note_each_up_to_a_number() -> None:
    assert notes(zeal=1, user="u") == [
        Note("zeal", "is not known here and was ignored", lossy=False),
        Note("user", "is not known here and was ignored", lossy=False),
    ]
    many = notes(**{f"field{place:02}": 1 for place in range(25)})
    assert len(many) == 21
    assert many[-1] == Note("body", "5 more fields are not known here and were ignored", lossy=False)
    assert notes(**{"x" * 100_000: 1})[0].field == "x" * 64


# The documented requests, as they stand.

FIRST = b"""{
    "prompt": "A serene mountain lake at dawn, cinematic lighting",
    "style": "vivid",
    "aspect_ratio": "square",
    "response_format": "url"
  }"""
SECOND = b"""{
    "prompt": "Transform into oil painting style",
    "reference_image_url": "https://example.com/photo.jpg",
    "denoising_strength": 0.6,
    "aspect_ratio": "square"
  }"""


def test_the_documented_request_is_served() -> None:
    ask = asked(**msgspec.json.decode(FIRST))
    assert composed(ask) == Generate(
        model="standard",
        prompt="A serene mountain lake at dawn, cinematic lighting",
        width=1024,
        height=1024,
        exact=True,
        format=Format.PNG,
    )
    assert (ask.links, ask.base64, ask.pixels, ask.notes) == (True, False, False, ())


def test_the_documented_request_with_a_picture_is_served() -> None:
    ask = asked(**msgspec.json.decode(SECOND))
    [source] = ask.sources
    assert (source.field, source.url) == ("reference_image_url", LINK)
    request = composed(ask)
    assert (request.prompt, request.strength, len(request.references)) == ("Transform into oil painting style", 0.6, 1)
    assert (request.width, request.height, request.style) == (1024, 1024, None)
    assert (ask.links, ask.notes) == (True, ())
