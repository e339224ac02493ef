"""What the edge needs of the rest, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar.types import HTTPScope
from msgspec import Struct

from proxy.catalogue import Catalogue
from proxy.dialects.contract import Card, Dialect
from proxy.edge.admission import Admission
from proxy.edge.background import Background
from proxy.edge.wire import Intake, origin
from proxy.enhance import Enhancer
from proxy.events import Tell
from proxy.gateway import Gateway
from proxy.ledger.accounts import Key
from proxy.ledger.assets import Assets
from proxy.ledger.book import Ledger
from proxy.pictures import Studio
from proxy.repeats import Repeats
from proxy.store import DiskStore, Links, Stored
from proxy.transport import Guard, Room


class Desk(Struct, frozen=True, kw_only=True):
    """Everything a request may be served with."""

    gateway: Gateway
    admission: Admission
    intake: Intake
    background: Background
    catalogue: Catalogue
    ledger: Ledger
    repeats: Repeats
    store: DiskStore
    links: Links
    enhancer: Enhancer
    assets: Assets
    kept: DiskStore
    """The pictures of assets: nobody sweeps them."""
    studio: Studio
    guard: Guard
    room: Room
    tell: Tell
    public_url: str | None
    prompts: bool
    """Whether events may carry prompts."""
    options: Mapping[str, Mapping[str, Any]]
    """What the configuration says to each dialect."""

    def origin(self, scope: HTTPScope, headers: Mapping[str, str]) -> str:
        """Scheme and host that links begin with."""
        return self.public_url.rstrip("/") if self.public_url else origin(scope, headers)

    def link(self, dialect: Dialect, stored: Stored, begins: str) -> str:
        """A link to a stored picture, as the dialect writes it."""
        token = self.links.token(stored)
        return begins + dialect.links.format(token=token, suffix=stored.format.suffix)

    def cards(self, key: Key | None, dialect: str) -> list[Card]:
        """What a key can ask for in a dialect. A test key is served by the sandbox under every name there is."""
        return [
            Card(
                name=listing.name,
                model=listing.model,
                providers=tuple(offer.provider for offer in listing.offers if offer.out is None),
                served_by=listing.served_by,
                retired=listing.retired,
                title=listing.title,
                description=listing.description,
            )
            for listing in self.catalogue
            if listing.listed
            and listing.dialect in (None, dialect)
            and (listing.available or (key is not None and key.test))
        ]
