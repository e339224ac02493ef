"""Any field that changes a picture changes its fingerprint; who asks, in which words and how it is sent does not."""

from __future__ import annotations

from typing import Any

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.contract import Format, Generate, Image, ImageRequest, Note, UpscaleKind
from proxy.job import Job
from proxy.twins.likeness import ASIDE, ENCODING, STEERING, UNSEEN, likeness
from tests.pictures import png
from tests.properties import MANY
from tests.twins.asking import EVERY, KEY, RED, STEERED, job, request

KINDS = list(EVERY)
COMPRESSIONS = (None, 50, 90)
Wish = tuple[type, dict[str, Any], dict[str, Any]]


def wishes() -> st.SearchStrategy[Wish]:
    """A kind of request, values of its fields, and what steers it."""
    steered = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in STEERED.items()})
    return st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.fixed_dictionaries({name: st.sampled_from(values) for name, values in EVERY[kind].items()}),
            steered,
        )
    )


def own(asked: ImageRequest, model: str = "photo", **fields: Any) -> bytes:
    return likeness(job(asked, **fields), model).own


@MANY
@given(wishes(), wishes())
def test_two_wishes_have_one_fingerprint_exactly_where_they_are_equal(one: Wish, two: Wish) -> None:
    first, second = (own(request(kind, **fields), **steered) for kind, fields, steered in (one, two))
    assert len(first) == 32
    assert (first == second) == (one == two)


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(data=st.data())
def test_one_other_value_of_one_field_is_another_picture(kind: type, data: st.DataObject) -> None:
    _, fields, steered = data.draw(wishes().filter(lambda wish: wish[0] is kind))
    choices = {**EVERY[kind], **STEERED}
    name = data.draw(st.sampled_from(sorted(choices)))
    before = {**fields, **steered}[name]
    after = data.draw(st.sampled_from([value for value in choices[name] if value != before]))
    changed = own(
        request(kind, **(fields | ({name: after} if name in fields else {}))),
        **(steered | ({name: after} if name in steered else {})),
    )
    assert changed != own(request(kind, **fields), **steered)


def test_every_field_there_is_has_been_thought_of() -> None:
    for kind, fields in EVERY.items():
        names = set(kind.__struct_fields__)  # type: ignore[attr-defined]
        assert names == {*fields, *UNSEEN, *ENCODING, "model"}
    assert set(Job.__struct_fields__) == {*STEERING, *ASIDE}
    assert set(STEERED) == set(STEERING)


@pytest.mark.parametrize("format_", [None, Format.JPEG, Format.WEBP, Format.GIF])
def test_how_strongly_a_file_is_compressed_is_part_of_a_picture_that_loses_by_it(format_: Format | None) -> None:
    prints = {own(request(format=format_, compression=compression)) for compression in COMPRESSIONS}
    assert len(prints) == 3
    assert len({own(request(format=Format.PNG, compression=compression)) for compression in COMPRESSIONS}) == 1


@pytest.mark.parametrize(
    ("format_", "does"),
    [(None, True), (Format.JPEG, True), (Format.WEBP, True), (Format.PNG, False), (Format.GIF, False)],
)
def test_a_png_will_do_for_whoever_wants_it_smaller_and_nothing_will_do_for_a_png(
    format_: Format | None, does: bool
) -> None:
    as_png = own(request(format=Format.PNG))
    like = likeness(job(request(format=format_, compression=70)), "photo")
    assert like.alike == ((as_png,) if does else ())
    assert like.sized == ()
    assert len(set(like.every)) == len(like.every)


@pytest.mark.parametrize("format_", [None, Format.PNG, Format.JPEG])
@pytest.mark.parametrize("exact", [True, False])
def test_a_size_that_came_out_as_asked_will_do_whether_or_not_it_had_to(exact: bool, format_: Format | None) -> None:
    asked = request(width=64, height=64, exact=exact, format=format_)
    like, other = (likeness(job(replace(asked, exact=each)), "photo") for each in (exact, not exact))
    assert like.sized == (other.own, *other.alike)
    assert len(set(like.every)) == len(like.every) == (2 if format_ is Format.PNG else 4)
    assert likeness(job(asked, finish=UpscaleKind.FAST), "photo").sized == ()  # it is cut before, if at all


@MANY
@given(wishes())
def test_who_asks_and_in_which_words_does_not_matter(wish: Wish) -> None:
    kind, fields, steered = wish
    asked = request(kind, **fields)
    other = replace(asked, model="an alias", user="somebody", previews=3, grows=20)
    elsewhere: dict[str, Any] = {
        "id": "req_2",
        "key": replace(KEY, key="k_2", name="another", dialect="studiolm"),
        "dialect": "leonardo",
        "print": b"another",
        "created": 2,
        "idempotency": "order",
        "retry": 1,
        "keep": True,
        "recall": "{}",
        "notes": (Note("n", "said"),),
        "cache": "allow",
        "twin": b"t" * 32,
    }
    assert own(other, **steered, **elsewhere) == own(asked, **steered)
    assert own(asked, "another model", **steered) != own(asked, **steered)


@pytest.mark.parametrize("change", [{"team": "other"}, {"test": True}])
def test_no_two_teams_and_no_test_and_real_key_have_a_picture_in_common(change: dict[str, Any]) -> None:
    assert own(request(seed=1), key=replace(KEY, **change)) != own(request(seed=1))


def test_a_number_is_the_same_however_it_is_written() -> None:
    assert own(request(guidance=7)) == own(request(guidance=7.0)) != own(request(guidance=7.1))


def test_a_picture_is_the_same_however_it_was_sent() -> None:
    as_text = Image.from_base64(pybase64.b64encode(RED.body))
    assert own(request(references=(as_text,))) == own(request(references=(RED,)))
    larger = Image(png(9, 6))
    assert own(request(references=(larger,))) != own(request(references=(RED,)))


def test_a_fingerprint_is_the_same_from_one_release_to_the_next() -> None:
    """It lies in ledgers: where this changes, `VERSION` has to."""
    told = own(Generate(model="photo", prompt="A boat", seed=7, width=1024, height=1024, guidance=7.5))
    assert told.hex() == "5ae9ea88ac47b8680a187bb1954311ac3ed0a3de49c2e5974e8dac6aad8cb9ad"
