"""From OpenAI's words to ours.

Liberal where real clients differ: nulls, empty strings, `image`/`image[]`, numbers as text, words of retired models.
Strict where it costs money: n, size, prompt, unknown choices. What is sent and not known is ignored, with a note.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import pybase64
from msgspec import Struct

from providers.contract import (
    Background,
    Code,
    Edit,
    EditKind,
    Fidelity,
    Format,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Moderation,
    Note,
    Polarity,
    Quality,
)
from providers.contract.model import parse_size
from proxy.dialects.contract import Ask, Incoming, Source
from proxy.dialects.fields import Fields, read_json, rejected, wrong_type
from proxy.dialects.forms import Form, is_form, read_form

PROMPT_LIMIT = 32_000
IMAGES_MOST = 16
IMAGE_BYTES = 50_000_000
DATA_URL_MOST = 20_971_520
SIDE_MOST = 16_384

QUALITIES = {
    "auto": None,
    "low": Quality.LOW,
    "medium": Quality.MEDIUM,
    "high": Quality.HIGH,
    "xhigh": Quality.XHIGH,
    "max": Quality.MAX,
    "standard": Quality.MEDIUM,
    "hd": Quality.HIGH,
}
"""The last two are dall-e-3's words."""
FORMATS = {"png": Format.PNG, "jpeg": Format.JPEG, "webp": Format.WEBP, "gif": Format.GIF, "svg": Format.SVG}
BACKGROUNDS = {"auto": None, "transparent": Background.TRANSPARENT, "opaque": Background.OPAQUE}
STYLES = {"vivid": "vivid", "natural": "natural"}
LEVELS = {"low": "low", "medium": "medium", "high": "high"}
ANSWERS = {"url": "url", "b64_json": "b64_json"}

IN_BASE64 = ("gpt-image-", "chatgpt-image-")
"""Models that answer with the picture itself where nothing is said; every other name answers with a link."""


class Echo(Struct, frozen=True):
    """What an answer repeats of its request."""

    tokens: bool = False
    """The name asked for is one whose answers carry `usage` and the settings chosen."""
    quality: str = "auto"
    background: str = "auto"
    safety_identifier: str | None = None


def parse_generation(incoming: Incoming) -> Ask:
    """`POST /v1/images/generations`."""
    fields = Fields(read_json(incoming.body))
    request = Generate(prompt=fields.required_text("prompt", longest=PROMPT_LIMIT), **_shared(fields))
    return _ask(fields, lambda _: request, (), both=False)


def parse_edit(incoming: Incoming) -> Ask:
    """`POST /v1/images/edits`, as a form or as JSON."""
    if is_form(incoming.headers):
        form = read_form(incoming.headers, incoming.body)
        fields = _form_fields(form)
        images, mask = _from_form(form)
    else:
        fields = Fields(read_json(incoming.body))
        images, mask = _from_json(fields)
    prompt = fields.required_text("prompt", longest=PROMPT_LIMIT)
    wanted = _shared(fields)
    fidelity = fields.choice("input_fidelity", {"low": Fidelity.LOW, "high": Fidelity.HIGH})
    sources = images if mask is None else [*images, mask]

    def compose(pictures: Sequence[Image]) -> ImageRequest:
        return Edit(
            kind=EditKind.GENERAL if mask is None else EditKind.INPAINT,
            prompt=prompt,
            pictures=tuple(pictures[: len(images)]),
            mask=None if mask is None else Mask(pictures[-1], Polarity.TRANSPARENT),
            fidelity=fidelity,
            **wanted,
        )

    return _ask(fields, compose, sources, both=True)


