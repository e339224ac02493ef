"""`darkroom prices` and `docs/prices.md`: what the book says is told whole, and told truly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import providers
from pricing import Billable, Book, Price, Quote, Unpriced
from pricing.kinds import (
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
    Tier,
    TierTokens,
    Unpublished,
)
from providers.contract import Inputs, Model, Quality, Sizes, UpscaleKind
from proxy.cli import main
from proxy.cli.pricelist import document, newest
from proxy.cli.prices import offers
from proxy.cli.terms import in_words, terms
from proxy.tariff import Line, asking, in_short, least, starting, tariff

ROOT = Path(__file__).parents[1]
DAY = date(2026, 11, 21)
USD = Decimal


def run(*arguments: str) -> Result:
    told = CliRunner().invoke(main, ["prices", *arguments])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told


def priced(per: Kind) -> Price:
    return Price(models=("m",), per=per, since=date(2026, 1, 1), checked=DAY, source="a price list")


def costs(model: Model, per: Kind) -> list[tuple[str, str, Mapping[str, object]]]:
    """A model's tariff: operations, sizes, and what each quality costs."""
    lines = tariff(model, asking(priced(per), DAY))
    return [(in_short(line.operations), line.sizes, dict(line.prices)) for line in lines]


# The commands.


def test_prices_alone_lists_what_is_in_force() -> None:
    assert run().stdout == run("list").stdout
    today = run("list", "--vendor", "openai", "--on", "2026-11-21").stdout
    assert today.splitlines()[0] == "vendor\tmodel\tprice\tchecked\tconfidence\tsource"
    assert "openai\tgpt-image-2\t$30 a million tokens of pictures, $5 of text read\t2026-11-21\tsecondary\t" in today
    assert "dall-e-3" not in today
    assert "dall-e-3\t$0.04 to $0.12 a picture" in run("list", "--on", "2025-01-01").stdout
    assert "no price of 'nobody'" in run("list", "--vendor", "nobody").stderr


def test_the_list_as_json_has_everything_a_stanza_says() -> None:
    told = json.loads(run("list", "--vendor", "openai", "--on", "2025-01-01", "--json").stdout)
    assert {each["model"] for each in told} == {"dall-e-2", "dall-e-3"}
    assert told[0]["price"]["until"] == "2026-05-12"
    assert told[0]["price"]["per"]["rows"][0] == {
        "price": "0.020",
        "size": "1024x1024",
        "quality": None,
        "up_to": None,
        "operation": None,
        "background": None,
    }


def test_a_model_is_shown_with_its_days_sources_rows_and_pictures() -> None:
    told = run("show", "openai/gpt-image-1-mini", "--on", "2026-11-21").stdout
    assert told.startswith(
        "openai/gpt-image-1-mini, since 2025-10-06 until 2026-12-01: $8 a million tokens of pictures"
    )
    assert "  official, checked 2026-11-21: https://developers.openai.com/api/docs/models/gpt-image-1-mini" in told
    assert "  Tokens per picture are the published prices per picture divided by the published rate." in told
    assert "a million tokens of pictures read\t2.5" in told
    assert "a picture, low, 1024x1536: 750 tokens\t0.006" in told
    assert "generate\t1024x1024\thigh\t0.036012" in told


def test_a_model_whose_price_has_ended_shows_no_pictures() -> None:
    told = run("show", "dall-e-3", "--on", "2026-11-21").stdout
    assert "openai/dall-e-3, since 2023-11-06 until 2026-05-12: $0.04 to $0.12 a picture" in told
    assert "medium, 1024x1792\t0.08" in told
    assert "generate\t" not in told


def test_a_name_alone_is_shown_at_every_vendor() -> None:
    book = Book.load()
    name, sold = next(
        (name, sold)
        for name in sorted({model.name for vendor in providers.NAMES for model in providers.load(vendor).models})
        if len(sold := {vendor for vendor, wire, _ in book if name in {each.name for each in offers(vendor, wire)}}) > 1
    )
    told = json.loads(run("show", name, "--json").stdout)
    assert {each["vendor"] for each in told} >= sold
    (one,) = {each["vendor"] for each in json.loads(run("show", f"{min(sold)}/{name}", "--json").stdout)}
    assert one == min(sold)


