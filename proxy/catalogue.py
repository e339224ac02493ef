"""What can be asked for, and where: every model of every configured provider as an offer, and every other name for it.

Built once from the configuration and the price book. Nothing here is asked, counted or changed while serving.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

import providers
from pricing import Book, Price
from providers.contract import Account, Code, Failure, Fault, Model, Provider, Secret
from proxy.config import AccountRow, Config, ConfigError, ModelRow, ProviderRow
from proxy.lines import Lane, Line
from proxy.policies import Policies
from proxy.policy import Offer, Rule
from proxy.tiers import classes, grades, tier_of

SANDBOX = "sandbox"
"""The provider that serves test keys."""


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


class Catalogue:
    """Names, models, offers, and the lines they are reached by. Immutable."""

    def __init__(self, config: Config, book: Book, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where a row names a protocol or a model there is none of, or an alias leads nowhere."""
        self.default_model = config.default_model
        self.lines: dict[str, Line] = {}
        self.keyless: list[str] = []
        """Accounts that are configured, and left out for want of a key."""
        offers: dict[str, list[Offer]] = {}
        self._prices = _by_model(book)
        self._grades = grades(config)
        for name, row in config.providers.items():
            if not row.enabled:
                continue
            line = _line(name, row, environ)
            self.lines[name] = line
            self.keyless += [f"providers.{name}.accounts.{each.name}" for each in _named(row) if not each.key]
            models = _models(row, line.provider)
            for setting in ("ceilings", "seconds"):
                if unknown := getattr(row, setting).keys() - {model.name for model in models}:
                    raise ConfigError(f"providers.{name}.{setting}: it has no model {', '.join(sorted(unknown))}")
            for model in models:
                offers.setdefault(model.name, []).append(self._offer(line, row, model))
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
            return _standing_for(found, (pinned, *found.offers))
        if not found.successors or found.does(operation, providers):
            return found
        for successor in found.successors:
            if successor.does(operation, providers):
                behind = _standing_for(found, successor.offers)
                return behind if successor.tier is None else replace(behind, served_by=successor.name)
        named = tuple(
            [
                offer
                for offer in self._offers.values()
                if providers is not None and offer.provider in providers and operation in offer.model.operations
            ]
        )
        return _standing_for(found, named) if named else found

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

    def _offer(self, line: Line, row: ProviderRow, model: ModelRow | Model) -> Offer:
        stated = model.price if isinstance(model, ModelRow) else None
        if stated is not None:
            prices: tuple[Price, ...] = (
                Price(
                    models=(model.vendor_name,),
                    per=stated.per,
                    since=date.min,
                    checked=date.min,
                    source=stated.source,
                    confidence="operator",
                ),
            )
        else:
            prices = () if row.speaks else self._prices.get((line.name, model.vendor_name), ())
        return Offer(
            name=f"{line.name}/{model.name}",
            provider=line.name,
            model=model,
            prices=prices,
            ceiling=row.ceilings.get(model.name),
            here=line.provider.here,
            out=_lacks(line, row),
            region=row.region,
            grade=self._grades.get(model.name, 2),
            seconds=row.seconds.get(model.name),
        )

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


def _standing_for(alias: Listing, offers: tuple[Offer, ...]) -> Listing:
    return replace(alias, model=offers[0].model, offers=offers, served_by=offers[0].model.name)


def rules_of(config: Config) -> list[tuple[str, Rule]]:
    """The rules that decide where nobody says anything else. Raises ConfigError."""
    policies = Policies(config)
    return list(policies.rules(policies.default))


def _line(name: str, row: ProviderRow, environ: Mapping[str, str]) -> Line:
    speaks = row.speaks or name
    try:
        provider = providers.load(speaks)
    except KeyError:
        known = ", ".join(sorted(providers.NAMES))
        raise ConfigError(f"providers.{name}: nothing here speaks {speaks!r}; say `speaks:` one of {known}") from None
    if row.speaks and not provider.here and (row.base is None or not row.models):
        raise ConfigError(f"providers.{name}: a row that speaks {speaks!r} needs its own `base` and `models`")
    lanes = tuple([_lane(row, provider, at) for at in _accounts(row, provider, environ)])
    return Line(name=name, provider=provider, lanes=lanes, deadline=row.deadline_s)


def _accounts(row: ProviderRow, provider: Provider, environ: Mapping[str, str]) -> Sequence[AccountRow]:
    """The accounts of a row that have a key; the only one, with or without. Where none of several has, the first."""
    if not row.accounts:
        usual = environ.get(provider.key_from, "") if not row.speaks else ""
        return (AccountRow(key=Secret(usual) if row.key is None else row.key),)
    called = _named(row)
    return [each for each in called if each.key] or called[:1]


def _named(row: ProviderRow) -> list[AccountRow]:
    return [replace(each, name=each.name or str(place)) for place, each in enumerate(row.accounts, 1)]


def _lane(row: ProviderRow, provider: Provider, at: AccountRow) -> Lane:
    account = Account(
        base=(row.base or provider.base).rstrip("/"),
        key=at.key,
        realm="" if row.base else provider.realm,
        options=row.options,
    )
    most = at.concurrency or row.concurrency or provider.concurrency
    return Lane(name=at.name, account=account, weight=at.weight, concurrency=most)


def _models(row: ProviderRow, provider: Provider) -> list[Model]:
    own = {} if row.speaks else {model.name: model for model in provider.models}
    return list((own | {model.name: model for model in row.models}).values())


def _lacks(line: Line, row: ProviderRow) -> str | None:
    """What stands in the way of using a line, if anything. Some providers, and rows of their own, do without a key."""
    if line.account.key or not line.provider.key_from or (row.speaks and row.key is None and not row.accounts):
        return None
    if row.accounts:
        return f"the keys of providers.{line.name}.accounts are empty"
    return (
        f"the key of providers.{line.name} is empty" if row.key is not None else f"{line.provider.key_from} is not set"
    )


def _by_model(book: Book) -> dict[tuple[str, str], tuple[Price, ...]]:
    prices: dict[tuple[str, str], tuple[Price, ...]] = {}
    for vendor, model, price in book:
        prices[vendor, model] = (*prices.get((vendor, model), ()), price)
    return prices
