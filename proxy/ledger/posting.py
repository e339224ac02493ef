"""Orders posted in one transaction: the rules of money.

Synchronous and free of any event loop, over a plain SQLAlchemy connection, so that the same lines serve every engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple, replace
from sqlalchemy import Connection, bindparam, select, tuple_

from proxy.ledger.orders import (
    Answer,
    Begun,
    Close,
    Closed,
    Erase,
    Forget,
    Held,
    Hold,
    HoldOrder,
    JobRecord,
    Keep,
    Order,
    Outcome,
    Refused,
    Repeated,
    Reserve,
    Ticketed,
)
from proxy.ledger.statements import AMOUNTS, Statements
from proxy.ledger.tables import balances, budgets, holds, jobs

DAY_MS = 86_400_000
HEDGE = "hedge"
"""The detail of an entry: its hold is for a second candidate, asked for the same picture as another one."""
VENDOR_ID = 128
"""Characters of a vendor's own id that are kept."""
Account = tuple[str, str]
"""A scope and a window: what has a balance."""


@lru_cache(maxsize=64)
def _windows_of_day(day: int) -> tuple[str, str, str]:
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    return "total", f"{moment:%Y-%m}", f"{moment:%Y-%m-%d}"


def windows(at: int) -> dict[str, str]:
    """The balance windows of a moment (ms), by the name budgets have for them. Calendar days and months are UTC."""
    total, month, day = _windows_of_day(at // DAY_MS)
    return {"total": total, "month": month, "day": day}


@lru_cache(maxsize=4096)
def _accounts_of_day(team: str, key: str, day: int) -> tuple[Account, ...]:
    return tuple((scope, window) for scope in (f"key:{key}", f"team:{team}") for window in _windows_of_day(day))


def accounts(team: str, key: str, at: int) -> tuple[Account, ...]:
    """Every balance that a hold of that moment touches."""
    return _accounts_of_day(team, key, at // DAY_MS)


class Balance(Struct):
    """One row of `balances`, while it is worked on. The fields are `AMOUNTS`, in order."""

    settled: int = 0
    held: int = 0
    images_settled: int = 0
    images_held: int = 0
    pixels_settled: int = 0
    pixels_held: int = 0

    def used(self, what: str) -> int:
        """What counts against a budget."""
        return self.settled + self.held if what == "usd" else self.images_settled + self.images_held


class Memory:
    """What the last transaction left, good for as long as nobody else wrote. Forgotten whole, never in part."""

    def __init__(self) -> None:
        self.balances: dict[Account, Balance] = {}
        self.limits: dict[str, list[tuple[str, str, int]]] | None = None
        """Budgets by scope: what, window, amount."""
        self.holds: dict[str, Hold] = {}


class Posting:
    """One transaction's worth of orders."""

    def __init__(self, connection: Connection, statements: Statements, memory: Memory, now: int) -> None:
        self._connection = connection
        self._statements = statements
        self._memory = memory
        self._now = now
        self._touched: set[Account] = set()
        self._repeats: dict[tuple[str, str], Repeated] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._ends: dict[tuple[str, str | None], list[tuple[str]]] = defaultdict(list)
        """Jobs that end, by their state and answer: most share both."""

    def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Carry out every order, in order; each is answered, none is lost. Nothing is durable before the commit."""
        self._recall(orders)
        answers = [self._carry_out(order) for order in orders]
        self._write()
        return answers

    def _carry_out(self, order: Order) -> Answer:
        match order:
            case Reserve():
                return self._reserve(order)
            case Close():
                return self._close(order)
            case Begun():
                self._turn(order.hold, "open")
            case Ticketed():
                self._rows["ticket_hold"].append((order.ticket, order.hold))
            case Keep():
                self._rows["keep_answer"].append((order.answer, order.job))
            case Erase():
                self._rows["erase_job"].append((None, None, order.job))
            case Forget():
                self._rows["forget_keys"].append((None, order.before))
        return None

    # What the orders need to know.

    def _recall(self, orders: Iterable[Order]) -> None:
        memory = self._memory
        if memory.limits is None:
            memory.limits = _limits(self._connection)
        wanted: set[Account] = set()
        ending: list[str] = []
        repeating: list[tuple[str, str]] = []
        for order in orders:
            if isinstance(order, Reserve):
                wanted.update(accounts(order.job.team, order.job.key, self._now))
                if order.first and order.job.idempotency is not None:
                    repeating.append((order.job.key, order.job.idempotency))
            elif isinstance(order, Close):
                ending.extend([outcome.hold for outcome in order.outcomes])
        for hold in self._recall_holds(ending):
            wanted.update(accounts(hold.team, hold.key, hold.at))
        if repeating:
            for key, idempotency, *known in self._connection.execute(_REPEATS, {"wanted": repeating}):
                self._repeats[key, idempotency] = Repeated(*known)
        self._recall_balances(wanted.difference(memory.balances))

    def _recall_holds(self, ending: list[str]) -> list[Hold]:
        known = self._memory.holds
        unknown = [hold for hold in ending if hold not in known]
        if unknown:
            for row in self._connection.execute(_HOLDS, {"wanted": unknown}).mappings():
                known[row["hold"]] = Hold(**row)
        return [known[hold] for hold in ending if hold in known]

    def _recall_balances(self, missing: set[Account]) -> None:
        if not missing:
            return
        self._memory.balances.update({account: Balance() for account in missing})
        for scope, window, *amounts in self._connection.execute(_BALANCES, {"wanted": list(missing)}):
            self._memory.balances[scope, window] = Balance(*amounts)

    # The rules.

    def _reserve(self, order: Reserve) -> Answer:
        job = order.job
        if order.first and job.idempotency is not None:
            known = self._repeats.get((job.key, job.idempotency))
            if known is not None:
                return known
        micros = sum([each.micros for each in order.orders])
        images = sum([each.images for each in order.orders])
        pixels = sum([each.pixels for each in order.orders])
        refused = self._over(order, {"usd": micros, "images": images})
        if refused is not None:
            return refused
        for account in accounts(job.team, job.key, self._now):
            balance = self._memory.balances[account]
            balance.held += micros
            balance.images_held += images
            balance.pixels_held += pixels
            self._touched.add(account)
        if order.first:
            self._rows["insert_job"].append((*_columns(job), "open", self._now))
            if job.idempotency is not None:
                self._repeats[job.key, job.idempotency] = Repeated(job.job, job.print, "open")
        return Held(tuple([self._hold(order, place, each) for place, each in enumerate(order.orders)]))

    def _over(self, order: Reserve, asked: dict[str, int]) -> Refused | None:
        """The first budget that cannot take so much more, if any; what costs nothing fits every one."""
        assert self._memory.limits is not None
        for scope in (f"key:{order.job.key}", f"team:{order.job.team}"):
            for what, window, limit in self._memory.limits.get(scope, ()):
                used = self._memory.balances[scope, windows(self._now)[window]].used(what)
                if asked[what] and used + asked[what] > limit:
                    return Refused(
                        scope=scope, what=what, window=window, limit=limit, left=limit - used, asked=asked[what]
                    )
        return None

    def _hold(self, order: Reserve, place: int, each: HoldOrder) -> Hold:
        hold = Hold(
            hold=f"{order.job.job}/{order.sequence + place}",
            job=order.job.job,
            team=order.job.team,
            key=order.job.key,
            provider=each.provider,
            model=each.model,
            micros=each.micros,
            images=each.images,
            facts=each.facts,
            at=self._now,
            state="waiting" if each.waits else "open",
            org=order.job.org,
            user=order.job.user,
            pixels=each.pixels,
            owner=order.job.owner,
        )
        self._memory.holds[hold.hold] = hold
        self._rows["insert_hold"].append(astuple(hold))
        self._enter("hold", hold, (hold.micros, hold.images, hold.pixels), HEDGE if each.hedge else None, None)
        return hold

    def _close(self, order: Close) -> Closed:
        charged = overrun = 0
        for outcome in order.outcomes:
            hold = self._memory.holds.pop(outcome.hold, None)
            if hold is None:
                continue  # ended before: an end is final, whoever comes second
            if outcome.kind == "ambiguous":
                self._memory.holds[hold.hold] = hold
                self._turn(hold.hold, "ambiguous")
                continue
            paid, beyond = self._end(hold, outcome)
            charged += paid
            overrun += beyond
        if order.job is not None and order.state is not None:
            self._ends[order.state, order.answer].append((order.job,))
            if order.state == "failed":
                self._rows["free_key"].append((None, order.job))
        return Closed(charged, overrun)

    def _turn(self, hold: str, state: Literal["open", "ambiguous"]) -> None:
        self._rows["mark_hold"].append((state, hold))
        if hold in self._memory.holds:
            self._memory.holds[hold] = replace(self._memory.holds[hold], state=state)

    def _end(self, hold: Hold, outcome: Outcome) -> tuple[int, int]:
        """Give the hold back, take what it cost. Returns what was charged, and what was spent beyond the budget."""
        touched = accounts(hold.team, hold.key, hold.at)
        self._touched.update(touched)
        known = [self._memory.balances[account] for account in touched]
        for balance in known:
            balance.held -= hold.micros
            balance.images_held -= hold.images
            balance.pixels_held -= hold.pixels
        paid = outcome.micros
        if paid > hold.micros:  # the vendor took more than its quote: the budget gives what it has, and not more
            paid = max(hold.micros, min(paid, self._room(hold)))
        pixels = hold.pixels * outcome.images // max(1, hold.images)
        for balance in known:
            balance.settled += paid
            balance.images_settled += outcome.images
            balance.pixels_settled += pixels
        self._rows["end_hold"].append((hold.hold,))
        self._enter(outcome.kind, hold, (paid, outcome.images, pixels), outcome.detail or None, outcome.vendor_id)
        beyond = outcome.micros - paid
        if beyond:
            self._enter("overrun", hold, (beyond, 0, 0), outcome.detail or None, outcome.vendor_id)
        return paid, beyond

    def _room(self, hold: Hold) -> int:
        """What the narrowest budget of a hold still takes, the hold itself given back."""
        assert self._memory.limits is not None
        then = windows(hold.at)
        rooms = [
            limit - self._memory.balances[scope, then[window]].used("usd")
            for scope in (f"key:{hold.key}", f"team:{hold.team}")
            for what, window, limit in self._memory.limits.get(scope, ())
            if what == "usd"
        ]
        return min(rooms, default=1 << 62)

    def _enter(
        self, kind: str, hold: Hold, amounts: tuple[int, int, int], detail: str | None, vendor_id: str | None
    ) -> None:
        """`amounts`: micro-USD, pictures, pixels."""
        micros, images, pixels = amounts
        place = (hold.job, hold.hold, hold.team, hold.key, hold.provider, hold.model)
        known = None if vendor_id is None else vendor_id[:VENDOR_ID]
        row = (self._now, kind, *place, micros, images, detail, known, hold.org, hold.user, pixels)
        self._rows["insert_entry"].append(row)

    # The statements, a few a transaction however many orders there are.

    def _write(self) -> None:
        rows, statements = self._rows, self._statements
        cursor = self._connection.connection.cursor()
        for name in ("insert_job", "insert_hold", "insert_entry"):
            if name in rows:
                getattr(statements, name).run(cursor, rows[name])
        for (state, answer), ended in self._ends.items():
            statements.end_jobs.run(cursor, ended, state, self._now, answer)
        for name in ("ticket_hold", "mark_hold", "free_key", "keep_answer", "erase_job", "forget_keys"):
            for values in rows.get(name, ()):
                getattr(statements, name).run(cursor, values)
        ending = rows.get("end_hold", [])
        if statements.end_hold.run(cursor, ending) != len(ending):
            raise StaleError  # somebody else ended one of them
        balances = self._memory.balances
        statements.put_balance.run(
            cursor, [(*account, *astuple(balances[account])) for account in sorted(self._touched)]
        )
        cursor.close()


def _columns(job: JobRecord) -> tuple[Any, ...]:
    """Of the row in `jobs`: its team's organisation stands in the entries."""
    return tuple([getattr(job, name) for name in JobRecord.__struct_fields__ if name != "org"])


class StaleError(RuntimeError):
    """What was remembered is no longer so; post again without memory."""


def _limits(connection: Connection) -> dict[str, list[tuple[str, str, int]]]:
    found: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for scope, what, window, amount in connection.execute(_BUDGETS):
        found[scope].append((what, window, amount))
    return found


_BUDGETS = select(budgets.c.scope, budgets.c.what, budgets.c.window, budgets.c.amount).where(
    budgets.c.what.in_(("usd", "images"))
)
_BALANCES = select(balances.c.scope, balances.c.window, *(balances.c[name] for name in AMOUNTS)).where(
    tuple_(balances.c.scope, balances.c.window).in_(bindparam("wanted", expanding=True))
)
_HOLDS = select(holds).where(holds.c.hold.in_(bindparam("wanted", expanding=True)))
_REPEATS = select(jobs.c.key, jobs.c.idempotency, jobs.c.job, jobs.c.print, jobs.c.state).where(
    tuple_(jobs.c.key, jobs.c.idempotency).in_(bindparam("wanted", expanding=True))
)
