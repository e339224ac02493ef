from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from providers.contract import Code, Failure, Fault, Format, Image, Model, Note
from proxy.dialects.contract import Card, Incoming, Served, Shown
from proxy.dialects.studiolm import DIALECT
from proxy.dialects.studiolm.render import available_models, render, render_error
from tests.dialects.studiolm.asking import PHOTO, asked, error_of, written
from tests.pictures import png
from tests.properties import MANY

LINK = "https://proxy.example/v1/images/view/abc123"
SMALL = png(2, 2, (255, 0, 16))
PIXELS = bytes([255, 0, 16] * 4)


def shown(body: bytes = SMALL, **fields: Any) -> Shown:
    return Shown(image=Image(body), **{"link": LINK, "pixels": PIXELS, **fields})


def served(*pictures: Shown, **fields: Any) -> Served:
    return Served(**{"request_id": "r", "created": 1_677_858_242, "model": "standard", "pictures": pictures, **fields})


def answer(pictures: Served, **fields: Any) -> dict[str, Any]:
    outgoing = render(asked(**fields), pictures)
    assert (outgoing.status, outgoing.headers) == (200, {"content-type": "application/json"})
    told: dict[str, Any] = written(outgoing.body)
    return told


# Pictures.


def test_the_documented_answer_key_by_key() -> None:
    told = answer(served(shown()), style="vivid", aspect_ratio="square", response_format="url")
    assert told == {"created": 1_677_858_242, "data": [{"url": LINK}]}
    assert list(told) == ["created", "data"]


def test_base64_is_a_png_without_a_prefix() -> None:
    [item] = answer(served(shown(PHOTO)), response_format="b64_json")["data"]
    assert set(item) == {"b64_json"}
    assert base64.b64decode(item["b64_json"], validate=True) == PHOTO
    assert Image(base64.b64decode(item["b64_json"])).format is Format.PNG


def test_hxd_is_the_size_and_the_pixels_in_hexadecimal() -> None:
    assert answer(served(shown()), response_format="hxd")["data"] == [{"hxd": "2x2:" + "ff0010" * 4}]


def test_hxd_can_be_drawn_again() -> None:
    picture = Pillow.new("RGB", (3, 2))
    picture.putdata([(1, 2, 3), (4, 5, 6), (7, 8, 9), (250, 251, 252), (0, 0, 0), (255, 255, 255)])
    target = BytesIO()
    picture.save(target, "PNG")
    [item] = answer(served(shown(target.getvalue(), pixels=picture.tobytes())), response_format="hxd")["data"]
    size, _, text = item["hxd"].partition(":")
    width, height = map(int, size.split("x"))
    again = Pillow.frombytes("RGB", (width, height), bytes.fromhex(text))
    assert again.tobytes() == picture.tobytes()
    assert text == text.lower()


@pytest.mark.parametrize(
    "formats",
    [["url", "b64_json"], ["b64_json", "url"], ["hxd", "b64_json"], ["url", "hxd"], ["hxd", "url", "b64_json"]],
)
def test_several_formats_are_keys_of_one_item(formats: list[str]) -> None:
    told = answer(served(shown()), response_format=formats)
    [item] = told["data"]
    every = {"url": LINK, "b64_json": base64.b64encode(SMALL).decode(), "hxd": "2x2:" + "ff0010" * 4}
    assert item == {name: every[name] for name in formats}


def test_the_text_of_a_picture_is_passed_on_and_never_copied() -> None:
    text = memoryview(bytearray(base64.b64encode(PHOTO)))
    pictures = served(Shown(image=Image.from_base64(text)))
    body = render(asked(response_format="b64_json"), pictures).body
    assert any(piece is text for piece in body)


@pytest.mark.parametrize(
    ("told", "asked_for", "notes", "seed"),
    [
        (7, None, (), 7),
        (0, None, (), 0),
        (7, 5, (), 7),
        (None, 5, (), 5),
        (None, 0, (), 0),
        (None, 5, (Note("style", "x does not take it"),), 5),
        (None, 5, (Note("seed", "x does not take it"),), None),
        (None, -1, (), None),
        (None, None, (), None),
    ],
)
def test_the_seed_is_told_where_it_is_known(
    told: int | None, asked_for: int | None, notes: tuple[Note, ...], seed: int | None
) -> None:
    found = answer(served(shown(seed=told), notes=notes), seed=asked_for)
    assert found.get("seed") == seed
    assert set(found) == {"created", "data"} | ({"seed"} if seed is not None else set())


def test_nothing_drawn_is_an_empty_list_and_no_seed() -> None:
    assert answer(served(missing=1), seed=5) == {"created": 1_677_858_242, "data": []}


