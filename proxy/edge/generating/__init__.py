"""A request for pictures, from its first byte to its last.

`attend` takes it from its headers to one of three ends: the answer with the pictures (`delivering`), events one by one
(`streaming`), or an answer before the pictures are there (`early`).
"""

from __future__ import annotations

from proxy.edge.generating.attending import attend
from proxy.edge.generating.visit import Speaker, Visit

__all__ = ["Speaker", "Visit", "attend"]
