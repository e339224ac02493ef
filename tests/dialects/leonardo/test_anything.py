"""Whatever comes in: a request, or the dialect's own refusal; never another exception."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Failure, Fault, Generate, Image
from proxy.dialects.contract import Ask, Ended, Generating
from proxy.dialects.leonardo import DIALECT
from proxy.dialects.leonardo.parse import recalled
from proxy.dialects.leonardo.shapes import generation
from proxy.dialects.leonardo.table import GENERATION
from proxy.dialects.leonardo.variations import UNIVERSAL
from proxy.dialects.leonardo.webhook import finished
from tests.dialects.leonardo.asking import FLUX, KINO, KONTEXT, ONE, PHOENIX, TWO, posting, read
from tests.dialects.leonardo.test_parameters import BOOLEANS, WORDS
from tests.dialects.leonardo.test_polling import known
from tests.dialects.outcome import outcome
from tests.pictures import png
from tests.properties import MANY

MAKING = [route for route in DIALECT.routes if isinstance(route, Generating)]
LARGE = Image(png(64, 48))

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
numbers |= st.sampled_from([1.0, 0.5, 64, 512, 1e308, 10**400])
words = st.sampled_from([word for choices in WORDS.values() for word in choices] + [ONE, TWO, FLUX, "", "\x00"])
names = st.sampled_from(
    [*GENERATION, *UNIVERSAL, "id", "isVariation", "initImageId", "preprocessorId", "weight", "akUUID", "userLoraId"]
)
leaves = st.none() | st.booleans() | numbers | words | st.text(max_size=5)
values = st.recursive(
    leaves,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(names | st.text(max_size=4), each, max_size=3),
    max_leaves=6,
)
ids = st.sampled_from([ONE, TWO])
sensible = st.fixed_dictionaries(
    {"prompt": st.just("A boat")},
    optional={
        **{name: st.booleans() for name in BOOLEANS},
        **{name: st.sampled_from(choices) for name, choices in WORDS.items()},
        **dict.fromkeys(("init_image_id", "init_generation_image_id", "canvasInitId", "canvasMaskId"), ids),
        "canvasRequestType": st.sampled_from(["INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG"]),
        "modelId": st.sampled_from([FLUX, KINO, PHOENIX, KONTEXT, None]),
        "width": st.sampled_from([32, 512, 768, 1024.0, 1536]),
        "height": st.sampled_from([32, 512, 768, 1024.0, 1536]),
        "num_images": st.integers(1, 8),
        "guidance_scale": st.floats(1, 20),
        "seed": st.integers(0, 2**31),
        "init_strength": st.floats(0.1, 0.9),
        "imagePrompts": st.lists(ids | st.none(), max_size=3),
        "imagePromptWeight": st.floats(0, 2),
        "unzoomAmount": st.floats(0.01, 2),
        "contrast": st.sampled_from([1.0, 2.5, 3, 4.5]),
        "elements": st.lists(st.fixed_dictionaries({"akUUID": ids}, optional={"weight": st.floats(0, 1)}), max_size=2),
        "contextImages": st.lists(st.fixed_dictionaries({"id": ids}), max_size=3),
        "controlnets": st.lists(
            st.fixed_dictionaries(
                {"initImageId": ids},
                optional={
                    "preprocessorId": st.sampled_from([67, 133, 100, 20]),
                    "weight": st.floats(0, 2),
                    "strengthType": st.sampled_from(["Low", "Max"]),
                },
            ),
            max_size=3,
        ),
    },
)


def attempt(route: Generating, body: Any) -> Ask | None:
    """The ask, held against what every ask must be; or None for a refusal that its caller can read."""
    ask = outcome(route.parse, posting(body))
    if isinstance(ask, Failure):
        assert ask.fault is Fault.REJECTED
        outgoing = DIALECT.render_error(ask)
        told = read(outgoing)
        assert 400 <= outgoing.status < 500
        assert set(told) == {"error", "path", "code"}
        assert len(told["error"]) < 5000
        return None
    request = outcome(ask.compose, [LARGE for _ in ask.sources])
    if isinstance(request, Failure):
        assert request.fault is Fault.REJECTED
        return None
    assert 1 <= request.n <= 8
    assert (request.width is None) is (request.height is None)
    assert len(request.images) == len(ask.sources)
    assert ask.recall
    return ask


@pytest.mark.parametrize("route", MAKING, ids=lambda route: route.path)
def test_any_object_is_a_request_or_a_refusal(route: Generating) -> None:
    @MANY
    @given(st.dictionaries(names | st.text(max_size=4), values, max_size=6))
    def hold(body: dict[str, Any]) -> None:
        attempt(route, body)

    hold()


@MANY
@given(sensible)
def test_a_sensible_generation_is_remembered_and_told_in_full(body: dict[str, Any]) -> None:
    ask = attempt(MAKING[0], body)
    if ask is None:
        return
    memory = recalled(ask.recall or "")
    assert memory is not None
    kept = {name: value for name, value in body.items() if value is not None and name != "imagePrompts"}
    assert {name: value for name, value in memory.asked.items() if name != "imagePrompts"} == kept
    request = known(recall=ask.recall)
    told = msgspec.json.decode(msgspec.json.encode(generation(request, memory)))
    assert isinstance(told["seed"], int)
    assert (told["imageWidth"], told["imageHeight"]) == (body.get("width", 1024), body.get("height", 768))
    assert None not in (told["scheduler"], told["status"], told["prompt"], told["public"])
    assert finished(request, Ended(team="t", charged=Decimal(0))) is not None


@MANY
@given(sensible)
def test_words_alone_are_drawn_by_the_model_that_was_chosen(body: dict[str, Any]) -> None:
    ask = attempt(MAKING[0], body)
    if ask is not None and not ask.sources:
        request = ask.compose(())
        assert isinstance(request, Generate)
        assert request.exact
        assert body.get("modelId") in (request.model, None)
