"""What a stub of a vendor is: routes that answer, and how it refuses. No sockets here; `server` holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from proxy.stub.world import World


class Script(StrEnum):
    """What a stub can be told to do, by the words `stub:<script>` anywhere in a prompt."""

    MODERATED = "moderated"
    """Refuses the content, the way this vendor does."""
    REJECTED = "rejected"
    """Refuses a value of the request."""
    CREDENTIAL = "credential"
    """Does not take the key."""
    CREDIT = "credit"
    """Has no credit left."""
    THROTTLED = "throttled"
    """Too many requests, with the time to wait."""
    UNAVAILABLE = "unavailable"
    """Is down."""
    FAILED = "failed"
    """Takes the job and fails at it; where nothing is polled, as if it were down."""
    LOST = "lost"
    """Takes the job and does not know it when it is polled."""
    EXPIRED = "expired"
    """Finishes, and its link no longer works."""
    SLOW = "slow"
    """Answers, a few bytes at a time."""
    CUT_OFF = "cut-off"
    """Breaks the connection off in the middle of its answer."""
    NONSENSE = "nonsense"
    """Answers what it should not."""


ON_THE_WIRE = frozenset({Script.SLOW, Script.CUT_OFF, Script.NONSENSE})
"""What the server does, whatever the vendor."""

_SCRIPT = re.compile(rb"stub: ?([a-z-]+)")


class File(Struct, frozen=True, kw_only=True):
    """A file of a form."""

    filename: str
    mime: str
    body: bytes


class Asked(Struct, frozen=True, kw_only=True):
    """A request, as the vendor would see it."""

    method: str
    path: str
    """Behind the vendor's prefix, with a slash in front."""
    args: Mapping[str, str]
    """What stands in the places of the route's path."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    json: Any = None
    fields: tuple[tuple[str, str | File], ...] = ()
    """Of a form, in order."""
    body: bytes = b""

    def texts(self) -> dict[str, str]:
        """The form's texts; of one that comes twice, the last."""
        return {name: value for name, value in self.fields if isinstance(value, str)}

    def files(self, name: str | None = None) -> list[File]:
        """The form's files, or those of a name."""
        return [value for key, value in self.fields if isinstance(value, File) and name in (None, key)]

    def names(self) -> set[str]:
        """Every field there is, of the form or of the JSON object."""
        return {name for name, _ in self.fields} | (set(self.json) if isinstance(self.json, dict) else set())

    @property
    def script(self) -> Script | None:
        """What it is told to do, if anything it knows."""
        found = _SCRIPT.search(self.body)
        word = found[1].decode().rstrip("-") if found else ""
        return Script(word) if word in set(Script) else None


class Answer(Struct, frozen=True, kw_only=True):
    """What is sent back: JSON, or a body with its type."""

    status: int = 200
    json: Any = None
    body: bytes = b""
    mime: str = "application/json"
    headers: Mapping[str, str] = {}
    stays: bool = True
    """False breaks the connection off halfway."""
    slow: bool = False

    def encoded(self) -> bytes:
        """The body's bytes."""
        return msgspec.json.encode(self.json) if self.json is not None else self.body


class Route(Struct, frozen=True):
    """One thing that can be asked."""

    method: str
    path: str
    """`{name}` stands for one segment, `{name+}` for the rest."""
    answer: Callable[[Asked, World], Answer]
    """May draw pictures: it runs in a thread of its own."""
    pays: bool = False
    elsewhere: bool = False
    """Answered at the second address (a region, a bucket), where the key must never be seen."""

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """What stands in the path's places, or None where it is another route."""
        found = self._pattern.fullmatch(path) if method == self.method else None
        return found.groupdict() if found else None

    @property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "".join(
                _place(part[1:-1]) if part.startswith("{") else re.escape(part)
                for part in re.split(r"(\{\w+\+?\})", self.path)
            )
        )


def _place(name: str) -> str:
    return f"(?P<{name[:-1]}>.+)" if name.endswith("+") else f"(?P<{name}>[^/:]+)"


class Stub(Struct, frozen=True, kw_only=True):
    """A vendor, as it is spoken to."""

    prefix: str = ""
    """Of the path in the vendor's usual base, which clients of the stub keep: `/v1`."""
    routes: tuple[Route, ...]
    key: Callable[[Asked], str | None]
    """The key a request shows, if it shows one."""
    refuses: Mapping[Script, Answer]
    """Its answers to what it is told, in its own words: CREDENTIAL, CREDIT, THROTTLED, UNAVAILABLE and REJECTED;
    MODERATED too where it refuses content before it takes a job."""
    row: Mapping[str, Any] = {}
    """What its row of config.yaml needs besides: models, where the provider has none of its own."""
    filters: bool = True
    """Whether it refuses anything for its content."""
    unknown: Answer = Answer(status=404, json={"detail": "Not Found"})
    """Its answer to a route it does not have."""


def bearer(asked: Asked, word: str = "Bearer") -> str | None:
    """The key of an `Authorization` header."""
    scheme, _, key = asked.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == word.lower() else None


def unknown_fields(asked: Asked, known: set[str]) -> list[str]:
    """Fields a route does not take, in order."""
    return sorted(name for name in asked.names() if name not in known)


def deep_texts(tree: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from deep_texts(inner)
