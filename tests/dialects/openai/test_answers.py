from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.images_response import ImagesResponse

from pricing import Usage
from providers.contract import Image
from proxy.dialects.contract import Ask, Incoming, Served, Shown
from proxy.dialects.openai.parse import parse_edit, parse_generation, parse_variation
from proxy.dialects.openai.render import render
from tests.dialects.openai.asking import PHOTO, edit, form, sent, written
from tests.pictures import jpeg, svg, webp
from tests.properties import MANY

LINK = "https://proxy.example/images/a.png"
TOKENS = Usage(images=1, text_in=10, image_in=40, image_out=50)
TEXT = base64.b64encode(PHOTO)


def served(*shown: Shown, **fields: Any) -> Served:
    return Served(**{"request_id": "req_1", "created": 1_713_833_628, "model": "m", "pictures": shown, **fields})


def answer(ask: Ask, *shown: Shown, **fields: Any) -> dict[str, Any]:
    outgoing = render(ask, served(*shown, **fields))
    assert (outgoing.status, outgoing.headers["content-type"]) == (200, "application/json")
    told = written(outgoing.body)
    assert isinstance(told, dict)
    ImagesResponse.model_validate(told, strict=True)
    return told


def shown(body: bytes = PHOTO, link: str | None = LINK, **fields: Any) -> Shown:
    return Shown(image=Image(body), link=link, **fields)


def asked(**fields: Any) -> Ask:
    return parse_generation(sent(**fields))


def test_a_link_is_answered_with_a_link_and_nothing_else() -> None:
    assert answer(asked(), shown()) == {"created": 1_713_833_628, "data": [{"url": LINK}]}


def test_base64_is_answered_without_a_link_that_a_client_would_prefer() -> None:
    told = answer(asked(response_format="b64_json"), shown())
    assert told["data"] == [{"b64_json": TEXT.decode()}]


def test_an_edit_of_any_other_name_answers_both_ways() -> None:
    told = answer(parse_edit(edit()), shown())
    assert told["data"] == [{"b64_json": TEXT.decode(), "url": LINK}]


def test_a_variation_is_answered_like_any_picture() -> None:
    assert answer(parse_variation(form(("image", ("f", PHOTO)))), shown())["data"] == [{"url": LINK}]


def test_pictures_come_in_their_order() -> None:
    told = answer(asked(n=3), *[shown(link=f"https://proxy.example/{place}.png") for place in range(3)])
    assert [item["url"][-5] for item in told["data"]] == ["0", "1", "2"]


def test_no_picture_is_an_empty_list() -> None:
    assert answer(asked(model="gpt-image-2", safety_identifier="s"), usage=TOKENS)["data"] == []


@pytest.mark.parametrize("said", ["url", "b64_json"])
def test_a_revised_prompt_is_told_beside_its_picture(said: str) -> None:
    revised = 'A "serene" boat\n\\ ☃ \x00'
    told = answer(asked(response_format=said), shown(revised_prompt=revised), shown())
    assert told["data"][0]["revised_prompt"] == revised
    assert "revised_prompt" not in told["data"][1]


def test_the_text_of_a_picture_is_passed_on_and_never_copied() -> None:
    texts = [memoryview(bytearray(TEXT)), memoryview(bytearray(TEXT))]
    pictures = [Shown(image=Image.from_base64(text), revised_prompt="x", link=LINK) for text in texts]
    body = render(parse_edit(edit(("n", "2"))), served(*pictures, usage=TOKENS)).body
    assert [piece for piece in body if isinstance(piece, memoryview)] == texts
    assert all(any(piece is text for piece in body) for text in texts)
    assert sum(len(piece) for piece in body if not isinstance(piece, memoryview)) < 1000


# What was chosen, and the tokens.


