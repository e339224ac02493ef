"""Odd requests, made of valid ones: what a careless client sends, and what a hostile one does."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct

from tests.edge.examples import Example, File, form, url
from tests.pictures import gif, jpeg, png, svg, webp

RAW = "@@raw"
"""Text that begins so is written into JSON as it stands."""
BOMB = png()[:16] + (100_000).to_bytes(4) * 2 + png()[24:]
"""A picture that claims ten thousand million pixels."""
PICTURES = [
    png(),
    jpeg(),
    webp(),
    gif(),
    svg(),
    png(1, 1),
    png(3000, 2),
    png()[:40],
    jpeg()[:60],
    BOMB,
    b"",
    b"\x89PNG",
]
SCALARS: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 7, 0.5, -0.0, 1.5, 67.0, 1e-320, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70)),
    *(10**30, RAW + "1e999", RAW + "-1E-999", RAW + "NaN", RAW + "-Infinity", RAW + "9" * 500, RAW + "01", RAW + "1."),
    *("NaN", "nan", "inf", "-1", "1e400", "0x10", "1_000", "١٢", " 2 ", "2.0", "true", "null", "None", "auto", "x"),
    *("", " ", "\x00", "\t\n\r", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "é", "😀" * 40, "a\u0301" * 9),
    *("A" * 300, "A" * 5000, "=" * 64, "/" * 64, "../../etc/passwd", "%00", "{id:str}", "%s%n", "' OR 1=1 --"),
    *("<script>", "\r\nx-evil: 1", "512x512", "0x0", "-1x-1", "99999x99999", "1e3x1", "1:1", "16:9", "0:0"),
    *(
        "data:",
        "data:,",
        "data:;base64,",
        "data:image/png;base64,",
        "data:image/png,abc",
        "data:image/svg+xml;base64,AA",
    ),
    *("http://", "https://", "https://127.0.0.1/a.png", "http://127.0.0.1:1/", "https://[::1", "https://[::1]/a"),
    *("https://user:pw@127.0.0.1/", "file:///etc/passwd", "https://127.0.0.1:99999/", "https://\ud83d/", "ftp://x/"),
    *("00000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000001}", "urn:uuid:" + "0" * 32),
    *("sandbox", "photo", "card", "req_0", "0" * 32, "f" * 36),
]
NESTED: list[Any] = [
    *([], {}, [[]], [None], [{}], {"": ""}, {"a": None}, [1, "a", None, {}], [""] * 300, ["a", "a"], {"x": {"x": {}}}),
    *(RAW + "[" * 200 + "]" * 200, RAW + "[" * 6000 + "]" * 6000, RAW + '{"a":' * 3000 + "1" + "}" * 3000),
    *(RAW + "[" * 3000, RAW + '{"a":1,"a":2}', RAW + "[1,]", RAW + "'x'", RAW + '"\x01"', RAW + '"\\ud83d"', RAW),
]
SENT: list[Any] = [text for body in PICTURES for text in (url(body), base64.b64encode(body).decode())]
VALUES = st.one_of(
    st.sampled_from(SCALARS),
    st.sampled_from(NESTED),
    st.sampled_from(SENT),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)
LONG = "A boat " * 45_000
"""More than is parsed on the event loop."""
HEADERS: Mapping[str, Sequence[str]] = {
    "x-darkroom-dry-run": ["plan", "PLAN", "", "true", "\xff"],
    "x-darkroom-strict": ["true", "false", "1", "yes", "", "TRUE ", "\xe9"],
    "x-darkroom-cache": ["off", "allow", "only-if-cached", "", "yes", "\xff"],
    "x-darkroom-user": ["jo", "", " ", "j" * 500, "a/b", "*", "\xff"],
    "x-darkroom-max-cost": [
        *("0", "1", "0.01", "-1", "nan", "inf", "1e5", "1e-30", "1E999999999", "9" * 400, "", "$1", "0x1", "1,5", "-0"),
    ],
    "idempotency-key": ["a", "b", "x" * 255, "x" * 256, "", " ", "\xff\xfe", "'"],
    "x-stainless-retry-count": ["0", "1", "2", "999", "1000", "-1", "x", "", "\xb2"],
    "x-forwarded-host": ["evil.test", "", "a b", "\xff", "x" * 3000],
    "x-forwarded-proto": ["https", "javascript", ""],
    "content-length": ["0", "-1", "1", "99999999999", "x", "\xb2"],
    "host": ["", "a:b:c", "\xff"],
    "accept": ["text/html", ""],
}
TYPES = [
    *("application/json", "application/json; charset=utf-16", "text/plain", "", "\xff", ";", "multipart/form-data"),
    *("multipart/form-data; boundary=", 'multipart/form-data; boundary="', "multipart/form-data; boundary=\xff"),
    *("multipart/form-data; boundary=x", "multipart/mixed; boundary=x", "application/x-www-form-urlencoded"),
    *("MULTIPART/FORM-DATA; BOUNDARY=x", "multipart/form-data; boundary=" + "y" * 300, "application/xml"),
]
JUNK = [
    *(b"", b"\x00", b"null", b"[]", b"{}", b"1", b'"a"', b"{", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000),
    *(b'{"prompt":' * 2000, b"--x--\r\n", b"--x\r\n\r\n--x--", b"a=b&c=d", b"\x1f\x8b\x08\x00", b"{}{}", b" " * 1000),
    *(b'{"prompt":"\xff"}', b'{"prompt":"\xed\xa0\x80"}', b'{"\\ud800":1}', '{"prompt":"A"}'.encode("utf-16")),
    b"--x\r\ncontent-disposition: form-data\r\n\r\n\xff\r\n--x--\r\n",
    b'--x\r\ncontent-disposition: form-data; name="image"; filename=""\r\n\r\n\r\n--x--\r\n',
    b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--x--\r\n',
    b"--x\r\nContent-Disposition: form-data; name*=UTF-8''%FF; filename*=x\r\n\r\n1\r\n--x--",
    b"--x\r\n" + b"a: b\r\n" * 500 + b"\r\n1\r\n--x--\r\n",
    b"".join(b'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n%d\r\n' % n for n in range(300)) + b"--x--\r\n",
]


class Odd(Struct, frozen=True):
    """A request nobody should send."""

    body: bytes
    headers: Mapping[str, str]
    query: str = ""


@st.composite
def odd(draw: st.DrawFn, examples: Sequence[Example]) -> Odd:
    """A valid request with something wrong; now and then with nothing wrong at all."""
    example = draw(st.sampled_from(examples))
    members = list(example.fields.items())
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 4)))):
        members = draw(_changed(members))
    as_form = example.form != draw(st.sampled_from((False,) * 9 + (True,)))
    body, kind = _form(members) if as_form else (_json(members).encode("utf-8", "surrogatepass"), "application/json")
    headers = {"content-type": kind}
    if draw(st.integers(0, 7)) == 0:
        body = draw(_broken(body))
    if draw(st.integers(0, 7)) == 0:
        headers["content-type"] = draw(st.sampled_from(TYPES))
    if draw(st.integers(0, 3)) == 0:
        for name in draw(st.lists(st.sampled_from(sorted(HEADERS)), min_size=1, max_size=3, unique=True)):
            headers[name] = draw(st.sampled_from(HEADERS[name]))
    query = draw(st.sampled_from(("",) * 12 + ("?", "?a=%ff", "?prompt=x&prompt=y", "?limit=-1&offset=%00", "?%")))
    return Odd(body, headers, query)


@st.composite
def _changed(draw: st.DrawFn, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The members of an object, one of them changed, doubled, gone or new."""
    how = draw(st.sampled_from(("set", "set", "set", "set", "deep", "drop", "double", "add", "move", "wrap", "long")))
    if not members or how == "add":
        return [*members, (draw(st.sampled_from(("prompt", "n", "size", "x", "", "\x00", "\ud800"))), draw(VALUES))]
    at = draw(st.integers(0, len(members) - 1))
    name, value = members[at]
    match how:
        case "drop":
            return members[:at] + members[at + 1 :]
        case "double":
            return [*members, (name, draw(VALUES))]
        case "move":
            new: Any = draw(st.sampled_from(members))[1]
        case "wrap":
            new = draw(st.sampled_from(([value], {name: value}, [[value]], str(value)[:99], [value] * 20)))
        case "deep":
            new = draw(_within(value))
        case "long":
            new = draw(st.sampled_from((LONG, "A" * 33_000, [1] * 2000, {str(n): n for n in range(2000)})))
        case _:
            new = draw(VALUES)
    return [*members[:at], (name, new), *members[at + 1 :]]


