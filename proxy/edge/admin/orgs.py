"""Organisations and teams."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

from msgspec import Struct
from sqlalchemy import Connection

from proxy.edge.admin.frame import Asked, Made, Page, Paging, Route, at, page_of, position, says
from proxy.edge.admin.limits import Limit, taken
from proxy.edge.admin.limits import told as limit_told
from proxy.edge.admin.office import Office
from proxy.ledger.accounts import DEFAULT_ORG, Accounts, Budget, Org, Team, TeamChange
from proxy.ledger.accounts.limits import limits_of
from proxy.ledger.accounts.orgs import org_of
from proxy.ledger.accounts.teams import team_of

ORGS, TEAMS = "orgs", "teams"


class OrgTold(Struct, frozen=True, kw_only=True):
    """An organisation: whose teams these are."""

    org: str
    created: datetime
    limits: list[Limit]


class NewOrg(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One to be made."""

    org: Annotated[str, says("Lower-case letters, digits, dots, dashes, underscores.")]
    limits: list[Limit] = []


class TeamTold(Struct, frozen=True, kw_only=True):
    """A team."""

    team: str
    created: datetime
    org: Annotated[str, says("The organisation it belongs to.")]
    keep_s: Annotated[int | None, says("Seconds its pictures are kept; null as configured for all.")]
    webhook: Annotated[str | None, says("Who is told of its budgets.")]
    webhook_key_set: Annotated[bool, says("Whether that is told with a bearer token, which is never shown.")]
    weight: Annotated[int, says("Its share where several teams wait for the same offer.")]
    limits: Annotated[list[Limit], says("Its own; those of its organisation and of `team:*` are not among them.")]


class NewTeam(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One to be made."""

    team: Annotated[str, says("Lower-case letters, digits, dots, dashes, underscores.")]
    org: str = DEFAULT_ORG
    keep_s: int | None = None
    webhook: str | None = None
    webhook_key: Annotated[str | None, says("Sent to the webhook as a bearer token.")] = None
    weight: int = 1
    limits: list[Limit] = []


class TeamQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which teams."""

    org: Annotated[str | None, says("Only this organisation's.")] = None


def _org(org: Org, limits: tuple[Budget, ...] | list[Budget]) -> OrgTold:
    return OrgTold(org=org.org, created=at(org.created), limits=[limit_told(each) for each in limits])


def _team(team: Team, limits: tuple[Budget, ...] | list[Budget]) -> TeamTold:
    names = ("team", "org", "keep_s", "webhook", "weight")
    return TeamTold(
        **{name: getattr(team, name) for name in names},
        created=at(team.created),
        webhook_key_set=bool(team.webhook_key),
        limits=[limit_told(each) for each in limits],
    )


def _org_now(connection: Connection, org: str) -> OrgTold:
    return _org(org_of(connection, org), limits_of(connection, f"org:{org}"))


def _team_now(connection: Connection, team: str) -> TeamTold:
    return _team(team_of(connection, team), limits_of(connection, f"team:{team}"))


async def list_orgs(office: Office, asked: Asked) -> Page[OrgTold]:
    """Organisations by name."""
    behind = position(ORGS, asked.query.after, str)
    found = [each for each in await office.ask(Accounts.orgs) if behind is None or each[0].org > behind]
    return page_of(ORGS, found, asked.query.limit, lambda each: each[0].org, lambda each: _org(*each))


async def show_org(office: Office, asked: Asked) -> OrgTold:
    """An organisation. Raises `Refusal`."""
    return await office.look(partial(_org_now, org=asked.parts["org"]))


async def create_org(office: Office, asked: Asked) -> Made:
    """A new organisation. Raises `Refusal`."""
    body: NewOrg = asked.body
    limits = taken(body.limits)
    made = await office.change(lambda accounts: accounts.create_org(body.org, limits, who=asked.who))
    return Made(await office.look(partial(_org_now, org=made.org)), f"/orgs/{made.org}")


async def list_teams(office: Office, asked: Asked) -> Page[TeamTold]:
    """Teams by name."""
    query: TeamQuery = asked.query
    behind = position(TEAMS, query.after, str)
    found = [
        each
        for each in await office.ask(Accounts.teams)
        if query.org in (None, each[0].org) and (behind is None or each[0].team > behind)
    ]
    return page_of(TEAMS, found, query.limit, lambda each: each[0].team, lambda each: _team(*each))


async def show_team(office: Office, asked: Asked) -> TeamTold:
    """A team. Raises `Refusal`."""
    return await office.look(partial(_team_now, team=asked.parts["team"]))


async def create_team(office: Office, asked: Asked) -> Made:
    """A new team. Raises `Refusal`."""
    body: NewTeam = asked.body
    limits = taken(body.limits)
    rest = {name: getattr(body, name) for name in ("org", "keep_s", "webhook", "webhook_key", "weight")}
    made = await office.change(lambda accounts: accounts.create_team(body.team, limits, **rest, who=asked.who))
    return Made(await office.look(partial(_team_now, team=made.team)), f"/teams/{made.team}")


async def update_team(office: Office, asked: Asked) -> TeamTold:
    """Changes what is said of a team's settings; what is not said stays. Raises `Refusal`."""
    team = asked.parts["team"]
    given = asked.unchanged(partial(_team_now, team=team))
    await office.change(lambda accounts: accounts.update_team(team, asked.body, who=asked.who), given)
    return await office.look(partial(_team_now, team=team))


ROUTES = (
    Route(
        name="orgs.list",
        method="GET",
        path="/orgs",
        says="Every organisation, by name.",
        tell=list_orgs,
        query=Paging,
        answer=Page[OrgTold],
    ),
    Route(
        name="orgs.create",
        method="POST",
        path="/orgs",
        says="Makes an organisation.",
        tell=create_org,
        body=NewOrg,
        answer=OrgTold,
        status=201,
        tagged=True,
    ),
    Route(
        name="orgs.get",
        method="GET",
        path="/orgs/{org}",
        says="An organisation. Its limits are set as those of the scope `org:NAME`.",
        tell=show_org,
        answer=OrgTold,
        tagged=True,
    ),
    Route(
        name="teams.list",
        method="GET",
        path="/teams",
        says="Every team, by name.",
        tell=list_teams,
        query=TeamQuery,
        answer=Page[TeamTold],
    ),
    Route(
        name="teams.create",
        method="POST",
        path="/teams",
        says="Makes a team.",
        tell=create_team,
        body=NewTeam,
        answer=TeamTold,
        status=201,
        tagged=True,
    ),
    Route(
        name="teams.get",
        method="GET",
        path="/teams/{team}",
        says="A team. Its limits are set as those of the scope `team:NAME`.",
        tell=show_team,
        answer=TeamTold,
        tagged=True,
    ),
    Route(
        name="teams.update",
        method="PATCH",
        path="/teams/{team}",
        says="Changes what is said of a team; what is not said stays.",
        tell=update_team,
        body=TeamChange,
        answer=TeamTold,
        tagged=True,
    ),
)