def test_a_model_shown_as_json_has_its_pictures() -> None:
    (told,) = json.loads(run("show", "openai/gpt-image-2", "--json", "--on", "2026-11-21").stdout)
    (pictures,) = told["pictures"]
    assert pictures["model"] == "gpt-image-2"
    line = next(each for each in pictures["lines"] if (each["operations"], each["size"]) == (["generate"], "1024x1024"))
    assert line["prices"][2] == {"quality": "high", "usd": "0.21075"}


def test_what_the_vendors_replies_state_and_what_is_to_know_is_shown() -> None:
    told = run("show", "bfl/flux-pro-1.1").stdout
    assert "  a credit in a reply is $0.01" in told


def test_a_model_that_is_not_in_the_book_is_told_with_those_that_are_near() -> None:
    told = run("show", "gtp-image-2")
    assert told.exit_code == 1
    assert "the book has no model 'gtp-image-2'; is it gpt-image-2 or " in told.stderr
    assert "`darkroom prices list`" in run("show", "~").stderr


def test_stale_prices_end_with_a_status_a_pipeline_can_see() -> None:
    checked = newest(Book.load())
    fresh = run("stale", "--days", "100000", "--on", str(checked))
    assert (fresh.exit_code, fresh.stdout) == (0, "")
    assert "every price was checked within 100000 days" in fresh.stderr
    later = str(date.fromordinal(checked.toordinal() + 91))
    old = run("stale", "--on", later)
    assert old.exit_code == 1
    assert "sandbox\tsandbox\t" in old.stdout
    assert "prices have not been checked for 90 days" in old.stderr
    as_json = run("stale", "--on", later, "--json")
    assert as_json.exit_code == 1
    assert len(json.loads(as_json.stdout)) == len(old.stdout.splitlines()) - 1


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A list in the shape of LiteLLM's."""
    file = tmp_path / "list.json"
    drawn = {"litellm_provider": "openai", "mode": "image_generation"}
    rows = {
        "gpt-image-2": drawn | {"input_cost_per_token": 5e-06, "output_cost_per_image_token": 3e-05},
        "high/1024-x-1024/gpt-image-2": drawn | {"input_cost_per_image": 0.0211},
        "gpt-image-9": drawn | {"output_cost_per_image": 0.01},
        "gpt-image-2.6-flare": drawn | {"output_cost_per_image": 0.01},
        "nobody/photo": {"litellm_provider": "nobody", "mode": "image_edit", "output_cost_per_image": 0.01},
    }
    file.write_text(json.dumps(rows))
    return file


def test_another_list_is_compared_and_nothing_is_changed(theirs: Path) -> None:
    before = theirs.read_bytes()
    told = run("diff", str(theirs), "--on", "2026-11-21")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[:2] == [
        "their key\twhat\tours\ttheirs\ttheirs / ours",
        "high/1024-x-1024/gpt-image-2\ta picture, 1024x1024, high\t0.21072\t0.0211\t0.1",
    ]
    assert lines[lines.index("theirs alone\trows") + 1] == "openai/gpt-image-9\t1"
    ours = lines[lines.index("ours alone") :]
    assert "openai/gpt-image-1.5" in ours
    assert any(re.fullmatch(r"bfl: all \d+", line) for line in ours)
    assert (
        "gpt-image-2.6-flare\tthe book has no price: the vendor has not said how many tokens a picture takes" in lines
    )
    assert "3 figures compared: 2 agree, 1 differ; 1 rows are theirs alone" in told.stderr
    assert theirs.read_bytes() == before


def test_a_pipeline_may_fail_on_a_difference(theirs: Path) -> None:
    assert run("diff", str(theirs), "--fail-on-difference").exit_code == 1
    rows = json.loads(theirs.read_text())
    theirs.write_text(json.dumps({"gpt-image-2": rows["gpt-image-2"]}))
    assert run("diff", str(theirs), "--fail-on-difference").exit_code == 0


