"""`/compress`: fewer bytes for a finished picture, down to a size that is asked for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from msgspec import Struct

from providers.contract import Note
from proxy.dialects.alwrity.finished import (
    FIRST_ONLY,
    FORMATS,
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
from proxy.dialects.fields import Table, choice, flag, integer, read_json, text
from proxy.dialects.wants import Retouch, Want
from proxy.retouch import Encoding, Retouched

KB = 1024
QUALITY = 85
LOSSLESS_QUALITY = 100
"""What is told of a format that has no quality: nothing was lost."""


def _format(name: str, value: Any) -> str:
    """The word itself, for the answer repeats it."""
    word: str = lowered(choice({each: each for each in FORMATS}))(name, value)
    return word


ESTIMATE: Table = {
    PICTURE: (PICTURE, text()),
    "format": ("format", _format),
    "quality": ("quality", integer(1, 100)),
}
COMPRESS: Table = {
    **ESTIMATE,
    "target_size_kb": ("target", integer(10, 1_000_000)),
    "strip_metadata": ("strip", flag),
    "progressive": ("progressive", flag),
    "optimize": ("optimize", flag),
}


class Order(Struct, frozen=True, kw_only=True):
    """A picture to compress. Whether its text is a picture at all is looked at when it is due."""

    picture: str
    word: str
    encoding: Encoding
    notes: tuple[Note, ...]


def compress(incoming: Incoming) -> Talk:
    """`POST /compress`."""
    made = yield from _compressed(_order(read_json(incoming.body)))
    return told_alone(made)


def compress_batch(incoming: Incoming) -> Talk:
    """`POST /compress/batch`: each with its own settings."""
    return (yield from batch(incoming, _order, _compressed, NOTHING))


def estimate(incoming: Incoming) -> Talk:
    """`POST /compress/estimate`: the size it will have, found by compressing it: no guess would be as good."""
    order = _order(read_json(incoming.body), ESTIMATE)
    body, made = yield from _retouched(order)
    return reply(
        {
            "original_size_kb": kilobytes(len(body)),
            "estimated_size_kb": kilobytes(len(made.body)),
            "estimated_reduction_percent": round(_saved(body, made), 1),
            "width": made.width,
            "height": made.height,
            "format": order.word,
        }
    )


def list_formats(_: Incoming) -> Talk:
    """`GET /compress/formats`."""
    yield from ()
    return reply({"formats": LISTED})


def list_presets(_: Incoming) -> Talk:
    """`GET /compress/presets`."""
    yield from ()
    return reply({"presets": PRESETS})


def _order(values: Mapping[str, Any], table: Table = COMPRESS) -> Order:
    known, notes = fields_of(values, table, PICTURE)
    word = known.get("format", "jpeg")
    target = known.get("target")
    encoding = Encoding(
        format=FORMATS[word],
        quality=known.get("quality", QUALITY),
        bytes_most=None if target is None else target * KB,
        strip=known.get("strip", True),
        progressive=known.get("progressive", True),
        optimize=known.get("optimize", True),
    )
    return Order(picture=known[PICTURE], word=word, encoding=encoding, notes=tuple(notes))


def _compressed(order: Order) -> Making:
    body, made = yield from _retouched(order)
    told = {
        "original_size_kb": kilobytes(len(body)),
        "compressed_size_kb": kilobytes(len(made.body)),
        "compression_ratio": round(_saved(body, made), 2),
        "format": order.word,
        "width": made.width,
        "height": made.height,
        "quality_used": made.quality or LOSSLESS_QUALITY,
        "metadata_stripped": order.encoding.strip,
    }
    return Made(told=told, body=made.body, format=made.format, notes=(*order.notes, *_notes(order, body, made)))


def _retouched(order: Order) -> Generator[Want, Any, tuple[bytes, Retouched]]:
    """The picture as it came and as it was made."""
    body = decode(PICTURE, order.picture)
    made: Retouched = yield Retouch(body=body, encoding=order.encoding, field=PICTURE)
    return body, made


def _saved(body: bytes, made: Retouched) -> float:
    """Percent; below 0 where it became larger."""
    return (1 - len(made.body) / len(body)) * 100


def _notes(order: Order, body: bytes, made: Retouched) -> list[Note]:
    notes: list[Note] = []
    most = order.encoding.bytes_most
    if most is not None and len(made.body) > most:
        why = (
            f"is not reached at the lowest quality ({made.quality})"
            if made.quality
            else "is not reached: a png loses nothing"
        )
        notes.append(Note("target_size_kb", f"{why}; it is {kilobytes(len(made.body))}"))
    elif len(made.body) > len(body):
        notes.append(Note("quality", "the picture is larger than it was: it had been compressed better", lossy=False))
    if made.was_clear and not made.clear:
        notes.append(Note("format", f"'{order.word}' cannot be transparent: the picture stands on white"))
    if made.moving:
        notes.append(FIRST_ONLY)
    return notes


NOTHING = {
    "original_size_kb": 0,
    "compressed_size_kb": 0,
    "compression_ratio": 0,
    "format": "",
    "width": 0,
    "height": 0,
    "quality_used": 0,
    "metadata_stripped": False,
}
"""What is told of a picture of a batch that is none."""
LISTED = (
    {
        "id": "jpeg",
        "name": "JPEG",
        "extension": ".jpg",
        "description": "For photos: small, understood everywhere, never transparent.",
        "supports_transparency": False,
        "quality_range": (1, 100),
        "recommended_quality": 85,
        "use_cases": ("Photos", "Blog images", "Email", "Social media"),
    },
    {
        "id": "png",
        "name": "PNG",
        "extension": ".png",
        "description": "For drawings, text and transparency: nothing is lost, whatever the quality.",
        "supports_transparency": True,
        "quality_range": (1, 100),
        "recommended_quality": 90,
        "use_cases": ("Logos", "Icons", "Graphics", "Screenshots"),
    },
    {
        "id": "webp",
        "name": "WebP",
        "extension": ".webp",
        "description": "For the web: smaller than JPEG at the same look, and it can be transparent.",
        "supports_transparency": True,
        "quality_range": (1, 100),
        "recommended_quality": 80,
        "use_cases": ("Web images", "Fast loading", "Modern browsers"),
    },
)


class Preset(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings for a purpose, its members in the order they are told in."""

    id: str
    name: str
    description: str
    format: str
    quality: int
    target_size_kb: int | None = None
    strip_metadata: bool


