"""The book against a list in the shape of LiteLLM's: what agrees, what does not, and what only one of them has."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pricing import Book, Price
from pricing.compare import Comparison, Finding, compare, named, read
from pricing.figures import pictures
from pricing.kinds import (
    AreaTokens,
    Free,
    Kind,
    PerCredit,
    PerImage,
    PerMegapixel,
    PerSecond,
    PerToken,
    Row,
    TableTokens,
    Tier,
    TierTokens,
    Unpublished,
)

JANUARY, JUNE, NOVEMBER = date(2026, 1, 1), date(2026, 6, 1), date(2026, 11, 21)
USD = Decimal


def flat(price: str) -> PerImage:
    return PerImage(rows=(Row(price=USD(price)),))


def stanza(per: Kind, *models: str, since: date = JANUARY, until: date | None = None) -> Price:
    return Price(models=models or ("m",), per=per, since=since, until=until, checked=NOVEMBER, source="a price list")


def held(rows: dict[str, Any], on: date = NOVEMBER, **vendors: Price | list[Price]) -> Comparison:
    """The comparison of a list with a book of these stanzas."""
    known = {vendor: price if isinstance(price, list) else [price] for vendor, price in vendors.items()}
    return compare(Book(known), read(json.dumps(rows).encode()), on, {})


def row(vendor: str = "acme", mode: str = "image_generation", **figures: Any) -> dict[str, Any]:
    return {"litellm_provider": vendor, "mode": mode, "supported_endpoints": ["/v1/images/generations"], **figures}


def one(found: Comparison) -> Finding:
    assert len(found.findings) == 1, found
    return found.findings[0]


@pytest.mark.parametrize(
    ("key", "vendor", "expected"),
    [
        ("gpt-image-1", "openai", ("openai", "gpt-image-1", None, None)),
        ("acme/photo", "acme", ("acme", "photo", None, None)),
        ("1024-x-1536/photo", "acme", ("acme", "photo", None, (1024, 1536))),
        ("high/1024-x-1536/photo", "acme", ("acme", "photo", "high", (1024, 1536))),
        ("standard/1024-x-1024/photo", "acme", ("acme", "photo", None, (1024, 1024))),
        ("hd/1024-x-1024/photo", "acme", ("acme", "photo", None, (1024, 1024))),
        ("fal_ai/max/64-x-64/openai/photo/edit", "fal_ai", ("fal", "openai/photo/edit", "max", (64, 64))),
        ("fal_ai/fal-ai/flux/dev", "fal_ai", ("fal", "fal-ai/flux/dev", None, None)),
        ("black_forest_labs/flux-dev", "black_forest_labs", ("bfl", "flux-dev", None, None)),
        ("high", "acme", ("acme", "high", None, None)),
    ],
)
def test_a_key_names_vendor_model_quality_and_size(key: str, vendor: str, expected: tuple[Any, ...]) -> None:
    found = named(key, vendor, {"black_forest_labs": "bfl", "fal_ai": "fal"})
    assert (found.vendor, found.model, found.quality, found.size) == expected


def test_a_figure_that_is_ours_agrees_and_one_that_is_not_is_told_with_its_ratio() -> None:
    rows = {"acme/same": row(output_cost_per_image=0.04), "acme/tenth": row(output_cost_per_image=0.004)}
    found = held(rows, acme=stanza(flat("0.04"), "same", "tenth"))
    assert [(each.key, each.agrees, each.ratio) for each in found.findings] == [
        ("acme/same", True, USD("1.000")),
        ("acme/tenth", False, USD("0.100")),
    ]
    assert [(each.model, each.ours, each.theirs) for each in found.differing] == [
        ("tenth", (USD("0.04"),), USD("0.004"))
    ]


def test_the_furthest_apart_are_told_first() -> None:
    rows = {
        f"acme/{name}": row(output_cost_per_image=usd) for name, usd in {"a": 0.05, "b": 4, "c": 0.001, "d": 0}.items()
    }
    found = held(rows, acme=stanza(flat("0.04"), "a", "b", "c", "d"))
    assert [each.model for each in found.differing] == ["d", "b", "c", "a"]


def test_what_costs_nothing_here_has_no_ratio() -> None:
    found = one(held({"acme/m": row(output_cost_per_image=0.04)}, acme=stanza(flat("0"))))
    assert (found.agrees, found.ratio) == (False, None)


def test_the_fourteen_prices_that_are_a_tenth_of_the_vendors_are_found() -> None:
    """LiteLLM counts a credit of Stability's at a tenth of a cent for edits, upscales and controls."""
    taken = {"erase": 5, "inpaint": 5, "outpaint": 4, "search-and-replace": 5, "search-and-recolor": 5}
    taken |= {"remove-background": 5, "replace-background-and-relight": 8, "sketch": 5, "structure": 5, "style": 5}
    taken |= {"style-transfer": 8, "fast": 2, "conservative": 40, "creative": 60}
    rows = {
        f"stability/{name}": row("stability", "image_edit", output_cost_per_image=count / 1000)
        for name, count in taken.items()
    }
    rows["stability/sd3.5-large"] = row("stability", output_cost_per_image=0.065)
    found = compare(Book.load(), read(json.dumps(rows).encode()), NOVEMBER, {})
    assert not found.theirs_alone
    assert {each.key for each in found.differing} == rows.keys() - {"stability/sd3.5-large"}
    assert {each.ratio for each in found.differing} == {USD("0.100")}


