"""Orders posted in one transaction: the rules of money.

Synchronous and free of any event loop, over a plain SQLAlchemy connection, so that the same lines serve every engine.
What the orders need to know is read by `recall.py`, what they come to is written by `writing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace
from sqlalchemy import Connection

from proxy.ledger import owners
from proxy.ledger.balance import Account, Whose
from proxy.ledger.limit import Limit
from proxy.ledger.orders import (
    Answer,
    Begun,
    Close,
    Closed,
    Erase,
    Failed,
    Forget,
    Held,
    Hold,
    HoldOrder,
    Keep,
    Order,
    Outcome,
    Reached,
    Refused,
    Renew,
    Repeated,
    Reserve,
    Take,
    Ticketed,
)
from proxy.ledger.recall import Memory, Recollection, whose
from proxy.ledger.statements import Statements
from proxy.ledger.telling import reached
from proxy.ledger.writing import Page

HEDGE = "hedge"
"""The detail of an entry: its hold is for a second candidate, asked for the same picture as another one."""
TAKEN_OVER = Failed("another server has taken over from this one, which did not renew its lease in time")


class Posting:
    """One transaction's worth of orders."""

    def __init__(
        self, connection: Connection, statements: Statements, memory: Memory, now: int, *, tells: bool = True
    ) -> None:
        """`tells`: whether soft limits that are reached are told, to whoever gets the answers."""
        self._connection = connection
        self._statements = statements
        self._memory = memory
        self._now = now
        self._recalled = Recollection(connection, statements, memory, now)
        self._rules = self._recalled.rules
        self._tells = tells and self._rules.tells
        self._page = Page(now)
        self._touched: set[Account] = set()
        self._grown: set[Whose] = set()
        """Whose limits are used more than before, where anybody wants to know."""

    def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Carry out every order, in order; each is answered, none is lost. Nothing is durable before the commit."""
        self._recalled.read(orders)
        answers = [self._carry_out(order) for order in orders]
        if self._grown and (told := self._reached()):
            _append(answers, told)
        touched = self._touched | self._recalled.made
        self._page.write(self._connection, self._statements, self._memory.balances, touched)
        return answers

    def _reached(self) -> tuple[Reached, ...]:
        scopes = {scope for who in self._grown for scope in self._rules.scopes(who)}
        return reached(sorted(scopes), self._recalled, self._memory.balances, self._page, self._now)

    def _carry_out(self, order: Order) -> Answer:
        match order:
            case Reserve():
                return self._reserve(order)
            case Close():
                return self._close(order)
            case Begun():
                return self._begin(order)
            case Ticketed():
                self._page.add("ticket_hold", order.ticket, order.hold)
            case Keep():
                self._page.add("keep_answer", order.answer, order.job)
            case Erase():
                self._page.add("erase_job", order.job)
            case Forget():
                self._page.add("forget_keys", None, order.before)
            case Renew():
                return owners.renew(self._connection, order, self._now)
            case Take():
                self._memory.holds.clear()  # what it says of their owners may not be so any more
                return owners.take(self._connection, order)
        return None

    # Holding.

    def _reserve(self, order: Reserve) -> Answer:
        job = order.job
        if order.first and job.idempotency is not None:
            known = self._recalled.repeats.get((job.key, job.idempotency))
            if known is not None:
                return known
        if not order.first and self._is_anothers(job.job, job.owner):
            return TAKEN_OVER
        micros = sum([each.micros for each in order.orders])
        images = sum([each.images for each in order.orders])
        pixels = sum([each.pixels for each in order.orders])
        who = whose(job)
        refused = self._over(who, {"usd": micros, "images": images, "pixels": pixels})
        if refused is not None:
            return refused
        touched = self._rules.touched(who, self._now)
        self._touched.update(touched)
        for account in touched:
            balance = self._memory.balances[account]
            balance.held += micros
            balance.images_held += images
            balance.pixels_held += pixels
        if self._tells:
            self._grown.add(who)
        if order.first:
            self._page.begin(job)
            if job.idempotency is not None:
                self._recalled.repeats[job.key, job.idempotency] = Repeated(job.job, job.print, "open")
        return Held(tuple([self._hold(order, place, each) for place, each in enumerate(order.orders)]))

    def _over(self, who: Whose, asked: dict[str, int]) -> Refused | None:
        """The first limit that cannot take so much more, if any; what costs nothing fits every one."""
        balances = self._memory.balances
        for what, account, amount, limit in self._rules.checks(who, self._now):
            wanted = asked[what]
            if not wanted:
                continue
            if amount is not None:
                left = amount - balances[account].used(what)
            else:
                left = limit.left(balances, self._now, self._now)
            if wanted > left:
                return self._refused(limit, left, wanted)
        return None

    def _refused(self, limit: Limit, left: int, asked: int) -> Refused:
        balances = self._memory.balances
        return Refused(
            scope=limit.scope,
            what=limit.what,
            window=limit.window.name,
            limit=limit.amount_at(balances, self._now),
            left=left,
            asked=asked,
            zone=limit.window.zone,
            frees=limit.frees(balances, self._now),
        )

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
        self._page.hold(hold)
        self._page.enter("hold", hold, (hold.micros, hold.images, hold.pixels), HEDGE if each.hedge else None)
        return hold

    # Ending.

    def _close(self, order: Close) -> Closed:
        charged = overrun = 0
        sure = True
        for outcome in order.outcomes:
            hold = self._memory.holds.pop(outcome.hold, None)
            if hold is None:
                sure = False
                continue  # ended before: an end is final, whoever comes second
            if not _may_end(order, hold):
                self._memory.holds[hold.hold] = hold
                sure = False
                continue
            if outcome.kind == "ambiguous":
                self._memory.holds[hold.hold] = hold
                self._turn(hold.hold, "ambiguous")
                continue
            paid, beyond = self._end(hold, outcome)
            charged += paid
            overrun += beyond
        if (
            order.job is not None
            and order.state is not None
            and (sure or not self._is_anothers(order.job, order.owner))
        ):
            self._page.end(order.job, order.state, order.answer)
            if order.state == "failed":
                self._page.add("free_key", None, order.job)
        return Closed(charged, overrun)

    def _begin(self, order: Begun) -> Answer:
        if not owners.begin(self._connection, order.hold, order.owner):
            return TAKEN_OVER
        if order.hold in self._memory.holds:
            self._memory.holds[order.hold] = replace(self._memory.holds[order.hold], state="open")
        return None

    def _is_anothers(self, job: str, owner: str | None) -> bool:
        """Whether a job was taken over from a server: rarely asked, for the hold that it ends says the same."""
        return owner is not None and owners.owner_of(self._connection, job) not in (None, owner)

    def _turn(self, hold: str, state: Literal["open", "ambiguous"]) -> None:
        self._page.add("mark_hold", state, hold)
        if hold in self._memory.holds:
            self._memory.holds[hold] = replace(self._memory.holds[hold], state=state)

    def _end(self, hold: Hold, outcome: Outcome) -> tuple[int, int]:
        """Give the hold back, take what it cost. Returns what was charged, and what was spent beyond the budget."""
        paid, images = outcome.micros, outcome.images
        if paid > hold.micros:  # the vendor took more than its quote: the budget gives what it has, and not more
            paid = max(hold.micros, min(paid, self._room(hold)))
            if self._tells:
                self._grown.add(whose(hold))
        pixels = hold.pixels * images // max(1, hold.images)
        touched = self._rules.touched(whose(hold), hold.at)
        self._touched.update(touched)
        for account in touched:
            balance = self._memory.balances[account]
            balance.held -= hold.micros
            balance.images_held -= hold.images
            balance.pixels_held -= hold.pixels
            balance.settled += paid
            balance.images_settled += images
            balance.pixels_settled += pixels
        self._page.give(hold)
        detail = outcome.detail or None
        self._page.enter(outcome.kind, hold, (paid, images, pixels), detail, outcome.vendor_id)
        beyond = outcome.micros - paid
        if beyond:
            self._page.enter("overrun", hold, (beyond, 0, 0), detail, outcome.vendor_id)
        return paid, beyond

    def _room(self, hold: Hold) -> int:
        """What the narrowest budget of a hold still takes, the hold itself given back."""
        rooms = [
            limit.left(self._memory.balances, hold.at, self._now) + hold.micros
            for *_, limit in self._rules.checks(whose(hold), self._now)
            if limit.what == "usd"
        ]
        return min(rooms, default=1 << 62)


def _append(answers: list[Answer], told: tuple[Reached, ...]) -> None:
    """Soft limits are told with an order of the group that moved money: any one of them."""
    at = next(place for place, answer in enumerate(answers) if isinstance(answer, Held | Closed))
    answer = answers[at]
    assert isinstance(answer, Held | Closed)
    answers[at] = replace(answer, reached=told)


def _may_end(order: Close, hold: Hold) -> bool:
    """Whether a hold is the server's to end that says how it ended. What nobody knew the end of is whoever's does."""
    return order.owner in (None, hold.owner) or hold.state == "ambiguous"
