from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Code, Failure
from proxy.dialects.forms import PARTS, TEXT_BYTES, File, Form, is_form, read_form
from tests.dialects.openai.asking import form
from tests.dialects.outcome import outcome
from tests.properties import MANY

OURS = {"content-type": "multipart/form-data; boundary=b"}


def parts(*pieces: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join([b"--b\r\n" + piece + b"\r\n" for piece in pieces]) + end


def named(name: str, rest: str = "", body: bytes = b"1") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"{rest}\r\n\r\n'.encode() + body


def refused(headers: dict[str, str], body: bytes) -> Failure:
    with pytest.raises(Failure) as caught:
        read_form(headers, body)
    return caught.value


def test_texts_and_files_are_told_apart_by_their_filename() -> None:
    incoming = form(("prompt", "Ein Schiff, größer"), ("image", ("a.png", b"\x89PNG", "image/png")), ("x", ("y", b"")))
    assert read_form(incoming.headers, incoming.body) == Form(
        {"prompt": "Ein Schiff, größer"},
        (
            File(name="image", filename="a.png", mime="image/png", body=b"\x89PNG"),
            File(name="x", filename="y", mime="application/octet-stream", body=b""),
        ),
    )


def test_a_text_may_carry_a_content_type_of_its_own() -> None:
    incoming = form(("n", (None, "2", "text/plain; charset=utf-8")))
    assert read_form(incoming.headers, incoming.body) == Form({"n": "2"}, ())


def test_a_file_without_a_name_is_a_file() -> None:
    """A browser sends one for a choice of file that was not made."""
    found = read_form(OURS, parts(named("mask", '; filename=""', b"")))
    assert found == Form({}, (File(name="mask", filename="", mime="application/octet-stream", body=b""),))


def test_the_last_text_of_a_name_counts() -> None:
    assert read_form(OURS, parts(named("n", body=b"1"), named("n", body=b"2"))).texts == {"n": "2"}


@pytest.mark.parametrize("names", [["image"], ["image[]", "image[]"], ["image[0]", "image[1]"], ["image", "image"]])
def test_a_list_of_files_may_be_written_in_several_ways(names: list[str]) -> None:
    found = read_form(*_form_of(names)).files_named("image")
    assert [file.body for file in found] == [str(place).encode() for place in range(len(names))]


def test_a_field_is_not_taken_for_another_that_begins_like_it() -> None:
    assert read_form(*_form_of(["images", "image_url", "my_image"])).files_named("image") == []


def _form_of(names: list[str]) -> tuple[dict[str, str], bytes]:
    incoming = form(*[(name, ("f", str(place).encode())) for place, name in enumerate(names)])
    return dict(incoming.headers), incoming.body


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"--b", b"\r\n--b\r\n" * 50, b"\x00\xff" * 1000, b"--x\r\n" + b"\r\n--b--", b"a" * 70_000]
)
def test_a_file_is_kept_to_the_byte_whatever_it_holds(body: bytes) -> None:
    incoming = form(("image", ("f", body)))
    assert read_form(incoming.headers, incoming.body).files[0].body == body


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        ("multipart/form-data; boundary=x", True),
        ("Multipart/Form-Data; boundary=x", True),
        ("multipart/form-data", True),
        ("multipart/mixed; boundary=x", False),
        ("application/json", False),
        (None, False),
    ],
)
def test_a_form_is_known_by_its_content_type(content_type: str | None, is_one: bool) -> None:
    assert is_form({} if content_type is None else {"content-type": content_type}) is is_one


def test_a_boundary_may_be_quoted_and_followed_by_more() -> None:
    headers = {"content-type": 'multipart/form-data; boundary="b"; charset=utf-8'}
    assert read_form(headers, parts(named("n"))).texts == {"n": "1"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, parts(named("n"))),
        ({"content-type": "multipart/form-data"}, parts(named("n"))),
        ({"content-type": "multipart/form-data; boundary="}, parts(named("n"))),
        ({"content-type": "multipart/form-data; boundary=other"}, parts(named("n"))),
        (OURS, b""),
        (OURS, b"not a form"),
        (OURS, parts(named("n"), end=b"")),
        (OURS, parts(named("n"), end=b"--b")),
        (OURS, parts(named("n"))[:-12]),
        (OURS, parts(b"Content-Type: text/plain\r\n\r\n1")),
        (OURS, parts(b"no header at all\r\n\r\n1")),
        (OURS, parts(b"X: \xff\r\n" + named("n"))),
        (OURS, parts(b"X: " + b"x" * 5000 + b"\r\n" + named("n"))),
        (OURS, parts(b"Content-Length: 99\r\n" + named("n"))),
        (OURS, parts(named("n")).replace(b"\r\n", b"\n")),
        (OURS, parts(*[named(f"n{place}") for place in range(PARTS + 1)])),
    ],
)
def test_a_form_that_is_broken_or_cut_off_is_refused(headers: dict[str, str], body: bytes) -> None:
    failure = refused(headers, body)
    assert (failure.code, failure.field) == (Code.NOT_JSON, None)
    assert failure.detail.startswith("We could not parse the multipart form of your request: ")


def test_as_many_parts_as_the_limit_are_read() -> None:
    assert len(read_form(OURS, parts(*[named(f"n{place}") for place in range(PARTS)])).texts) == PARTS


def test_a_text_is_no_longer_than_its_limit() -> None:
    assert len(read_form(OURS, parts(named("prompt", body=b"x" * TEXT_BYTES))).texts["prompt"]) == TEXT_BYTES
    failure = refused(OURS, parts(named("prompt", body=b"x" * (TEXT_BYTES + 1))))
    assert (failure.code, failure.field) == (Code.TOO_LONG, "prompt")


def test_a_text_that_is_not_utf_8_is_refused_by_its_name() -> None:
    failure = refused(OURS, parts(named("image", body=b"\x89PNG\r\n\x1a\n")))
    assert (failure.code, failure.field) == (Code.WRONG_TYPE, "image")


junk = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--b--",
                b"\r\n",
                b"\n",
                b'Content-Disposition: form-data; name="n"',
                b"; filename*=utf-8''%ff",
                b"Content-Length: 3",
                b"Content-Type: text/plain",
                b" folded",
                b":",
                b"\xff\x00",
                b"abc",
            ]
        ),
        max_size=20,
    ).map(b"".join),
)


@MANY
@given(junk, st.sampled_from(["b", '"b"', "ü", "", "b; boundary=c", "\\", '"']))
def test_junk_is_a_form_or_a_refusal(body: bytes, boundary: str) -> None:
    found = outcome(read_form, {"content-type": f"multipart/form-data; boundary={boundary}"}, body)
    assert isinstance(found, Form) or found.code in (Code.NOT_JSON, Code.WRONG_TYPE)


@MANY
@given(st.lists(st.tuples(st.sampled_from(["a", "b[]", "image"]), st.booleans(), st.binary(max_size=60)), max_size=5))
def test_what_a_client_encodes_is_what_is_read(sent: list[tuple[str, bool, bytes]]) -> None:
    incoming = form(("first", "1"), *[(name, ("f", body) if filed else body.hex()) for name, filed, body in sent])
    found = read_form(incoming.headers, incoming.body)
    assert [(file.name, file.body) for file in found.files] == [(name, body) for name, filed, body in sent if filed]
    assert found.texts == {"first": "1", **{name: body.hex() for name, filed, body in sent if not filed}}