def test_names_with_tokens_tell_what_was_chosen_and_what_it_took() -> None:
    told = answer(
        asked(model="gpt-image-2", quality="auto"), shown(), usage=TOKENS, quality="high", background="opaque"
    )
    del told["data"]
    assert told == {
        "created": 1_713_833_628,
        "size": "40x30",
        "output_format": "png",
        "quality": "high",
        "background": "opaque",
        "usage": {
            "total_tokens": 100,
            "input_tokens": 50,
            "output_tokens": 50,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 50},
        },
    }


def test_what_was_chosen_is_measured_and_not_repeated_from_the_request() -> None:
    told = answer(asked(model="gpt-image-2", size="1024x1024", output_format="png"), shown(jpeg(64, 48)))
    assert (told["size"], told["output_format"]) == ("64x48", "jpeg")
    assert not {"quality", "background", "usage"} & set(told)


def test_other_names_tell_neither_unless_the_vendor_counted_tokens() -> None:
    plain = answer(asked(model="dall-e-3"), shown(), quality="high", background="opaque")
    assert set(plain) == {"created", "data"}
    counted = answer(asked(model="nano-banana"), shown(), usage=TOKENS)
    assert counted["usage"]["total_tokens"] == 100


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-2"])
def test_a_safety_identifier_is_echoed(model: str) -> None:
    assert answer(asked(model=model, safety_identifier="s-1"), shown())["safety_identifier"] == "s-1"
    assert "safety_identifier" not in answer(asked(model=model, user="u-1"), shown())


def test_a_vector_picture_is_answered_too() -> None:
    told = answer(asked(model="gpt-image-2.6-flare", output_format="svg"), shown(svg().replace(b"8", b"9")))
    assert told["data"][0]["b64_json"].startswith("PHN2Zy")
    assert told["output_format"] == "svg"


counts = st.none() | st.integers(0, 10**6)


@MANY
@given(text_in=counts, image_in=counts, text_out=counts, image_out=st.integers(0, 10**6))
def test_tokens_add_up_whatever_the_vendor_left_out(**told: Any) -> None:
    usage = answer(asked(model="gpt-image-2"), shown(), usage=Usage(images=1, **told))["usage"]
    assert usage["input_tokens"] == sum(usage["input_tokens_details"].values())
    assert usage["output_tokens"] == sum(usage["output_tokens_details"].values())
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["total_tokens"] == sum(count or 0 for count in told.values())


# The answer is JSON whatever it holds.

KINDS: list[Callable[[], tuple[Callable[[Incoming], Ask], Incoming]]] = [
    lambda: (parse_generation, sent()),
    lambda: (parse_generation, sent(response_format="b64_json", safety_identifier='"\\')),
    lambda: (parse_generation, sent(model="gpt-image-2", quality="high")),
    lambda: (parse_edit, edit()),
    lambda: (parse_edit, edit(("model", "gpt-image-2"), ("n", "10"))),
    lambda: (parse_variation, form(("image", ("f", PHOTO)))),
]
pictures = st.lists(
    st.builds(
        Shown,
        image=st.sampled_from([PHOTO, jpeg(), webp()]).map(Image),
        link=st.just(LINK),
        revised_prompt=st.none() | st.text(max_size=10),
        seed=st.none() | st.integers(0, 9),
    ),
    max_size=4,
)


@MANY
@given(
    st.sampled_from(KINDS),
    pictures,
    st.sampled_from([Usage(), TOKENS]),
    st.sampled_from([None, "high"]),
    st.sampled_from([None, "opaque"]),
)
def test_every_item_has_just_what_was_asked_for(
    kind: Any, found: list[Shown], usage: Usage, quality: str | None, background: str | None
) -> None:
    parse, incoming = kind()
    ask = parse(incoming)
    told = answer(ask, *found, usage=usage, quality=quality, background=background)
    assert len(told["data"]) == len(found)
    for item, each in zip(told["data"], found, strict=True):
        assert ("url" in item, "b64_json" in item) == (ask.links, ask.base64)
        assert item.get("revised_prompt") == each.revised_prompt
        if ask.base64:
            assert base64.b64decode(item["b64_json"], validate=True) == each.image.body
