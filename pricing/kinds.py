"""The ways vendors charge: each bounds a request before the call and reads the vendor's meter after it.

`bound` returns the most a request can cost, line by line, or `Unpriced`. `metered` returns what the vendor's own
figures come to, or None where the usage does not carry this kind's meter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct, field

from pricing.usage import Billable, Usage

MILLION = Decimal(1_000_000)
UNMEASURED = "a picture sent along has no size in pixels, and the price depends on it"


class Unpriced(Struct, frozen=True):
    """There is no price, and why. Not a number on purpose: it cannot be added up or mistaken for zero."""

    reason: str


class Line(Struct, frozen=True):
    """One line of a breakdown: so many of something, coming to so much."""

    what: str
    quantity: Decimal
    usd: Decimal


Lines = tuple[Line, ...]


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a price table. A condition that is absent holds for every request."""

    price: Decimal
    """Of one picture, in USD or in the vendor's credits."""
    quality: str | None = None
    """`low`, `medium`, `high` ..."""
    size: str | None = None
    """`WIDTHxHEIGHT`."""
    up_to: int | None = None
    """Most pixels this row covers; list such rows smallest first."""
    operation: str | None = None
    """`generate`, `edit.inpaint` ..."""
    background: str | None = None
    """`transparent`, `opaque`."""

    def covers(self, job: Billable) -> bool:
        """Could this row be the one the vendor bills? Whatever the vendor may still choose is left open."""
        if self.operation is not None and self.operation != job.operation:
            return False
        if self.background is not None and self.background != job.background:
            return False
        if self.quality is not None and job.quality not in (None, self.quality):
            return False
        if job.width is None or job.height is None:
            return True
        if self.size is not None and self.size != f"{job.width}x{job.height}":
            return False
        return self.up_to is None or job.width * job.height <= self.up_to


def pick(rows: Iterable[Row], job: Billable) -> Decimal | Unpriced:
    """The price of one picture: the first row that covers it, the dearest of those while the vendor may choose."""
    found: dict[object, Decimal] = {}
    for row in rows:
        if row.covers(job):
            chosen = row.quality if job.quality is None else None
            drawn = (row.size, row.up_to) if job.width is None or job.height is None else None
            found.setdefault((chosen, drawn), row.price)
    if not found:
        size = f"{job.width}x{job.height}" if job.width else "auto"
        return Unpriced(f"no price for {job.operation} at size {size}, quality {job.quality or 'auto'}")
    return max(found.values())


class PerImage(Struct, tag="image", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for each picture, by size, quality or resolution tier."""

    rows: tuple[Row, ...]

    def bound(self, job: Billable) -> Lines | Unpriced:
        """`n` times the row's price."""
        price = pick(self.rows, job)
        return price if isinstance(price, Unpriced) else (Line("image", Decimal(job.n), price * job.n),)

    def metered(self, usage: Usage) -> Lines | None:
        """There is no meter: delivered pictures are counted."""
        return None


class PerCredit(Struct, tag="credit", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many of the vendor's credits for each picture, at so much a credit."""

    usd: Decimal
    """Price of one credit."""
    rows: tuple[Row, ...]
    """Prices in credits."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """`n` times the row's credits, in USD."""
        price = pick(self.rows, job)
        if isinstance(price, Unpriced):
            return price
        return (Line("credit", price * job.n, price * job.n * self.usd),)

    def metered(self, usage: Usage) -> Lines | None:
        """The credits the vendor says it took."""
        return None if usage.credits is None else (Line("credit", usage.credits, usage.credits * self.usd),)


class PerMegapixel(Struct, tag="megapixel", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for each megapixel written, and perhaps for each one read, with the vendor's rounding."""

    usd: Decimal
    """Each further megapixel written (each one, where `first` is absent)."""
    first: Decimal | None = None
    """The first megapixel of a picture, where it costs otherwise."""
    read: Decimal = Decimal(0)
    """Each megapixel of a picture sent along."""
    pixels: Literal[1_000_000, 1_048_576] = 1_000_000
    """Pixels in the vendor's megapixel."""
    round: Literal["up", "exact"] = "up"
    """Whether a megapixel begun counts whole."""
    minimum: Decimal = Decimal(0)
    """Fewest megapixels billed for a picture."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """Megapixels of `n` pictures, and of everything sent along once per picture."""
        if job.width is None or job.height is None:
            return Unpriced("the vendor chooses the size, and the price depends on it")
        if self.read and not _measured(job):
            return Unpriced(UNMEASURED)
        size = self._megapixels(job.width, job.height)
        first = self.usd * min(size, Decimal(1)) if self.first is None else self.first
        written = first + max(size - 1, Decimal(0)) * self.usd
        lines = [Line("megapixel written", size * job.n, written * job.n)]
        if job.inputs and self.read:
            sent = sum((self._megapixels(width, height) for width, height in job.inputs), Decimal(0))
            lines.append(Line("megapixel read", sent * job.n, sent * self.read * job.n))
        return tuple(lines)

    def metered(self, usage: Usage) -> Lines | None:
        """The megapixels the vendor counted, where all of them cost the same."""
        if usage.units is None or self.first is not None or self.read:
            return None
        return (Line("megapixel", usage.units, usage.units * self.usd),)

    def _megapixels(self, width: int, height: int) -> Decimal:
        size = Decimal(width * height) / self.pixels
        if self.round == "up":
            size = size.to_integral_value(ROUND_CEILING)
        return max(size, self.minimum)


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
        if isinstance(self.input, TileInput) and not _measured(job):
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


class PerSecond(Struct, tag="second", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for a second of GPU."""

    usd: Decimal
    """Price of one second."""
    seconds: Decimal
    """The longest one picture may take: what a hold covers."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """The longest `n` pictures may take."""
        return (Line("second of GPU", self.seconds * job.n, self.seconds * job.n * self.usd),)

    def metered(self, usage: Usage) -> Lines | None:
        """The seconds used."""
        return None if usage.seconds is None else (Line("second of GPU", usage.seconds, usage.seconds * self.usd),)


class Free(Struct, tag="free", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Known to cost nothing, which is not the same as not known to cost anything."""

    why: str = field(default="free of charge")
    """Said in every breakdown."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """One line of zero, so that a breakdown says so."""
        return (Line(self.why, Decimal(job.n), Decimal(0)),)

    def metered(self, usage: Usage) -> Lines | None:
        """Nothing to meter."""
        return None


class Unpublished(Struct, tag="unpublished", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vendor publishes no price: there is no quote, and only its own charge tells what a picture cost."""

    why: str
    """Said wherever a quote would stand."""

    def bound(self, job: Billable) -> Lines | Unpriced:
        """Why there is none."""
        return Unpriced(self.why)

    def metered(self, usage: Usage) -> Lines | None:
        """Nothing to multiply a meter by."""
        return None


Kind = PerImage | PerCredit | PerMegapixel | PerToken | PerSecond | Free | Unpublished


def _measured(job: Billable) -> bool:
    """False where a drawing without a size in pixels is sent along."""
    return all(width and height for width, height in job.inputs)


def _pair(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)
