"""What a model can do, as data: the policy reads it, the catalogue shows it, `fit` applies it. No prices here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from providers.contract.image import Format, Image
from providers.contract.words import Polarity, Quality

RATIO_SLACK = 1.05
"""How far a nearest size may be from the shape asked for."""
AREA_SLACK = 1.15
"""How many times larger or smaller it may be."""
SHAPE_RATIO_SLACK = 1.1
"""Both again, for a vendor that is told a shape only and chooses the pixels itself."""
SHAPE_AREA_SLACK = 2.25


class Sizes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sizes a model draws: those listed, or those on a grid."""

    default: str = "1024x1024"
    """Drawn when no size is asked for."""
    auto: tuple[str, ...] = ()
    """Sizes the vendor chooses from when none is asked for; then the choice is left to it."""
    listed: tuple[str, ...] = ()
    """Sizes it draws, `WIDTHxHEIGHT`."""
    step: int = 0
    """Both sides are a multiple of it; 0 where only the listed sizes are drawn."""
    min_side: int = 1
    """Pixels of the shorter side, on the grid."""
    max_side: int = 1_000_000
    """Pixels of the longer side, on the grid."""
    min_pixels: int = 1
    """Width times height, on the grid."""
    max_pixels: int = 1_000_000_000_000
    """Width times height, on the grid."""
    max_ratio: float = 1_000_000.0
    """Long side over short side."""
    follows_input: bool = False
    """The result has the size of the picture sent along; no other can be asked for."""
    scaled: bool = False
    """Any size can be asked for: the nearest one is drawn and brought to it by scaling, which a note says."""
    by_shape: bool = False
    """The vendor is told a shape alone: those listed stand for shapes, with the pixels they come to, or nearly so."""

    def draws(self, width: int, height: int) -> bool:
        """Whether this exact size is one of them."""
        if f"{width}x{height}" in self.listed:
            return True
        return (
            self.step > 0
            and width % self.step == 0
            and height % self.step == 0
            and self.min_side <= min(width, height)
            and max(width, height) <= self.max_side
            and self.min_pixels <= width * height <= self.max_pixels
            and max(width, height) <= self.max_ratio * min(width, height)
        )

    def near(self, found: tuple[int, int], asked: tuple[int, int], *, any_area: bool) -> bool:
        """Whether a size may stand for the one asked for, however much larger it is if `any_area` is set."""
        ratio = found[0] * asked[1] / (found[1] * asked[0])
        area = found[0] * found[1] / (asked[0] * asked[1])
        most_ratio, most_area = (SHAPE_RATIO_SLACK, SHAPE_AREA_SLACK) if self.by_shape else (RATIO_SLACK, AREA_SLACK)
        return max(ratio, 1 / ratio) <= most_ratio and (any_area or max(area, 1 / area) <= most_area)

    def nearest(self, width: int, height: int) -> tuple[int, int] | None:
        """The legal size nearest in shape, then in area; None where there is none on the grid."""
        found = [parse_size(size) for size in self.listed]
        if self.step > 0:
            found.extend(self._near_on_grid(width, height))

        def distance(size: tuple[int, int]) -> tuple[float, float]:
            ratio = size[0] * height / (size[1] * width)
            area = size[0] * size[1] / (width * height)
            return round(max(ratio, 1 / ratio), 6), max(area, 1 / area)

        return min(found, key=distance, default=None)

    def _near_on_grid(self, width: int, height: int) -> list[tuple[int, int]]:
        """Legal sizes around the one asked for, scaled into the bounds first."""
        scale = 1.0
        if width * height < self.min_pixels:
            scale = (self.min_pixels / (width * height)) ** 0.5
        elif width * height > self.max_pixels:
            scale = (self.max_pixels / (width * height)) ** 0.5
        scale = min(scale, self.max_side / max(width, height))
        scale = max(scale, self.min_side / min(width, height))
        around = (-1, 0, 1, 2)
        columns = [(int(width * scale) // self.step + step) * self.step for step in around]
        rows = [(int(height * scale) // self.step + step) * self.step for step in around]
        return [(across, down) for across in columns for down in rows if across > 0 < down and self.draws(across, down)]


class Inputs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pictures sent along must be like. The mask is not looked at: it follows its picture."""

    formats: frozenset[Format] = frozenset({Format.PNG, Format.JPEG, Format.WEBP, Format.GIF, Format.SVG})
    """Which it can read."""
    min_side: int = 1
    """Pixels of the shorter side."""
    max_side: int = 1_000_000
    """Pixels of the longer side."""
    min_pixels: int = 0
    """Width times height."""
    max_pixels: int = 1_000_000_000_000
    """Width times height."""
    max_ratio: float = 1_000_000.0
    """Long side over short side."""
    step: int = 1
    """Both sides are a multiple of it."""
    max_bytes: int = 1_000_000_000_000
    """Of one picture."""

    def against(self, image: Image) -> str | None:
        """What speaks against a picture, if anything does. A drawing without a size in pixels has its format alone."""
        width, height = image.width, image.height
        if image.format not in self.formats:
            return f"takes no {image.format} picture"
        if image.size > self.max_bytes:
            return f"takes pictures of at most {self.max_bytes} bytes, not {image.size}"
        if not width:
            return None
        if min(width, height) < self.min_side or max(width, height) > self.max_side:
            return f"takes pictures with sides of {self.min_side} to {self.max_side} pixels, not {width}x{height}"
        if width % self.step or height % self.step:
            return f"takes pictures with sides that are multiples of {self.step}, not {width}x{height}"
        if not self.min_pixels <= width * height <= self.max_pixels:
            return f"takes pictures of {self.min_pixels} to {self.max_pixels} pixels, not {width}x{height}"
        if max(width, height) > self.max_ratio * min(width, height):
            return f"takes pictures up to {self.max_ratio:g} times as long as wide, not {width}x{height}"
        return None


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a provider."""

    name: str
    """What callers ask for; the same at every provider that offers it."""
    wire: str = ""
    """The vendor's own name for it, where it is another."""
    title: str = ""
    """What it is called where a dialect has names for people."""
    description: str = ""
    """A sentence about it, in the same place."""
    operations: frozenset[str] = frozenset({"generate"})
    """What it does: `generate`, `edit.inpaint`, `upscale.fast` ..."""
    sizes: Sizes = Sizes()
    qualities: tuple[Quality, ...] = ()
    """Least first; empty where it takes none."""
    quality: Quality | None = None
    """The one it draws in where none is asked for; None where the vendor chooses."""
    formats: tuple[Format, ...] = (Format.PNG,)
    """What it can encode, its default first."""
    honours: frozenset[str] = frozenset()
    """Which optional request fields it takes (`request.OPTIONAL`)."""
    needs: frozenset[str] = frozenset()
    """Which request fields it cannot do without: `prompt`, `mask`, `search`, `looks` ..."""
    ranges: Mapping[str, tuple[float, float]] = {}
    """Least and most of a number it takes: a seed beyond is folded into them, any other number is moved to the end."""
    styles: Mapping[str, str] = {}
    """The styles it has, by our words for them (lower case, words joined by `-`), in its own; any text, where it
    honours `style` and this is empty."""
    at_once: int = 1
    """Most pictures in one call; more are asked for by several calls."""
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Requests of it that an account may have under way at once, where that is fewer than it may of all its models."""
    inputs: int = 0
    """Most pictures that may be sent along, the mask not counted."""
    accepts: Inputs = Inputs()
    """What they must be like."""
    mask: Polarity = Polarity.WHITE
    """How a mask marks what is to be drawn anew."""
    previews: int = 0
    """Most unfinished pictures it shows while working."""
    prompt_limit: int = 32_000
    """Characters."""
    asynchronous: bool = False
    """Submitted, then polled: the job outlives our connection."""
    shows: bool = True
    """Whether it is listed to callers."""

    @property
    def vendor_name(self) -> str:
        """What the vendor and its price list call it."""
        return self.wire or self.name


def parse_size(size: str) -> tuple[int, int]:
    """`1024x768` as (1024, 768); raises ValueError for anything else."""
    width, cross, height = size.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"a size is WIDTHxHEIGHT, not {size!r}")
    return int(width), int(height)