def test_pictures_come_in_their_order() -> None:
    told = answer(served(shown(link=f"{LINK}1"), shown(link=f"{LINK}2", seed=3)))
    assert told == {"created": 1_677_858_242, "data": [{"url": f"{LINK}1"}, {"url": f"{LINK}2"}], "seed": 3}


@MANY
@given(
    st.lists(st.sampled_from(["url", "b64_json", "hxd"]), min_size=1, max_size=4),
    st.lists(st.builds(shown, link=st.text(max_size=10), seed=st.none() | st.integers(0, 2**63)), max_size=3),
)
def test_any_answer_is_json_with_just_what_was_asked_for(formats: list[str], pictures: list[Shown]) -> None:
    told = answer(served(*pictures), response_format=formats)
    assert [set(item) for item in told["data"]] == [set(formats)] * len(pictures)


def test_links_stand_where_the_documentation_shows_them() -> None:
    assert DIALECT.links.replace("{token}", "abc123") == "/v1/images/view/abc123"


# Models.


def card(name: str, title: str = "", description: str = "", *, retired: bool = False, **model: Any) -> Card:
    made = Model(name="m", **model)
    return Card(
        name=name, model=made, providers=("p",), served_by="m", retired=retired, title=title, description=description
    )


CARDS = [
    card("imagen-v3", description="Our own words.", operations=frozenset({"generate", "edit.inpaint"})),
    card("theirs", title="Theirs"),
    Card(name="told", model=Model(name="m", description="The model's words."), providers=("p",), served_by="m"),
    Card(name="titled", model=Model(name="m", title="A title"), providers=("p",), served_by="m"),
    Card(name="bare/name", model=Model(name="m"), providers=(), served_by="m"),
    card("eraser", operations=frozenset({"edit.erase", "upscale.fast", "generate.reference"})),
    card("hidden", shows=False),
    card("dall-e-3", retired=True),
]


def listed(cards: list[Card]) -> Any:
    incoming = Incoming(method="GET", path="/v1/images/available-models", headers={})
    outgoing = available_models(incoming, cards)
    assert (outgoing.status, outgoing.headers["content-type"]) == (200, "application/json")
    return written(outgoing.body)


def test_models_that_draw_from_words_are_a_bare_array_of_names_and_descriptions() -> None:
    assert listed(CARDS) == [
        {"display_name": "imagen-v3", "description": "Our own words."},
        {"display_name": "theirs", "description": "Theirs"},
        {"display_name": "told", "description": "The model's words."},
        {"display_name": "titled", "description": "A title"},
        {"display_name": "bare/name", "description": "bare/name"},
    ]


def test_without_models_the_array_is_empty() -> None:
    assert listed([]) == []


def test_a_display_name_is_what_a_request_may_select() -> None:
    for each in listed(CARDS):
        request = asked(user_selected_model=each["display_name"]).compose([])
        assert request.model in {known.name for known in CARDS}


# Errors.

INVALID = "invalid_request_error"
FAULTS: list[tuple[Fault, int, str]] = [
    (Fault.REJECTED, 400, INVALID),
    (Fault.MODERATED, 400, "content_policy_error"),
    (Fault.CREDENTIAL, 503, "service_unavailable_error"),
    (Fault.THROTTLED, 429, "rate_limit_error"),
    (Fault.UNAVAILABLE, 503, "service_unavailable_error"),
    (Fault.MALFORMED, 500, "server_error"),
    (Fault.AMBIGUOUS, 504, "server_error"),
    (Fault.QUOTA, 429, "insufficient_quota"),
]
CODES: list[tuple[Code, Fault, int, str]] = [
    (Code.UNAUTHENTICATED, Fault.REJECTED, 401, "authentication_error"),
    (Code.FORBIDDEN, Fault.REJECTED, 403, "permission_error"),
    (Code.UNKNOWN_ROUTE, Fault.REJECTED, 404, "not_found_error"),
    (Code.WRONG_METHOD, Fault.REJECTED, 405, INVALID),
    (Code.UNKNOWN_MODEL, Fault.REJECTED, 404, "not_found_error"),
    (Code.UNKNOWN_ASSET, Fault.REJECTED, 404, "not_found_error"),
    (Code.UNKNOWN_FIELD, Fault.REJECTED, 400, INVALID),
    (Code.MISSING, Fault.REJECTED, 400, INVALID),
    (Code.WRONG_TYPE, Fault.REJECTED, 400, INVALID),
    (Code.INVALID, Fault.REJECTED, 400, INVALID),
    (Code.BELOW_MINIMUM, Fault.REJECTED, 400, INVALID),
    (Code.ABOVE_MAXIMUM, Fault.REJECTED, 400, INVALID),
    (Code.TOO_LONG, Fault.REJECTED, 400, INVALID),
    (Code.TOO_LARGE, Fault.REJECTED, 400, INVALID),
    (Code.BODY_TOO_LARGE, Fault.REJECTED, 413, INVALID),
    (Code.NOT_AN_IMAGE, Fault.REJECTED, 400, INVALID),
    (Code.NOT_JSON, Fault.REJECTED, 400, INVALID),
    (Code.UNREACHABLE_LINK, Fault.REJECTED, 400, INVALID),
    (Code.NOT_CACHED, Fault.REJECTED, 404, INVALID),
    (Code.CONFLICT, Fault.REJECTED, 409, INVALID),
    (Code.PENDING, Fault.UNAVAILABLE, 409, "server_error"),
    (Code.BUDGET, Fault.QUOTA, 429, "insufficient_quota"),
    (Code.RATE, Fault.QUOTA, 429, "rate_limit_error"),
    (Code.BUSY, Fault.THROTTLED, 429, "rate_limit_error"),
    (Code.INTERNAL, Fault.UNAVAILABLE, 500, "server_error"),
]
ALL = [(fault, None, *said) for fault, *said in FAULTS] + [(fault, code, *said) for code, fault, *said in CODES]
TRIED_AGAIN = {429, 500, 503}
"""What the documentation has callers send a second time."""


