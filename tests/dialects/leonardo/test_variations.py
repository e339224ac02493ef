"""New pictures out of finished ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from providers.contract import EditKind, Format, UpscaleKind
from proxy.dialects.contract import Accepted, Ask, Incoming
from proxy.dialects.leonardo.parse import accept, recalled
from proxy.dialects.leonardo.variations import parse_nobg, parse_universal, parse_unzoom, parse_upscale
from tests.dialects.leonardo.asking import ONE, TWO, assets, edited, posting, read, refused, upscaled
from tests.pictures import png

Parse = Callable[[Incoming], Ask]
PICTURE = ONE[:-2] + "03"
KINDS: list[tuple[Parse, str, str, str]] = [
    (parse_upscale, "id", "sdUpscaleJob", "UPSCALE"),
    (parse_unzoom, "id", "sdUnzoomJob", "UNZOOM"),
    (parse_nobg, "id", "sdNobgJob", "NOBG"),
    (parse_universal, "generatedImageId", "universalUpscaler", "UPSCALE"),
]


def universal(**fields: Any) -> Ask:
    return parse_universal(posting({"generatedImageId": PICTURE, **fields}))


@pytest.mark.parametrize(("parse", "name", "envelope", "transform"), KINDS)
def test_a_variation_is_answered_under_its_own_name(parse: Parse, name: str, envelope: str, transform: str) -> None:
    ask = parse(posting({name: PICTURE}))
    assert (assets(ask), ask.links, ask.notes) == ([(name, PICTURE)], True, ())
    told = read(accept(ask, Accepted(request_id=TWO, created=1, held=Decimal("0.02"))))
    assert told == {envelope: {"id": TWO, "apiCreditCost": 14, "cost": {"amount": "0.0200", "unit": "DOLLARS"}}}
    kept = recalled(ask.recall or "")
    assert kept is not None
    assert (kept.kind, kept.transform, kept.of) == ("variation", transform, PICTURE)


@pytest.mark.parametrize(("parse", "name", "_", "__"), KINDS)
@pytest.mark.parametrize("body", [{}, {"id": None}, {"generatedImageId": ""}, {"id": 7}, {"image": "x"}, b"", b"[]"])
def test_a_variation_says_of_what(parse: Parse, name: str, _: str, __: str, body: Any) -> None:
    assert refused(lambda: parse(posting(body))).status == 400


def test_a_picture_made_larger() -> None:
    request = upscaled(parse_upscale(posting({"id": PICTURE})))
    assert (request.kind, request.model, request.factor, request.width) == (UpscaleKind.FAST, "upscale", None, None)
    assert refused(lambda: parse_upscale(posting({"id": ONE, "isVariation": True}))).code == "bad-request"


def test_a_picture_and_what_lies_around_it() -> None:
    request = edited(parse_unzoom(posting({"id": PICTURE, "isVariation": False})), png(40, 20))
    assert (request.kind, request.model) == (EditKind.OUTPAINT, "outpaint")
    assert (request.left, request.right, request.up, request.down) == (10, 10, 5, 5)


def test_a_picture_without_its_background() -> None:
    request = edited(parse_nobg(posting({"id": PICTURE})))
    assert (request.kind, request.model) == (EditKind.REMOVE_BACKGROUND, "remove-background")
    assert request.format is Format.PNG


@pytest.mark.parametrize("parse", [parse_unzoom, parse_nobg])
def test_a_variation_of_a_variation_is_one_of_its_picture(parse: Parse) -> None:
    assert assets(parse(posting({"id": ONE, "isVariation": True}))) == [("id", ONE[:-2] + "01")]
    assert assets(parse(posting({"id": ONE, "isVariation": False}))) == [("id", ONE)]
    assert refused(lambda: parse(posting({"id": ONE, "isVariation": "true"}))).code == "validation-failed"


def test_detail_may_be_invented() -> None:
    ask = universal(
        ultraUpscaleStyle="REALISTIC",
        creativityStrength=8,
        detailContrast=3.0,
        similarity=10,
        upscaleMultiplier=2,
        prompt="sharp",
    )
    request = upscaled(ask)
    assert (request.kind, request.model, request.prompt) == (UpscaleKind.CREATIVE, "upscale", "sharp")
    assert (request.factor, request.creativity, request.detail, request.resemblance) == (2, 0.8, 0.3, 1.0)
    assert request.style == "photographic"


def test_what_official_clients_send_by_themselves_is_no_choice() -> None:
    own = {"creativityStrength": 5, "upscaleMultiplier": 1.5, "upscalerStyle": "GENERAL"}
    request = upscaled(universal(**own))
    assert (request.creativity, request.style, request.factor, request.detail) == (None, None, 1.5, None)
    assert upscaled(universal(**own, ultraUpscaleStyle="ARTISTIC")).style == "artistic"


@pytest.mark.parametrize(
    ("style", "ours"),
    [("CINEMATIC", "cinematic"), ("2D ART & ILLUSTRATION", "illustration"), ("CG ART & GAME ASSETS", "3d-model")],
)
def test_styles_of_the_upscaler(style: str, ours: str) -> None:
    assert upscaled(universal(upscalerStyle=style)).style == ours


def test_anything_may_be_made_larger() -> None:
    assert assets(parse_universal(posting({"initImageId": TWO}))) == [("initImageId", TWO)]
    assert assets(parse_universal(posting({"variationId": TWO}))) == [("variationId", TWO[:-2] + "01")]


@pytest.mark.parametrize(
    "fields",
    [
        {"initImageId": TWO},
        {"variationId": TWO},
        {"ultraUpscaleStyle": "ARTISTIC", "upscalerStyle": "CINEMATIC"},
        {"detailContrast": 5},
        {"similarity": 5},
        {"creativityStrength": 0},
        {"creativityStrength": 11},
        {"upscaleMultiplier": 0.9},
        {"upscaleMultiplier": 2.1},
        {"upscaleMultiplier": 10**400},
        {"upscalerStyle": "REALISTIC"},
        {"ultraUpscaleStyle": "GENERAL"},
        {"ultraUpscaleStyle": "ARTISTIC", "similarity": 0},
        {"prompt": "x" * 1501},
        {"multiplier": 2},
    ],
)
def test_the_upscaler_is_as_strict(fields: dict[str, Any]) -> None:
    assert refused(lambda: universal(**fields)).status == 400
