"""Pictures as this dialect writes them: base64 text, bare or as a data URL, in a field of the body."""

from __future__ import annotations

import binascii
import struct
from typing import Any

import pybase64

from providers.contract import Code, Failure, Image, measure
from providers.contract.image import Buffer
from proxy.dialects.contract import Source
from proxy.dialects.fields import rejected, wrong_type

INVALID = "Invalid base64 image payload"
"""What clients of the document look for."""
BLANKS = str.maketrans("", "", " \t\r\n")
HEAD = 100
"""Longest part of a data URL that stands before its comma."""


def decode(name: str, value: Any) -> bytes:
    """The bytes of a picture sent in the field `name`; a reader for tables of fields.

    Bare base64 or a data URL, line breaks allowed. Nothing else is let through: what a lenient decoder makes of a
    typing error costs money. Whether the bytes are a picture is not looked at. Raises REJECTED.
    """
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    text = value.strip()
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or len(head) > HEAD or not head.lower().endswith(";base64"):
            raise invalid(name)
    try:
        body = _decoded(text)
    except (binascii.Error, ValueError) as error:
        raise invalid(name) from error
    if not body:
        raise invalid(name)
    return body


def picture(name: str, value: Any) -> bytes:
    """The bytes of a picture whose header can be read; a reader for tables of fields. Raises REJECTED."""
    body = decode(name, value)
    size_of(name, body)
    return body


def _decoded(text: str) -> bytes:
    try:
        body: bytes = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        body = pybase64.b64decode(text.translate(BLANKS), validate=True)  # wrapped, as mail and shells write it
    return body


def invalid(name: str) -> Failure:
    """The refusal of a picture that cannot be decoded."""
    return rejected(INVALID, Code.NOT_AN_IMAGE, name)


def source(name: str, body: bytes) -> Source:
    """A picture sent, for `Ask.sources`."""
    return Source(field=name, body=body)


def size_of(name: str, body: bytes) -> tuple[int, int]:
    """Width and height in pixels, by the header alone. Raises REJECTED where they cannot be read."""
    size = measure(body)
    if size is None or 0 in size:
        raise invalid(name)
    return size


def data_url(image: Image) -> list[Buffer]:
    """A picture as a data URL in a JSON string, in pieces."""
    return [b'"data:%s;base64,' % image.format.mime.encode(), image.base64, b'"']


def stand_in(width: int, height: int) -> Image:
    """The header of a picture of that size: for prices that depend on the size of what is sent along."""
    header = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    return Image(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + header + b"\x00" * 4)
