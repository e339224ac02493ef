"""Requests a minute, requests and bytes in flight. Never the truth about money: that is the ledger's.

What this server knows is asked first and without a wait; only who passes here is asked about at the gates that several
servers share, in one round trip. Keys without such limits ask nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from secrets import token_hex
from typing import Literal

from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.ledger.accounts import Budget, Key
from proxy.shared import Gate, Gates, GoneError, Left, MemoryGates, Shut

MINUTE_S = 60.0
GONE_RETRY_S = 1.0
"""Where what is shared is gone, and nobody is to be let in without it."""
Asked = tuple[str, Budget, Gate]
"""A limit's scope, the limit, and its gate."""


class Remaining(Struct, frozen=True):
    """What the narrowest request window still has: for the headers clients read."""

    limit: int
    left: int
    reset_s: float


class Entry(Struct):
    """A request that is inside, until it leaves."""

    visit: str
    remaining: Remaining | None = None
    size: int | None = None
    waits: tuple[Asked, ...] = ()
    """What is to be asked of the shared gates once it is known who the end user is."""


class Limits:
    """Windows and counts by scope: a key, a team, an organisation, an end user."""

    def __init__(
        self,
        shared: Gates | None = None,
        when_gone: Literal["open", "closed"] = "open",
        here: MemoryGates | None = None,
    ) -> None:
        """`shared`: the gates of all servers, where there are several.

        `when_gone`: where those cannot be asked, `open` goes by this server's own, `closed` lets nobody in.
        """
        self._here = here or MemoryGates()
        self._shared = shared
        self._closed = when_gone == "closed"
        own = token_hex(6)
        self._names = (f"{own}.{number}" for number in count())
        """Of visits: no other server has one of them."""

    async def enter(self, key: Key, size: int | None = None, *, unnamed: bool = False) -> Entry | None:
        """Count a request in; `leave` it when it has ended. None where nothing limits it.

        `size`: its bytes; None where nobody says. `unnamed`: its end user is known later, and `name` called then.

        Raises QUOTA where a limit is reached, REJECTED where it is larger than all that may be in flight, UNAVAILABLE
        where nobody can say. Nothing is counted for a request that is refused.
        """
        if not key.limits and not key.users:
            return None
        asked = tuple(_asked(key, size))
        unnamed = unnamed and bool(key.users)
        if not asked and not unnamed:
            return None
        entry = Entry(next(self._names), size=size)
        entry.remaining = self._pass(entry, asked)
        if unnamed:
            entry.waits = asked
        else:
            await self._ask(entry, asked)
        return entry

    async def name(self, entry: Entry | None, key: Key, user: str | None) -> None:
        """It is known whose request it is, or that nobody says. Raises as `enter`; it is to leave all the same.

        The shared gates are asked for everything here, so that a request asks them once.
        """
        if entry is None or not key.users:
            return
        own = tuple(_asked_of_user(key, user, entry.size)) if user else ()
        self._pass(entry, own, again=True)
        waits, entry.waits = entry.waits, ()
        if waits or own:
            await self._ask(entry, (*waits, *own))

    def leave(self, entry: Entry | None) -> None:
        """Count a request out."""
        if entry is None:
            return
        for visit in (entry.visit, _user_visit(entry)):
            self._here.leave(visit)
        if self._shared is not None:
            self._shared.leave(entry.visit)

    def _pass(self, entry: Entry, asked: tuple[Asked, ...], *, again: bool = False) -> Remaining | None:
        """Through the gates of this server."""
        visit = _user_visit(entry) if again else entry.visit
        said = self._here.enter_now(visit, [gate for _, _, gate in asked])
        if isinstance(said, Shut):
            raise _refusal(asked[said.place], said)
        return _narrowest(said)

    async def _ask(self, entry: Entry, asked: tuple[Asked, ...]) -> None:
        """Through those of all servers."""
        if self._shared is None or not asked:
            return
        try:
            said = await self._shared.enter(entry.visit, [gate for _, _, gate in asked])
        except GoneError:
            if not self._closed:
                return
            self._withdraw(entry)
            detail = "Requests cannot be counted for now; try again."
            raise Failure(Fault.UNAVAILABLE, detail, retry_after=GONE_RETRY_S) from None
        except BaseException:  # broken off
            self._withdraw(entry)
            raise
        if isinstance(said, Shut):
            self._withdraw(entry)
            raise _refusal(asked[said.place], said)
        entry.remaining = _narrowest(said) or entry.remaining

    def _withdraw(self, entry: Entry) -> None:
        for visit in (entry.visit, _user_visit(entry)):
            self._here.withdraw(visit)
        if self._shared is not None:
            self._shared.leave(entry.visit)


def _user_visit(entry: Entry) -> str:
    """What it is called at the gates of its end user, at this server."""
    return f"{entry.visit}u"


def _asked(key: Key, size: int | None) -> Iterator[Asked]:
    for scope, limit in key.limits:
        yield from _one(scope, limit, size)


def _asked_of_user(key: Key, user: str, size: int | None) -> Iterator[Asked]:
    """An end user's own limits, and of those that hold for every one the kinds it has no own of."""
    scope, own = f"user:{key.team}/{user}", key.users.get(user, ())
    has = {limit.what for limit in own}
    for limit in (*own, *[limit for limit in key.users.get("*", ()) if limit.what not in has]):
        yield from _one(scope, limit, size)


def _one(scope: str, limit: Budget, size: int | None) -> Iterator[Asked]:
    if limit.what == "requests":
        yield scope, limit, Gate(f"requests:{scope}", limit.amount, window_s=MINUTE_S)
    elif limit.what == "in_flight":
        yield scope, limit, Gate(f"in_flight:{scope}", limit.amount)
    elif limit.what == "bytes" and size != 0:
        takes = limit.amount if size is None else size  # one that does not say may be as large as anything
        if takes > limit.amount:
            detail = f"The request has {takes} bytes, and {_name(scope)} may have {limit.amount} in flight."
            raise Failure(Fault.REJECTED, detail, code=Code.BODY_TOO_LARGE)
        yield scope, limit, Gate(f"bytes:{scope}", limit.amount, takes=takes, weighed=True)


def _narrowest(lefts: tuple[Left, ...]) -> Remaining | None:
    least = min(lefts, key=lambda left: left.left, default=None)
    return None if least is None else Remaining(least.most, least.left, max(0.0, least.reset_s))


def _refusal(asked: Asked, shut: Shut) -> Failure:
    scope, limit, _ = asked
    name, most = _name(scope), limit.amount
    if limit.what == "requests":
        wait = min(max(1.0, shut.retry_s), MINUTE_S)
        return Failure(Fault.QUOTA, f"{name} may make {most} requests a minute", code=Code.RATE, retry_after=wait)
    what = "requests" if limit.what == "in_flight" else "bytes"
    detail = f"{most} {what} of {name} are in flight, which is its limit"
    if limit.what == "bytes":
        detail = f"{name} may have {most} bytes of requests in flight, and this one has no room"
    return Failure(Fault.QUOTA, detail, code=Code.BUSY, retry_after=shut.retry_s)


def _name(scope: str) -> str:
    kind, _, name = scope.partition(":")
    match kind:
        case "key":
            return "this key"
        case "org":
            return f"organisation {name}"
        case "user":
            return f"user {name.partition('/')[2]}"
    return f"{kind} {name}"
