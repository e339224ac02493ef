"""From OpenAI's words to ours.

Liberal where real clients differ: nulls, empty strings, `image`/`image[]`, numbers as text, words of retired models.
Strict where it costs money: n, size, prompt, unknown choices. What is sent and not known is ignored, with a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

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
from proxy.dialects.fields import (
    Table,
    anything,
    choice,
    flag,
    integer,
    mapping,
    number,
    read,
    read_json,
    rejected,
    required,
    sequence,
    text,
    wrong_type,
)
from proxy.dialects.forms import Form, is_form, read_form
from proxy.dialects.openai.pictures import from_form, from_json

PROMPT_LIMIT = 32_000
SIDE_MOST = 16_384
UNKNOWN_MOST = 20
"""Fields that are not known and are named in notes; of more, their number is."""
IN_BASE64 = ("gpt-image-", "chatgpt-image-")
"""Models that answer with the picture itself where nothing is said; every other name answers with a link."""


def _size(name: str, value: Any) -> tuple[int, int] | None:
    if value == "auto":
        return None
    try:
        width, height = parse_size(value)
    except (ValueError, AttributeError):
        width = height = 0
    if not (0 < width <= SIDE_MOST and 0 < height <= SIDE_MOST):
        shown = str(value)[:40]
        raise rejected(f"Invalid value: '{shown}'. A size is 'auto' or 'WIDTHxHEIGHT'.", Code.INVALID, name)
    return width, height


def _no_file(name: str, value: Any) -> None:
    raise wrong_type(name, "a file", value)


SHARED: Table = {
    "model": ("model", text(128)),
    "prompt": ("prompt", text(PROMPT_LIMIT)),
    "n": ("n", integer(1, 10)),
    "size": ("size", _size),
    "quality": (
        "quality",
        choice(
            {
                "auto": None,
                "low": Quality.LOW,
                "medium": Quality.MEDIUM,
                "high": Quality.HIGH,
                "xhigh": Quality.XHIGH,
                "max": Quality.MAX,
                "standard": Quality.MEDIUM,  # dall-e-3's words, these two
                "hd": Quality.HIGH,
            }
        ),
    ),
    "style": ("style", choice({"vivid": "vivid", "natural": "natural"})),
    "background": (
        "background",
        choice({"auto": None, "transparent": Background.TRANSPARENT, "opaque": Background.OPAQUE}),
    ),
    "output_format": ("format", choice({str(each): each for each in Format})),
    "output_compression": ("compression", integer(0, 100)),
    "moderation": ("moderation", choice({"auto": None, "low": Moderation.LOW})),
    "complexity": ("complexity", choice({"low": "low", "medium": "medium", "high": "high"})),
    "frame_count": ("frames", integer(2, 64)),
    "frame_duration_ms": ("frame_ms", integer(20, 2000)),
    "svg": ("svg", mapping),
    "svg[model]": ("vector_model", text(128)),
    "svg[reasoning][effort]": ("vector_effort", text(32)),
    "user": ("user", text(512)),
    "safety_identifier": ("safety_identifier", text(512)),
    "stream": ("stream", flag),
    "partial_images": ("previews", integer(0, 3)),
    "response_format": ("response_format", choice({"url": "url", "b64_json": "b64_json"})),
    # Not OpenAI's own, but what servers of open models take beside them.
    "seed": ("seed", integer(0, 2**63 - 1)),
    "negative_prompt": ("negative", text(PROMPT_LIMIT)),
    "num_inference_steps": ("steps", integer(1, 1000)),
    "guidance_scale": ("guidance", number(0.0, 100.0)),
}
"""Every field that is known, the name it has here, and how it is read."""
EDIT: Table = {**SHARED, "input_fidelity": ("fidelity", choice({"low": Fidelity.LOW, "high": Fidelity.HIGH}))}
EDIT_JSON: Table = {**EDIT, "images": ("images", sequence), "mask": ("mask", anything)}
SVG: Table = {"svg.model": ("vector_model", text(128)), "svg.reasoning": ("reasoning", mapping)}
REASONING: Table = {"svg.reasoning.effort": ("vector_effort", text(32))}
_FILES: Table = {"image": ("image", _no_file), "mask": ("mask", _no_file)}
"""What a form must carry as a file: a mask taken for an unknown text would cost a picture changed all over."""
EDIT_FORM: Table = {**EDIT, **_FILES}
VARIATION_FORM: Table = {**SHARED, **_FILES}


class Echo(Struct, frozen=True):
    """What an answer repeats of its request."""

    tokens: bool = False
    """The name asked for is one whose answers carry `usage` and the settings chosen."""
    quality: str = "auto"
    background: str = "auto"
    safety_identifier: str | None = None


class _Answering(Struct, frozen=True):
    """How to answer, and what of the request was not known."""

    links: bool
    base64: bool
    streams: bool
    tokens: bool
    safety_identifier: str | None
    unknown: Sequence[str]


def parse_generation(incoming: Incoming) -> Ask:
    """`POST /v1/images/generations`."""
    known, unknown = read(read_json(incoming.body), SHARED)
    required(known, "prompt", "prompt")
    answering = _answering(known, unknown)
    request = Generate(**known)
    return _ask(answering, request, lambda _: request)


def parse_edit(incoming: Incoming) -> Ask:
    """`POST /v1/images/edits`, as a form or as JSON."""
    if is_form(incoming.headers):
        form = read_form(incoming.headers, incoming.body)
        known, unknown = read(_form_texts(form), EDIT_FORM)
        images, mask = from_form(form)
        unknown += _unread(form, "image", "mask")
    else:
        known, unknown = read(read_json(incoming.body), EDIT_JSON)
        images, mask = from_json(known)
    required(known, "prompt", "prompt")
    answering = _answering(known, unknown, both=True)
    kind = EditKind.GENERAL if mask is None else EditKind.INPAINT
    request = Edit(kind=kind, pictures=(), **known)

    def compose(pictures: Sequence[Image]) -> ImageRequest:
        if mask is None:
            return replace(request, pictures=tuple(pictures))
        return replace(request, pictures=tuple(pictures[:-1]), mask=Mask(pictures[-1], Polarity.TRANSPARENT))

    return _ask(answering, request, compose, images if mask is None else [*images, mask])


def parse_variation(incoming: Incoming) -> Ask:
    """`POST /v1/images/variations`: gone at OpenAI, alive here; clients send as little as the picture alone."""
    if not is_form(incoming.headers):
        raise rejected("Variations are sent as multipart/form-data.", Code.NOT_JSON, None)
    form = read_form(incoming.headers, incoming.body)
    known, unknown = read(_form_texts(form), VARIATION_FORM)
    images, _ = from_form(form)
    unknown += [*_unread(form, "image"), *[source.field for source in images[1:]]]
    answering = _answering(known, unknown)
    request = Edit(kind=EditKind.VARIATION, pictures=(), **known)
    return _ask(answering, request, lambda pictures: replace(request, pictures=(pictures[0],)), images[:1])


def _form_texts(form: Form) -> dict[str, str]:
    """The texts of a form. Some clients always write `n`, as 0 where it was not set."""
    texts = {name: value for name, value in form.texts.items() if (name, value) != ("n", "0")}
    for name in [name for name in texts if name.startswith(("image[", "mask["))]:
        texts[name.partition("[")[0]] = texts.pop(name)
    return texts


def _unread(form: Form, *names: str) -> list[str]:
    """Files under any other name."""
    return [file.name for file in form.files if file.name.partition("[")[0] not in names]


def _answering(known: dict[str, Any], unknown: Sequence[str], *, both: bool = False) -> _Answering:
    """Take out of the fields what says how to answer, and settle what depends on one another.

    Where nothing is said, the model's name decides; with `both`, clients of any other name may read either.
    """
    model = known.setdefault("model", "")
    said = known.pop("response_format", None)
    streams = known.pop("stream", False)
    if not streams:
        known.pop("previews", None)
    safety_identifier = known.pop("safety_identifier", None)
    if safety_identifier is not None:
        known.setdefault("user", safety_identifier)
    if "size" in known:
        known["width"], known["height"] = known.pop("size")
    if "svg" in known:
        unknown = [*unknown, *_vector(known)]
    if "compression" in known or "background" in known:
        _check_encoding(known)
    tokens = model.startswith(IN_BASE64)
    return _Answering(
        links=not streams and (said == "url" or (said is None and not tokens)),
        base64=streams or said == "b64_json" or (said is None and (tokens or both)),
        streams=streams,
        tokens=tokens,
        safety_identifier=safety_identifier,
        unknown=unknown,
    )


def _vector(known: dict[str, Any]) -> list[str]:
    """Take `svg` apart; the names in it that are not known."""
    told, unknown = read(_within("svg", known.pop("svg")), SVG)
    effort, unknown_too = read(_within("svg.reasoning", told.pop("reasoning", {})), REASONING)
    known.update(told, **effort)
    return unknown + unknown_too


def _within(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{path}.{name}": value for name, value in values.items()}


def _check_encoding(known: dict[str, Any]) -> None:
    """Format, background and compression constrain each other."""
    encoded = known.get("format")
    if known.get("background") is Background.TRANSPARENT and encoded in (Format.JPEG, Format.GIF):
        detail = f"Transparent background is not supported for the '{encoded}' output format."
        raise rejected(detail, Code.INVALID, "background")
    if known.get("compression") == 100:
        del known["compression"]  # the default, which clients send for every format
    if "compression" in known and encoded not in (Format.JPEG, Format.WEBP):
        detail = "Compression less than 100 is only supported for the 'jpeg' and 'webp' output formats."
        raise rejected(detail, Code.INVALID, "output_compression")


def _ask(
    answering: _Answering,
    request: ImageRequest,
    compose: Callable[[Sequence[Image]], ImageRequest],
    sources: Sequence[Source] = (),
) -> Ask:
    return Ask(
        compose=compose,
        sources=tuple(sources),
        links=answering.links,
        base64=answering.base64,
        streams=answering.streams,
        notes=tuple(_notes(answering.unknown)),
        echo=Echo(
            tokens=answering.tokens,
            quality=str(request.quality or "auto"),
            background=str(request.background or "auto"),
            safety_identifier=answering.safety_identifier,
        ),
    )


def _notes(unknown: Sequence[str]) -> list[Note]:
    notes = [Note(name[:64], "is not known here and was ignored", lossy=False) for name in unknown[:UNKNOWN_MOST]]
    if len(unknown) > UNKNOWN_MOST:
        more = len(unknown) - UNKNOWN_MOST
        notes.append(Note("body", f"{more} more fields are not known here and were ignored", lossy=False))
    return notes