def parse_variation(incoming: Incoming) -> Ask:
    """`POST /v1/images/variations`: gone at OpenAI, alive here; clients send as little as the picture alone."""
    if not is_form(incoming.headers):
        raise rejected("Variations are sent as multipart/form-data.", Code.NOT_JSON, None)
    form = read_form(incoming.headers, incoming.body)
    fields = _form_fields(form)
    images, _ = _from_form(form)
    wanted = _shared(fields)
    prompt = fields.text("prompt", longest=PROMPT_LIMIT) or ""

    def compose(pictures: Sequence[Image]) -> ImageRequest:
        return Edit(kind=EditKind.VARIATION, prompt=prompt, pictures=(pictures[0],), **wanted)

    return _ask(fields, compose, images[:1], both=False)


def _form_fields(form: Form) -> Fields:
    """The texts of a form. Some clients always write `n`, as 0 where it was not set."""
    return Fields({name: text for name, text in form.texts.items() if (name, text) != ("n", "0")})


def _shared(fields: Fields) -> dict[str, Any]:
    """What every route takes, in our words; only what was sent."""
    width, height = _size(fields)
    encoding = _encoding(fields)
    svg = fields.take("svg")
    if svg is not None and not isinstance(svg, Mapping):
        raise wrong_type("svg", "an object", svg)
    streams = fields.flag("stream")
    partial = fields.integer("partial_images", 0, 3)
    wanted = encoding | {
        "model": fields.text("model", longest=128),
        "n": fields.integer("n", 1, 10),
        "width": width,
        "height": height,
        "quality": fields.choice("quality", QUALITIES),
        "style": fields.choice("style", STYLES),
        "moderation": fields.choice("moderation", {"auto": None, "low": Moderation.LOW}),
        "complexity": fields.choice("complexity", LEVELS),
        "frames": fields.integer("frame_count", 2, 64),
        "frame_ms": fields.integer("frame_duration_ms", 20, 2000),
        "vector_model": _inner(svg, "model") or fields.text("svg[model]"),
        "vector_effort": _inner(_inner(svg, "reasoning"), "effort") or fields.text("svg[reasoning][effort]"),
        "user": fields.text("safety_identifier") or fields.text("user"),
        "previews": partial if streams else None,
        # Not OpenAI's own, but what servers of open models take beside them.
        "seed": fields.integer("seed", 0, 2**63 - 1),
        "negative": fields.text("negative_prompt", longest=PROMPT_LIMIT),
        "steps": fields.integer("num_inference_steps", 1, 1000),
        "guidance": fields.number("guidance_scale", 0.0, 100.0),
    }
    return {"model": ""} | {name: value for name, value in wanted.items() if value is not None}


def _encoding(fields: Fields) -> dict[str, Any]:
    """Format, background and compression, which constrain each other."""
    encoded = fields.choice("output_format", FORMATS)
    background = fields.choice("background", BACKGROUNDS)
    compression = fields.integer("output_compression", 0, 100)
    if background is Background.TRANSPARENT and encoded in (Format.JPEG, Format.GIF):
        detail = f"Transparent background is not supported for the '{encoded}' output format."
        raise rejected(detail, Code.INVALID, "background")
    if compression == 100:
        compression = None  # the default, which clients send for every format
    if compression is not None and encoded not in (Format.JPEG, Format.WEBP):
        detail = "Compression less than 100 is only supported for the 'jpeg' and 'webp' output formats."
        raise rejected(detail, Code.INVALID, "output_compression")
    return {"format": encoded, "background": background, "compression": compression}


def _size(fields: Fields) -> tuple[int | None, int | None]:
    size = fields.text("size")
    if size is None or size == "auto":
        return None, None
    try:
        width, height = parse_size(size)
    except ValueError:
        width = height = 0
    if not (0 < width <= SIDE_MOST and 0 < height <= SIDE_MOST):
        raise rejected(f"Invalid value: '{size[:40]}'. A size is 'auto' or 'WIDTHxHEIGHT'.", Code.INVALID, "size")
    return width, height


