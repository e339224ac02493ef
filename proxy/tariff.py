"""What plain pictures cost: a model's prices over its operations, sizes and qualities, told in few lines.

Every figure is a quote of the request that would be sent: fitted to the model, one picture, the prompt's words not
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pricing import Billable, Price, Quote, Unpriced, quote
from providers.contract import (
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fit,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Misfit,
    Model,
    Polarity,
    Upscale,
    UpscaleKind,
    fit,
)
from providers.contract.model import parse_size
from proxy.explain import usd

ON_A_GRID = ("512x512", "1024x1024", "1536x1024", "1920x1088", "2048x2048", "3840x2160", "4096x4096")
"""Sizes looked at where a model draws any on a grid."""
SENT = (1024, 512, 256, 2048)
"""Sides of the square picture sent along: the first that the model takes."""
FACTORS = (2.0, 4.0)
"""How much larger an upscale is asked for, beside what the model does on its own."""
FEW = 3
"""Most sizes of one price that are named one by one."""
ALIKE = 1.5
"""How much larger one size may be than another that is of the same area, but for its shape."""

KINDS: Mapping[str, Sequence[str]] = {
    "generate": ["", "reference"],
    "edit": list(EditKind),
    "upscale": list(UpscaleKind),
    "control": list(ControlKind),
}
"""Every operation, by family. The one of no kind is from words alone."""

Amount = Decimal | str
"""USD, or why there is no price."""
Ask = Callable[[Billable], Quote | Unpriced]


class Line(Struct, frozen=True, kw_only=True):
    """Operations and sizes that cost the same, quality by quality."""

    operations: tuple[str, ...]
    sizes: str
    prices: tuple[tuple[str, Amount], ...]
    """By quality; one without a name where it makes no difference."""


_Grades = tuple[tuple[str, Amount], ...]
_Sized = tuple[str, ImageRequest]


def tariff(model: Model, ask: Ask) -> tuple[Line, ...]:
    """What a model's plain pictures cost."""
    told: dict[tuple[tuple[str, _Grades], ...], list[str]] = {}
    for operation in sorted(model.operations):
        told.setdefault(tuple(_by_size(model, operation, ask)), []).append(operation)
    return tuple(
        Line(operations=tuple(operations), sizes=sizes, prices=prices)
        for group, operations in told.items()
        for sizes, prices in group
    )


def least(lines: Iterable[Line]) -> Amount | None:
    """The lowest price of any; the reason why there is none; None where nothing is known of it."""
    amounts = [amount for line in lines for _, amount in line.prices]
    return min([each for each in amounts if isinstance(each, Decimal)], default=next(iter(amounts), None))


def starting(lines: tuple[Line, ...]) -> str:
    """What a model's pictures start at, in a few words."""
    amounts = {amount for line in lines for _, amount in line.prices if isinstance(amount, Decimal)}
    lowest = least(lines)
    if isinstance(lowest, str):
        return f"unpriced: {lowest}"
    if lowest is None:
        return "unpriced"
    figure = f"${usd(lowest)}" if lowest else "free"
    return figure if len(amounts) == 1 else f"from {figure}"


def line_told(line: Line) -> dict[str, Any]:
    """A line as a program reads it."""
    return {
        "operations": line.operations,
        "size": line.sizes,
        "prices": [
            {"quality": quality or None}
            | ({"usd": usd(amount)} if isinstance(amount, Decimal) else {"usd": None, "unpriced": amount})
            for quality, amount in line.prices
        ],
    }


def in_short(operations: Iterable[str]) -> str:
    """Operations by family: `generate (all), edit (erase, inpaint)`."""
    asked = set(operations)
    told = []
    for does, kinds in KINDS.items():
        found = [kind for kind in kinds if (f"{does}.{kind}" if kind else does) in asked]
        if found == [""]:
            told.append(does)
        elif found:
            told.append(f"{does} ({'all' if len(found) == len(kinds) else ', '.join(found)})")
    return ", ".join(told)


def asking(price: Price | None, day: date) -> Ask:
    """Quotes under one price of the book."""
    if price is None:
        return lambda job: Unpriced(f"the book has no price for it on {day}")
    return lambda job: quote(price, job)


# Asking.


