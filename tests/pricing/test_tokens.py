from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing import Billable, Line, Usage
from pricing.kinds import AreaTokens, FlatInput, PerToken, TableTokens, Tier, TierTokens, TileInput
from tests.pricing.asking import quoted, reason, usd
from tests.properties import MANY

AREA = AreaTokens(factors={"low": 16, "medium": 48, "high": 96})
TABLE = TableTokens(
    tokens={
        "low": {"1024x1024": 300, "1536x1024": 400},
        "high": {"1024x1024": 4000, "1536x1024": 6000},
    }
)
TILES = TileInput(base=65, tile=129, high_square=4160, high_oblong=6240)
RATES = PerToken(
    text_in=Decimal(5),
    image_in=Decimal(8),
    image_out=Decimal(32),
    text_out=Decimal(10),
    output=TABLE,
    input=TILES,
    auto_sizes=("1024x1024", "1536x1024"),
    preview=100,
    text_overhead=6,
    text_per_input=64,
    text_out_allowance=300,
)
SQUARE = Billable(width=1024, height=1024, quality="low")

sides = st.integers(16, 4096)


@pytest.mark.parametrize(
    ("quality", "width", "height", "tokens"),
    [
        ("low", 1024, 1024, 196),
        ("medium", 1024, 1024, 1756),
        ("high", 1024, 1024, 7024),
        ("low", 1536, 1024, 158),
        ("medium", 1536, 1024, 1372),
        ("high", 1536, 1024, 5488),
        ("high", 1792, 1024, 5063),
        ("low", 3840, 2160, 371),
        ("medium", 3840, 2160, 3336),
        ("high", 3840, 2160, 13342),
    ],
)
def test_the_formula_by_area_gives_the_vendors_own_figures(quality: str, width: int, height: int, tokens: int) -> None:
    assert AREA.count(quality, width, height) == tokens


def test_half_a_cell_is_rounded_up() -> None:
    assert AREA.count("low", 64, 2) == 9  # one cell across, not the even neighbour of a half


@MANY
@given(sides, sides, st.sampled_from(["low", "medium", "high"]))
def test_the_formula_by_area_is_the_published_one(width: int, height: int, quality: str) -> None:
    factor = AREA.factors[quality]
    long, short = max(width, height), min(width, height)
    across = int(Fraction(factor * short, long) + Fraction(1, 2))
    exact = Fraction(factor * across * (2_000_000 + width * height), 4_000_000)
    tokens = AREA.count(quality, width, height)
    assert tokens is not None
    assert 0 <= tokens - exact < 1


@MANY
@given(sides, sides)
def test_a_picture_on_its_side_takes_as_many_tokens(width: int, height: int) -> None:
    assert AREA.count("high", width, height) == AREA.count("high", height, width)


def test_a_quality_or_size_without_a_figure_has_no_tokens() -> None:
    assert AREA.count("max", 1024, 1024) is None
    assert TABLE.count("max", 1024, 1024) is None
    assert TABLE.count("low", 1024, 1536) is None
    assert TABLE.count("high", 1536, 1024) == 6000


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(1024, 1024, 65 + 129), (1536, 1024, 65 + 2 * 129), (1024, 1025, 65 + 2 * 129), (300, 1200, 65 + 4 * 129)],
)
def test_a_picture_sent_along_is_counted_in_tiles_of_its_short_side(width: int, height: int, tokens: int) -> None:
    assert TILES.count(width, height, None) == TILES.count(width, height, "low") == tokens


@pytest.mark.parametrize(
    ("width", "height", "more"),
    [(1024, 1024, 4160), (1200, 1000, 4160), (1000, 1200, 4160), (1201, 1000, 6240), (1000, 1201, 6240)],
)
def test_keeping_detail_takes_more_tokens_and_most_for_an_oblong(width: int, height: int, more: int) -> None:
    assert TILES.count(width, height, "high") - TILES.count(width, height, None) == more


@MANY
@given(sides, sides, st.sampled_from([None, "low", "high"]))
def test_a_flat_bound_is_the_same_for_every_picture(width: int, height: int, fidelity: str | None) -> None:
    assert FlatInput(tokens=1536).count(width, height, fidelity) == 1536


def test_every_line_of_a_request_stands_in_its_quote() -> None:
    job = Billable(
        n=2,
        width=1024,
        height=1024,
        quality="high",
        prompt_bytes=100,
        inputs=((1024, 1024), (1536, 1024)),
        previews=3,
    )
    text, read, written = 2 * (100 + 6 + 2 * 64), 2 * (194 + 323), 2 * (4000 + 3 * 100)
    found = quoted(RATES, job)
    assert found.lines == (
        Line("token of text read", Decimal(text), Decimal(text * 5) / 1_000_000),
        Line("token of pictures read", Decimal(read), Decimal(read * 8) / 1_000_000),
        Line("token of pictures written", Decimal(written), Decimal(written * 32) / 1_000_000),
        Line("token of text written", Decimal(600), Decimal("0.006")),
    )
    assert found.usd == Decimal("0.00234") + Decimal("0.008272") + Decimal("0.2752") + Decimal("0.006")


def test_a_mask_is_read_like_any_picture_sent_along() -> None:
    without = replace(SQUARE, inputs=((1024, 1024),))
    masked = replace(SQUARE, inputs=((1024, 1024), (1024, 1024)))
    assert usd(RATES, masked) - usd(RATES, without) == Decimal(194 * 8 + 64 * 5) / 1_000_000


def test_every_preview_is_paid() -> None:
    assert usd(RATES, replace(SQUARE, previews=2)) - usd(RATES, SQUARE) == Decimal(200 * 32) / 1_000_000


