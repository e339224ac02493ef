"""Ideogram: a form for every endpoint, answered with links; what the safety check withholds has none and is billed.

https://developer.ideogram.ai/v1/llms.txt  The older endpoints keep their fields in a JSON text named `image_request`,
or spell them otherwise. No answer states what it cost, and none when to come again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from re import fullmatch
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Format, sniff
from proxy.stub.contract import Answer, Asked, File, Route, Script, Stub
from proxy.stub.world import Job, World, size_of

BEGAN = 1_795_000_000
"""Added to the clock of the stubs, which does not start in 1970."""
MOST_BYTES = 25 << 20
MOST_SEED = 2_147_483_647
_TALL = """512x1536 576x1408 576x1472 576x1536 640x1344 640x1408 640x1472 640x1536 704x1152 704x1216 704x1280 704x1344
704x1408 704x1472 736x1312 768x1088 768x1216 768x1280 768x1344 800x1280 832x960 832x1024 832x1088 832x1152 832x1216
832x1248 864x1152 896x960 896x1024 896x1088 896x1120 896x1152 960x1024 960x1088"""
_TALL_2 = _TALL + " 640x1024 720x1280 768x1024 768x1152 768x1232"
_TALL_4 = """1440x2880 1664x2496 1792x2240 1440x2560 1600x2560 1728x2304 1296x3168 1152x2944 1248x3328 1280x3072
1024x3072 512x1536 720x1440 720x1280 800x1280 832x1248 864x1152 896x1120"""
SHAPES = {"1x1": "1024x1024", "16x9": "1312x736", "16x10": "1280x800", "4x3": "1152x864", "3x2": "1248x832"}
SHAPES |= {"3x1": "1536x512", "2x1": "1408x704", "5x4": "1120x896"}
STYLES = ["AUTO", "GENERAL", "REALISTIC", "DESIGN", "CUSTOM", "FICTION", "STYLIZED"]
_PRESETS = """80S_ILLUSTRATION 90S_NOSTALGIA ABSTRACT_ORGANIC ANALOG_NOSTALGIA ART_BRUT ART_DECO ART_POSTER AURA
AVANT_GARDE BAUHAUS BLUEPRINT BLURRY_MOTION BRIGHT_ART C4D_CARTOON CHILDRENS_BOOK COLLAGE COLORING_BOOK_I
COLORING_BOOK_II CUBISM DARK_AURA DOODLE DOUBLE_EXPOSURE DRAMATIC_CINEMA EDITORIAL EMOTIONAL_MINIMAL ETHEREAL_PARTY
EXPIRED_FILM FLAT_ART FLAT_VECTOR FOREST_REVERIE GEO_MINIMALIST GLASS_PRISM GOLDEN_HOUR GRAFFITI_I GRAFFITI_II
HALFTONE_PRINT HIGH_CONTRAST HIPPIE_ERA ICONIC JAPANDI_FUSION JAZZY LONG_EXPOSURE MAGAZINE_EDITORIAL
MINIMAL_ILLUSTRATION MIXED_MEDIA MONOCHROME NIGHTLIFE OIL_PAINTING OLD_CARTOONS PAINT_GESTURE POP_ART RETRO_ETCHING
RIVIERA_POP SPOTLIGHT_80S STYLIZED_RED SURREAL_COLLAGE TRAVEL_POSTER VINTAGE_GEO VINTAGE_POSTER WATERCOLOR WEIRD
WOODBLOCK_PRINT"""
PALETTES = ("EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE")
BOTH = ["true", "false"]
SWITCH = ["AUTO", "ON", "OFF"]


def _turned(names: str) -> list[str]:
    """Each on its side, too."""
    return [*names.split(), *("x".join(reversed(name.split("x"))) for name in names.split())]


SHAPES |= {"x".join(reversed(shape.split("x"))): "x".join(reversed(size.split("x"))) for shape, size in SHAPES.items()}
WORDS: dict[str, dict[str, list[str]]] = {
    "v3": {
        "resolution": ["1024x1024", *_turned(_TALL)],
        "aspect_ratio": list(SHAPES),
        "rendering_speed": ["FLASH", "TURBO", "BALANCED", "DEFAULT", "QUALITY"],
        "magic_prompt": SWITCH,
        "style_type": STYLES,
        "style_preset": _PRESETS.split(),
        "upscale_factor": ["X1", "X2", "X4"],
        "transparent_background": BOTH,
    },
    "v4": {
        "resolution": ["2048x2048", "1024x1024", *_turned(_TALL_4)],
        "rendering_speed": ["TURBO", "DEFAULT", "QUALITY"],
        "enable_copyright_detection": BOTH,
    },
    "old": {
        "resolution": ["RESOLUTION_" + size.replace("x", "_") for size in ("1024x1024", *_turned(_TALL_2))],
        "aspect_ratio": ["ASPECT_" + shape.replace("x", "_") for shape in SHAPES.keys() - {"2x1", "1x2", "5x4", "4x5"}],
        "model": ["V_1", "V_1_TURBO", "V_2", "V_2_TURBO", "V_2A", "V_2A_TURBO", "V_3", "AUTO"],
        "magic_prompt_option": SWITCH,
        "magic_prompt_version": ["V_0", *(f"V_0_{number}" for number in range(1, 9))],
        "style_type": [*STYLES, "RENDER_3D", "ANIME"],
    },
}
"""What may be said, by generation."""
PERCENT = (1, 100)
RANGES = {"seed": (0, MOST_SEED), "num_images": (1, 8)}
RANGES |= {"image_weight": PERCENT, "resemblance": PERCENT, "detail": PERCENT}
CHARACTER, MASKS = "character_reference_images", "character_reference_images_mask"
PICTURES = {"image": 1, "image_file": 1, "mask": 1, "images": 10, "style_reference_images": 10, CHARACTER: 1, MASKS: 1}
"""How many there may be of each."""
LOOKS = "color_palette style_codes style_preset style_reference_images "
CAST = f"style_type custom_model_uri {CHARACTER} {MASKS} "
SOME = "num_images seed rendering_speed "
OLD = (
    "model aspect_ratio magic_prompt_option magic_prompt_version seed style_type negative_prompt num_images resolution"
)
OLD += " color_palette"


class Endpoint(Struct, frozen=True):
    """What an endpoint takes. Names stand with spaces between."""

    needs: str
    takes: str = ""
    words: str = "v3"
    json: bool = False
    """Takes JSON instead of a form, too."""
    packed: bool = False
    """All fields but the picture are one JSON object, `image_request`."""


GENERATE = SOME + LOOKS + CAST + "resolution aspect_ratio magic_prompt negative_prompt"
INPAINT = Endpoint("image mask prompt", SOME + LOOKS + CAST + "magic_prompt")
TRANSPARENT = SOME + "upscale_factor aspect_ratio magic_prompt negative_prompt custom_model_uri"
EDIT = "images image_urls num_images seed magic_prompt resolution aspect_ratio transparent_background"
SAID_4 = "resolution rendering_speed enable_copyright_detection"
UPSCALE = "prompt resemblance detail magic_prompt_option magic_prompt_version num_images seed"
ENDPOINTS = {
    "v1/ideogram-v3/generate": Endpoint("prompt", GENERATE, json=True),
    "v1/ideogram-v3/generate-transparent": Endpoint("prompt", TRANSPARENT, json=True),
    "v1/ideogram-v3/inpaint": INPAINT,
    "v1/ideogram-v3/edit": INPAINT,  # its older name
    "v1/ideogram-v3/remix": Endpoint("image prompt", GENERATE + " image_weight"),
    "v1/ideogram-v3/reframe": Endpoint("image resolution", SOME + LOOKS),
    "v1/ideogram-v3/replace-background": Endpoint("image prompt", SOME + LOOKS + "magic_prompt"),
    "v1/ideogram-v4/generate": Endpoint("", f"text_prompt json_prompt {SAID_4}", "v4"),
    "v1/ideogram-v4/remix": Endpoint("image text_prompt", f"image_weight {SAID_4}", "v4"),
    "v1/edit": Endpoint("prompt", EDIT),
    "v1/remove-background": Endpoint("image"),
    "generate": Endpoint("prompt", OLD, "old", json=True, packed=True),
    "remix": Endpoint("image_file prompt", OLD + " image_weight", "old", packed=True),
    "upscale": Endpoint("image_file", UPSCALE, "old", packed=True),
    "edit": Endpoint("image_file mask prompt model", "magic_prompt_option num_images seed style_type", "old"),
    "reframe": Endpoint("image_file model resolution", "num_images seed style_type", "old"),
}


def refusal(status: int, said: str) -> Answer:
    """An error; the documents show the one of the safety check, and no other."""
    return Answer(status=status, json={"error": said})


def submit(asked: Asked, world: World) -> Answer:
    """Check everything, then draw."""
    path = asked.path.strip("/")
    endpoint = ENDPOINTS[path]
    kind = asked.headers.get("content-type", "").partition(";")[0]
    # what is asked in words alone by the older endpoint has no form
    if kind not in ("application/json",) * endpoint.json + ("multipart/form-data",) * (path != "generate"):
        return refusal(400, f"Content-Type {kind!r} is not supported.")
    sent = _fields(asked, endpoint)
    if sent is None:
        return refusal(400, "Invalid input provided: image_request must be a JSON object.")
    wrong = next(chain(_values(asked, sent, endpoint), _pictures(asked), _together(path, sent)), None)
    return refusal(400, f"Invalid input provided: {wrong}") if wrong else _drawn(path, asked, sent, world)


def _fields(asked: Asked, endpoint: Endpoint) -> dict[str, Any] | None:
    """Everything that was sent, by name; of what may come several times, a list."""
    sent: dict[str, Any] = {}
    for name, value in asked.fields:
        several = PICTURES.get(name, 1) > 1 or name in (CHARACTER, MASKS, "style_codes", "image_urls")
        sent[name] = [*sent.get(name, []), value] if several else value
    if isinstance(asked.json, dict):
        sent |= asked.json
    if not endpoint.packed:
        return sent
    inner = sent.pop("image_request", None)
    try:
        inner = msgspec.json.decode(inner) if isinstance(inner, str) else inner
    except msgspec.DecodeError:
        return None
    return sent | inner if isinstance(inner, dict) and not inner.keys() & PICTURES.keys() else None


def _values(asked: Asked, sent: dict[str, Any], endpoint: Endpoint) -> Iterator[str]:
    """Fields that are unknown or missing, and values that are illegal."""
    yield from (f"{name} is not a field" for name in sent.keys() - {*endpoint.needs.split(), *endpoint.takes.split()})
    yield from (f"{name} is required" for name in endpoint.needs.split() if not sent.get(name))
    words = WORDS[endpoint.words]
    # a form has only texts; in JSON a number is a number
    texts = asked.json is None and not endpoint.packed
    for name, value in sent.items():
        if name in words and value not in words[name]:
            yield f"{name} must be one of {', '.join(words[name])}"
        elif name in RANGES:
            low, high = RANGES[name]
            number = int(value) if texts and isinstance(value, str) and value.isdecimal() else value
            if type(number) is not int or not low <= number <= high:
                yield f"{name} must be an integer between {low} and {high}"
        elif name in PICTURES:
            if asked.json is not None:
                yield f"{name} must be sent as multipart/form-data"
        elif name in ("style_codes", "image_urls"):
            shape = "[0-9a-fA-F]{8}" if name == "style_codes" else "https?://.+"
            if not isinstance(value, list) or not all(fullmatch(shape, str(each)) for each in value):
                yield f"{name} is not what its schema says"
        elif name in ("color_palette", "json_prompt"):
            if not _object(name, value):
                yield f"{name} is not what its schema says"
        elif not isinstance(value, str):
            yield f"{name} must be a string"


def _object(name: str, value: Any) -> bool:
    """Whether a field that is an object, in a form as JSON, may be it."""
    try:
        value = msgspec.json.decode(value) if isinstance(value, str) else value
    except msgspec.DecodeError:
        return False
    if name == "json_prompt" or not isinstance(value, dict):
        return isinstance(value, dict)
    return value.get("name") in PALETTES if "name" in value else bool(value.get("members"))


def _pictures(asked: Asked) -> Iterator[str]:
    sizes: dict[str, tuple[int, int] | None] = {}
    for name, most in PICTURES.items():
        values = [value for key, value in asked.fields if key == name]
        if len(values) > most:
            yield f"{name} takes at most {most} images"
        for value in values:
            if not isinstance(value, File) or sniff(value.body) not in (Format.JPEG, Format.PNG, Format.WEBP):
                yield f"{name} must be a JPEG, PNG or WebP image"
            elif len(value.body) > MOST_BYTES or (sizes.setdefault(name, size_of(value.body))) is None:
                yield f"{name} cannot be read, or has more than 25MB"
    for mask, picture in (("mask", sizes.get("image", sizes.get("image_file"))), (MASKS, sizes.get(CHARACTER))):
        if mask in sizes and sizes[mask] != picture:
            yield f"{mask} must be of the same size as its image"


def _together(path: str, sent: dict[str, Any]) -> Iterator[str]:
    """What is wrong with fields beside each other."""
    model = sent.get("model", "V_2")
    for one, other in (
        ("resolution", "aspect_ratio"),
        ("style_codes", "style_type"),
        ("style_codes", "style_reference_images"),
        ("text_prompt", "json_prompt"),
    ):
        if one in sent and other in sent:
            yield f"{one} cannot be used in conjunction with {other}"
    if path == "v1/ideogram-v4/generate" and not sent.keys() & {"text_prompt", "json_prompt"}:
        yield "one of text_prompt and json_prompt is required"
    if path == "v1/edit" and not sent.keys() & {"images", "image_urls"}:
        yield "images or image_urls is required"
    if path == "edit" and model not in ("V_2", "V_2_TURBO"):
        yield f"edit is not supported for {model}"
    if path in ("generate", "remix"):
        older, lighter = model.startswith("V_1"), model.startswith("V_2A")
        forbidden = {"style_type": older, "negative_prompt": model not in ("V_1", "V_1_TURBO", "V_2", "V_2_TURBO")}
        forbidden |= {"color_palette": older or lighter, "resolution": older}
        yield from (f"{name} is not supported for {model}" for name, out in forbidden.items() if out and name in sent)


def _size(path: str, asked: Asked, sent: dict[str, Any]) -> tuple[int, int]:
    """Of the pictures that come of it."""
    first = next((size_of(file.body) for name in ("image", "image_file", "images") for file in asked.files(name)), None)
    if path == "upscale" and first is not None:
        return first[0] * 2, first[1] * 2
    shape = str(sent.get("aspect_ratio", "1x1")).removeprefix("ASPECT_").replace("_", "x")
    size = "2048x2048" if "v4" in path else SHAPES[shape]
    size = str(sent.get("resolution", size)).removeprefix("RESOLUTION_").replace("_", "x")
    if first is not None and not path.endswith("remix") and not sent.keys() & {"resolution", "aspect_ratio"}:
        return first
    times = int(sent.get("upscale_factor", "X1")[1:])
    width, height = size.split("x")
    return int(width) * times, int(height) * times


def _drawn(path: str, asked: Asked, sent: dict[str, Any], world: World) -> Answer:
    if asked.script == Script.MODERATED and not asked.files():
        return refusal(422, "Prompt provided failed safety check due to the inclusion of prohibited content.")
    width, height = _size(path, asked, sent)
    job = world.take(
        sent.get("model", "V_2") if path in ("generate", "remix", "edit", "reframe") else path.removeprefix("v1/"),
        prompt=sent.get("prompt") or sent.get("text_prompt") or "",
        width=width,
        height=height,
        count=int(sent.get("num_images", 1)),
        format=Format.PNG,
        script=asked.script,
    )
    job.seed = int(sent.get("seed", UUID(job.id).int % MOST_SEED))
    said = {
        "created": datetime.fromtimestamp(BEGAN + job.began, UTC).isoformat(),
        "data": [_item(path, sent, job, index, world) for index in range(job.count)],
    }
    # only the newest says which of its shapes an answer has
    shape = {"response_type": "url"} if "v4" in path else {}
    return Answer(json=said | shape, headers={"x-request-id": UUID(job.id).hex})


def _item(path: str, sent: dict[str, Any], job: Job, index: int, world: World) -> dict[str, Any]:
    safe = job.script != Script.MODERATED  # of a picture that was sent along, only what came of it is withheld
    item: dict[str, Any] = {"is_image_safe": safe, "url": world.link(job, index) if safe else None}
    if path == "v1/remove-background":
        return item
    item |= {"prompt": job.prompt, "resolution": f"{job.width}x{job.height}", "seed": job.seed + index}
    if path == "upscale":
        item |= {"resolution": "1024x1024", "upscaled_resolution": f"{job.width}x{job.height}"}
    return item if "v4" in path else item | {"style_type": sent.get("style_type", "GENERAL")}


STUB = Stub(
    routes=tuple(Route("POST", f"/{path}", submit, pays=True) for path in ENDPOINTS),
    key=lambda asked: asked.headers.get("api-key"),
    refuses={
        Script.CREDENTIAL: refusal(401, "Not authorized to generate an image."),
        Script.CREDIT: refusal(402, "Insufficient credits to generate an image."),
        # the documents state no time to wait; this one is made up
        Script.THROTTLED: replace(refusal(429, "Too many requests."), headers={"retry-after": "1"}),
        Script.UNAVAILABLE: refusal(503, "Service temporarily unavailable."),
        Script.REJECTED: refusal(400, "Invalid input provided: prompt is too long"),
    },
    unknown=refusal(404, "Not found."),
)
