"""The book against another price list: LiteLLM's `model_prices_and_context_window.json`. It tells, and changes nothing.

Its keys are `vendor/model`, with a quality and a size before the model where it prices them apart
(`high/1024-x-1024/gpt-image-1`); the vendor's name stands in a field of its own. Its figures are USD: for a picture,
a pixel or a token. Where it names no size or no quality, its figure is held against every price the book has for the
model, since it does not say which of them it means.

Traps: prices of pictures drawn stand in `input_cost_per_image` where nothing else is said; `standard` is a quality of
some of its rows and none of ours; figures worked out from tokens are rounded to a tenth of a cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pricing.book import Book
from pricing.figures import pictures
from pricing.kinds import (
    MILLION,
    Free,
    Kind,
    PerMegapixel,
    PerToken,
    Unpriced,
)
from pricing.quote import Price
from pricing.usage import Billable

RENAMED: Mapping[tuple[str, str], str] = {}
"""Models of ours that go by another name there, by vendor and that name."""
PICTURES = frozenset({"image_generation", "image_edit"})
TIERS = {"0.5K": 512, "1K": 1024, "2K": 2048, "4K": 4096}
"""Sides of a square picture of each tier."""
TOKENS = {
    "input_cost_per_token": ("text_in", "a million tokens of text read"),
    "input_cost_per_image_token": ("image_in", "a million tokens of pictures read"),
    "output_cost_per_token": ("text_out", "a million tokens of text written"),
    "output_cost_per_image_token": ("image_out", "a million tokens of pictures written"),
}
MOST = 1_000_000_000
"""USD that no row is the price of."""
ROUNDING = Decimal("0.0005")
"""How far a figure that was worked out from tokens may be off for being rounded; or a hundredth of it."""
_DATED = re.compile(r"-20\d\d-\d\d-\d\d$")
_SIZED = re.compile(r"(\d+)-x-(\d+)")
_QUALITIES = frozenset({"low", "medium", "high", "xhigh", "max"})
_WORDS = _QUALITIES | {"standard", "hd"}
_LIST = msgspec.json.Decoder(dict[str, dict[str, Any]], float_hook=Decimal)


class Theirs(Struct, frozen=True):
    """One of their rows."""

    vendor: str
    figures: Mapping[str, Decimal]
    """USD, by the name of the field."""


class Listed(Struct, frozen=True, kw_only=True):
    """What a key names."""

    key: str
    vendor: str
    model: str
    quality: str | None = None
    size: tuple[int, int] | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """One figure of theirs, and ours for the same."""

    key: str
    vendor: str
    model: str
    what: str
    """What it is the price of."""
    ours: tuple[Decimal, ...]
    """USD, least first: every price the book has for what the row may mean."""
    theirs: Decimal
    rounded: bool = False

    @property
    def nearest(self) -> Decimal:
        """The one of ours that is nearest to theirs."""
        return min(self.ours, key=lambda price: abs(price - self.theirs))

    @property
    def agrees(self) -> bool:
        """Whether one of ours is theirs."""
        slack = max(ROUNDING, self.theirs / 100) if self.rounded else self.theirs / MILLION
        return abs(self.nearest - self.theirs) <= slack

    @property
    def ratio(self) -> Decimal | None:
        """Theirs over ours; None where ours is nothing."""
        return None if not self.nearest else (self.theirs / self.nearest).quantize(Decimal("0.001"))


class Comparison(Struct, frozen=True, kw_only=True):
    """Everything the two lists say of one another."""

    findings: tuple[Finding, ...]
    theirs_alone: tuple[Listed, ...]
    """Rows of vendors we have, for models the book does not have."""
    ours_alone: tuple[str, ...]
    """`vendor/model` the list says nothing of."""
    beyond: tuple[tuple[str, str], ...]
    """Keys that cannot be compared, and why."""
    elsewhere: int
    """Rows for pictures of vendors that the book does not have."""

    @property
    def differing(self) -> tuple[Finding, ...]:
        """Where the two disagree, furthest first."""
        found = [finding for finding in self.findings if not finding.agrees]
        return tuple(sorted(found, key=_distance, reverse=True))


def _distance(finding: Finding) -> tuple[Decimal, str]:
    ratio = finding.ratio or Decimal(0)
    return (max(ratio, 1 / ratio) if ratio else Decimal("Infinity")), finding.key


def read(text: bytes) -> dict[str, Theirs]:
    """The rows of their file that price pictures, by key. Raises ValueError for another kind of file."""
    try:
        rows = _LIST.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"this is not LiteLLM's price list: {error}") from error
    found = {
        key: Theirs(str(row.get("litellm_provider", "")), dict(_figures(row)))
        for key, row in rows.items()
        if str(row.get("mode")) in PICTURES
    }
    if not found:
        raise ValueError("this is not LiteLLM's price list: no row of it is for pictures")
    return found


def _figures(row: Mapping[str, object]) -> Iterator[tuple[str, Decimal]]:
    for name, value in row.items():
        if "_cost_per_" in name and isinstance(value, int | Decimal) and not isinstance(value, bool):
            figure = Decimal(value)
            if 0 <= figure <= MOST:
                yield name, figure


def named(key: str, vendor: str, names: Mapping[str, str]) -> Listed:
    """What a key names, by its vendor's own field; `names` are ours of vendors that go by another one there."""
    words = key.split("/")
    if len(words) > 1 and words[0] == vendor:
        words = words[1:]
    quality, size = None, None
    while len(words) > 1:
        sized = _SIZED.fullmatch(words[0])
        if sized is not None:
            size = (int(sized[1]), int(sized[2]))
        elif words[0] in _WORDS:
            quality = words[0] if words[0] in _QUALITIES else None
        else:
            break
        words = words[1:]
    return Listed(key=key, vendor=names.get(vendor, vendor), model="/".join(words), quality=quality, size=size)