def test_fidelity_is_paid() -> None:
    job = replace(SQUARE, inputs=((1024, 1024),))
    assert usd(RATES, replace(job, fidelity="high")) - usd(RATES, job) == Decimal(4160 * 8) / 1_000_000


def test_a_line_of_nothing_is_left_out() -> None:
    plain = PerToken(text_in=Decimal(5), image_in=Decimal(8), image_out=Decimal(30), output=AREA)
    assert [line.what for line in quoted(plain, SQUARE).lines] == ["token of pictures written"]


def test_the_dearest_quality_counts_while_the_vendor_may_choose_it() -> None:
    assert usd(RATES, replace(SQUARE, quality=None)) == usd(RATES, replace(SQUARE, quality="high"))


def test_only_the_qualities_a_vendor_chooses_from_count() -> None:
    modest = replace(RATES, auto_qualities=("low",))
    assert usd(modest, replace(SQUARE, quality=None)) == usd(modest, SQUARE)


def test_the_dearest_size_counts_while_the_vendor_may_choose_it() -> None:
    wide = Billable(width=1536, height=1024, quality="low")
    assert usd(RATES, Billable(quality="low")) == usd(RATES, wide)


@pytest.mark.parametrize(("width", "height"), [(1024, None), (None, 1024)])
def test_half_a_size_is_no_size(width: int | None, height: int | None) -> None:
    assert usd(RATES, Billable(width=width, height=height, quality="low")) == usd(RATES, Billable(quality="low"))


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Billable(width=999, height=999, quality="low"), "no token count for size 999x999, quality low"),
        (Billable(width=999, height=999), "no token count for size 999x999, quality auto"),
        (Billable(width=1024, height=1024, quality="max"), "no token count for size 1024x1024, quality max"),
        (Billable(quality="max"), "no token count for size auto, quality max"),
    ],
)
def test_a_picture_without_a_token_count_is_unpriced_and_says_which(job: Billable, said: str) -> None:
    assert reason(RATES, job) == said


def test_a_choice_with_one_unknown_count_is_unpriced_for_the_unknown_may_be_dearest() -> None:
    gap = replace(RATES, auto_sizes=("1024x1024", "1024x1536"))
    assert reason(gap, Billable(quality="low")) == "no token count for size auto, quality low"


def test_a_vendor_that_chooses_from_unknown_sizes_leaves_no_price() -> None:
    assert reason(replace(RATES, auto_sizes=()), Billable(quality="low")).startswith("no token count for size auto")


def test_a_model_whose_tokens_are_not_published_is_unpriced() -> None:
    assert reason(replace(RATES, output=None), SQUARE) == "the vendor has not said how many tokens a picture takes"


def test_a_model_whose_input_tokens_are_not_published_is_unpriced_only_when_pictures_are_sent() -> None:
    unknown = replace(RATES, input=None)
    assert usd(unknown, SQUARE) == usd(RATES, SQUARE)
    assert reason(unknown, replace(SQUARE, inputs=((64, 64),))) == (
        "the vendor has not said how many tokens a picture sent along takes"
    )


def test_a_drawing_sent_along_has_no_tiles_to_charge_for() -> None:
    assert reason(RATES, replace(SQUARE, inputs=((64, 64), (0, 0)))) == (
        "a picture sent along has no size in pixels, and the price depends on it"
    )


def test_a_drawing_sent_along_is_within_a_flat_bound() -> None:
    flat = replace(RATES, input=FlatInput(tokens=1536))
    assert usd(flat, replace(SQUARE, inputs=((0, 0),))) == usd(flat, replace(SQUARE, inputs=((64, 64),)))


def test_the_tokens_a_vendor_counted_are_its_meter() -> None:
    usage = Usage(images=1, text_in=1000, image_in=2000, image_out=3000, text_out=4000)
    assert RATES.metered(usage) == (
        Line("token of text read", Decimal(1000), Decimal("0.005")),
        Line("token of pictures read", Decimal(2000), Decimal("0.016")),
        Line("token of pictures written", Decimal(3000), Decimal("0.096")),
        Line("token of text written", Decimal(4000), Decimal("0.04")),
    )


def test_tokens_are_metered_even_where_they_cannot_be_quoted() -> None:
    unpublished = replace(RATES, output=None)
    assert unpublished.metered(Usage(image_out=1_000_000)) == (
        Line("token of pictures written", Decimal(1_000_000), Decimal(32)),
    )


def test_without_a_count_of_tokens_written_there_is_no_meter() -> None:
    assert RATES.metered(Usage(images=1, text_in=10, image_in=20)) is None


@MANY
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_longer_prompt_is_never_cheaper(length: int, more: int) -> None:
    shorter, longer = replace(SQUARE, prompt_bytes=length), replace(SQUARE, prompt_bytes=length + more)
    assert usd(RATES, longer) - usd(RATES, shorter) == Decimal(more * 5) / 1_000_000


TIERS = TierTokens(tiers=(Tier(up_to=1_000_000, tokens=1120), Tier(up_to=16_000_000, tokens=2000)))


@pytest.mark.parametrize("quality", ["", "low", "high"])
def test_a_tier_has_its_tokens_up_to_its_last_pixel_whatever_the_quality(quality: str) -> None:
    assert TIERS.count(quality, 1000, 1000) == 1120
    assert TIERS.count(quality, 1001, 1000) == 2000
    assert TIERS.count(quality, 4001, 4000) is None


def test_a_picture_in_a_tier_is_quoted_with_or_without_a_quality() -> None:
    per = replace(RATES, output=TIERS, text_in=Decimal(0), text_out=Decimal(0))
    for quality in (None, "high"):
        assert usd(per, Billable(width=1000, height=1000, quality=quality)) == Decimal(1120) * 32 / 1_000_000
    assert "no token count" in reason(per, Billable(width=5000, height=5000))
