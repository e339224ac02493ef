"""Which policy decides about a request, and what its team forbids. Built once, from the configuration.

A request's own word goes first, where its team may say it; then its model's class, then its team, then the default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.config import ClassRow, Config, ConfigError, Rules, TeamRow
from proxy.ledger.accounts import Key
from proxy.policy import Rule
from proxy.policy.named import BUILT_IN, HOUSE
from proxy.policy.places import covers
from proxy.policy.rules import load

NOBODYS = TeamRow()
"""What holds for a team that the configuration does not name."""


class Decision(Struct, frozen=True):
    """The policy that decides for a request, and its team's own terms."""

    policy: str
    rules: Sequence[tuple[str, Rule]]
    pin: str | None = None
    bans: frozenset[str] = frozenset()
    regions: frozenset[str] | None = None


class Policies:
    """Every policy there is. Immutable."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError for rules that are none, and for a policy that is named and does not exist."""
        written: dict[str, Rules] = {HOUSE: config.policy.rules, **config.policies}
        self._rules = {
            **{name: load(rows) for name, rows in BUILT_IN.items() if name not in written},
            **{name: _loaded(name, rows) for name, rows in written.items()},
        }
        if HOUSE in config.policies:
            raise ConfigError(f"policies.{HOUSE}: that is the one of policy.rules; write it there")
        self._default = config.policy.default
        self._teams = config.teams
        self._may = tuple(self._rules) if config.policy.may is None else config.policy.may
        self._bans = {team: frozenset(row.bans) for team, row in config.teams.items()}
        self._regions = {
            team: None if row.regions is None else frozenset(row.regions) for team, row in config.teams.items()
        }
        for place, name in _named(config):
            if name not in self._rules:
                raise ConfigError(f"{place}: there is no policy {name!r}; there are {', '.join(sorted(self._rules))}")

    @property
    def default(self) -> str:
        """The name of the policy that decides where nothing else is said."""
        return self._default

    def __iter__(self) -> Iterator[str]:
        """The names of all of them, in order."""
        return iter(sorted(self._rules))

    def rules(self, name: str) -> Sequence[tuple[str, Rule]]:
        """Those of a policy. Raises KeyError where there is none of that name."""
        return self._rules[name]

    def may(self, team: str) -> tuple[str, ...]:
        """The policies that a team's requests may name."""
        own = self._teams.get(team, NOBODYS).may
        return self._may if own is None else own

    def allow(self, key: Key, asked: str | None) -> None:
        """Let a request name a policy, if it does. Raises REJECTED for one its team may not name."""
        if asked is not None and asked not in self.may(key.team):
            raise Failure(Fault.REJECTED, _not_among(asked, self.may(key.team)), code=Code.INVALID, field="policy")

    def pin(self, key: Key, model: str) -> str | None:
        """The provider or the offer that serves a name for a key's team, if that is settled. A test key has none."""
        row = self._teams.get(key.team)
        return None if row is None or key.test else row.pins.get(model)

    def bans(self, key: Key) -> frozenset[str]:
        """Providers, models and offers that never serve a key's team. A test key has none."""
        return frozenset() if key.test else self._bans.get(key.team, frozenset())

    def decide(self, key: Key, model: str, *, asked: str | None = None, of_class: str | None = None) -> Decision:
        """Who decides about a request for a model. Raises REJECTED for a policy its team may not name.

        `of_class`: the policy of the model's class. What a team forbids does not hold for its test keys, which never
        leave the sandbox.
        """
        self.allow(key, asked)
        row = self._teams.get(key.team, NOBODYS)
        name = asked or of_class or row.policy or self._default
        if key.test or row is NOBODYS:
            return Decision(name, self._rules[name])
        return Decision(name, self._rules[name], row.pins.get(model), self._bans[key.team], self._regions[key.team])


def within(asked: frozenset[str] | None, allowed: frozenset[str] | None) -> frozenset[str] | None:
    """The regions both the caller and the team are content with; None for anywhere. `eu` covers `eu-west`."""
    if asked is None or allowed is None:
        return allowed if asked is None else asked
    return frozenset(
        [one for one in asked if any(covers(other, one) for other in allowed)]
        + [other for other in allowed if any(covers(one, other) for one in asked)]
    )


def _not_among(asked: str, may: Sequence[str]) -> str:
    if not may:
        return "This team may not choose the policy of its requests."
    return f"'{asked[:40]}' is not among the policies this team may choose: {', '.join(may)}."


def _loaded(name: str, rows: Rules) -> list[tuple[str, Rule]]:
    try:
        return load(rows)
    except ValueError as error:
        place = "policy.rules" if name == HOUSE else f"policies.{name}"
        raise ConfigError(f"{place}: {error}") from error


def _named(config: Config) -> Iterator[tuple[str, str]]:
    """Every place that names a policy, and the name."""
    yield "policy.default", config.policy.default
    if config.policy.shadow is not None:
        yield "policy.shadow", config.policy.shadow
    for name in config.policy.may or ():
        yield "policy.may", name
    for team, row in config.teams.items():
        for name in row.may or ():
            yield f"teams.{team}.may", name
        if row.policy is not None:
            yield f"teams.{team}.policy", row.policy
    for name, of in config.classes.items():
        if isinstance(of, ClassRow) and of.policy is not None:
            yield f"classes.{name}.policy", of.policy