def test_a_comparison_as_json_has_every_figure(theirs: Path) -> None:
    told = json.loads(run("diff", str(theirs), "--json", "--on", "2026-11-21").stdout)
    assert told["compared"][-1] == {
        "key": "high/1024-x-1024/gpt-image-2",
        "vendor": "openai",
        "model": "gpt-image-2",
        "what": "a picture, 1024x1024, high",
        "ours": ["0.21072"],
        "theirs": "0.0211",
        "rounded": True,
        "agrees": False,
        "nearest": "0.21072",
        "ratio": "0.1",
    }
    assert told["theirs_alone"] == ["gpt-image-9"]
    assert [each["key"] for each in told["not_compared"]] == ["gpt-image-2.6-flare"]
    assert told["elsewhere"] == 1


def test_another_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    told = run("diff", str(tmp_path / "other.json"))
    assert told.exit_code == 1
    assert "other.json: this is not LiteLLM's price list" in told.stderr
    assert run("diff", str(tmp_path / "none.json")).exit_code == 2


# A price in words.

TIERED = TierTokens(tiers=(Tier(up_to=1_048_576, tokens=1290),))


@pytest.mark.parametrize(
    ("per", "words", "figures"),
    [
        (PerImage(rows=(Row(price=USD("0.04")),)), "$0.04 a picture", [("a picture", "0.04")]),
        (
            PerImage(rows=(Row(price=USD("0.04"), quality="low", size="1x1"), Row(price=USD("0.1"), up_to=4000000))),
            "$0.04 to $0.1 a picture",
            [("low, 1x1", "0.04"), ("up to 4,000,000 pixels", "0.1")],
        ),
        (
            PerCredit(usd=USD("0.01"), rows=(Row(price=USD("6.5"), operation="edit.erase", background="transparent"),)),
            "$0.065 a picture, in credits of $0.01",
            [("edit.erase, transparent background: 6.5 credits of 0.01", "0.065")],
        ),
        (
            PerMegapixel(usd=USD("0.02"), round="exact", minimum=USD("0.5")),
            "$0.02 a megapixel",
            [("a megapixel written (of 1,000,000 pixels, to the pixel, at least 0.5)", "0.02")],
        ),
        (
            PerMegapixel(usd=USD("0.015"), first=USD("0.03"), read=USD("0.01")),
            "$0.03 the first, $0.015 a megapixel",
            [
                ("the first megapixel written", "0.03"),
                ("a further megapixel written (of 1,000,000 pixels, begun ones count whole)", "0.015"),
                ("a megapixel read", "0.01"),
            ],
        ),
        (
            PerToken(text_in=USD(0), image_in=USD(0), image_out=USD(30), output=AreaTokens(factors={"low": 16})),
            "$30 a million tokens of pictures, $0 of text read",
            [
                ("a million tokens of pictures written", "30"),
                ("a picture: tokens by its area, on a grid of low 16 along its long edge", ""),
            ],
        ),
        (
            PerToken(text_in=USD(5), image_in=USD(8), image_out=USD(30), text_out=USD(10), output=TIERED),
            "$30 a million tokens of pictures, $5 of text read",
            [
                ("a million tokens of text read", "5"),
                ("a million tokens of pictures read", "8"),
                ("a million tokens of pictures written", "30"),
                ("a million tokens of text written", "10"),
                ("a picture up to 1,048,576 pixels: 1290 tokens", "0.0387"),
            ],
        ),
        (
            PerToken(
                text_in=USD(0), image_in=USD(0), image_out=USD(30), output=TableTokens(tokens={"low": {"1x1": 100}})
            ),
            "$30 a million tokens of pictures, $0 of text read",
            [("a million tokens of pictures written", "30"), ("a picture, low, 1x1: 100 tokens", "0.003")],
        ),
        (
            PerToken(text_in=USD(0), image_in=USD(0), image_out=USD(30)),
            "$30 a million tokens of pictures, $0 of text read",
            [
                ("a million tokens of pictures written", "30"),
                ("a picture: the vendor has not said how many tokens it takes", "unpriced"),
            ],
        ),
        (
            PerSecond(usd=USD("0.001"), seconds=USD(20)),
            "$0.001 a second",
            [("a second", "0.001"), ("a picture, at most 20 s", "0.02")],
        ),
        (
            Owned(seconds=USD(20), purchase_usd=USD(15_778_800), years=USD(1), utilisation=USD("0.5"), watts=USD(450)),
            "$1 a second",
            [
                ("a second, of $15778800 over 1 years at 50 %, and 450 W at $0 a kWh", "1"),
                ("a picture, at most 20 s", "20"),
            ],
        ),
        (Free(why="a card"), "free", [("a card", "0")]),
        (Unpublished(why="nobody says"), "unpriced: nobody says", [("nobody says", "unpriced")]),
    ],
)
def test_a_price_is_told_in_a_few_words_and_figure_by_figure(
    per: Kind, words: str, figures: list[tuple[str, str]]
) -> None:
    assert in_words(per) == words
    assert terms(per) == figures


