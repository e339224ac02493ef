"""`/social/optimize`: one picture in the sizes of many platforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from providers.contract import Code, Note
from providers.contract.image import Buffer
from proxy.dialects.alwrity.finished import FIRST_ONLY, PICTURE, fields_of, listed, lowered, written
from proxy.dialects.alwrity.pictures import decode
from proxy.dialects.alwrity.platforms import PLACES, Size, named, size_named
from proxy.dialects.alwrity.replies import worded
from proxy.dialects.contract import Incoming, Route, Talk, Talking
from proxy.dialects.fields import (
    Table,
    choice,
    flag,
    mapping,
    number,
    read_json,
    rejected,
    required,
    sequence,
    wrong_type,
)
from proxy.dialects.wants import Retouch
from proxy.retouch import Encoding, How, Retouched, Shape

PLATFORMS_MOST = 50
"""Names in one request, each of them looked at."""
QUALITY = 95
MEGABYTE = 1_000_000
NONE_VALID = "No valid platforms provided"
"""What clients look for."""
CROPS: Mapping[str, How] = {"smart": "smart", "center": "cover", "centre": "cover", "fit": "contain"}
FORMATS: Mapping[str, str] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg"}
POINT: Table = {"x": ("x", number(0.0, 1.0)), "y": ("y", number(0.0, 1.0))}


def _focal(name: str, value: Any) -> tuple[float, float]:
    point = mapping(name, value)
    known, _ = fields_of({f"{name}.{each}": part for each, part in point.items()}, _within(name))
    return required(known, "x", f"{name}.x"), required(known, "y", f"{name}.y")


def _within(name: str) -> Table:
    return {f"{name}.{each}": entry for each, entry in POINT.items()}


OPTIMIZE: Table = {
    PICTURE: (PICTURE, decode),
    "platforms": ("platforms", sequence),
    "format_names": ("names", mapping),
    "show_safe_zones": ("zones", flag),
    "crop_mode": ("how", lowered(choice(CROPS))),
    "focal_point": ("focal", _focal),
    "output_format": ("format", lowered(choice(FORMATS))),
}


class Target(Struct, frozen=True):
    """What a picture is made for."""

    platform: str
    size: Size


def optimize(incoming: Incoming) -> Talk:
    """`POST /social/optimize`. Raises REJECTED for a platform or a format that is none."""
    known, notes = fields_of(read_json(incoming.body), OPTIMIZE, PICTURE)
    targets = _targets(known.get("platforms", []), known.get("names", {}), notes)
    how, focal = known.get("how", "smart"), known.get("focal")
    if focal is not None and how != "smart":
        notes.append(Note("focal_point", "is only looked at where crop_mode is 'smart'"))
        focal = None
    results: list[list[Buffer]] = []
    made = Retouched(body=b"", format="png", width=0, height=0)
    for target in targets:
        size = target.size
        zone = size.zone if known.get("zones") else None
        shape = Shape(width=size.width, height=size.height, how=how, focal=focal, zone=zone)
        encoding = _encoding(target, known.get("format", "png"))
        made = yield Retouch(body=known[PICTURE], encoding=encoding, shape=shape, field=PICTURE)
        notes += _weighed(target, made)
        results.append(written(_told(target), made.body, made.format))
    if made.moving:
        notes.append(FIRST_ONLY)
    told: dict[str, Any] = {"total_optimized": len(results)}
    return listed(results, {**told, "notes": worded(notes)} if notes else told)


def _targets(platforms: Sequence[Any], names: Mapping[str, Any], notes: list[Note]) -> list[Target]:
    """What to make, each platform once and in the caller's order. Notes what is asked for and cannot be made."""
    if len(platforms) > PLATFORMS_MOST:
        raise rejected(f"At most {PLATFORMS_MOST} platforms can be named.", Code.TOO_LONG, "platforms")
    wanted = list(dict.fromkeys([_platform(each) for each in platforms]))
    if len(wanted) < len(platforms):
        notes.append(Note("platforms", "names a platform more than once; it is made once", lossy=False))
    notes += [
        Note("platforms", f"'{each}' has no formats of its own and was left out")
        for each in wanted
        if each not in PLACES
    ]
    wanted = [each for each in wanted if each in PLACES]
    if not wanted:
        raise rejected(NONE_VALID, Code.INVALID, "platforms")
    formats: dict[str, str] = {}
    for key, name in names.items():
        if name is None or name == "":
            continue
        if not isinstance(name, str):
            raise wrong_type(f"format_names.{key[:60]}", "a string", name)
        formats[named(key)] = name
    notes += [
        Note("format_names", f"'{each}' is not among the platforms", lossy=False)
        for each in formats
        if each not in wanted
    ]
    return [
        Target(each, size_named(each, formats[each]) if each in formats else PLACES[each].sizes[0]) for each in wanted
    ]


def _platform(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type("platforms", "an array of strings", value)
    return named(value)


def _encoding(target: Target, format_: str) -> Encoding:
    """As fine as the platform takes it: a JPEG is made to fit, a PNG cannot be."""
    return Encoding(
        format=format_,
        quality=QUALITY,
        bytes_most=PLACES[target.platform].megabytes * MEGABYTE,
        optimize=format_ == "jpeg",
    )


def _weighed(target: Target, made: Retouched) -> list[Note]:
    """A note for a file that the platform would not take as it would have been."""
    place = PLACES[target.platform]
    if len(made.body) > place.megabytes * MEGABYTE:
        weight = f"{len(made.body) / MEGABYTE:.1f} MB, more than {place.title} takes ({place.megabytes})"
        return [Note("output_format", f"the {made.format} is {weight}: a jpg would be made to fit")]
    if made.quality is not None and made.quality < QUALITY:
        return [Note("output_format", f"quality {made.quality} is the best that {place.title} takes at this size")]
    return []


def _told(target: Target) -> dict[str, Any]:
    size = target.size
    return {
        "platform": target.platform,
        "format": size.name,
        "width": size.width,
        "height": size.height,
        "ratio": size.ratio,
        "safe_zone": size.zone,
    }


ROUTES: tuple[Route, ...] = (Talking(method="POST", path="/api/image-studio/social/optimize", talk=optimize),)
