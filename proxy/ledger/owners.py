"""Servers at work, each until its lease is over, and what becomes of the work of those that are over.

A hold and a job carry the name of the server that works on them. Whoever takes over from a server does it in one
transaction that writes its own name, so that each thing is taken once; and whoever ends a hold compares that name. A
server that was paused for longer than its lease therefore cannot end what another one has taken up meanwhile.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, or_, select, update

from proxy.ledger.orders import Hold, Renew, Renewed, Take, Taken
from proxy.ledger.tables import holds, jobs, owners


class Owner(Struct, frozen=True):
    """A server, as it was last written down."""

    owner: str
    place: str
    began: int
    until: int


def listed(connection: Connection) -> list[Owner]:
    """Every server that is at work, or has been and nobody has taken over from it."""
    query = select(*(owners.c[name] for name in Owner.__struct_fields__)).order_by(owners.c.owner)
    return [Owner(**row) for row in connection.execute(query).mappings()]


def orphaned(connection: Connection, but: str) -> bool:
    """Whether there are holds of servers nobody knows of, `but` one: they wrote after they had been taken for dead."""
    nobodys = holds.c.owner.not_in(select(owners.c.owner)) & (holds.c.owner != but)
    query = select(holds.c.hold).where(nobodys).limit(1)
    return connection.execute(query).first() is not None


def owner_of(connection: Connection, job: str) -> str | None:
    """Whose a job is; None where there is no such job. It stays so until the end of the transaction."""
    found: str | None = connection.execute(select(jobs.c.owner).where(jobs.c.job == job).with_for_update()).scalar()
    return found


def worked_on(connection: Connection, job: str) -> bool:
    """Whether any server works on a job, or is going to: on what has become ambiguous without a ticket, nobody does."""
    silent = (holds.c.state == "ambiguous") & holds.c.ticket.is_(None)
    found = select(holds.c.hold, silent).select_from(jobs).outerjoin(holds, holds.c.job == jobs.c.job)
    left = connection.execute(found.where(jobs.c.job == job, jobs.c.state == "open")).all()
    return any(hold is None or not is_silent for hold, is_silent in left)


def begin(connection: Connection, hold: str, owner: str | None) -> bool:
    """Mark a hold as going to be used; False where it is gone, or another's."""
    mine = holds.c.hold == hold if owner is None else (holds.c.hold == hold) & (holds.c.owner == owner)
    return connection.execute(update(holds).where(mine).values(state="open")).rowcount == 1


def renew(connection: Connection, order: Renew, now: int) -> Renewed:
    """Write a server down."""
    fields = {"place": order.place, "began": order.began, "until": order.until}
    known = connection.execute(update(owners).where(owners.c.owner == order.owner).values(fields)).rowcount == 1
    if not known:
        connection.execute(insert(owners).values(owner=order.owner, **fields))
    others = connection.execute(select(owners.c.owner).where(owners.c.owner != order.owner, owners.c.until >= now))
    return Renewed(others=len(others.all()), lapsed=not known)


def take(connection: Connection, order: Take) -> Taken:
    """Take over all there is to be taken.

    A server's row goes first, under a condition that is looked at again once its lock is had: of two that would take
    over from it, and of it itself renewing its lease at that moment, one comes first and the others see that it did.
    """
    over = or_(owners.c.owner.in_(order.over), owners.c.until < order.before) & (owners.c.owner != order.owner)
    ended = connection.execute(delete(owners).where(over).returning(owners.c.owner)).scalars().all()
    living = select(owners.c.owner)
    mine = {"owner": order.owner}
    nobodys = holds.c.owner.not_in(living) & (holds.c.owner != order.owner)
    taken = connection.execute(update(holds).where(nobodys).values(mine).returning(*holds.c)).mappings()
    left = sorted((Hold(**row) for row in taken), key=lambda hold: (hold.at, hold.hold))
    begun = (jobs.c.state == "open") & (jobs.c.created >= order.since) & (jobs.c.owner != order.owner)
    unowned = or_(jobs.c.owner.not_in(living), jobs.c.job.in_({hold.job for hold in left}))
    found = connection.execute(update(jobs).where(begun & unowned).values(mine).returning(jobs.c.job)).scalars()
    return Taken(tuple(sorted(ended)), tuple(left), tuple(sorted(found)))
