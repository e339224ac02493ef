"""The routes there are, with what is told of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Dialect, Generating, Route, Talking
from proxy.dialects.documents import Document, Earlier, Example, Field, File
from proxy.edge.documentation import own

ANSWERS = Path(__file__).parent / "answers.json"
NOTHING = Document(says="Not documented yet.")
HOST, KEY = "$DARKROOM", "$DARKROOM_KEY"
"""What stands for the server's address and for a key."""


class Entry(Struct, frozen=True, kw_only=True):
    """A route."""

    dialect: str
    method: str
    path: str
    """With `{name}` for what is left open."""
    route: str
    """Method and path as the dialect has them: what its documents and answers are found by."""
    document: Document
    public: bool = False
    generating: bool = False
    pinned: str | None = None
    """The path under the dialect's own name, where another dialect has the same one."""

    @property
    def id(self) -> str:
        """A word for links."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.dialect} {self.method} {self.path}".lower()).strip("-")

    @property
    def answer(self) -> Any:
        """The shape of its answer: names of types in the place of values; None where that is not JSON."""
        return answers().get(f"{self.dialect} {self.route}")


@cache
def answers() -> Mapping[str, Any]:
    """By dialect and route, the shape of the answer to its first example, as a test has seen it."""
    found: Mapping[str, Any] = msgspec.json.decode(ANSWERS.read_bytes())
    return found


def entries(dialects: Sequence[Dialect]) -> list[Entry]:
    """Every route of the dialects, in their order, and our own after them."""
    paths = [f"{route.method} {route.path}" for dialect in dialects for route in dialect.routes]
    found = [_entry(dialect, route, paths) for dialect in dialects for route in dialect.routes]
    for name, document in own.DOCUMENTS.items():
        method, path = name.split(" ")
        public = name in own.PUBLIC
        found.append(
            Entry(dialect=own.OWN, method=method, path=unkinded(path), route=name, document=document, public=public)
        )
    return found


def _entry(dialect: Dialect, route: Route, paths: Sequence[str]) -> Entry:
    name = f"{route.method} {route.path}"
    claims = isinstance(route, Generating) and route.claims is not None
    return Entry(
        dialect=dialect.name,
        method=route.method,
        path=unkinded(route.path),
        route=name,
        document=dialect.documents.get(name, NOTHING),
        public=isinstance(route, Talking) and route.public,
        generating=isinstance(route, Generating),
        pinned=unkinded(f"/{dialect.name}{route.path}") if claims and paths.count(name) > 1 else None,
    )


def unkinded(path: str) -> str:
    """A path with `{name}` for `{name:kind}`."""
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def plain(value: Any) -> Any:
    """A value of an example, with the word that stands for whatever comes from an earlier answer."""
    if isinstance(value, Earlier):
        return value.shown
    if isinstance(value, File):
        return f"@{value.name}"
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def earlier(example: Example) -> list[Earlier]:
    """Everything in an example that comes from an earlier answer."""
    return _found([example.json, example.query, example.parts, example.form])


def _found(value: Any) -> list[Earlier]:
    if isinstance(value, Earlier):
        return [value]
    within = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(each for item in within for each in _found(item)))


def pretty(value: Any) -> str:
    """JSON to be read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def curl(entry: Entry, example: Example) -> str:
    """An example as a command line."""
    path = entry.path
    for name, value in plain(example.parts).items():
        path = path.replace(f"{{{name}}}", value)
    query = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in plain(example.query).items())
    lines = [f'curl {"" if entry.method == "GET" else f"-X {entry.method} "}"{HOST}{path}{"?" * bool(query)}{query}"']
    if not entry.public:
        lines.append(f'-H "Authorization: Bearer {KEY}"')
    if example.form is not None:
        lines += [f'-F "{name}={value}"' for name, value in plain(example.form).items()]
    elif example.json is not None:
        lines += ['-H "Content-Type: application/json"', f"-d '{pretty(plain(example.json))}'"]
    return " \\\n  ".join(lines)


def limits(field: Field) -> str:
    """What a field takes, in words: its kind, its range, its choices."""
    if field.choices:
        return f"{field.kind}: {', '.join(f'`{each}`' for each in field.choices)}"
    if field.longest is not None:
        return f"{field.kind}, at most {field.longest} characters"
    if field.lowest is not None and field.highest is not None:
        return f"{field.kind}, {amount(field.lowest)} to {amount(field.highest)}"
    return field.kind


def amount(value: float) -> str:
    """A number as it is written by hand."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def shown(value: Any) -> str:
    """A default as it is written in JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class Refusal(Struct, frozen=True):
    """What a caller is told: the status, the body without its words, and when."""

    status: int
    body: Any
    when: tuple[str, ...]


def refusals(dialect: Dialect) -> list[Refusal]:
    """How a dialect answers everything that may go wrong, by status: what it says itself, not what is said of it."""
    failures = [(when, Failure(Fault.REJECTED, "…", code=code)) for code, when in own.BY_CODE.items()]
    failures += [(when, Failure(fault, "…")) for fault, when in own.BY_FAULT.items()]
    found: dict[tuple[int, str], tuple[Any, list[str]]] = {}
    for when, failure in failures:
        if failure.code is Code.BUDGET:
            failure = Failure(Fault.QUOTA, "…", code=failure.code)
        outgoing = dialect.render_error(failure)
        body = msgspec.json.decode(b"".join(outgoing.body))
        _, whens = found.setdefault((outgoing.status, msgspec.json.encode(body).decode()), (body, []))
        whens.append(when)
    return [Refusal(status, body, tuple(whens)) for (status, _), (body, whens) in sorted(found.items())]
