"""Deleting what is kept of a request, by whichever route its team asks for that.

Its pictures go, but for those that another request has as well; its body, its answer, its plan and what its dialect had
to tell of it are forgotten. What it did cost stays in the ledger: entries are never changed.
"""

from __future__ import annotations

import msgspec

from proxy.edge.desk import Desk
from proxy.events import RequestErased
from proxy.job import Kept
from proxy.ledger.accounts import Key
from proxy.store import Stored


async def erase(desk: Desk, key: Key, id_: str) -> bool:
    """Delete a request of a key's team; False where there is none.

    Raises OSError where the store, and `Failure` where the ledger does not take it: to be asked for once more, because
    the ledger forgets last where everything lies.
    """
    state = await desk.ledger.job(id_)
    slip = await desk.slips.find(id_, key.team)
    mine = state is not None and state.team == key.team
    if not mine and slip is None:
        return False
    ending = await desk.slips.ending(slip) if slip is not None else None
    pictures = _pictures(state.answer if state is not None and mine else None)
    pictures |= _pictures(ending.kept if ending is not None else None)
    dropped = 0
    for stored in sorted(pictures, key=lambda stored: stored.sha256):
        dropped += await desk.store.release(stored, id_)
    if slip is not None:
        await desk.slips.drop(slip)
    if mine:
        desk.repeats.forget(id_)
        await desk.ledger.erase(id_)
    desk.tell(RequestErased(request=id_, team=key.team, key=key.key, pictures=len(pictures), dropped=dropped))
    return True


def _pictures(kept: str | None) -> set[Stored]:
    """Where the pictures of a kept answer lie."""
    if kept is None:
        return set()
    return {Stored(each.sha256, each.format) for each in msgspec.json.decode(kept, type=Kept).pictures}
