"""Teams."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict
from sqlalchemy import Connection, insert, select, update

from providers.contract import Secret
from proxy.ledger.accounts.desk import SCRIPT, AccountError, Desk, NoSuchError, TakenError
from proxy.ledger.accounts.limits import Budget, every, put
from proxy.ledger.accounts.orgs import org_of
from proxy.ledger.accounts.records import DEFAULT_ORG, Team, changed, check_name
from proxy.ledger.tables import teams

MOST_WEIGHT = 1000


class TeamChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise about a team; what is not said stays."""

    org: str | UnsetType = UNSET
    keep_s: int | UnsetType | None = UNSET
    webhook: str | UnsetType | None = UNSET
    webhook_key: str | UnsetType | None = UNSET
    weight: int | UnsetType = UNSET


class Teams(Desk):
    """Makes, changes and lists them."""

    def create_team(
        self,
        team: str,
        limits: tuple[Budget, ...] = (),
        *,
        org: str = DEFAULT_ORG,
        keep_s: int | None = None,
        webhook: str | None = None,
        webhook_key: str | None = None,
        weight: int = 1,
        who: str = SCRIPT,
    ) -> Team:
        """A new team; raises AccountError where the name is taken or is none, or there is no such organisation."""
        check_name(team, "team")
        made = Team(
            team=team,
            created=self._clock(),
            org=org,
            keep_s=keep_s,
            webhook=webhook,
            webhook_key=Secret(webhook_key) if webhook_key else None,
            weight=weight,
        )
        _check(made)
        with self._changing() as connection:
            org_of(connection, org)
            self._make(connection, made, limits, who)
        return made

    def _make(self, connection: Connection, made: Team, limits: tuple[Budget, ...], who: str) -> None:
        if connection.execute(select(teams.c.team).where(teams.c.team == made.team)).first() is not None:
            raise TakenError(f"there is a team {made.team!r} already")
        connection.execute(insert(teams).values(_row(made)))
        put(connection, f"team:{made.team}", limits)
        self._note(connection, who, "team.create", f"team:{made.team}", None, {"team": made, "limits": limits})

    def update_team(self, team: str, change: TeamChange, *, who: str = SCRIPT) -> Team:
        """Change a team's settings; raises AccountError where there is none, or no such organisation."""
        with self._changing() as connection:
            before = team_of(connection, team)
            after = changed(before, change)
            _check(after)
            org_of(connection, after.org)
            connection.execute(update(teams).where(teams.c.team == team).values(_row(after)))
            self._note(connection, who, "team.update", f"team:{team}", before, after)
        return after

    def teams(self) -> list[tuple[Team, tuple[Budget, ...]]]:
        """Every team with its limits."""
        with self._reading() as connection:
            limits = every(connection)
            rows = connection.execute(select(teams).order_by(teams.c.team)).mappings()
            return [(_team(row), tuple(limits.get(f"team:{row['team']}", ()))) for row in rows]

    def team(self, team: str) -> Team:
        """One team; raises AccountError where there is none of that name."""
        with self._reading() as connection:
            return team_of(connection, team)


def team_of(connection: Connection, team: str) -> Team:
    """One team; raises AccountError where there is none of that name."""
    row = connection.execute(select(teams).where(teams.c.team == team)).mappings().first()
    if row is None:
        raise NoSuchError(f"there is no team {team!r}; create it with: darkroom teams create {team}")
    return _team(row)


def _check(team: Team) -> None:
    if not 1 <= team.weight <= MOST_WEIGHT:
        raise AccountError(f"a team's weight is from 1 to {MOST_WEIGHT}, not {team.weight}")
    if team.keep_s is not None and team.keep_s < 0:
        raise AccountError(f"pictures are kept for seconds, 0 or more, not {team.keep_s}")


def _team(row: Any) -> Team:
    return Team(**{**row, "webhook_key": Secret(row["webhook_key"]) if row["webhook_key"] else None})


def _row(team: Team) -> dict[str, Any]:
    return asdict(team) | {"webhook_key": team.webhook_key.reveal() if team.webhook_key else None}
