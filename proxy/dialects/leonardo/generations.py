"""Asking for what was asked for before: generations and variations, one by one or all of a team's.

A key shows what belongs to its own team, whatever user a path names: the ids callers carry over from elsewhere mean
nobody here.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec

from providers.contract import Code
from proxy.dialects.contract import Incoming, Outgoing, Talk
from proxy.dialects.fields import integer, rejected
from proxy.dialects.leonardo.parse import JSON, Recalled, recalled
from proxy.dialects.leonardo.shapes import generation, variation
from proxy.dialects.wants import Erase, Known, Look, LookBack, Want

PAGE = 100
"""Requests looked back at in one go; variations older than so many requests are not told beside their picture."""
OFFSET_MOST, LIMIT_MOST = 10_000, 500
LIMIT = 10


def one(incoming: Incoming) -> Talk:
    """`GET /generations/{id}`; null where the team has none of that id."""
    known, memory = yield from _found(incoming.parts["id"], "generation")
    if known is None:
        return told(generations_by_pk=None)
    recent: Sequence[Known] = (yield LookBack(0, PAGE)) if known.pictures else ()
    return told(generations_by_pk=generation(known, memory, recent))


def forget(incoming: Incoming) -> Talk:
    """`DELETE /generations/{id}`; null where the team has none of that id."""
    known, _ = yield from _found(incoming.parts["id"], "generation")
    gone = known is not None and (yield Erase(known.id))
    return told(delete_generations_by_pk={"id": known.id} if gone and known is not None else None)


def many(incoming: Incoming) -> Talk:
    """`GET /generations/user/{userId}`: the team's latest, newest first."""
    offset = _count(incoming.query, "offset", 0, OFFSET_MOST)
    limit = _count(incoming.query, "limit", LIMIT, LIMIT_MOST)
    found: list[tuple[Known, Recalled]] = []
    seen: list[Known] = []
    while len(found) < offset + limit:
        page: Sequence[Known] = yield LookBack(len(seen), PAGE)
        seen.extend(page)
        for known in page:
            memory = recalled(known.recall)
            if memory is not None and memory.kind == "generation":
                found.append((known, memory))
        if len(page) < PAGE:
            break
    shown = found[offset : offset + limit]
    return told(generations=[generation(known, memory, seen) for known, memory in shown])


def varied(incoming: Incoming) -> Talk:
    """`GET /variations/{id}`: a list of one, or of none."""
    known, memory = yield from _found(incoming.parts["id"], "variation")
    return told(generated_image_variation_generic=[] if known is None else [variation(known, memory)])


def told(**body: Any) -> Outgoing:
    """An answer."""
    return Outgoing(headers=JSON, body=(msgspec.json.encode(body),))


def _found(wanted: str, kind: str) -> Generator[Want, Any, tuple[Known | None, Recalled]]:
    """A request by its very id, if it is of that kind."""
    known: Known | None = yield Look(wanted.lower())
    memory = recalled(known.recall) if known is not None else None
    if known is None or memory is None or memory.kind != kind or known.id != wanted.lower():
        return None, Recalled()
    return known, memory


def _count(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    said = query.get(name)
    if not said:
        return default
    found: int = integer(-(10**9), 10**9)(name, said)
    if not 0 <= found <= most:
        raise rejected(f"{name} must be between 0 and {most}", Code.INVALID, name)
    return found
