"""Organisations."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from proxy.ledger.accounts.desk import SCRIPT, Desk, NoSuchError, TakenError
from proxy.ledger.accounts.limits import Budget, every, put
from proxy.ledger.accounts.records import Org, check_name
from proxy.ledger.tables import organisations


class Orgs(Desk):
    """Makes and lists them."""

    def create_org(self, org: str, limits: tuple[Budget, ...] = (), *, who: str = SCRIPT) -> Org:
        """A new organisation; raises AccountError where the name is taken or is none."""
        check_name(org, "organisation")
        made = Org(org=org, created=self._clock())
        with self._changing() as connection:
            if connection.execute(select(organisations.c.org).where(organisations.c.org == org)).first() is not None:
                raise TakenError(f"there is an organisation {org!r} already")
            connection.execute(insert(organisations).values(org=made.org, created=made.created))
            put(connection, f"org:{org}", limits)
            self._note(connection, who, "org.create", f"org:{org}", None, {"org": made, "limits": limits})
        return made

    def orgs(self) -> list[tuple[Org, tuple[Budget, ...]]]:
        """Every organisation with its limits."""
        with self._reading() as connection:
            limits = every(connection)
            rows = connection.execute(select(organisations).order_by(organisations.c.org)).mappings()
            return [(Org(**row), tuple(limits.get(f"org:{row['org']}", ()))) for row in rows]

    def org(self, org: str) -> Org:
        """One organisation; raises AccountError where there is none of that name."""
        with self._reading() as connection:
            return org_of(connection, org)


def org_of(connection: Connection, org: str) -> Org:
    """One organisation; raises AccountError where there is none of that name."""
    row = connection.execute(select(organisations).where(organisations.c.org == org)).mappings().first()
    if row is None:
        raise NoSuchError(f"there is no organisation {org!r}; create it with: darkroom orgs create {org}")
    return Org(**row)
