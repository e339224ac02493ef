"""What the edge needs of the rest, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from litestar.types import HTTPScope
from msgspec import Struct

from proxy.catalogue import Catalogue, Listing
from proxy.dialects.contract import Card, Dialect, Sold
from proxy.edge.admission import Admission
from proxy.edge.background import Background
from proxy.edge.shelf import Prices
from proxy.edge.slips import Slips
from proxy.edge.webhooks import Webhooks
from proxy.edge.wire import Intake, origin
from proxy.enhance import Enhancer
from proxy.events import Tell
from proxy.gateway import Gateway
from proxy.ledger.accounts import Key
from proxy.ledger.assets import Assets
from proxy.ledger.book import Ledger
from proxy.pictures import Studio
from proxy.policies import Policies
from proxy.policy import Offer
from proxy.repeats import Repeats
from proxy.store import Links, Pictures, Stored
from proxy.tiers import tier
from proxy.transport import Guard, Room


class Desk(Struct, frozen=True, kw_only=True):
    """Everything a request may be served with."""

    gateway: Gateway
    admission: Admission
    intake: Intake
    background: Background
    slips: Slips
    webhooks: Webhooks
    catalogue: Catalogue
    policies: Policies
    ledger: Ledger
    repeats: Repeats
    store: Pictures
    links: Links
    enhancer: Enhancer
    assets: Assets
    kept: Pictures
    """The pictures of assets: nobody sweeps them."""
    studio: Studio
    guard: Guard
    room: Room
    tell: Tell
    public_url: str | None
    presigned: bool
    """Whether links lead to the store's own, where it has such."""
    prompts: bool
    """Whether events may carry prompts."""
    dialects: Mapping[str, Dialect]
    options: Mapping[str, Mapping[str, Any]]
    """What the configuration says to each dialect."""
    keep_alive_s: float | None = None
    """Seconds between blanks before a JSON answer, where a caller does not say; None for none."""
    leave_s: float = 2.0
    """Seconds after which a client that went away is not thought to come again."""

    def origin(self, scope: HTTPScope, headers: Mapping[str, str]) -> str:
        """Scheme and host that links begin with."""
        return self.public_url.rstrip("/") if self.public_url else origin(scope, headers)

    def link(self, dialect: Dialect, stored: Stored, begins: str) -> str:
        """A link to a stored picture, as the dialect writes it."""
        token = self.links.token(stored)
        return begins + dialect.links.format(token=token, suffix=stored.format.suffix)

    def cards(self, key: Key | None, dialect: str, prices: Prices | None = None) -> list[Card]:
        """What a key can ask for in a dialect. A test key is served by the sandbox under every name there is.

        With `prices`, every offer stands there with what it starts at.
        """
        bans = frozenset[str]() if key is None else self.policies.bans(key)
        today = datetime.now(UTC).date()
        shown = []
        for told in self.catalogue:
            listing = told.on(today)
            if key is not None and not key.may.name(listing.name):
                continue
            left = [offer for offer in listing.offers if offer.out is None and not offer.named(bans)]
            if key is not None and key.may.operations is not None:
                left = [offer for offer in left if any(key.may.do(each) for each in offer.model.operations)]
            if listing.listed and listing.dialect in (None, dialect) and (left or (key is not None and key.test)):
                shown.append(_card(listing, left, prices))
        return shown


def _card(listing: Listing, offers: list[Offer], prices: Prices | None) -> Card:
    after = listing.after
    return Card(
        name=listing.name,
        model=listing.model,
        providers=tuple(dict.fromkeys(offer.provider for offer in offers)),
        served_by=listing.served_by,
        retired=listing.retired,
        title=listing.title,
        description=listing.description,
        ends=listing.ends,
        successor=after.served_by if after is not None else listing.served_by if listing.retired else None,
        tier=listing.tier,
        sold=() if prices is None else tuple(_sold(offer, prices.get(offer.name)) for offer in offers),
    )


def _sold(offer: Offer, price: Decimal | str | None) -> Sold:
    return Sold(
        offer=offer.name,
        provider=offer.provider,
        model=offer.model.name,
        regions=tuple(sorted(offer.regions)),
        tier=tier(offer.grade),
        from_usd=price if isinstance(price, Decimal) else None,
        unpriced=price if isinstance(price, str) else None,
    )