def _inner(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _from_form(form: Form) -> tuple[list[Source], Source | None]:
    images = form.files_named("image")
    if not images:
        raise rejected("Missing required parameter: 'image'.", Code.MISSING, "image")
    if len(images) > IMAGES_MOST:
        raise rejected(f"At most {IMAGES_MOST} images can be sent.", Code.ABOVE_MAXIMUM, "image")
    sources: list[Source] = []
    for place, file in enumerate(images):
        field = "image" if len(images) == 1 else f"image[{place}]"
        sources.append(_sized(Source(field=field, body=file.body)))
    masks = form.files_named("mask")
    return sources, _sized(Source(field="mask", body=masks[0].body)) if masks else None


def _sized(source: Source) -> Source:
    if not source.body:
        raise rejected(f"Invalid file '{source.field}': the file is empty.", Code.NOT_AN_IMAGE, source.field)
    if len(source.body) > IMAGE_BYTES:
        raise rejected(f"Invalid file '{source.field}': it is larger than 50 MB.", Code.TOO_LARGE, source.field)
    return source


def _from_json(fields: Fields) -> tuple[list[Source], Source | None]:
    images = fields.take("images")
    if images is None:
        raise rejected("Missing required parameter: 'images'.", Code.MISSING, "images")
    if not isinstance(images, list):
        raise wrong_type("images", "an array", images)
    if not 1 <= len(images) <= IMAGES_MOST:
        raise rejected(f"'images' takes 1 to {IMAGES_MOST} images.", Code.INVALID, "images")
    sources = [_reference(image, f"images[{place}]") for place, image in enumerate(images)]
    mask = fields.take("mask")
    return sources, None if mask is None else _reference(mask, "mask")


def _reference(value: Any, field: str) -> Source:
    """A picture given as `{"image_url": ...}`: a link, or a data URL."""
    if not isinstance(value, dict):
        raise wrong_type(field, "an object", value)
    for name in value:
        if name not in ("image_url", "file_id"):
            raise rejected(f"Unknown parameter: '{field}.{name}'.", Code.UNKNOWN_FIELD, f"{field}.{name}")
    if value.get("file_id"):
        detail = "Files are not kept here: send the picture itself, or a link to it, as 'image_url'."
        raise rejected(detail, Code.INVALID, f"{field}.file_id")
    url = value.get("image_url")
    if not isinstance(url, str) or not url:
        raise rejected(f"Missing required parameter: '{field}.image_url'.", Code.MISSING, f"{field}.image_url")
    if len(url) > DATA_URL_MOST:
        raise rejected(f"Invalid '{field}.image_url': string too long.", Code.TOO_LONG, f"{field}.image_url")
    if not url.startswith("data:"):
        return Source(field=field, url=url)
    try:
        return _sized(Source(field=field, body=pybase64.b64decode(url.partition(",")[2], validate=True)))
    except (binascii.Error, ValueError) as error:
        raise rejected(f"Invalid base64 in '{field}.image_url'.", Code.NOT_AN_IMAGE, f"{field}.image_url") from error


def _ask(fields: Fields, compose: Any, sources: Sequence[Source], *, both: bool) -> Ask:
    """How to answer: as asked, else by the model's name. An edit under any other name answers both ways."""
    model = str(fields.take("model") or "")
    said = fields.choice("response_format", ANSWERS)
    in_base64 = model.startswith(IN_BASE64)
    streams = fields.flag("stream")
    ignored = tuple(Note(name, "is not known here and was ignored", lossy=False) for name in fields.unread())
    return Ask(
        compose=compose,
        sources=tuple(sources),
        links=not streams and (said == "url" or (said is None and not in_base64)),
        base64=streams or said == "b64_json" or (said is None and (in_base64 or both)),
        streams=streams,
        notes=ignored,
        echo=Echo(
            tokens=in_base64,
            quality=str(QUALITIES[fields.take("quality") or "auto"] or "auto"),
            background=str(BACKGROUNDS[fields.take("background") or "auto"] or "auto"),
            safety_identifier=fields.text("safety_identifier"),
        ),
    )
