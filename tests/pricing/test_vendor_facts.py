"""The shipped prices against a survey of what vendors publish, figure by figure, where the survey is at hand.

It lies beside the vendors' API descriptions, which the environment variable VENDOR_SPECS points to. Every figure of it
is either recomputed by a quote, or told below with the reason why not: none is passed over in silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from pricing import Billable, Book, Price, Quote, quote
from pricing.book import FOLDER
from pricing.kinds import PerCredit, PerMegapixel, PerToken

SPECS = os.environ.get("VENDOR_SPECS")
pytestmark = pytest.mark.skipif(not SPECS, reason="VENDOR_SPECS does not point to the vendors' descriptions")

LEAST = 150
"""Figures that must come out exactly."""
CENT_TENTH = Decimal("0.001")
"""What vendors round prices to that they work out from tokens."""

VENDORS = {"google": "gemini"}
"""Vendors that go by another name in the survey."""
MODELS = {("ideogram", "remove-background"): "ideogram-remove-background"}
"""Models that go by another name in the survey, by our vendor and that name."""
OPERATIONS = {
    "all": "generate",
    "text_to_image": "generate",
    "text_to_image|edit": "generate",
    "edit": "edit.general",
    "inpaint": "edit.inpaint",
    "outpaint": "edit.outpaint",
    "erase": "edit.erase",
    "upscale": "upscale.fast",
    "search_replace": "edit.search_replace",
    "recolor": "edit.search_recolor",
    "remove_background": "edit.remove_background",
    "replace_background": "edit.replace_background",
    "control_sketch": "control.sketch",
    "control_structure": "control.structure",
    "control_style": "control.style",
    "style_transfer": "control.style_transfer",
    "generate|remix|edit|reframe|replace_background": "generate",
    "generate_transparent": "generate",
}
QUALITIES = {"TURBO": "low", "DEFAULT": "medium", "QUALITY": "high"}
"""Words of a vendor for a quality; the others are ours, however they are written."""
SIZES = {
    "512 (0.5K)": ("512x512",),
    "1K": ("1024x1024",),
    "1K (1290 tokens)": ("1024x1024",),
    "1K/2K (1120 tokens)": ("1024x1024", "2048x2048"),
    "4K": ("4096x4096",),
    "first output megapixel": ("1000x1000",),
}
RATES = {"token_in": "text_in", "token_in_image": "image_in", "token_out": "image_out", "token_out_text": "text_out"}
ALSO = {
    "ideogram-v3": (
        *(("ideogram-v3", "generate.reference"), ("ideogram-v3-edit", "edit.inpaint")),
        *(("ideogram-v3-reframe", "edit.outpaint"), ("ideogram-v3-replace-background", "edit.replace_background")),
    ),
}
"""Models of ours beside the one of that name, and what they do, that a row with several operations is the price of."""

Key = tuple[str, str, str, str | None, str | None]

NEARLY: dict[Key, str] = {
    ("openai", "gpt-image-1", "image", "1024x1024", "high"): "4,160 tokens come to 0.1664",
    ("openai", "gpt-image-1", "image", "1536x1024", "high"): "6,208 tokens come to 0.2483",
    ("openai", "gpt-image-1.5", "image", "1024x1536", "medium"): "1,584 tokens come to 0.0507",
    ("openai", "gpt-image-1.5", "image", "1536x1024", "high"): "6,208 tokens come to 0.1987",
}
"""Figures that their own tokens and rates come to but for the rounding: within two hundredths."""

NO_PRICE = "the vendor names no figure"
NOT_OFFERED = "no provider here offers it"
ONE_CALL = "one call that somebody saw is no price list"
HARDWARE = "hardware, for a row of config.yaml: it stands in the head of the vendor's file"
LEFT_OUT: dict[tuple[str, str], str] = {
    ("openai", "dall-e-2"): NO_PRICE,
    ("openai", "dall-e-3"): NO_PRICE,
    ("bfl", "flux-pro-1.1-ultra-finetuned"): NOT_OFFERED,
    ("bfl", "flux-pro-1.0-fill-finetuned"): NOT_OFFERED,
    ("bfl", "flux-tools/deblur-v1"): NOT_OFFERED,
    ("bfl", "flux-tools/vto-v2"): NOT_OFFERED,
    ("bfl", "flux-tools/erase-v1"): ONE_CALL,
    ("bfl", "flux-tools/outpainting-v1"): ONE_CALL,
    ("ideogram", "V_1"): NOT_OFFERED,
    ("ideogram", "V_1_TURBO"): NOT_OFFERED,
    ("ideogram", "ideogram-v3+character_reference"): NOT_OFFERED,
    ("ideogram", "ideogram-4-5"): NOT_OFFERED,
    ("fal", "bria/text-to-image/3.2"): NOT_OFFERED,
    ("fal", "fal-ai/bytedance/seedream/v3/text-to-image"): NOT_OFFERED,
    ("fal", "fal-ai/bytedance/dreamina/v3.1/text-to-image"): NOT_OFFERED,
    ("fal", "fal-ai/imagen4/preview"): NOT_OFFERED,
    ("fal", "fal-ai/imagen4/preview/fast"): NOT_OFFERED,
    ("fal", "fal-ai/imagen4/preview/ultra"): NOT_OFFERED,
    ("fal", "fal-ai/gemini-25-flash-image"): NOT_OFFERED,
    ("fal", "fal-ai/flux-lora-depth"): NOT_OFFERED,
    ("replicate", "hardware:T4"): HARDWARE,
    ("replicate", "hardware:L40S"): HARDWARE,
    ("replicate", "hardware:A100-80GB"): HARDWARE,
    ("replicate", "hardware:H100"): HARDWARE,
    ("huggingface", "(routed)"): "no figure: it passes another vendor's price on",
    ("huggingface", "hf-inference"): "an example of the vendor's, not its tariff",
    ("leonardo", "(all)"): NO_PRICE,
}
"""Models of the survey that are not compared, and why."""
LEFT_OUT_ROWS: dict[Key, str] = {
    ("ideogram", "ideogram-v3", "image", None, "FLASH"): "a speed that no quality here stands for",
    ("fal", "fal-ai/recraft/v3/text-to-image", "image", None, None): "the vendor's own page has 0.04",
    ("fal", "fal-ai/stable-diffusion-v35-medium", "image", None, None): "the vendor's own page has 0.02 a megapixel",
}
"""Rows that are not compared, of models that are, and why."""


class Fact(Struct):
    """One row of the survey."""

    provider: str
    model: str
    operation: str
    unit: str
    size: str | None
    quality: str | None
    price: Decimal | None

    @property
    def vendor(self) -> str:
        return VENDORS.get(self.provider, self.provider)

    @property
    def ours(self) -> tuple[str, str]:
        """Vendor and model as the book names them."""
        return self.vendor, MODELS.get((self.vendor, self.model), self.model)

    @property
    def key(self) -> Key:
        return self.vendor, self.model, self.unit, self.size, self.quality


def facts() -> list[Fact]:
    path = Path(SPECS or "") / ".." / "facts" / "prices.json"
    return msgspec.json.decode(path.read_bytes(), type=list[Fact])


def left_out(row: Fact) -> str | None:
    return LEFT_OUT.get((row.vendor, row.model)) or LEFT_OUT_ROWS.get(row.key)


BOOK = Book.load()
NEWEST = {(vendor, model): price for vendor, model, price in BOOK}


def jobs(row: Fact) -> Iterator[Billable]:
    """What is asked for by a row: one request for every size it names."""
    background = "transparent" if row.operation == "generate_transparent" else None
    whole = "1000x1000" if isinstance(NEWEST[row.ours].per, PerMegapixel) else "1024x1024"
    word = row.quality or UNSAID.get(row.ours)
    quality = None if word is None or row.model in FIXED else QUALITIES.get(word, word.lower())
    for size in SIZES.get(row.size or "", (row.size or whole,)):
        width, _, height = size.partition("x")
        yield Billable(
            operation=OPERATIONS[row.operation],
            width=int(width),
            height=int(height),
            quality=quality,
            background=background,
        )


UNSAID = {("fal", "fal-ai/ideogram/v3"): "DEFAULT"}
"""The quality a row is the price of, where it does not say."""
FIXED = frozenset({"V_2", "V_2_TURBO", "V_2A", "V_2A_TURBO"})
"""Models whose name is their quality."""


def figures(row: Fact) -> list[Decimal]:
    """Ours, for everything a row is the price of."""
    price = NEWEST[row.ours]
    match row.unit:
        case "token_in" | "token_in_image" | "token_out" | "token_out_text":
            assert isinstance(price.per, PerToken), row
            return [getattr(price.per, RATES[row.unit]) / 1_000_000]
        case "megapixel":
            assert isinstance(price.per, PerMegapixel), row
            return [price.per.usd] + ([price.per.read] if price.per.first is not None else [])
        case "credit":
            assert isinstance(price.per, PerCredit), row
            return [picture(price, job) / price.per.usd for job in jobs(row)]
        case "image":
            found = [picture(price, job) for job in jobs(row)]
            for model, operation in ALSO.get(row.model, ()) if "|" in row.operation else ():
                job = msgspec.structs.replace(next(jobs(row)), operation=operation, inputs=((1024, 1024),))
                found.append(picture(NEWEST[row.vendor, model], job))
            return found
    raise AssertionError(f"the survey has a unit this test does not know: {row}")


def picture(price: Price, job: Billable) -> Decimal:
    """What a quote says of the picture alone: a published price per picture leaves words read and written out."""
    found = quote(price, job)
    assert isinstance(found, Quote), (price.models, found)
    return sum((line.usd for line in found.lines if not line.what.startswith("token of text")), Decimal(0))


def same(ours: Decimal, published: Decimal, *, worked_out: bool) -> bool:
    """Whether two figures are one; a price that was worked out from tokens is published to a tenth of a cent."""
    return ours == published or (worked_out and ours.quantize(CENT_TENTH, ROUND_HALF_UP) == published)


def test_every_row_is_compared_or_left_out_for_a_reason() -> None:
    unknown = [row for row in facts() if left_out(row) is None and (row.ours not in NEWEST or row.price is None)]
    assert unknown == []


def test_every_figure_that_is_published_comes_out_exactly() -> None:
    exact, differing = 0, []
    for row in facts():
        if left_out(row) or row.key in NEARLY or row.price is None or row.ours not in NEWEST:
            continue
        worked_out = row.unit == "image" and isinstance(NEWEST[row.ours].per, PerToken)
        ours = figures(row)
        if ours and all(same(each, row.price, worked_out=worked_out) for each in ours):
            exact += 1
        else:
            differing.append((row, ours))
    assert differing == []
    assert exact >= LEAST, exact


def test_figures_that_were_rounded_otherwise_are_near() -> None:
    rows = [row for row in facts() if row.key in NEARLY]
    assert {row.key for row in rows} == NEARLY.keys()
    for row in rows:
        assert row.price is not None
        (ours,) = figures(row)
        assert not same(ours, row.price, worked_out=True), f"{row} is exact: take it out of NEARLY"
        assert abs(ours - row.price) <= row.price / 50, (row, ours)


def test_rates_of_hardware_are_told_in_the_head_of_the_vendors_file() -> None:
    for row in facts():
        if LEFT_OUT.get((row.vendor, row.model)) == HARDWARE:
            head = (FOLDER / f"{row.vendor}.yaml").read_text().partition("\n- models")[0]
            assert f"{row.model.partition(':')[2].partition('-')[0]} ${row.price}" in head, row


def test_every_reason_is_of_a_row_there_is_and_still_holds() -> None:
    rows = facts()
    assert LEFT_OUT.keys() <= {(row.vendor, row.model) for row in rows}
    assert LEFT_OUT_ROWS.keys() <= {row.key for row in rows}
    offered = [key for key, why in LEFT_OUT.items() if why == NOT_OFFERED and key in NEWEST]
    assert offered == []
