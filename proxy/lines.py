"""How a provider of this configuration is reached: over which accounts, and how much may be asked of each at once.

One account is the rule. Several share the work by their weights; a job that is taken up again goes to the account that
submitted it, which is why its name travels in the ticket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from math import log

from msgspec import Struct

from providers.contract import Account, Provider

_SEALED = re.compile(r"@([\w.-]+) (.*)", re.DOTALL)


class Lane(Struct, frozen=True, kw_only=True):
    """One account of a provider."""

    name: str
    """In metrics, logs and tickets; empty where there is no other."""
    account: Account
    weight: int = 1
    """Its share of the work, beside the weights of the others."""
    concurrency: int | None = None
    """Requests it may have under way at once; None where nobody states a limit."""
    region: str | None = None
    """Where what it is sent is kept, e.g. `eu` or `us-east`; None where nobody says."""


class Line(Struct, frozen=True, kw_only=True):
    """How a provider of this configuration is reached."""

    name: str
    provider: Provider
    lanes: tuple[Lane, ...]
    """One at least."""
    deadline: float
    """Seconds one attempt may take."""
    models: Mapping[str, int | None] = {}
    """The models it offers, and how many requests of each an account may have under way at once; None for any number.

    Empty where nobody says what it offers.
    """

    def offers(self, model: str) -> bool:
        """Whether it has a model, as far as anybody says."""
        return not self.models or model in self.models

    @property
    def account(self) -> Account:
        """Its first account."""
        return self.lanes[0].account

    def order(self, key: str) -> tuple[Lane, ...]:
        """The accounts as something of that key tries them: always the same for it, and shared by weight among many.

        Rendezvous hashing: an account that is added or gone moves only the keys that are or were its own.
        """
        if len(self.lanes) == 1:
            return self.lanes
        return tuple(sorted(self.lanes, key=lambda lane: (_lot(key, lane), lane.name)))

    def seal(self, lane: Lane, ticket: str) -> str:
        """A ticket that says whose it is; where there is one account, as the adapter wrote it."""
        return f"@{lane.name} {ticket}" if lane.name else ticket

    def unseal(self, sealed: str) -> tuple[Lane | None, str]:
        """Whose a ticket is, and the ticket as the adapter wrote it; no account where that one is configured no more.

        A ticket without a name is of a time with one account: it is the first one's. Adapters write JSON, which never
        begins like a name.
        """
        found = _SEALED.fullmatch(sealed)
        if found is None:
            return self.lanes[0], sealed
        return next((lane for lane in self.lanes if lane.name == found[1]), None), found[2]


def _lot(key: str, lane: Lane) -> float:
    """The least lot goes first. Exponential, at the rate of the weight: the one that is least is shared by weight."""
    drawn = int.from_bytes(blake2b(f"{key} {lane.name}".encode(), digest_size=8).digest(), "big")
    return -log((drawn + 1) / (2**64 + 1)) / lane.weight
