"""Reading multipart/form-data out of a body that is in memory already.

https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from providers.contract import Code, Failure
from proxy.dialects.fields import rejected

PARTS = 200
"""Most parts in a form."""
TEXT_BYTES = 1_048_576
"""Longest part that is no file."""


class File(Struct, frozen=True, kw_only=True):
    """A part with a file, or with as much as one."""

    name: str
    filename: str
    mime: str
    body: bytes


class Form(Struct, frozen=True):
    """A form: its texts by name (the last one counts), its files in order."""

    texts: dict[str, str]
    files: tuple[File, ...]

    def files_named(self, name: str) -> list[File]:
        """Files of a field, whichever way its list is written: `image`, `image[]`, `image[0]`."""
        return [file for file in self.files if file.name == name or file.name.startswith(f"{name}[")]


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether a request carries a form."""
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def read_form(headers: Mapping[str, str], body: bytes) -> Form:
    """The form in a body. Raises REJECTED where it is none, or not a whole one."""
    _, options = parse_options_header(headers.get("content-type", ""))
    boundary = options.get("boundary")
    if not boundary:
        raise _broken("there is no boundary in its content type")
    texts: dict[str, str] = {}
    files: list[File] = []
    try:
        with PushMultipartParser(boundary, max_segment_count=PARTS) as parser:
            segment: MultipartSegment | None = None
            pieces: list[bytes] = []
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    segment, pieces = event, []
                elif event:
                    pieces.append(bytes(event))
                else:
                    assert segment is not None
                    _keep(segment, pieces, texts, files)
    except MultipartError as error:
        raise _broken(str(error.args[0])) from error
    return Form(texts, tuple(files))


def _keep(segment: MultipartSegment, pieces: list[bytes], texts: dict[str, str], files: list[File]) -> None:
    body = b"".join(pieces)
    if segment.filename is not None:
        mime = segment.content_type or "application/octet-stream"
        files.append(File(name=segment.name, filename=segment.filename, mime=mime, body=body))
        return
    if len(body) > TEXT_BYTES:
        raise rejected(f"Invalid '{segment.name}': text too long.", Code.TOO_LONG, segment.name)
    try:
        texts[segment.name] = body.decode()
    except UnicodeDecodeError as error:
        raise rejected(f"Invalid '{segment.name}': not UTF-8 text.", Code.WRONG_TYPE, segment.name) from error


def _broken(why: str) -> Failure:
    return rejected(f"We could not parse the multipart form of your request: {why}.", Code.NOT_JSON, None)