# Tariffs.

LISTED = tuple(f"{side}x{side}" for side in range(256, 2304, 256))


def test_sizes_and_qualities_of_one_price_are_one_line() -> None:
    model = Model(name="m", sizes=Sizes(listed=LISTED), qualities=(Quality.LOW, Quality.HIGH))
    assert costs(model, PerImage(rows=(Row(price=USD("0.04")),))) == [("generate", "any", {"": USD("0.04")})]


def test_sizes_and_qualities_that_differ_are_told_apart() -> None:
    model = Model(name="m", sizes=Sizes(listed=LISTED), qualities=(Quality.LOW, Quality.MEDIUM, Quality.HIGH))
    rows = (
        *(Row(price=USD("0.01"), quality=quality, up_to=1024 * 1024) for quality in ("low", "medium")),
        Row(price=USD("0.03"), quality="high", up_to=1024 * 1024),
        Row(price=USD("0.05")),
    )
    assert costs(model, PerImage(rows=rows)) == [
        ("generate", "256x256 to 1024x1024 (4 sizes)", {"low / medium": USD("0.01"), "high": USD("0.03")}),
        ("generate", "1280x1280 to 2048x2048 (4 sizes)", {"": USD("0.05")}),
    ]


def test_a_transparent_background_is_told_where_it_costs_otherwise() -> None:
    rows = (Row(price=USD("0.07"), background="transparent"), Row(price=USD("0.06")))
    model = Model(name="m", honours=frozenset({"background"}))
    assert costs(model, PerImage(rows=rows)) == [
        ("generate", "1024x1024", {"": USD("0.06"), "transparent": USD("0.07")})
    ]
    graded = Model(name="m", honours=frozenset({"background"}), qualities=(Quality.LOW, Quality.HIGH))
    dearer = (Row(price=USD("0.09"), background="transparent", quality="high"), *rows)
    assert costs(graded, PerImage(rows=dearer)) == [
        ("generate", "1024x1024", {"": USD("0.06"), "low, transparent": USD("0.07"), "high, transparent": USD("0.09")})
    ]


def test_a_grid_is_shown_at_usual_sizes() -> None:
    model = Model(name="m", sizes=Sizes(default="768x768", step=64, min_side=256, max_side=1536))
    assert costs(model, PerMegapixel(usd=USD("0.02"), round="exact")) == [
        ("generate", "512x512", {"": USD("0.00524288")}),
        ("generate", "768x768", {"": USD("0.01179648")}),
        ("generate", "1024x1024", {"": USD("0.02097152")}),
        ("generate", "1536x1024", {"": USD("0.03145728")}),
    ]


def test_operations_that_cost_the_same_share_a_line() -> None:
    edits = {"edit.inpaint", "edit.outpaint", "edit.erase", "edit.search_replace", "control.style_transfer"}
    model = Model(
        name="m",
        operations=frozenset(edits | {"generate", "generate.reference"}),
        inputs=2,
        needs=frozenset({"prompt", "mask", "search", "looks"}),
    )
    rows = (Row(price=USD("0.05"), operation="edit.erase"), Row(price=USD("0.04")))
    assert costs(model, PerImage(rows=rows)) == [
        (
            "generate (all), edit (inpaint, outpaint, search_replace), control (style_transfer)",
            "1024x1024",
            {"": USD("0.04")},
        ),
        ("edit (erase)", "1024x1024", {"": USD("0.05")}),
    ]


