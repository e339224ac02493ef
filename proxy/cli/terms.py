"""A price of the book in words: in a few, or figure by figure."""

from __future__ import annotations

from decimal import Decimal

from pricing.kinds import (
    MILLION,
    AreaTokens,
    Free,
    Kind,
    Owned,
    PerCredit,
    PerImage,
    PerMegapixel,
    PerSecond,
    PerToken,
    Row,
    TableTokens,
    TierTokens,
    Unpublished,
)
from proxy.explain import usd


def in_words(kind: Kind) -> str:
    """A price in a few words."""
    match kind:
        case PerImage():
            return _span([row.price for row in kind.rows], "a picture")
        case PerCredit():
            return _span([row.price * kind.usd for row in kind.rows], f"a picture, in credits of ${usd(kind.usd)}")
        case PerMegapixel():
            first = f"${usd(kind.first)} the first, " if kind.first is not None else ""
            return f"{first}${usd(kind.usd)} a megapixel"
        case PerToken():
            return f"${usd(kind.image_out)} a million tokens of pictures, ${usd(kind.text_in)} of text read"
        case PerSecond() | Owned():
            return f"${usd(kind.rate)} a second"
        case Free():
            return "free"
        case Unpublished():
            return f"unpriced: {kind.why}"


def _span(amounts: list[Decimal], unit: str) -> str:
    low, high = min(amounts), max(amounts)
    return f"${usd(low)} {unit}" if low == high else f"${usd(low)} to ${usd(high)} {unit}"


def terms(kind: Kind) -> list[tuple[str, str]]:
    """Every figure of a price, and what it is for."""
    match kind:
        case PerImage():
            return [(_condition(row), usd(row.price)) for row in kind.rows]
        case PerCredit():
            return [
                (f"{_condition(row)}: {usd(row.price)} credits of {usd(kind.usd)}", usd(row.price * kind.usd))
                for row in kind.rows
            ]
        case PerMegapixel():
            return _of_megapixels(kind)
        case PerToken():
            return _of_tokens(kind)
        case PerSecond() | Owned():
            return [*_of_a_machine(kind), (f"a picture, at most {usd(kind.seconds)} s", usd(kind.rate * kind.seconds))]
        case Free() | Unpublished():
            return [(kind.why, "0" if isinstance(kind, Free) else "unpriced")]


def _of_a_machine(kind: PerSecond | Owned) -> list[tuple[str, str]]:
    if isinstance(kind, PerSecond):
        return [("a second", usd(kind.usd))]
    used = f"{usd(kind.years)} years at {usd(kind.utilisation * 100)} %"
    power = f"{usd(kind.watts)} W at ${usd(kind.usd_per_kwh)} a kWh"
    return [(f"a second, of ${usd(kind.purchase_usd)} over {used}, and {power}", usd(kind.rate))]


def _of_megapixels(kind: PerMegapixel) -> list[tuple[str, str]]:
    size = f"of {kind.pixels:,} pixels, {'begun ones count whole' if kind.round == 'up' else 'to the pixel'}"
    least = f", at least {usd(kind.minimum)}" if kind.minimum else ""
    found = [(f"a {'further ' if kind.first is not None else ''}megapixel written ({size}{least})", usd(kind.usd))]
    if kind.first is not None:
        found.insert(0, ("the first megapixel written", usd(kind.first)))
    return [*found, ("a megapixel read", usd(kind.read))] if kind.read else found


def _of_tokens(kind: PerToken) -> list[tuple[str, str]]:
    rates = {
        "text read": kind.text_in,
        "pictures read": kind.image_in,
        "pictures written": kind.image_out,
        "text written": kind.text_out,
    }
    found = [(f"a million tokens of {what}", usd(rate)) for what, rate in rates.items() if rate]
    match kind.output:
        case TableTokens():
            return found + [
                (f"a picture, {quality}, {size}: {tokens} tokens", usd(tokens * kind.image_out / MILLION))
                for quality, sizes in kind.output.tokens.items()
                for size, tokens in sizes.items()
            ]
        case TierTokens():
            return found + [
                (
                    f"a picture up to {tier.up_to:,} pixels: {tier.tokens} tokens",
                    usd(tier.tokens * kind.image_out / MILLION),
                )
                for tier in kind.output.tiers
            ]
        case AreaTokens():
            factors = ", ".join(f"{quality} {factor}" for quality, factor in kind.output.factors.items())
            return [*found, (f"a picture: tokens by its area, on a grid of {factors} along its long edge", "")]
        case None:
            return [*found, ("a picture: the vendor has not said how many tokens it takes", "unpriced")]


def _condition(row: Row) -> str:
    sized = f"up to {row.up_to:,} pixels" if row.up_to is not None else None
    background = f"{row.background} background" if row.background else None
    known = [each for each in (row.operation, row.quality, row.size, sized, background) if each is not None]
    return ", ".join(known) or "a picture"
