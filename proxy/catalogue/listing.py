"""A name that callers may ask for, and what it stands for."""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Model
from proxy.policy import Offer


class Listing(Struct, frozen=True, kw_only=True):
    """One name callers may ask for."""

    name: str
    model: Model
    offers: tuple[Offer, ...]
    served_by: str
    """The model behind it: itself, or the successor of an alias."""
    retired: bool = False
    title: str = ""
    description: str = ""
    dialect: str | None = None
    """Whose callers are told of it; all are, by default."""
    listed: bool = True
    successors: tuple[Listing, ...] = ()
    """Of an alias: what may stand behind it, in order."""
    tier: str | None = None
    """Of a class of models: draft, standard or premium."""
    policy: str | None = None
    """Of a class: the policy that decides for it, where that is not the team's."""
    ends: date | None = None
    """The day from which its successors serve it."""
    after: Listing | None = None
    """Of a name that ends and still has offers of its own: what it stands for from that day on."""

    def on(self, day: date) -> Listing:
        """What the name stands for on a day: what comes after it, once it has ended."""
        return self.after if self.after is not None and self.ends is not None and self.ends <= day else self

    @property
    def said(self) -> str | None:
        """What whoever asks for the name is told of it, if anything."""
        if self.alias:
            retired = "is retired" if self.ends is None else f"is retired as of {self.ends}"
            return f"{self.name} {retired if self.retired else 'is another name'}: {self.served_by} serves it"
        if self.after is not None:
            return f"{self.name} ends on {self.ends}: {self.after.served_by} serves it from then on"
        return None

    @property
    def alias(self) -> bool:
        """Whether the name stands for another model."""
        return self.served_by != self.name

    @property
    def available(self) -> bool:
        """Whether any offer of it could be used."""
        return any(offer.out is None for offer in self.offers)

    def does(self, operation: str, providers: frozenset[str] | None) -> bool:
        """Whether any offer of it could be used for an operation, at one of the providers if some are named."""
        return any(
            offer.out is None
            and operation in offer.model.operations
            and (providers is None or offer.provider in providers)
            for offer in self.offers
        )


def standing_for(alias: Listing, offers: tuple[Offer, ...]) -> Listing:
    """What an alias is for a request that only these offers can serve."""
    return replace(alias, model=offers[0].model, offers=offers, served_by=offers[0].model.name)
