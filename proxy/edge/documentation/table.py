"""`docs/fields.md`: for every field of every route, what it takes and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.dialects.contract import Dialect
from proxy.dialects.documents import Field
from proxy.edge.documentation.entries import Entry, entries, limits, shown

HEAD = """# What becomes of every field

Written by `python -m proxy.edge.documentation` from the tables the dialects parse with; do not edit it. A test sends
each field and looks at what becomes of it: a field of the internal request (`Generate`, `Edit`, `Upscale`, `Control`),
of how it is answered (`Ask`), of what a conversation wants (`Retouch`, `Keep`, `Price`, `Find` …), a note in
`x-darkroom-notes`, or the answer alone. A `*` marks what must be sent; what a model cannot honour becomes a note, too.
"""


def table(dialects: Sequence[Dialect]) -> str:
    """The document."""
    return "\n".join([HEAD, *_sections(dialects)])


def _sections(dialects: Sequence[Dialect]) -> Iterator[str]:
    every = entries(dialects)
    for dialect in dialects:
        yield f"## {dialect.name}\n\n{dialect.says}\n"
        for entry in every:
            if entry.dialect == dialect.name:
                yield _route(entry)


def _route(entry: Entry) -> str:
    lines = [f"### `{entry.method} {entry.path}`\n", f"{entry.document.says}\n"]
    if not entry.document.fields:
        return "\n".join([*lines, "No fields.\n"])
    lines += ["| field | takes | becomes |", "|---|---|---|"]
    lines += [f"| {_name(field)} | {_takes(field)} | {_becomes(field)} |" for field in entry.document.fields]
    return "\n".join([*lines, ""])


def _name(field: Field) -> str:
    where = "" if field.place == "body" else f" ({field.place})"
    return f"`{field.name}`{'*' * field.required}{where}"


def _takes(field: Field) -> str:
    default = "" if field.default is None else f"; `{shown(field.default)}` by default"
    return f"{limits(field)}{default}".replace("|", "\\|")


def _becomes(field: Field) -> str:
    if ": " in field.becomes:
        return field.becomes.replace("|", "\\|")
    return ", ".join(f"`{each}`" for each in field.becomes.split(", "))
