"""From StudioLM's words to ours.

The official client spells out its defaults in every request, also where they mean nothing. Strict where it costs money:
styles, ratios, formats, strengths and pictures that cannot be read are refused before.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import pybase64
from msgspec import Struct
from msgspec.structs import replace

from providers.contract import (
    Code,
    Format,
    Generate,
    Image,
    ImageRequest,
    Moderation,
    Note,
    Quality,
    UpscaleKind,
)
from proxy.dialects.contract import Ask, Incoming, Source
from proxy.dialects.fields import Table, choice, flag, integer, number, read, read_json, rejected, required, text

PROMPT_LIMIT = 32_000
LINK_MOST = 8_192
STRENGTH = 0.75
"""What a picture sent along is redrawn with where nothing is said; the client says it without a picture too."""
UNKNOWN_MOST = 20
"""Fields that are not known and are named in notes; of more, their number is."""


class Style(Struct, frozen=True, kw_only=True):
    """What a style comes to here."""

    model: str
    """Who draws it where the caller names no model."""
    word: str | None = None
    quality: Quality | None = None
    finish: UpscaleKind | None = None


NATURAL = Style(model="standard", word="natural")
STYLES: Mapping[str, Style] = {
    "vivid": Style(model="standard"),  # the default, which the client always sends: a model's own look
    "natural": NATURAL,
    "normal": NATURAL,  # the client's other name for it, sent as it is
    "preview": Style(model="draft", quality=Quality.LOW),
    "upscaled": Style(model="standard", finish=UpscaleKind.CONSERVATIVE),
}
UNSAID = Style(model="standard")
"""Vivid is the default and what models draw by themselves, so nothing is asked of them that they might not take."""

RATIOS: Mapping[str, tuple[int, int]] = {"square": (1024, 1024), "portrait": (832, 1216), "landscape": (1216, 832)}
FORMATS = ("url", "b64_json", "hxd")

_format = choice(dict.fromkeys(FORMATS, True))
_name = text(128)
_any_seed = integer(-(2**63), 2**63 - 1)


def _formats(name: str, value: Any) -> tuple[str, ...]:
    """One format, or a list of them."""
    said = value if isinstance(value, list) else [value]
    if not said:
        raise rejected(f"'{name}' is an empty list: no answer would hold the picture.", Code.INVALID, name)
    for each in said:
        _format(name, each)
    return tuple(said)


def _model(name: str, value: Any) -> str | None:
    """A model's name; `auto` is none."""
    said: str = _name(name, value)
    return None if said == "auto" else said


def _seed(name: str, value: Any) -> int | None:
    """A seed; a negative one is the client's way to say that any will do."""
    seed: int = _any_seed(name, value)
    return seed if seed >= 0 else None


FIELDS: Table = {
    "prompt": ("prompt", text(PROMPT_LIMIT)),
    "style": ("style", choice(STYLES)),
    "aspect_ratio": ("size", choice(RATIOS)),
    "response_format": ("formats", _formats),
    "user_selected_model": ("selected", _model),
    "model": ("model", _model),
    "negative_prompt": ("negative", text(PROMPT_LIMIT)),
    "seed": ("seed", _seed),
    "disable_safety_checker": ("unfiltered", flag),
    "force_prompt_enhancement": ("enhance", flag),
    "reference_image": ("inline", text()),
    "reference_image_url": ("link", text()),
    "denoising_strength": ("strength", number(0.0, 1.0)),
}
"""Every field that is known, the name it has here, and how it is read."""
SETTLED: Mapping[str, str] = {
    "n": "one picture is made of each request",
    "size": "aspect_ratio decides it",
    "quality": "style decides it",
}
"""What callers of other dialects would miss, and why it is not taken."""


