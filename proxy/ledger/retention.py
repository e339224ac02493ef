"""How long what teams asked for is kept, of those that differ from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from proxy.ledger.tables import jobs, teams

AT_ONCE = 500
"""Ids in one question: fewer than any engine takes."""


def kept_by_team(connection: Connection) -> Mapping[str, int]:
    """Seconds, by the name of each team that has its own."""
    own = select(teams.c.team, teams.c.keep_s).where(teams.c.keep_s.is_not(None))
    return {row.team: int(row.keep_s) for row in connection.execute(own)}


def kept_by_job(connection: Connection, ids: Sequence[str]) -> Mapping[str, int]:
    """Seconds, by the id of each of these jobs whose team has its own."""
    own = kept_by_team(connection)
    if not own:
        return {}
    found: dict[str, int] = {}
    for some in _chunks(ids):
        query = select(jobs.c.job, jobs.c.team).where(jobs.c.job.in_(some), jobs.c.team.in_(own))
        found.update({job: own[team] for job, team in connection.execute(query)})
    return found


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))