def test_an_upscale_costs_by_how_much_larger_it_makes_a_picture() -> None:
    model = Model(name="m", operations=frozenset({"upscale.fast"}), inputs=1)
    chosen = "the vendor chooses the size, and the price depends on it"
    assert costs(model, PerMegapixel(usd=USD("0.01"), pixels=1_048_576)) == [
        ("upscale (fast)", "its own", {"": chosen}),
        ("upscale (fast)", "2 times as large", {"": USD("0.04")}),
        ("upscale (fast)", "4 times as large", {"": USD("0.16")}),
    ]


def test_a_picture_the_model_takes_is_looked_for() -> None:
    edits = frozenset({"edit.general"})
    small = Model(name="m", operations=edits, inputs=1, accepts=Inputs(max_side=300), sizes=Sizes(follows_input=True))
    per = PerImage(rows=(Row(price=USD("0.01")),))
    assert costs(small, per) == [("edit (general)", "of the picture", {"": USD("0.01")})]
    none = Model(name="m", operations=edits, inputs=1, accepts=Inputs(max_side=8), sizes=Sizes(follows_input=True))
    assert str(costs(none, per)[0][2][""]).startswith("it takes pictures with sides of 1 to 8 pixels")


def test_words_are_left_out_of_a_tariff() -> None:
    def ask(job: Billable) -> Quote | Unpriced:
        assert job.prompt_bytes == 0
        return Unpriced("no")

    assert tariff(Model(name="m", needs=frozenset({"prompt"})), ask)[0].prices == (("", "no"),)


@pytest.mark.parametrize(
    ("amounts", "lowest", "says"),
    [
        ([USD("0.04")], USD("0.04"), "$0.04"),
        ([USD("0.04"), USD("0.04")], USD("0.04"), "$0.04"),
        ([USD("0.04"), "no", USD("0.02")], USD("0.02"), "from $0.02"),
        ([USD(0)], USD(0), "free"),
        (["no", "neither"], "no", "unpriced: no"),
        ([], None, "unpriced"),
    ],
)
def test_what_a_model_starts_at(amounts: list[Decimal | str], lowest: Decimal | str | None, says: str) -> None:
    lines = tuple(Line(operations=("generate",), sizes="any", prices=(("", each),)) for each in amounts)
    assert (least(lines), starting(lines)) == (lowest, says)


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        (["generate"], "generate"),
        (["generate.reference"], "generate (reference)"),
        (
            ["upscale.fast", "generate.reference", "upscale.creative", "generate"],
            "generate (all), upscale (fast, creative)",
        ),
        ([f"upscale.{kind}" for kind in UpscaleKind], "upscale (all)"),
        (["control.sketch", "edit.inpaint", "edit.erase"], "edit (inpaint, erase), control (sketch)"),
    ],
)
def test_operations_are_told_by_family(operations: list[str], says: str) -> None:
    assert in_short(operations) == says


# The document.


def test_the_document_of_prices_is_the_book_of_its_day() -> None:
    written = document(Book.load(), [(name, providers.load(name)) for name in sorted(providers.NAMES)])
    assert (ROOT / "docs" / "prices.md").read_text() == written, "run `python -m proxy.cli.pricelist`"


def test_the_document_says_what_has_no_price_and_what_ends() -> None:
    sold = {"openai": providers.load("openai")}
    told = document(Book.load(), sold.items())
    assert "`gpt-image-1-mini` until 2026-12-01" in told
    assert "*unpriced: the vendor has not said how many tokens a picture takes*" in told
    nothing = document(Book({"other": [priced(Free())]}), sold.items())
    assert "| any | *unpriced: the book has no price for it on 2026-11-21* |" in nothing
    assert "As of 2026-11-21, the day" in nothing


def test_every_table_of_the_document_is_one() -> None:
    for line in (ROOT / "docs" / "prices.md").read_text().splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 5, line
