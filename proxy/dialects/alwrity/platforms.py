"""Where pictures are published: the formats of each platform, and what it takes. Data, and finding one in it.

Sizes and limits as the Image Studio states them:
https://github.com/ALwrity/ALwrity/blob/main/backend/services/image_studio/social_optimizer_service.py
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from providers.contract import Code, Failure
from proxy.dialects.alwrity.catalogue import PLATFORMS
from proxy.dialects.alwrity.matching import words_of
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Incoming, Outgoing, Talk, Talking
from proxy.dialects.fields import rejected
from proxy.retouch import Zone

FILE_TYPE, SIZE_MOST_MB = "PNG", 5.0
"""What every format states of its file; the platform's own limit is another, and is what holds."""
EVEN, TALL, STORY = Zone(0.15, 0.15, 0.1, 0.1), Zone(0.2, 0.2, 0.1, 0.1), Zone(0.25, 0.15, 0.1, 0.1)
BANNER = Zone(0.2, 0.1, 0.15, 0.15)
"""Margins in which a platform puts names and buttons: round a post, a tall one, a story, a banner."""


class Size(Struct, frozen=True):
    """A format of a platform."""

    name: str
    width: int
    height: int
    ratio: str
    """As it is spelt there, which is not always what width and height come to."""
    zone: Zone


class Place(Struct, frozen=True, kw_only=True):
    """A platform."""

    title: str
    sizes: tuple[Size, ...]
    """The first is what is taken where none is named."""
    file_types: tuple[str, ...] = ("JPG", "PNG")
    megabytes: int
    """The largest file it takes."""


SQUARE = Size("Feed Post (Square)", 1080, 1080, "1:1", EVEN)
VERTICAL = Size("Story", 1080, 1920, "9:16", STORY)

PLACES: Mapping[str, Place] = {
    "instagram": Place(
        title="Instagram",
        megabytes=30,
        sizes=(
            SQUARE,
            Size("Feed Post (Portrait)", 1080, 1350, "4:5", TALL),
            VERTICAL,
            Size("Reel", 1080, 1920, "9:16", STORY),
        ),
    ),
    "facebook": Place(
        title="Facebook",
        megabytes=30,
        sizes=(
            Size("Feed Post", 1200, 630, "1.91:1", EVEN),
            SQUARE,
            VERTICAL,
            Size("Cover Photo", 820, 312, "16:9", BANNER),
        ),
    ),
    "twitter": Place(
        title="Twitter/X",
        megabytes=5,
        file_types=("JPG", "PNG", "GIF"),
        sizes=(
            Size("Post", 1200, 675, "16:9", EVEN),
            Size("Card", 1200, 600, "2:1", EVEN),
            Size("Header", 1500, 500, "3:1", BANNER),
        ),
    ),
    "linkedin": Place(
        title="LinkedIn",
        megabytes=8,
        sizes=(
            Size("Feed Post", 1200, 628, "1.91:1", EVEN),
            SQUARE,
            Size("Article", 1200, 627, "2:1", EVEN),
            Size("Company Cover", 1128, 191, "4:1", BANNER),
        ),
    ),
    "youtube": Place(
        title="YouTube",
        megabytes=2,
        sizes=(
            Size("Thumbnail", 1280, 720, "16:9", EVEN),
            Size("Channel Art", 2560, 1440, "16:9", BANNER),
        ),
    ),
    "pinterest": Place(
        title="Pinterest",
        megabytes=20,
        sizes=(
            Size("Pin", 1000, 1500, "2:3", TALL),
            Size("Story Pin", 1080, 1920, "9:16", STORY),
        ),
    ),
    "tiktok": Place(title="TikTok", megabytes=10, sizes=(Size("Video Cover", 1080, 1920, "9:16", STORY),)),
}
"""By name; the other platforms that templates are made for are no places with formats of their own."""
ALSO: Mapping[str, str] = {"x": "twitter", "twitter/x": "twitter"}


def named(name: str) -> str:
    """A platform by what a caller writes: any case, `x` for Twitter. Raises REJECTED for none that is known."""
    plain = name.strip().lower()
    plain = ALSO.get(plain, plain)
    if plain not in PLATFORMS:
        raise rejected(f"Invalid platform: {name[:60]}", Code.INVALID, "platform")
    return plain


def size_named(platform: str, said: str) -> Size:
    """A platform's format by its name in any spelling, by a part of it, by its ratio or its pixels.

    Of several that have every word said, the shortest: a `Post` is a `Feed Post` rather than a square one.
    Raises REJECTED for one that no format could be meant by.
    """
    place = PLACES[platform]
    plain = said.strip().lower()
    words = set(words_of(said)) - set(words_of(f"{platform} {place.title}"))
    for size in place.sizes:
        if plain in (size.name.lower(), size.ratio, f"{size.width}x{size.height}") or words == set(words_of(size.name)):
            return size
    having = [size for size in place.sizes if words and words <= set(words_of(size.name))]
    if not having:
        known = ", ".join(f"'{size.name}'" for size in place.sizes)
        raise rejected(f"'{said[:60]}' is no format of {place.title}. It has {known}.", Code.INVALID, "format_names")
    return min(having, key=lambda size: len(words_of(size.name)))


def list_formats(incoming: Incoming) -> Talk:
    """`GET /social/platforms/{platform}/formats`: none for a platform that has no format of its own."""
    place = PLACES.get(named(incoming.parts["platform"]))
    told = [
        {
            "name": size.name,
            "width": size.width,
            "height": size.height,
            "ratio": size.ratio,
            "safe_zone": size.zone,
            "file_type": FILE_TYPE,
            "max_size_mb": SIZE_MOST_MB,
        }
        for size in (place.sizes if place else ())
    ]
    yield from ()
    return reply({"formats": told})


def tell_specs(incoming: Incoming) -> Talk:
    """`GET /platform-specs/{platform}`. Raises REJECTED, as not found where a platform has none."""
    platform = named(incoming.parts["platform"])
    place = PLACES.get(platform)
    if place is None:
        raise _missing(platform)
    yield from ()
    return _specs(place)


def _missing(platform: str) -> Failure:
    return rejected(f"Specifications not found for platform: {platform}", Code.UNKNOWN_ROUTE, "platform")


def _specs(place: Place) -> Outgoing:
    formats = [{"name": size.name, "ratio": size.ratio, "size": f"{size.width}x{size.height}"} for size in place.sizes]
    told = {"name": place.title, "formats": formats, "file_types": place.file_types}
    return reply({**told, "max_file_size": f"{place.megabytes}MB"})


ROUTES = (
    Talking(path="/api/image-studio/social/platforms/{platform:str}/formats", talk=list_formats),
    Talking(path="/api/image-studio/platform-specs/{platform:str}", talk=tell_specs),
)
