"""Prices by tokens, and the formulas by which vendors turn a picture into tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from pricing.kinds.lines import UNMEASURED, Line, Lines, Unpriced, measured
from pricing.usage import Billable, Usage

MILLION = Decimal(1_000_000)


class AreaTokens(Struct, tag="area", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of a picture by the formula of gpt-image-2: a grid of `factor` cells along the long edge, scaled by area.

    Reproduces the vendor's calculator (7024, 5488, 5063 at high for 1024x1024, 1536x1024, 1792x1024).
    Source: https://community.openai.com/t/1382699
    """

    factors: Mapping[str, int]
    """Cells along the long edge, by quality."""

    def count(self, quality: str, width: int, height: int) -> int | None:
        """Tokens of one picture, or None for a quality without a factor."""
        factor = self.factors.get(quality)
        if factor is None:
            return None
        long, short = max(width, height), min(width, height)
        across = (2 * factor * short + long) // (2 * long)  # factor * short / long, halves rounded up
        return -(-factor * across * (2_000_000 + width * height) // 4_000_000)

    def qualities(self) -> Iterable[str]:
        """Qualities the formula knows."""
        return self.factors


class TableTokens(Struct, tag="table", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of a picture from a table: quality, then size."""

    tokens: Mapping[str, Mapping[str, int]]
    """Tokens of one picture, by quality and `WIDTHxHEIGHT`."""

    def count(self, quality: str, width: int, height: int) -> int | None:
        """Tokens of one picture, or None for a pair that is not in the table."""
        return self.tokens.get(quality, {}).get(f"{width}x{height}")

    def qualities(self) -> Iterable[str]:
        """Qualities in the table."""
        return self.tokens


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many tokens for a picture of up to so many pixels."""

    up_to: int
    """Pixels of the largest picture in it."""
    tokens: int
    """Tokens of one picture."""


class TierTokens(Struct, tag="tiers", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of a picture by the tier its size is in, whatever its quality."""

    tiers: tuple[Tier, ...]
    """Smallest first."""

    def count(self, quality: str, width: int, height: int) -> int | None:
        """Tokens of one picture, or None for one larger than every tier."""
        return next((tier.tokens for tier in self.tiers if width * height <= tier.up_to), None)

    def qualities(self) -> Iterable[str]:
        """One, which has no name."""
        return ("",)


class FlatInput(Struct, tag="flat", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture sent along is never more than so many tokens."""

    tokens: int
    """Of one picture sent along, at most."""

    def count(self, width: int, height: int, fidelity: str | None) -> int:
        """The bound, whatever the picture."""
        return self.tokens


class TileInput(Struct, tag="tiles", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture sent along, its short side scaled to 512, in tiles of 512; more where its detail is to be kept."""

    base: int
    """Tokens of every picture."""
    tile: int
    """Tokens of every tile."""
    high_square: int
    """Added at high fidelity for a picture near square; `high_oblong` for any other."""
    high_oblong: int
    """Added at high fidelity for any other picture."""

    def count(self, width: int, height: int, fidelity: str | None) -> int:
        """Tokens of one picture sent along."""
        long, short = max(width, height), min(width, height)
        tiles = -(-long // short)
        tokens = self.base + self.tile * tiles
        if fidelity == "high":
            tokens += self.high_square if long * 5 <= short * 6 else self.high_oblong
        return tokens


class PerToken(Struct, tag="token", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for a million tokens, of text and of pictures, read and written. Rates are USD per million."""

    text_in: Decimal
    """Of the prompt."""
    image_in: Decimal
    """Of pictures sent along."""
    image_out: Decimal
    """Of pictures drawn."""
    text_out: Decimal = Decimal(0)
    """Of text that comes with them."""
    output: AreaTokens | TableTokens | TierTokens | None = None
    """How many tokens a picture is; None where the vendor has not said, which leaves the model without a quote."""
    input: FlatInput | TileInput | None = None
    """How many tokens a picture sent along is; None where the vendor has not said."""
    auto_qualities: tuple[str, ...] = ()
    """What the vendor may choose when no quality is asked for; all it knows, when empty."""
    auto_sizes: tuple[str, ...] = ()
    """What the vendor may choose when no size is asked for."""
    preview: int = 0
    """Tokens of each unfinished picture."""
    text_overhead: int = 0
    """Tokens of text billed beyond the prompt, for a request."""
    text_per_input: int = 0
    """The same, for each picture sent along."""
    text_out_allowance: int = 0
    """Tokens of text a picture may come with."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """The most tokens the request can take: the prompt's bytes, the dearest quality and size left open."""
        if self.output is None:
            return Unpriced("the vendor has not said how many tokens a picture takes")
        if job.inputs and self.input is None:
            return Unpriced("the vendor has not said how many tokens a picture sent along takes")
        if isinstance(self.input, TileInput) and not measured(job):
            return Unpriced(UNMEASURED)
        picture = self._picture(job)
        if isinstance(picture, Unpriced):
            return picture
        read = 0
        if self.input is not None:
            read = sum(self.input.count(width, height, job.fidelity) for width, height in job.inputs)
        text = job.prompt_bytes + self.text_overhead + self.text_per_input * len(job.inputs)
        return self._lines(
            text_in=text * job.n,
            image_in=read * job.n,
            image_out=(picture + self.preview * job.previews) * job.n,
            text_out=self.text_out_allowance * job.n,
        )

    def metered(self, usage: Usage) -> Lines | None:
        """The tokens the vendor counted."""
        if usage.image_out is None:
            return None
        return self._lines(
            text_in=usage.text_in or 0,
            image_in=usage.image_in or 0,
            image_out=usage.image_out,
            text_out=usage.text_out or 0,
        )

    def _picture(self, job: Billable) -> int | Unpriced:
        assert self.output is not None
        qualities = [job.quality] if job.quality else list(self.auto_qualities or self.output.qualities())
        if job.width is not None and job.height is not None:
            sizes = [(job.width, job.height)]
        else:
            sizes = [_pair(size) for size in self.auto_sizes]
        counts = [self.output.count(quality, *size) for quality in qualities for size in sizes]
        known = [count for count in counts if count is not None]
        if not known or len(known) < len(counts):
            size = f"{job.width}x{job.height}" if job.width else "auto"
            return Unpriced(f"no token count for size {size}, quality {job.quality or 'auto'}")
        return max(known)

    def _lines(self, *, text_in: int, image_in: int, image_out: int, text_out: int) -> Lines:
        counted = (
            ("token of text read", text_in, self.text_in),
            ("token of pictures read", image_in, self.image_in),
            ("token of pictures written", image_out, self.image_out),
            ("token of text written", text_out, self.text_out),
        )
        return tuple(Line(what, Decimal(count), count * rate / MILLION) for what, count, rate in counted if count)


def _pair(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)
