"""What can be asked for, and where: every model of every configured provider as an offer, and every other name for it.

Built once from the configuration and the price book. Nothing here is asked, counted or changed while serving.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec.structs import replace

from pricing import Book
from providers.contract import Code, Failure, Fault
from proxy.catalogue.listing import Listing, standing_for
from proxy.catalogue.rows import keyless, line_of, models_of, offer_of, prices_of
from proxy.config import Config, ConfigError
from proxy.lines import Line
from proxy.policies import Policies
from proxy.policy import Offer, Rule
from proxy.tiers import classes, grades, tier_of

__all__ = ["SANDBOX", "Catalogue", "Listing", "rules_of"]

SANDBOX = "sandbox"
"""The provider that serves test keys."""


class Catalogue:
    """Names, models, offers, and the lines they are reached by. Immutable."""

    def __init__(self, config: Config, book: Book, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where a row names a protocol or a model there is none of, or an alias leads nowhere."""
        self.default_model = config.default_model
        self.book = book
        self.lines: dict[str, Line] = {}
        self.keyless: list[str] = []
        """Accounts that are configured, and left out for want of a key."""
        offers: dict[str, list[Offer]] = {}
        prices, quality = prices_of(book), grades(config)
        for name, row in config.providers.items():
            if not row.enabled:
                continue
            line, sold = line_of(name, row, environ), models_of(name, row)
            self.lines[name] = line
            self.keyless += [f"providers.{name}.accounts.{account}" for account in keyless(row)]
            for model in sold:
                offer = offer_of(line, row, model, prices, quality.get(model.name))
                offers.setdefault(model.name, []).append(offer)
        self._listings = {
            name: Listing(
                name=name,
                model=found[0].model,
                offers=tuple(found),
                served_by=name,
                title=found[0].model.title,
                description=found[0].model.description,
            )
            for name, found in offers.items()
        }
        self._offers = {offer.name: offer for found in offers.values() for offer in found}
        self._add_vendors_names()
        self._add_classes(config)
        self._add_aliases(config)
        self._check_teams(config)
        if self.default_model not in self._listings:
            raise ConfigError(f"default_model is {self.default_model!r}, and no provider or alias has that name")

    def listing(self, name: str) -> Listing:
        """What a caller's model name stands for; an empty name is the default's. Raises REJECTED for an unknown one."""
        found = self._listings.get(name or self.default_model)
        if found is None:
            detail = f"The model '{name}' does not exist. GET /v1/models lists those that do."
            raise Failure(Fault.REJECTED, detail, code=Code.UNKNOWN_MODEL, field="model")
        return found

    def serving(
        self,
        name: str,
        operation: str,
        providers: frozenset[str] | None = None,
        *,
        pin: str | None = None,
        day: date | None = None,
    ) -> Listing:
        """What a caller's model name stands for when it comes to an operation. Raises REJECTED for an unknown name.

        Of an alias that is the first successor that does it, at one of the providers if some are named; where none is,
        whatever those providers have that does it. An offer that the name is pinned to is always among its own. On
        `day`, a name may have ended.
        """
        found = self.listing(name) if day is None else self.listing(name).on(day)
        if pin in self.lines and providers is None:
            providers = frozenset({pin})
        pinned = self._offers.get(pin) if pin is not None else None
        if pinned is not None and pinned not in found.offers:
            return standing_for(found, (pinned, *found.offers))
        if not found.successors or found.does(operation, providers):
            return found
        for successor in found.successors:
            if successor.does(operation, providers):
                behind = standing_for(found, successor.offers)
                return behind if successor.tier is None else replace(behind, served_by=successor.name)
        named = tuple(
            [
                offer
                for offer in self._offers.values()
                if providers is not None and offer.provider in providers and operation in offer.model.operations
            ]
        )
        return standing_for(found, named) if named else found

    def offers(self, listing: Listing, *, test: bool) -> tuple[Offer, ...]:
        """Who could serve it. A test key is served by the sandbox whatever it asks for, and costs nothing."""
        if not test or all(offer.provider == SANDBOX for offer in listing.offers):
            return listing.offers
        named = self._listings[SANDBOX].offers if SANDBOX in self._listings else ()
        return tuple([offer for offer in named if offer.provider == SANDBOX])

    def offer(self, name: str) -> Offer | None:
        """An offer by its name, `provider/model`."""
        return self._offers.get(name)

    def every_offer(self) -> tuple[Offer, ...]:
        """All there are, whatever their names stand for by now: by model, then in the order of the providers."""
        return tuple(sorted(self._offers.values(), key=lambda offer: offer.model.name))

    def __iter__(self) -> Iterator[Listing]:
        """Every name, in order."""
        return iter(sorted(self._listings.values(), key=lambda listing: listing.name))

    def _add_vendors_names(self) -> None:
        """What vendors call their models is a name of theirs alone: whoever asks for it gets that vendor's offer."""
        pinned: dict[str, list[Offer]] = {}
        for offer in self._offers.values():
            if offer.model.vendor_name not in self._listings:
                pinned.setdefault(offer.model.vendor_name, []).append(offer)
        for name, found in pinned.items():
            model = found[0].model
            self._listings[name] = Listing(
                name=name,
                model=model,
                offers=tuple(found),
                served_by=name,
                title=model.title,
                description=model.description,
                listed=False,
            )

    def _add_classes(self, config: Config) -> None:
        for name, row in classes(config).items():
            if name in self._listings or name in config.models:
                raise ConfigError(f"classes.{name}: that is the name of a model already")
            found = [offer for model in row.models for offer in self._of(model)]
            if not found:
                raise ConfigError(f"classes.{name}: no provider offers {' or '.join(row.models)}")
            first = next((offer for offer in found if offer.out is None), found[0])
            self._listings[name] = Listing(
                name=name,
                model=first.model,
                offers=tuple({offer.name: offer for offer in found}.values()),
                served_by=name,
                title=row.title,
                description=row.description,
                tier=tier_of(name, row),
                policy=row.policy,
            )

    def _of(self, model: str) -> tuple[Offer, ...]:
        """The offers of a model; a class is none."""
        found = self._listings.get(model)
        return found.offers if found is not None and found.tier is None else ()

    def _add_aliases(self, config: Config) -> None:
        for name, row in config.models.items():
            known = [self._listings[to] for to in row.to if to in self._listings]
            if not known:
                raise ConfigError(f"models.{name}: no provider offers {' or '.join(row.to) or 'anything'}")
            chosen = next((listing for listing in known if listing.available), known[0])
            behind = Listing(
                name=name,
                model=chosen.model,
                offers=chosen.offers,
                served_by=chosen.served_by,
                retired=row.retired or row.ends is not None,
                title=row.title or chosen.model.title,
                description=row.description or chosen.model.description,
                dialect=row.dialect,
                listed=row.listed,
                successors=tuple(known),
                policy=chosen.policy,
                ends=row.ends,
            )
            own = self._listings.get(name)
            if own is None or not own.available:
                self._listings[name] = behind
                continue
            if not own.listed:  # a real offer of that name goes before a successor
                told = {"title": row.title or own.title, "description": row.description or own.description}
                own = replace(own, **told, dialect=row.dialect, listed=row.listed)
            self._listings[name] = replace(own, ends=row.ends, after=behind) if row.ends is not None else own

    def _check_teams(self, config: Config) -> None:
        """Raises ConfigError where a pin or a ban names what there is none of: it would hold for nothing."""
        models = {offer.model.name for offer in self._offers.values()}
        for team, row in config.teams.items():
            for name, pin in row.pins.items():
                if name not in self._listings:
                    raise ConfigError(f"teams.{team}.pins: there is no model {name!r}")
                if pin not in self.lines and pin not in self._offers:
                    raise ConfigError(f"teams.{team}.pins.{name}: there is no provider and no offer {pin!r}")
            for ban in row.bans:
                if ban not in config.providers and ban not in models and ban not in self._offers:
                    raise ConfigError(f"teams.{team}.bans: there is no provider, model or offer {ban!r}")


def rules_of(config: Config) -> list[tuple[str, Rule]]:
    """The rules that decide where nobody says anything else. Raises ConfigError."""
    policies = Policies(config)
    return list(policies.rules(policies.default))