def _by_size(model: Model, operation: str, ask: Ask) -> Iterator[tuple[str, _Grades]]:
    """Sizes that cost the same, and what they cost."""
    costs: dict[_Grades, list[str]] = {}
    for label, request in _sized(model, operation):
        costs.setdefault(_by_quality(model, request, ask), []).append(label)
    for prices, labels in costs.items():
        yield "any" if len(costs) == 1 and len(labels) > 1 else _span(labels), prices


def _by_quality(model: Model, request: ImageRequest, ask: Ask) -> _Grades:
    """What one size costs, qualities of one price together. The background is told where the price depends on it."""
    plain = [_priced(model, replace(request, quality=each), ask) for each in model.qualities or (None,)]
    clear = plain
    if "background" in model.honours:
        cut_out = replace(request, background=Background.TRANSPARENT)
        clear = [_priced(model, replace(cut_out, quality=each), ask) for each in model.qualities or (None,)]
    names = [str(each) for each in model.qualities] or [""]
    if clear == plain:
        return _together(names, plain)
    transparent = ["transparent" if not name else f"{name}, transparent" for name in names]
    return (*_together(names, plain), *_together(transparent, clear, alone="transparent"))


def _together(names: list[str], amounts: list[Amount], alone: str = "") -> _Grades:
    if len(set(amounts)) == 1:
        return ((alone, amounts[0]),)
    grouped = groupby(zip(names, amounts, strict=True), key=lambda pair: pair[1])
    return tuple((" / ".join(name for name, _ in group), amount) for amount, group in grouped)


def _priced(model: Model, request: ImageRequest, ask: Ask) -> Amount:
    fitted = fit(request, model)
    if isinstance(fitted, Misfit):
        return f"it {fitted.reason}"
    found = ask(replace(fitted.request.billable(), prompt_bytes=0))
    return found.usd if isinstance(found, Quote) else found.reason


def _sized(model: Model, operation: str) -> Iterator[_Sized]:
    """The plain request, once for every size there is to it."""
    request = _taken(model, operation)
    sizes = model.sizes
    if isinstance(request, Upscale):
        yield "its own", request
        for factor in FACTORS:
            yield f"{factor:g} times as large", replace(request, factor=factor)
        return
    if sizes.follows_input:
        yield "of the picture", request
        return
    drawn = [size for size in ON_A_GRID if sizes.draws(*parse_size(size))]
    found = dict.fromkeys([*sizes.listed, *drawn, *([] if sizes.auto else [sizes.default])])
    for size in sorted(found, key=_area):
        width, height = parse_size(size)
        yield size, replace(request, width=width, height=height) if sizes.draws(width, height) else request


def _taken(model: Model, operation: str) -> ImageRequest:
    """A plain request that the model takes, if any picture of those looked at makes it one."""
    masked = "mask" in model.needs
    requests = [_plain(operation, Image.to_come(side, side), masked=masked) for side in SENT]
    return next((each for each in requests if isinstance(fit(each, model), Fit)), requests[0])


def _plain(operation: str, picture: Image, *, masked: bool) -> ImageRequest:
    does, _, kind = operation.partition(".")
    match does:
        case "edit":
            return Edit(
                model="", prompt=".", kind=EditKind(kind), pictures=(picture,), search=".",
                mask=Mask(picture, Polarity.WHITE) if masked or kind in _MASKED else None,
                right=256 if kind == "outpaint" else 0,
            )  # fmt: skip
        case "upscale":
            return Upscale(model="", prompt=".", kind=UpscaleKind(kind), picture=picture)
        case "control":
            looks = picture if kind == "style_transfer" else None
            return Control(model="", prompt=".", kind=ControlKind(kind), picture=picture, looks=looks)
        case _:
            return Generate(model="", prompt=".", references=(picture,) if kind else ())


_MASKED = frozenset({"inpaint", "erase"})


def _area(size: str) -> tuple[int, int]:
    width, height = parse_size(size)
    return width * height, width


def _span(labels: list[str]) -> str:
    """Sizes in a few words: shapes of one area after the square among them, others from the smallest to the largest."""
    if len(labels) <= FEW:
        return ", ".join(labels)
    square = next((label for label in labels if len(set(parse_size(label))) == 1), None)
    if square and _area(labels[-1])[0] <= ALIKE * _area(labels[0])[0]:
        return f"{square} and {len(labels) - 1} other shapes"
    return f"{labels[0]} to {labels[-1]} ({len(labels)} sizes)"
