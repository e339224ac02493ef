"""The prices that come with the project, against what the vendors publish."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from msgspec import Struct

from pricing import Bill, Billable, Book, Price, Quote, Unpriced, Usage, bill, quote
from pricing.book import FOLDER
from pricing.kinds import Free

BOOK = Book.load()
STANZAS = [pytest.param(price, id=f"{vendor}-{model}-{price.since}") for vendor, model, price in BOOK]
PLAIN = Billable(width=1024, height=1024, prompt_bytes=200)


def price(vendor: str, model: str, on: date = date(2026, 4, 30)) -> Price:
    found = BOOK.price(vendor, model, on)
    assert found is not None
    return found


def line(found: Quote | Unpriced, what: str) -> tuple[Decimal, Decimal]:
    """Quantity and USD of one line of a quote."""
    assert isinstance(found, Quote), found
    return next((line.quantity, line.usd) for line in found.lines if line.what == what)


def written(model: str, quality: str, width: int, height: int) -> tuple[Decimal, Decimal]:
    """Tokens of one picture of OpenAI's and what they cost."""
    job = Billable(quality=quality, width=width, height=height)
    return line(quote(price("openai", model), job), "token of pictures written")


def numbers(thing: object) -> Iterator[Decimal]:
    """Every amount in a stanza."""
    if isinstance(thing, Decimal):
        yield thing
    elif isinstance(thing, Struct):
        for name in thing.__struct_fields__:
            yield from numbers(getattr(thing, name))
    elif isinstance(thing, tuple):
        for each in thing:
            yield from numbers(each)


def floats(thing: object) -> Iterator[float]:
    """Every float in what a file says."""
    if isinstance(thing, float):
        yield thing
    elif isinstance(thing, dict):
        for each in thing.values():
            yield from floats(each)
    elif isinstance(thing, list):
        for each in thing:
            yield from floats(each)


@pytest.mark.parametrize("stanza", STANZAS)
def test_every_price_says_where_it_is_from_and_when_it_was_checked(stanza: Price) -> None:
    assert stanza.source.strip()
    assert stanza.checked >= date(2026, 1, 1)


