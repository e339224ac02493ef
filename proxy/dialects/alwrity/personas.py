"""`/personas/{id}`: a brand's looks in words, put before the prompt of whoever says `use_persona`.

The document has the fields and no way to keep what they name; this is ours.
"""

from __future__ import annotations

import re

from providers.contract import Code, Failure
from proxy.dialects.alwrity.asking import needed
from proxy.dialects.alwrity.create import PERSONA
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Incoming, Route, Talk, Talking
from proxy.dialects.fields import Table, read, read_json, rejected, text
from proxy.dialects.wants import Asset, Drop, Find, Keep

PATH = "/api/image-studio/personas/{id:str}"
NAME = re.compile(r"[\w.-]{1,128}", re.ASCII)
TABLE: Table = {"description": ("description", text(4000))}


def put(incoming: Incoming) -> Talk:
    """Keep a persona, over the one of that name if there is one."""
    name = incoming.parts["id"]
    if not NAME.fullmatch(name):
        detail = "A persona_id has 1 to 128 letters, digits, dots, dashes and underscores."
        raise rejected(detail, Code.INVALID, "persona_id")
    known, unknown = read(read_json(incoming.body), TABLE)
    needed(known, ["description"], "Description is required for a persona")
    asset: Asset = yield Keep(kind=PERSONA, name=name, facts=known["description"])
    return reply({"success": True, "persona": _told(name, asset), "ignored": [each[:64] for each in unknown[:20]]})


def get(incoming: Incoming) -> Talk:
    """A persona."""
    name = incoming.parts["id"]
    asset: Asset | None = yield Find(PERSONA, name)
    if asset is None:
        raise _unknown(name)
    return reply(_told(name, asset))


def delete(incoming: Incoming) -> Talk:
    """Forget a persona."""
    name = incoming.parts["id"]
    if not (yield Drop(PERSONA, name)):
        raise _unknown(name)
    return reply({"success": True, "persona_id": name})


def _told(name: str, asset: Asset) -> dict[str, object]:
    return {"persona_id": name, "description": asset.facts, "created_at": asset.created}


def _unknown(name: str) -> Failure:
    return rejected(f"Persona not found: {name[:100]}", Code.UNKNOWN_ASSET, "persona_id")


ROUTES: tuple[Route, ...] = (
    Talking(method="PUT", path=PATH, talk=put),
    Talking(method="GET", path=PATH, talk=get),
    Talking(method="DELETE", path=PATH, talk=delete),
)