def test_one_row_is_held_against_every_price_it_may_mean() -> None:
    rows = (
        Row(price=USD("0.5"), operation="edit.erase"),
        Row(price=USD("0.02"), quality="low"),
        Row(price=USD("0.04"), quality="high", up_to=1_000_000),
        Row(price=USD("0.08"), quality="high", up_to=4_000_000),
    )
    book = stanza(PerImage(rows=rows))
    assert one(held({"acme/m": row(output_cost_per_image=0.08)}, acme=book)).agrees
    assert one(held({"high/512-x-512/m": row(input_cost_per_image=0.04)}, acme=book)).agrees
    differs = one(held({"low/512-x-512/m": row(input_cost_per_image=0.04)}, acme=book))
    assert (differs.ours, differs.what) == ((USD("0.02"), USD("0.5")), "a picture, 512x512, low")


def test_tiers_are_squares_of_their_size() -> None:
    rows = (Row(price=USD("0.15"), size="1024x1024"), Row(price=USD("0.3"), size="4096x4096"))
    figures: dict[str, Any] = {
        "output_cost_per_image": 0.15,
        "output_cost_per_image_1K": 0.15,
        "output_cost_per_image_4K": 0.24,
    }
    found = held({"acme/m": row(**figures)}, acme=stanza(PerImage(rows=rows)))
    assert [(each.what, each.agrees) for each in found.findings] == [
        ("a picture", True),
        ("a picture, 1024x1024", True),
        ("a picture, 4096x4096", False),
    ]


def test_a_price_per_pixel_is_held_against_one_per_megapixel() -> None:
    figures: dict[str, Any] = {"output_cost_per_image": 0.025, "output_cost_per_pixel": 0.025 / 1_048_576}
    book = stanza(PerMegapixel(usd=USD("0.025"), pixels=1_048_576))
    assert [(each.what, each.agrees) for each in held({"acme/m": row(**figures)}, acme=book).findings] == [
        ("a picture", True),
        ("a megapixel", True),
    ]
    decimal = stanza(PerMegapixel(usd=USD("0.025")))
    assert held({"acme/m": row(**figures)}, acme=decimal).findings[1].ratio == USD("0.954")
    sized = one(held({"2000-x-1000/m": row(input_cost_per_image=0.05)}, acme=decimal))
    assert sized.agrees


GRID = PerToken(
    text_in=USD(5),
    image_in=USD(8),
    image_out=USD(30),
    output=AreaTokens(factors={"low": 16, "high": 96}),
    auto_sizes=("1024x1024",),
)


def test_rates_per_token_are_compared_exactly_and_pictures_within_their_rounding() -> None:
    figures: dict[str, Any] = {
        "input_cost_per_token": 5e-06,
        "input_cost_per_image_token": 8.01e-06,
        "output_cost_per_image_token": 3e-05,
        "output_cost_per_token": 0,
        "input_cost_per_image": 0.0011,
        "cache_read_input_token_cost": 1e-06,
    }
    found = held({"acme/m": row(**figures)}, acme=stanza(GRID))
    assert [(each.what, each.agrees) for each in found.findings] == [
        ("a million tokens of text read", True),
        ("a million tokens of pictures read", False),
        ("a million tokens of text written", True),
        ("a million tokens of pictures written", True),
    ]
    assert one(held({"high/1024-x-1024/m": row(input_cost_per_image=0.211)}, acme=stanza(GRID))).agrees
    assert one(held({"acme/m": row(output_cost_per_image=0.006)}, acme=stanza(GRID))).agrees
    assert not one(held({"low/1024-x-1024/m": row(input_cost_per_image=0.211)}, acme=stanza(GRID))).agrees


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        (flat("0.04"), {"0.04"}),
        (PerCredit(usd=USD("0.01"), rows=(Row(price=USD(5)), Row(price=USD(8), quality="high"))), {"0.05", "0.08"}),
        (PerMegapixel(usd=USD("0.02"), first=USD("0.03")), {"0.03"}),
        (GRID, {"0.00588", "0.21072"}),
        (PerToken(text_in=USD(0), image_in=USD(0), image_out=USD(30)), set()),
        (
            PerToken(
                text_in=USD(0),
                image_in=USD(0),
                image_out=USD(10),
                output=TableTokens(tokens={"low": {"64x64": 100}, "high": {"64x64": 200, "64x32": 100}}),
            ),
            {"0.001", "0.002"},
        ),
        (
            PerToken(
                text_in=USD(0),
                image_in=USD(0),
                image_out=USD(10),
                output=TierTokens(tiers=(Tier(up_to=4096, tokens=100), Tier(up_to=16384, tokens=300))),
            ),
            {"0.001", "0.003"},
        ),
        (PerSecond(usd=USD("0.001"), seconds=USD(20)), set()),
        (Free(), set()),
        (Unpublished(why="nobody says"), set()),
    ],
)
def test_every_price_of_a_picture_is_known(per: Kind, expected: set[str]) -> None:
    assert set(pictures(per, None, None)) == {USD(each) for each in expected}