def test_these_tables_leave_nothing_out() -> None:
    assert {fault for fault, *_ in FAULTS} == set(Fault)
    assert {code for code, *_ in CODES} == set(Code)


def test_the_documented_error_key_by_key() -> None:
    outgoing = render_error(Failure(Fault.REJECTED, "Invalid API key", code=Code.UNAUTHENTICATED))
    assert outgoing.status == 401
    assert dict(outgoing.headers) == {"content-type": "application/json"}
    assert written(outgoing.body) == {
        "error": {"message": "Invalid API key", "type": "authentication_error", "code": 401}
    }


@pytest.mark.parametrize(("fault", "code", "status", "kind"), ALL)
def test_every_failure_has_its_status_and_its_type(fault: Fault, code: Code | None, status: int, kind: str) -> None:
    found, error = error_of(render_error(Failure(fault, "Why it is so.", code=code)))
    assert found == status
    assert error == {"message": "Why it is so.", "type": kind, "code": status}


@pytest.mark.parametrize(
    ("field", "detail", "message"),
    [
        ("seed", "Not so.", "seed: Not so."),
        ("seed", "Invalid type for 'seed'.", "Invalid type for 'seed'."),
        ("strength", "x does not take it", "denoising_strength: x does not take it"),
        ("model", "The model 'a' does not exist.", "user_selected_model: The model 'a' does not exist."),
        ("strict", "X-Darkroom-Strict takes 'true'.", "X-Darkroom-Strict takes 'true'."),
        ("", "Not so.", "Not so."),
        (None, "Not so.", "Not so."),
    ],
)
def test_the_message_names_the_field_in_the_callers_words(field: str | None, detail: str, message: str) -> None:
    _, error = error_of(render_error(Failure(Fault.REJECTED, detail, field=field)))
    assert error["message"] == message


VALUES: dict[str, Any] = {
    "style": "preview",
    "aspect_ratio": "portrait",
    "user_selected_model": "m",
    "negative_prompt": "fog",
    "seed": 1,
    "disable_safety_checker": True,
    "force_prompt_enhancement": True,
}


@pytest.mark.parametrize("theirs", sorted(VALUES))
def test_a_refusal_in_our_words_names_a_field_the_caller_wrote(theirs: str) -> None:
    """A provider that refuses a field names it in our words; the caller must find it in its own request."""
    bare, full = asked().compose([]), asked(**{theirs: VALUES[theirs]}).compose([])
    for ours in {name for name in full.__struct_fields__ if getattr(full, name) != getattr(bare, name)}:
        named = {"width": "size", "height": "size"}.get(ours, ours)
        _, error = error_of(render_error(Failure(Fault.REJECTED, "no", field=named)))
        expected = {theirs} | ({"user_selected_model"} if theirs == "style" else set())
        assert error["message"].removesuffix(": no") in expected


@pytest.mark.parametrize("fault", [Fault.REJECTED, Fault.MODERATED, Fault.AMBIGUOUS])
def test_what_would_not_mend_or_be_paid_twice_is_nothing_callers_are_told_to_try_again(fault: Fault) -> None:
    assert render_error(Failure(fault, "no")).status not in TRIED_AGAIN


@pytest.mark.parametrize(
    ("retry_after", "said"), [(None, None), (0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2"), (3600.0, "3600")]
)
def test_callers_are_told_how_long_to_wait_where_it_is_known(retry_after: float | None, said: str | None) -> None:
    outgoing = render_error(Failure(Fault.THROTTLED, "later", retry_after=retry_after))
    assert outgoing.headers.get("retry-after") == said
