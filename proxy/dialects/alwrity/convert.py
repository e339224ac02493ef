"""`/convert-format`: a finished picture in another format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from providers.contract import Code, Note
from proxy.dialects.alwrity.finished import (
    FIRST_ONLY,
    PICTURE,
    Made,
    Making,
    batch,
    fields_of,
    kilobytes,
    lowered,
    told_alone,
)
from proxy.dialects.alwrity.pictures import decode
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Incoming, Route, Talk, Talking
from proxy.dialects.fields import Table, choice, flag, integer, read_json, rejected, text
from proxy.dialects.wants import Retouch
from proxy.retouch import Encoding, Retouched


class Target(Struct, frozen=True, kw_only=True):
    """A format pictures can be converted to."""

    name: str
    description: str
    transparent: bool = True
    lossy: bool = False
    format: str


JPEG = Target(
    name="JPEG", format="jpeg", description="For photos; understood everywhere.", transparent=False, lossy=True
)
TARGETS: Mapping[str, Target] = {
    "png": Target(name="PNG", format="png", description="Loses nothing; can be transparent."),
    "jpeg": JPEG,
    "jpg": JPEG,
    "webp": Target(name="WebP", format="webp", description="The smallest for the web; can be transparent.", lossy=True),
    "gif": Target(name="GIF", format="gif", description="256 colors, one of which may be none."),
    "bmp": Target(name="BMP", format="bmp", description="Not compressed, for old software.", transparent=False),
    "tiff": Target(name="TIFF", format="tiff", description="Loses nothing; for print."),
}
"""By the words of the document."""
QUALITY: Mapping[str, int] = {"jpeg": 95, "webp": 80}
"""Where none is said."""
ADVICE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "png": (("webp", "Much smaller, and still transparent"), ("jpeg", "Smaller yet, for photos")),
    "jpeg": (("webp", "A quarter to a third smaller at the same look"), ("png", "Loses nothing when edited again")),
    "webp": (("png", "Opens everywhere, loses nothing"), ("jpeg", "Opens everywhere, stays small")),
    "gif": (("png", "Every color, and smaller for still pictures"), ("webp", "The smallest for the web")),
    "bmp": (("png", "The very same pixels in fewer bytes"), ("jpeg", "A fraction of the size, for photos")),
    "tiff": (("png", "Shown by browsers, loses nothing"), ("jpeg", "A fraction of the size, for photos")),
}
"""What to convert to, by what one has."""


def _space(name: str, value: Any) -> str:
    """The one space that pictures are turned into. Others are refused: what comes of them would not be what it says."""
    said = text(60)(name, value)
    if said.lower().replace(" ", "").replace("-", "") != "srgb":
        raise rejected(f"Invalid color_space: '{said}'. Pictures can be turned into sRGB only.", Code.INVALID, name)
    return "sRGB"


CONVERT: Table = {
    PICTURE: (PICTURE, text()),
    "target_format": ("target_format", lowered(choice({each: each for each in TARGETS}))),
    "preserve_transparency": ("transparent", flag),
    "quality": ("quality", integer(1, 100)),
    "color_space": ("space", _space),
    "strip_metadata": ("strip", flag),
    "optimize": ("optimize", flag),
    "progressive": ("progressive", flag),
}


class Order(Struct, frozen=True, kw_only=True):
    """A picture to convert. Whether its text is a picture at all is looked at when it is due."""

    picture: str
    word: str
    encoding: Encoding
    space: str | None
    notes: tuple[Note, ...]


def convert(incoming: Incoming) -> Talk:
    """`POST /convert-format`."""
    made = yield from _converted(_order(read_json(incoming.body)))
    return told_alone(made)


def convert_batch(incoming: Incoming) -> Talk:
    """`POST /convert-format/batch`: each to its own format."""
    return (yield from batch(incoming, _order, _converted, NOTHING))


def list_supported(_: Incoming) -> Talk:
    """`GET /convert-format/supported`."""
    yield from ()
    return reply(
        {
            "formats": [
                {
                    "id": word,
                    "name": target.name,
                    "description": target.description,
                    "supports_transparency": target.transparent,
                    "supports_lossy": target.lossy,
                    "mime_type": f"image/{target.format}",
                }
                for word, target in TARGETS.items()
            ]
        }
    )


def recommend(incoming: Incoming) -> Talk:
    """`GET /convert-format/recommendations`: nothing for a format that is not known."""
    source = incoming.query.get("source_format", "").strip().lower().removeprefix("image/")
    if not source:
        detail = "Missing required query parameter: 'source_format'."
        raise rejected(detail, Code.MISSING, "source_format")
    target = TARGETS.get(source)
    advice = ADVICE[target.format] if target else ()
    yield from ()
    return reply({"recommendations": [{"format": word, "reason": reason} for word, reason in advice]})


def _order(values: Mapping[str, Any]) -> Order:
    known, notes = fields_of(values, CONVERT, PICTURE, "target_format")
    word = known["target_format"]
    target = TARGETS[word]
    if "quality" in known and not target.lossy:
        notes.append(Note("quality", f"a {word} has none: nothing is lost", lossy=False))
    encoding = Encoding(
        format=target.format,
        quality=known.get("quality", QUALITY.get(target.format, 100)),
        strip=known.get("strip", False),
        progressive=known.get("progressive", True),
        optimize=known.get("optimize", True),
        opaque=not known.get("transparent", True),
        srgb="space" in known,
    )
    return Order(picture=known[PICTURE], word=word, encoding=encoding, space=known.get("space"), notes=tuple(notes))


def _converted(order: Order) -> Making:
    body = decode(PICTURE, order.picture)
    made: Retouched = yield Retouch(body=body, encoding=order.encoding, field=PICTURE)
    lost = made.was_described and not made.described
    told = {
        "original_format": made.source,
        "target_format": order.word,
        "original_size_kb": kilobytes(len(body)),
        "converted_size_kb": kilobytes(len(made.body)),
        "width": made.width,
        "height": made.height,
        "transparency_preserved": made.clear,
        "metadata_preserved": not order.encoding.strip and not lost,
        "color_space": order.space,
    }
    return Made(told=told, body=made.body, format=made.format, notes=(*order.notes, *_notes(order, made)))


def _notes(order: Order, made: Retouched) -> list[Note]:
    notes: list[Note] = []
    if made.was_clear and not made.clear and not order.encoding.opaque:
        notes.append(Note("preserve_transparency", f"a {order.word} cannot be transparent: it stands on white"))
    if made.was_described and not made.described and not order.encoding.strip:
        notes.append(Note("strip_metadata", "the metadata could not be carried over"))
    if made.moving:
        notes.append(FIRST_ONLY)
    return notes


NOTHING = {
    "original_format": "",
    "target_format": "",
    "original_size_kb": 0,
    "converted_size_kb": 0,
    "width": 0,
    "height": 0,
    "transparency_preserved": False,
    "metadata_preserved": False,
    "color_space": None,
}
"""What is told of a picture of a batch that is none."""

ROUTES: tuple[Route, ...] = (
    Talking(method="POST", path="/api/image-studio/convert-format", talk=convert),
    Talking(method="POST", path="/api/image-studio/convert-format/batch", talk=convert_batch),
    Talking(path="/api/image-studio/convert-format/supported", talk=list_supported, public=True),
    Talking(path="/api/image-studio/convert-format/recommendations", talk=recommend, public=True),
)