def compare(book: Book, rows: Mapping[str, Theirs], on: date, names: Mapping[str, str]) -> Comparison:
    """Hold their rows against the book of a day; `names` are our vendors', by theirs.

    A price that has ended is compared all the same, if it is the last.
    """
    newest = {(vendor, model): price for vendor, model, price in book if price.since <= on}
    vendors = {vendor for vendor, _ in newest}
    findings: list[Finding] = []
    alone, beyond, met, elsewhere = [], [], set(), 0
    for key, theirs in sorted(rows.items()):
        listed = named(key, theirs.vendor, names)
        if listed.vendor not in vendors:
            elsewhere += 1
            continue
        model = _ours(listed, newest)
        if model is None:
            alone.append(listed)
            continue
        met.add((listed.vendor, model))
        found = list(_findings(replace(listed, model=model), newest[listed.vendor, model], theirs.figures))
        findings += found
        if not found:
            beyond.append((key, _why(newest[listed.vendor, model], theirs.figures)))
    return Comparison(
        findings=tuple(findings),
        theirs_alone=tuple(alone),
        ours_alone=tuple(
            f"{vendor}/{model}"
            for (vendor, model), price in newest.items()
            if (vendor, model) not in met
            and not isinstance(price.per, Free)
            and (price.until is None or on < price.until)
        ),
        beyond=tuple(beyond),
        elsewhere=elsewhere,
    )


def _ours(listed: Listed, newest: Iterable[tuple[str, str]]) -> str | None:
    """Our model of that name, or the one whose name ends with it: they leave out what a path begins with.

    One that is named by its day is the model itself, unless the book tells the two apart.
    """
    models = [model for vendor, model in newest if vendor == listed.vendor]
    known = RENAMED.get((listed.vendor, listed.model), listed.model)
    for wanted in dict.fromkeys([known, _DATED.sub("", known)]):
        if wanted in models:
            return wanted
        ending = [model for model in models if model.endswith(f"/{wanted}")]
        if len(ending) == 1:
            return ending[0]
    return None


def _why(price: Price, figures: Mapping[str, Decimal]) -> str:
    without = price.per.bound(Billable(width=1024, height=1024))
    if not figures:
        return "the list has no figure for it"
    if isinstance(without, Unpriced):
        return f"the book has no price: {without.reason}"
    return "the two are priced by different facts"


def _findings(listed: Listed, price: Price, figures: Mapping[str, Decimal]) -> Iterator[Finding]:
    rounded = isinstance(price.per, PerToken)
    for what, ours, theirs, exact in _pairs(listed, price.per, figures):
        known = tuple(sorted(set(ours)))
        if known:
            yield Finding(
                key=listed.key,
                vendor=listed.vendor,
                model=listed.model,
                what=what,
                ours=known,
                theirs=theirs,
                rounded=rounded and not exact,
            )


def _pairs(
    listed: Listed, per: Kind, figures: Mapping[str, Decimal]
) -> Iterator[tuple[str, list[Decimal], Decimal, bool]]:
    """What a figure is the price of, ours for it, theirs, and whether it is a rate: those are not rounded."""
    drawn = figures.get("output_cost_per_image")
    if drawn is None and not any(name.startswith("output_cost") and figure for name, figure in figures.items()):
        drawn = figures.get("input_cost_per_image")
    if drawn is not None:
        yield _said(listed), pictures(per, listed.quality, listed.size), drawn, False
    for tier, side in TIERS.items():
        figure = figures.get(f"output_cost_per_image_{tier}")
        if figure is not None:
            sized = replace(listed, size=(side, side))
            yield _said(sized), pictures(per, sized.quality, sized.size), figure, False
    pixel = figures.get("output_cost_per_pixel")
    if isinstance(per, PerMegapixel) and pixel:
        yield "a megapixel", [per.usd], pixel * per.pixels, True
    if isinstance(per, PerToken):
        for name, (field, what) in TOKENS.items():
            if name in figures:
                yield what, [getattr(per, field)], figures[name] * MILLION, True


def _said(listed: Listed) -> str:
    size = f"{listed.size[0]}x{listed.size[1]}" if listed.size else None
    return ", ".join(["a picture", *[each for each in (size, listed.quality) if each]])
