"""The body of a plan or an estimate: one request of any dialect, or many. Pure.

A request is `{"route": "/v1/images/edits", "body": {...}}`, with `form` in the place of `body` where a route takes
forms; or the bare body of an OpenAI generation. Many are a list of them, or `{"requests": [...]}`; `times` beside a
request's fields makes it as many.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NotBase64Error
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from providers.contract import Code, Failure, Fault

GENERATIONS = "/v1/images/generations"
MOST = 100_000
"""Requests written out in one body; each may stand for many."""
MOST_TIMES = 100_000_000
BOUNDARY = "darkroom-form"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)

Count = Annotated[int, Meta(ge=1, le=MOST_TIMES)]


class Entry(Struct, frozen=True, kw_only=True):
    """One request, as its route would receive it."""

    route: str
    body: bytes
    kind: str = "application/json"
    """Its media type."""
    times: int = 1
    place: int = 0
    """Where it stands first, from 0."""

    @property
    def id(self) -> str:
        """What a policy draws lots by, where it does: the same for the same request, however often it is asked."""
        return f"plan_{hashlib.sha256(self.route.encode() + b' ' + self.body).hexdigest()[:32]}"


class Batch(Struct, frozen=True, kw_only=True):
    """What is to be priced: each different request once."""

    entries: tuple[Entry, ...]
    many: bool
    """Whether a list was asked for, be it of one."""
    at_once: int | None = None
    """How many the caller would keep in flight."""

    @property
    def requests(self) -> int:
        """All of them."""
        return sum([entry.times for entry in self.entries])


class _Wrapped(Struct, frozen=True, forbid_unknown_fields=True):
    route: str = GENERATIONS
    body: Raw = Raw()
    form: dict[str, str | int | float | bool | list[str]] | None = None
    times: Count = 1


class _Many(Struct, frozen=True, forbid_unknown_fields=True):
    requests: list[Raw]
    at_once: Annotated[int, Meta(ge=1, le=100_000)] | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_MANY = msgspec.json.Decoder(_Many)
_WRAPPED = msgspec.json.Decoder(_Wrapped)
_TIMES = msgspec.json.Decoder(Count)


def read(body: bytes) -> Batch:
    """What a body asks for. Raises REJECTED."""
    try:
        if body.lstrip()[:1] == b"[":
            return Batch(entries=_distinct(_LIST.decode(body)), many=True)
        fields = _FIELDS.decode(body)
        if "requests" in fields:
            many = _MANY.decode(body)
            return Batch(entries=_distinct(many.requests), many=True, at_once=many.at_once)
        return Batch(entries=(_entry(body, 0, 1),), many=False)
    except msgspec.ValidationError as error:
        raise Failure(Fault.REJECTED, f"Invalid body: {error}.", code=Code.WRONG_TYPE) from error
    except msgspec.DecodeError as error:
        raise Failure(Fault.REJECTED, f"The body is not JSON: {error}.", code=Code.NOT_JSON) from error


def _distinct(raws: Sequence[Raw]) -> tuple[Entry, ...]:
    """Each text once, with how often it stands there."""
    if not raws:
        raise Failure(Fault.REJECTED, "There is no request in the list.", code=Code.MISSING, field="requests")
    if len(raws) > MOST:
        detail = f"At most {MOST} requests may be listed; `times` makes one stand for many."
        raise Failure(Fault.REJECTED, detail, code=Code.ABOVE_MAXIMUM, field="requests")
    counts: dict[bytes, list[int]] = {}
    for place, raw in enumerate(raws):
        counts.setdefault(bytes(raw), [place, 0])[1] += 1
    return tuple([_entry(text, place, count) for text, (place, count) in counts.items()])


def _entry(text: bytes, place: int, count: int) -> Entry:
    fields = _FIELDS.decode(text)
    if "body" not in fields and "form" not in fields:
        times = _TIMES.decode(fields.pop("times")) if "times" in fields else 1
        return Entry(route=GENERATIONS, body=msgspec.json.encode(fields), times=times * count, place=place)
    wrapped = _WRAPPED.decode(text)
    body = bytes(wrapped.body)
    if bool(body) is (wrapped.form is not None):
        raise Failure(Fault.REJECTED, "A request has a `body` or a `form`, one of the two.", code=Code.INVALID)
    times = wrapped.times * count
    if body:
        return Entry(route=wrapped.route, body=body, times=times, place=place)
    form, kind = _form(wrapped.form or {}), f"multipart/form-data; boundary={BOUNDARY}"
    return Entry(route=wrapped.route, body=form, kind=kind, times=times, place=place)


def _form(fields: Mapping[str, str | float | list[str]]) -> bytes:
    """A form of texts; a data URL is a file."""
    parts = [
        _part(name, each if isinstance(each, str) else msgspec.json.encode(each).decode())
        for name, value in fields.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def _part(name: str, value: str) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{_quoted(name)}"'
    found = _DATA_URL.fullmatch(value)
    if found is None:
        body = value.encode()
    else:
        head += f'; filename="{_quoted(name)}"\r\ncontent-type: {found[1]}'
        try:
            body = b64decode(found[2], validate=True)
        except NotBase64Error as error:
            detail = f"'{name}' is a data URL whose base64 does not decode."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=name) from error
    if f"--{BOUNDARY}".encode() in body:
        raise Failure(Fault.REJECTED, f"'{name}' has what separates the parts of a form in it.", code=Code.INVALID)
    return head.encode() + b"\r\n\r\n" + body + b"\r\n"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "").replace("\n", "")