def parse(incoming: Incoming) -> Ask:
    """`POST /v1/images/generations`."""
    body = read_json(incoming.body)
    known, unknown = read(body, FIELDS)
    required(known, "prompt", "prompt")
    notes = _unread(body, unknown)
    source = _reference(known, notes)
    request = _request(known, notes, leaning=source is not None)
    formats = known.get("formats", ("url",))

    def compose(pictures: Sequence[Image]) -> ImageRequest:
        return replace(request, references=tuple(pictures)) if pictures else request

    return Ask(
        compose=compose,
        sources=() if source is None else (source,),
        links="url" in formats,
        base64="b64_json" in formats,
        pixels="hxd" in formats,
        finish=known.get("style", UNSAID).finish,
        unfiltered=known.get("unfiltered", False),
        notes=tuple(notes),
        echo=request.seed,
    )


def _request(known: Mapping[str, Any], notes: list[Note], *, leaning: bool) -> Generate:
    """The request without its picture."""
    style: Style = known.get("style", UNSAID)
    selected, model = known.get("selected"), known.get("model")
    if selected and model and selected != model:
        notes.append(Note("model", "user_selected_model goes before it"))
    strength = known.get("strength", STRENGTH)
    if not leaning and strength != STRENGTH:
        notes.append(Note("denoising_strength", "there is no reference image it could apply to"))
    width, height = known.get("size", RATIOS["square"])
    return Generate(
        model=selected or model or style.model,
        prompt=known["prompt"],
        width=width,
        height=height,
        exact=True,
        quality=style.quality,
        style=style.word,
        negative=known.get("negative"),
        seed=known.get("seed"),
        format=Format.PNG,  # what is promised for base64, and what people name the file they save a link to
        moderation=Moderation.OFF if known.get("unfiltered") else None,
        enhance=known.get("enhance", False),
        strength=strength if leaning else None,
    )


def _reference(known: Mapping[str, Any], notes: list[Note]) -> Source | None:
    """The picture to start from, if any: either field may hold a link or a data URL, the first bare base64 too."""
    if "inline" in known:
        if "link" in known:
            notes.append(Note("reference_image_url", "reference_image is used in its place"))
        return _source("reference_image", known["inline"])
    return _source("reference_image_url", known["link"]) if "link" in known else None


def _source(field: str, said: str) -> Source:
    scheme = said[:8].lower()
    if scheme.startswith(("http://", "https://")):
        if len(said) > LINK_MOST:
            raise rejected(f"Invalid '{field}': a link has at most {LINK_MOST} characters.", Code.TOO_LONG, field)
        return Source(field=field, url=said)
    if scheme.startswith("data:"):
        head, _, said = said.partition(",")
        if not head.lower().endswith(";base64"):
            raise rejected(f"Invalid '{field}': a data URL must hold base64.", Code.NOT_AN_IMAGE, field)
    elif field == "reference_image_url":
        raise rejected(f"Invalid '{field}': expected an http or https URL.", Code.INVALID, field)
    return Source(field=field, body=_decoded(field, said))


def _decoded(field: str, said: str) -> bytes:
    """Base64, wrapped into lines or not."""
    try:
        body: bytes = pybase64.b64decode("".join(said.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise rejected(f"Invalid base64 in '{field}'.", Code.NOT_AN_IMAGE, field) from error
    if not body:
        raise rejected(f"Invalid '{field}': the picture is empty.", Code.NOT_AN_IMAGE, field)
    return body


def _unread(body: Mapping[str, Any], unknown: Sequence[str]) -> list[Note]:
    """A note for every field that was not read."""
    settled = [name for name in unknown if name in SETTLED and not (name == "n" and body["n"] in (1, "1"))]
    others = [name for name in unknown if name not in SETTLED]
    notes = [Note(name, SETTLED[name]) for name in settled]
    notes += [Note(name[:64], "is not known here and was ignored", lossy=False) for name in others[:UNKNOWN_MOST]]
    if len(others) > UNKNOWN_MOST:
        more = len(others) - UNKNOWN_MOST
        notes.append(Note("body", f"{more} more fields are not known here and were ignored", lossy=False))
    return notes