@st.composite
def _within(draw: st.DrawFn, value: Any) -> Any:
    """A value with something in it changed."""
    if isinstance(value, Mapping) and value:
        return dict(draw(_changed(list(value.items()))))
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(_within(value[at])), *value[at + 1 :]]
    return draw(VALUES)


@st.composite
def _broken(draw: st.DrawFn, body: bytes) -> bytes:
    """Bytes cut, doubled, with others among them, or others altogether."""
    at = draw(st.integers(0, max(0, len(body) - 1)))
    noise = draw(st.binary(min_size=1, max_size=4))
    return draw(st.sampled_from((body[:at], body + body, body[:at] + noise + body[at + 1 :], *JUNK)))


def _json(members: Sequence[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{_written(value)}" for name, value in members) + "}"


def _written(value: Any) -> str:
    if isinstance(value, File):
        return json.dumps(url(bytes(value)))
    if isinstance(value, str):
        return value.removeprefix(RAW) if value.startswith(RAW) else json.dumps(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, Mapping):
        return _json(list(value.items()))
    return json.dumps(value)


def _form(members: Sequence[tuple[str, Any]]) -> tuple[bytes, str]:
    """The same as a form; what has no place in one is written as its JSON."""
    fields: dict[str, list[Any]] = {}
    for name, value in members:
        for each in value if isinstance(value, list) else [value]:
            plain = each if isinstance(each, File | str) else _written(each)
            if isinstance(plain, str):
                plain = plain.encode("utf-8", "replace").decode()
            fields.setdefault(name.encode("utf-8", "replace").decode(), []).append(plain)
    return form(fields)
