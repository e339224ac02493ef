"""Organisations, teams, keys and their limits: what they are, how they are changed, and the ring a server holds."""

from __future__ import annotations

from proxy.ledger.accounts.desk import SCRIPT, AccountError, NoSuchError, TakenError
from proxy.ledger.accounts.keys import KeyChange, Keys
from proxy.ledger.accounts.limits import WINDOWS, Budget, Limited, What, parse_budget, parse_count
from proxy.ledger.accounts.may import ANYTHING, May
from proxy.ledger.accounts.orgs import Orgs
from proxy.ledger.accounts.records import DEFAULT_ORG, GRANTS, Key, Org, Team, digest
from proxy.ledger.accounts.ring import KeyRing, Used
from proxy.ledger.accounts.teams import TeamChange

__all__ = [
    "ANYTHING",
    "DEFAULT_ORG",
    "GRANTS",
    "SCRIPT",
    "WINDOWS",
    "AccountError",
    "Accounts",
    "Budget",
    "Key",
    "KeyChange",
    "KeyRing",
    "May",
    "NoSuchError",
    "Org",
    "TakenError",
    "Team",
    "TeamChange",
    "Used",
    "What",
    "digest",
    "parse_budget",
    "parse_count",
]


class Accounts(Orgs, Keys, Limited):
    """Changes to organisations, teams, keys and limits. Synchronous: for a command line, or a thread.

    Every change is one transaction, its row in the audit log with it, and grows `version`. `who` is whose change it is:
    a key's id, `cli:<user>`.
    """