PRESETS = (
    Preset(
        id="web",
        name="Web Optimized",
        description="Looks good and loads fast on a page.",
        format="webp",
        quality=80,
        strip_metadata=True,
    ),
    Preset(
        id="email",
        name="Email Friendly",
        description="Stays below 200 KB, so that a mail with several arrives.",
        format="jpeg",
        quality=70,
        target_size_kb=200,
        strip_metadata=True,
    ),
    Preset(
        id="social",
        name="Social Media",
        description="Fine enough to survive what platforms do to it.",
        format="jpeg",
        quality=85,
        strip_metadata=True,
    ),
    Preset(
        id="high_quality",
        name="High Quality",
        description="Loses nothing and keeps what the camera wrote.",
        format="png",
        quality=95,
        strip_metadata=False,
    ),
    Preset(
        id="maximum",
        name="Maximum Compression",
        description="As small as can be while it can still be looked at.",
        format="webp",
        quality=60,
        strip_metadata=True,
    ),
)

ROUTES: tuple[Route, ...] = (
    Talking(method="POST", path="/api/image-studio/compress", talk=compress),
    Talking(method="POST", path="/api/image-studio/compress/batch", talk=compress_batch),
    Talking(method="POST", path="/api/image-studio/compress/estimate", talk=estimate),
    Talking(path="/api/image-studio/compress/formats", talk=list_formats, public=True),
    Talking(path="/api/image-studio/compress/presets", talk=list_presets, public=True),
)