def test_a_size_a_price_does_not_cover_has_none() -> None:
    small = PerImage(rows=(Row(price=USD("0.04"), up_to=1_000_000),))
    assert pictures(small, None, (512, 512)) == [USD("0.04")]
    assert pictures(small, None, (2048, 2048)) == []
    assert pictures(PerMegapixel(usd=USD("0.02"), read=USD("0.02")), None, (1000, 1000)) == [USD("0.02")]


def test_models_are_found_by_their_name_or_by_its_end_or_without_its_day() -> None:
    book = [stanza(flat("0.04"), "edit/erase", "openai/photo"), stanza(flat("0.05"), "photo-2026-01-02")]
    rows = {
        "acme/erase": row(mode="image_edit", output_cost_per_image=0.04),
        "acme/photo": row(output_cost_per_image=0.04),
        "acme/photo-2026-01-02": row(output_cost_per_image=0.05),
        "photo-2026-03-04": row(output_cost_per_image=0.04),
        "acme/video": row(output_cost_per_image=0.04),
    }
    found = held(rows, acme=book)
    assert all(each.agrees for each in found.findings)
    assert {each.key: each.model for each in found.findings}["photo-2026-03-04"] == "openai/photo"
    assert [each.key for each in found.theirs_alone] == ["acme/video"]


def test_an_end_that_two_models_have_names_neither() -> None:
    found = held({"acme/fast": row(output_cost_per_image=0.04)}, acme=stanza(flat("0.04"), "a/fast", "b/fast"))
    assert found.findings == ()
    assert [(each.vendor, each.model) for each in found.theirs_alone] == [("acme", "fast")]
    assert found.ours_alone == ("acme/a/fast", "acme/b/fast")


def test_what_only_one_of_them_has_is_told_and_what_is_not_for_pictures_is_passed_over() -> None:
    rows = {
        "acme/m": row(output_cost_per_image=0.04),
        "acme/talker": row(mode="chat", output_cost_per_image=0.04),
        "other/m": row("other", output_cost_per_image=0.04),
    }
    free = stanza(Free(), "nothing")
    found = held(rows, acme=[stanza(flat("0.04"), "m", "n"), free])
    assert (found.theirs_alone, found.ours_alone, found.elsewhere) == ((), ("acme/n",), 1)


def test_a_price_that_has_ended_is_compared_and_one_that_is_to_come_is_not() -> None:
    ended = [stanza(flat("0.05"), until=JUNE), stanza(flat("0.04"), since=JUNE, until=date(2026, 7, 1))]
    to_come = stanza(flat("0.03"), since=date(2027, 1, 1))
    assert one(held({"acme/m": row(output_cost_per_image=0.04)}, acme=[*ended, to_come])).agrees
    assert held({"acme/m": row(output_cost_per_image=0.04)}, acme=ended).ours_alone == ()
    assert held({"acme/n": row(output_cost_per_image=0.04)}, acme=ended).ours_alone == ()


@pytest.mark.parametrize(
    ("per", "figures", "why"),
    [
        (Unpublished(why="nobody says"), {"output_cost_per_image": 0.04}, "the book has no price: nobody says"),
        (PerSecond(usd=USD("0.001"), seconds=USD(20)), {"output_cost_per_image": 0.04}, "priced by different facts"),
        (flat("0.04"), {"input_cost_per_token": 1e-06}, "priced by different facts"),
        (flat("0.04"), {"output_cost_per_image": "free", "output_cost_per_pixel": True}, "has no figure for it"),
        (flat("0.04"), {"output_cost_per_image": 1e300, "output_cost_per_pixel": -1}, "has no figure for it"),
    ],
)
def test_what_cannot_be_compared_is_told_with_the_reason(per: Kind, figures: dict[str, Any], why: str) -> None:
    found = held({"acme/m": row(**figures)}, acme=stanza(per))
    ((key, reason),) = found.beyond
    assert key == "acme/m"
    assert reason.endswith(why)
    assert (found.theirs_alone, found.ours_alone) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"a": 1}',
        b'{"a": {"mode": "chat"}}',
        b"\xff",
        b"[" * 100_000,
        b'{"a": "\xff"}',
        b'{"a": {"b": ' + b"[" * 100_000,
    ],
)
def test_another_kind_of_file_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not LiteLLM's price list"):
        read(text)


def test_figures_keep_their_digits() -> None:
    (theirs,) = read(json.dumps({"m": row(output_cost_per_pixel=2.384185791015625e-08)}).encode()).values()
    assert theirs.figures == {"output_cost_per_pixel": USD("2.384185791015625E-8")}