@pytest.mark.parametrize("stanza", STANZAS)
def test_no_price_is_negative_or_no_number(stanza: Price) -> None:
    for number in numbers(stanza):
        assert number.is_finite()
        assert number >= 0


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_no_price_is_written_as_a_float(path: Path) -> None:
    assert list(floats(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize("stanza", STANZAS)
@pytest.mark.parametrize("quality", [None, "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("sized", [True, False])
def test_every_price_answers_a_plain_request(stanza: Price, quality: str | None, sized: bool) -> None:
    size = 1024 if sized else None
    found = quote(stanza, Billable(width=size, height=size, quality=quality, prompt_bytes=200))
    assert isinstance(found, Unpriced | Quote)
    if isinstance(found, Unpriced):
        assert found.reason
    else:
        assert found.usd > 0 or isinstance(stanza.per, Free)
        assert found.source == stanza.source


@pytest.mark.parametrize("stanza", STANZAS)
def test_every_price_bills_a_delivered_picture_at_no_more_than_its_quote(stanza: Price) -> None:
    found, owed = quote(stanza, PLAIN), bill(stanza, PLAIN, Usage(images=1))
    if isinstance(found, Quote):
        assert isinstance(owed, Bill)
        assert owed.usd == found.usd
    else:
        assert owed == found


@pytest.mark.parametrize(
    ("quality", "width", "height", "tokens"),
    [
        ("low", 1024, 1024, 196),
        ("medium", 1024, 1024, 1756),
        ("high", 1024, 1024, 7024),
        ("low", 1536, 1024, 158),
        ("medium", 1024, 1536, 1372),
        ("high", 1536, 1024, 5488),
        ("high", 1792, 1024, 5063),
        ("high", 3840, 2160, 13342),
    ],
)
def test_gpt_image_2_takes_the_tokens_of_the_vendors_calculator_at_30_usd_a_million(
    quality: str, width: int, height: int, tokens: int
) -> None:
    assert written("gpt-image-2", quality, width, height) == (Decimal(tokens), Decimal(tokens) * 30 / 1_000_000)


@pytest.mark.parametrize(
    ("quality", "published"),
    [("low", "0.006"), ("medium", "0.013"), ("high", "0.053"), ("xhigh", "0.094"), ("max", "0.211")],
)
def test_a_picture_of_gpt_image_2_5_comes_to_its_price_where_it_is_resold(quality: str, published: str) -> None:
    job = Billable(quality=quality, width=1024, height=1024)
    found = line(quote(price("openai", "gpt-image-2.5-flare", date(2026, 9, 30)), job), "token of pictures written")
    assert round(found[1], 3) == Decimal(published)


GPT_IMAGE_1_TOKENS = {
    "low": (272, 408, 400),
    "medium": (1056, 1584, 1568),
    "high": (4160, 6240, 6208),
}
SIZES = ((1024, 1024), (1024, 1536), (1536, 1024))


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("model", "rate"), [("gpt-image-1", 40), ("gpt-image-1.5", 32), ("chatgpt-image-latest", 32)])
def test_gpt_image_1_and_its_successor_take_the_published_tokens(
    model: str, rate: int, quality: str, place: int
) -> None:
    tokens = GPT_IMAGE_1_TOKENS[quality][place]
    assert written(model, quality, *SIZES[place]) == (Decimal(tokens), Decimal(tokens) * rate / 1_000_000)


@pytest.mark.parametrize(
    ("quality", "prices"),
    [
        ("low", ("0.009", "0.013", "0.013")),
        ("medium", ("0.034", "0.051", "0.05")),
        ("high", ("0.133", "0.20", "0.199")),
    ],
)
def test_a_picture_of_gpt_image_1_5_comes_to_its_published_price(quality: str, prices: tuple[str, ...]) -> None:
    for size, published in zip(SIZES, prices, strict=True):
        assert round(written("gpt-image-1.5", quality, *size)[1], 3) == Decimal(published)


@pytest.mark.parametrize(
    ("quality", "prices"),
    [
        ("low", ("0.005", "0.006", "0.006")),
        ("medium", ("0.011", "0.015", "0.015")),
        ("high", ("0.036", "0.052", "0.052")),
    ],
)
def test_a_picture_of_the_mini_model_comes_to_exactly_its_published_price(
    quality: str, prices: tuple[str, ...]
) -> None:
    for size, published in zip(SIZES, prices, strict=True):
        assert written("gpt-image-1-mini", quality, *size)[1] == Decimal(published)


@pytest.mark.parametrize(
    ("model", "text_in", "image_in", "image_out", "text_out"),
    [
        ("gpt-image-2", 5, 8, 30, 0),
        ("gpt-image-2.5-sunburst", 5, 8, 30, 0),
        ("gpt-image-2.6-flare", 5, 8, 30, 0),
        ("gpt-image-1.5", 5, 8, 32, 10),
        ("gpt-image-1", 5, 10, 40, 0),
        ("gpt-image-1-mini", 2, Decimal("2.5"), 8, 0),
    ],
)
def test_a_million_tokens_are_billed_at_the_published_rates(
    model: str, text_in: Decimal, image_in: Decimal, image_out: Decimal, text_out: Decimal
) -> None:
    stanza = price("openai", model, date(2026, 11, 21) if "2.6" in model else date(2026, 9, 30))
    million = 1_000_000
    usage = Usage(images=1, text_in=million, image_in=million, image_out=million, text_out=million)
    found = bill(stanza, PLAIN, usage)
    assert isinstance(found, Bill)
    assert found.metered
    assert found.usd == Decimal(text_in) + Decimal(image_in) + Decimal(image_out) + Decimal(text_out)


@pytest.mark.parametrize("model", ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"])
def test_a_model_of_openai_without_published_tokens_is_unpriced_until_its_usage_is_known(model: str) -> None:
    stanza = price("openai", model, date(2026, 11, 21))
    assert isinstance(quote(stanza, PLAIN), Unpriced)
    assert isinstance(bill(stanza, PLAIN, Usage(images=1)), Unpriced)


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1.5", "gpt-image-1-mini", "gpt-image-1"])
def test_an_auto_request_to_openai_is_quoted_at_the_dearest_size_and_quality(model: str) -> None:
    stanza = price("openai", model)
    dearest = max(
        line(quote(stanza, Billable(quality=quality, width=width, height=height)), "token of pictures written")
        for quality in ("low", "medium", "high")
        for width, height in SIZES
    )
    assert line(quote(stanza, Billable()), "token of pictures written") == dearest


@pytest.mark.parametrize(
    ("model", "quality", "width", "height", "published"),
    [
        ("dall-e-3", "medium", 1024, 1024, "0.040"),
        ("dall-e-3", "medium", 1024, 1792, "0.080"),
        ("dall-e-3", "medium", 1792, 1024, "0.080"),
        ("dall-e-3", "high", 1024, 1024, "0.080"),
        ("dall-e-3", "high", 1024, 1792, "0.120"),
        ("dall-e-3", "high", 1792, 1024, "0.120"),
        ("dall-e-3", None, 1024, 1024, "0.080"),
        ("dall-e-3", None, None, None, "0.120"),
        ("dall-e-2", None, 1024, 1024, "0.020"),
        ("dall-e-2", None, 512, 512, "0.018"),
        ("dall-e-2", None, 256, 256, "0.016"),
        ("dall-e-2", None, None, None, "0.020"),
    ],
)
def test_the_retired_models_keep_the_prices_of_their_day(
    model: str, quality: str | None, width: int | None, height: int | None, published: str
) -> None:
    found = quote(price("openai", model), Billable(n=2, quality=quality, width=width, height=height))
    assert isinstance(found, Quote)
    assert found.usd == 2 * Decimal(published)


@pytest.mark.parametrize(
    ("model", "last"),
    [
        ("dall-e-3", date(2026, 5, 11)),
        ("dall-e-2", date(2026, 5, 11)),
        ("gpt-image-1", date(2026, 10, 22)),
        ("gpt-image-1.5", date(2026, 11, 30)),
        ("gpt-image-1-mini", date(2026, 11, 30)),
    ],
)
def test_a_retired_model_has_no_price_from_the_day_it_is_gone(model: str, last: date) -> None:
    assert BOOK.price("openai", model, last) is not None
    assert BOOK.price("openai", model, date.fromordinal(last.toordinal() + 1)) is None


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("flux-pro-1.1", "0.04"),
        ("flux-pro-1.1-ultra", "0.06"),
        ("flux-kontext-pro", "0.04"),
        ("flux-kontext-max", "0.08"),
        ("flux-pro-1.0-fill", "0.05"),
        ("flux-dev", "0.025"),
    ],
)
def test_a_picture_of_flux_1_has_one_price(model: str, published: str) -> None:
    stanza = price("bfl", model)
    for job in (PLAIN, Billable(), Billable(operation="edit.inpaint", inputs=((4000, 3000), (4000, 3000)))):
        found = quote(stanza, job)
        assert isinstance(found, Quote)
        assert found.usd == Decimal(published)


@pytest.mark.parametrize(
    ("model", "width", "height", "inputs", "published"),
    [
        ("flux-2-pro", 1000, 1000, 0, "0.03"),
        ("flux-2-pro", 2000, 2000, 0, "0.075"),
        ("flux-2-pro", 1000, 1000, 2, "0.06"),
        ("flux-2-max", 1000, 1000, 0, "0.07"),
        ("flux-2-max", 2000, 1000, 1, "0.13"),
    ],
)
def test_flux_2_charges_the_first_megapixel_then_each_further_one_written_or_read(
    model: str, width: int, height: int, inputs: int, published: str
) -> None:
    found = quote(price("bfl", model), Billable(width=width, height=height, inputs=((1000, 1000),) * inputs))
    assert isinstance(found, Quote)
    assert found.usd == Decimal(published)


def test_flux_is_billed_by_the_credits_its_reply_states() -> None:
    found = bill(price("bfl", "flux-2-pro"), PLAIN, Usage(images=1, credits=Decimal("4.5")))
    assert isinstance(found, Bill)
    assert (found.usd, found.metered) == (Decimal("0.045"), True)


def test_flux_2_without_a_size_is_unpriced() -> None:
    assert isinstance(quote(price("bfl", "flux-2-pro"), Billable()), Unpriced)


def test_the_sandbox_is_known_to_cost_nothing() -> None:
    found = quote(price("sandbox", "sandbox"), Billable(n=4))
    assert isinstance(found, Quote)
    assert found.usd == 0
    assert found.lines
