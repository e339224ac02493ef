"""An encoded picture, and what can be known of it without decoding it."""

from __future__ import annotations

import re
import struct
from enum import StrEnum
from struct import unpack_from

import pybase64

Buffer = bytes | bytearray | memoryview

_HEADS = (4_096, 262_144)
"""Base64 characters decoded to find the size; a JPEG may carry a long EXIF block before it."""
_SEGMENTS = 10_000
"""Most segments of a JPEG looked through for its size."""
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?>(?:<\?xml[^>]*+>|<!--.*?-->|<!DOCTYPE[^>]*+>)\s*+)*+<svg[\s>]", re.DOTALL)
"""What may stand before the root element. Nothing is tried twice, or a row of comments would take exponential time."""


class Format(StrEnum):
    """How a picture is encoded."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"
    SVG = "svg"

    @property
    def mime(self) -> str:
        """Its media type."""
        return "image/svg+xml" if self is Format.SVG else f"image/{self}"

    @property
    def suffix(self) -> str:
        """The file name ending clients expect."""
        return "jpg" if self is Format.JPEG else str(self)


def sniff(head: bytes) -> Format | None:
    """The format by a picture's first bytes, or None where it is none that is known."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Format.GIF
    if _SVG.match(head):
        return Format.SVG
    return None


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from a picture's header; None where the header is cut off or carries none."""
    try:
        match sniff(head):
            case Format.PNG:
                width, height = unpack_from(">II", head, 16)
                return width, height
            case Format.GIF:
                width, height = unpack_from("<HH", head, 6)
                return width, height
            case Format.JPEG:
                return _measure_jpeg(head)
            case Format.WEBP:
                return _measure_webp(head)
    except struct.error:  # the header is cut off
        return None
    return None


class Image:
    """A picture, held in the form it came in: bytes, or base64 text. The other form is made when it is asked for.

    A vendor's base64 is thus passed on without being decoded. Immutable; `width` and `height` are 0 for an SVG.
    """

    __slots__ = ("_body", "_text", "format", "height", "width")

    def __init__(self, body: bytes) -> None:
        """Raises ValueError where the bytes are no picture whose size can be read."""
        self._body: bytes | None = body
        self._text: Buffer | None = None
        self._look(body)

    @classmethod
    def from_base64(cls, text: Buffer) -> Image:
        """A picture from bare base64 text; only its head is decoded. Raises ValueError where it is no picture."""
        self = cls.__new__(cls)
        self._body = None
        self._text = text
        view = memoryview(text)
        for length in _HEADS:
            if length >= len(view):
                break
            head = pybase64.b64decode(view[:length], validate=True)
            try:
                self._look(head)
            except ValueError:
                if sniff(head) is None and head.lstrip()[:1] != b"<":
                    raise
            else:
                return self
        self._look(pybase64.b64decode(view, validate=True))
        return self

    @classmethod
    def to_come(cls, width: int, height: int) -> Image:
        """A picture that is still to be made: its size can be priced, its bytes cannot be had."""
        self = cls.__new__(cls)
        self._body = self._text = None
        self.format, self.width, self.height = Format.PNG, width, height
        return self

    @property
    def body(self) -> bytes:
        """The picture's bytes. Raises ValueError where it came as base64 that is not valid."""
        if self._body is None:
            assert self._text is not None
            self._body = pybase64.b64decode(self._text, validate=True)
        return self._body

    @property
    def base64(self) -> Buffer:
        """The picture as bare base64 text."""
        if self._text is None:
            assert self._body is not None
            self._text = pybase64.b64encode(self._body)
        return self._text

    @property
    def weight(self) -> int:
        """Bytes it keeps in memory, roughly."""
        return sum(memoryview(form).nbytes for form in (self._body, self._text) if form is not None)

    @property
    def size(self) -> int:
        """Bytes of the encoded picture."""
        if self._body is not None:
            return len(self._body)
        return 0 if self._text is None else memoryview(self._text).nbytes * 3 // 4

    def _look(self, head: bytes) -> None:
        found = sniff(head)
        if found is None:
            raise ValueError("not a PNG, JPEG, WebP, GIF or SVG picture")
        size = (0, 0) if found is Format.SVG else measure(head)
        if size is None or (found is not Format.SVG and 0 in size):
            raise ValueError(f"the {found} header is damaged")
        self.format = found
        self.width, self.height = size

    def __repr__(self) -> str:
        return f"<Image {self.format} {self.width}x{self.height}>"


def _measure_jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_SEGMENTS):
        if at + 9 > len(head) or head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # padding before a marker
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
            height, width = unpack_from(">HH", head, at + 5)
            return width, height
        else:
            at += 2 + unpack_from(">H", head, at + 2)[0]
    return None


def _measure_webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = unpack_from("<I", head, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
