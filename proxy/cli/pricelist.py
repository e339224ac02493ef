"""`docs/prices.md`: what a picture costs at every vendor, as of the day the book was last compared with its sources.

`python -m proxy.cli.pricelist` writes it, or another file that is named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import providers
from pricing import Book, Price
from providers.contract import Model, Provider
from proxy.explain import usd
from proxy.tariff import Amount, Line, asking, in_short, tariff

DEFAULT = Path("docs/prices.md")


HEAD = """# What a picture costs

As of {day}, the day the price book was last compared with its sources. Written by `python -m proxy.cli.pricelist` from
`pricing/prices/` and from what the providers' models draw; do not edit it.

USD for one picture, by size and quality where the price depends on them: the most that it may cost, and so what is held
for it. A prompt's words come on top where a vendor bills tokens of text; what a model may think or say is in. Edits,
upscales and controls are of one picture of 1024x1024, or of the nearest size the model takes. What is *unpriced* is not
routed to until `ceilings` in `config.yaml` says what it may cost. `darkroom prices show MODEL` has the rows behind a
figure, and `darkroom check` says what would run here.

`generate (reference)` is with a picture to lean on, and `all` is every kind of an operation. Where a model draws sizes
on a grid, a few usual ones are shown.
"""


def newest(book: Book) -> date:
    """The day the book was last compared with its sources."""
    return max(price.checked for _, _, price in book)


def document(book: Book, vendors: Iterable[tuple[str, Provider]]) -> str:
    """`docs/prices.md`."""
    day = newest(book)
    sections = [_section(name, provider, book, day) for name, provider in vendors if provider.models]
    return "\n".join([HEAD.format(day=day), *sections])


def _section(vendor: str, provider: Provider, book: Book, day: date) -> str:
    lines = [f"## {provider.title} (`{vendor}`)\n", "| model | does | size | USD |", "|---|---|---|---|"]
    sources: dict[str, None] = {}
    told: list[tuple[str, tuple[Line, ...]]] = []
    for model in sorted(provider.models, key=lambda model: model.name):
        price = book.price(vendor, model.vendor_name, day)
        if price is not None:
            sources[f"- {price.source} ({price.confidence}, checked {price.checked})"] = None
        told.append((_named(model, price), tariff(model, asking(price, day))))
    for alike, models in groupby(told, key=lambda pair: pair[1]):
        lines += _rows(", ".join(name for name, _ in models), alike)
    return "\n".join([*lines, "", *([*sources, ""] if sources else [])])


def _named(model: Model, price: Price | None) -> str:
    return f"`{model.name}`" if price is None or price.until is None else f"`{model.name}` until {price.until}"


def _rows(name: str, lines: tuple[Line, ...]) -> Iterator[str]:
    before: tuple[str, ...] = ()
    for line in lines:
        does = in_short(line.operations) if line.operations != before else ""
        yield f"| {name} | {does} | {line.sizes} | {', '.join(map(_said, line.prices))} |"
        name, before = "", line.operations


def _said(priced: tuple[str, Amount]) -> str:
    quality, amount = priced
    figure = usd(amount) if isinstance(amount, Decimal) else f"*unpriced: {amount}*".replace("|", "\\|")
    return f"{quality} {figure}".strip()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    target.write_text(document(Book.load(), [(name, providers.load(name)) for name in sorted(providers.NAMES)]))
