"""What the rows of a configuration come to: the line to a provider, and its models as offers with their prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec.structs import replace

import providers
from pricing import Book, Price
from providers.contract import Account, Model, Provider, Secret
from proxy.config import AccountRow, ConfigError, ModelRow, ProviderRow
from proxy.lines import Lane, Line
from proxy.policy import Offer
from proxy.renderer.models import lacking

OF_MODELS = ("ceilings", "seconds", "concurrencies")
"""Settings of a provider's row that say something of its models, by their names."""
STANDARD = 2
"""The grade of a model that no class says anything of."""


Prices = Mapping[tuple[str, str], tuple[Price, ...]]
"""The book, by vendor and by the vendor's name for the model."""


def line_of(name: str, row: ProviderRow, environ: Mapping[str, str]) -> Line:
    """How a row's provider is reached. Raises ConfigError."""
    provider = _provider(name, row)
    return Line(
        name=name,
        provider=provider,
        lanes=tuple([_lane(row, provider, at) for at in _accounts(row, provider, environ)]),
        deadline=row.deadline_s,
        models={model.name: row.concurrencies.get(model.name, model.concurrency) for model in models_of(name, row)},
    )


def models_of(name: str, row: ProviderRow) -> list[Model]:
    """What a row's provider has. Raises ConfigError where the row says something of a model that it has not."""
    own = {} if row.speaks else {model.name: model for model in _provider(name, row).models}
    models = own | {model.name: model for model in row.models}
    for setting in OF_MODELS:
        if unknown := getattr(row, setting).keys() - models.keys():
            raise ConfigError(f"providers.{name}.{setting}: it has no model {', '.join(sorted(unknown))}")
    return list(models.values())


def offer_of(line: Line, row: ProviderRow, model: ModelRow | Model, prices: Prices, grade: int | None) -> Offer:
    """A model of a row's provider as an offer; its grade is `standard` where there is none."""
    return Offer(
        name=f"{line.name}/{model.name}",
        provider=line.name,
        model=model,
        prices=_prices(line, row, model, prices),
        ceiling=row.ceilings.get(model.name),
        here=line.provider.here,
        out=_lacks(line, row) or _files_lacking(model),
        regions=frozenset([lane.region for lane in line.lanes if lane.region is not None]),
        grade=STANDARD if grade is None else grade,
        seconds=row.seconds.get(model.name),
    )


def prices_of(book: Book) -> Prices:
    """The book, by whose the model is and what it is called there: every price, oldest first."""
    prices: dict[tuple[str, str], tuple[Price, ...]] = {}
    for vendor, model, price in book:
        prices[vendor, model] = (*prices.get((vendor, model), ()), price)
    return prices


def keyless(row: ProviderRow) -> Iterable[str]:
    """The names of those accounts of a row that have no key, and are left out."""
    return [each.name for each in _named(row) if not each.key]


def _provider(name: str, row: ProviderRow) -> Provider:
    speaks = row.speaks or name
    try:
        provider = providers.load(speaks)
    except KeyError:
        known = ", ".join(sorted(providers.NAMES))
        raise ConfigError(f"providers.{name}: nothing here speaks {speaks!r}; say `speaks:` one of {known}") from None
    if row.speaks and not provider.here and (row.base is None or not row.models):
        raise ConfigError(f"providers.{name}: a row that speaks {speaks!r} needs its own `base` and `models`")
    return provider


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
    return Lane(name=at.name, account=account, weight=at.weight, concurrency=most, region=at.region or row.region)


def _prices(line: Line, row: ProviderRow, model: ModelRow | Model, prices: Prices) -> tuple[Price, ...]:
    """What the operator states goes before the book, which knows nothing of rows that only speak like a vendor."""
    stated = model.price if isinstance(model, ModelRow) else None
    if stated is None:
        return () if row.speaks else prices.get((line.name, model.vendor_name), ())
    told = Price(
        models=(model.vendor_name,),
        per=stated.per,
        since=date.min,
        checked=date.min,
        source=stated.source,
        confidence="operator",
    )
    return (told,)


def _lacks(line: Line, row: ProviderRow) -> str | None:
    """What stands in the way of using a line, if anything. Some providers, and rows of their own, do without a key."""
    if line.account.key or not line.provider.key_from or (row.speaks and row.key is None and not row.accounts):
        return None
    if row.accounts:
        return f"the keys of providers.{line.name}.accounts are empty"
    return (
        f"the key of providers.{line.name} is empty" if row.key is not None else f"{line.provider.key_from} is not set"
    )


def _files_lacking(model: ModelRow | Model) -> str | None:
    """What has to be pulled before a local model can be drawn with, if anything. Looks at names and sizes of files."""
    return lacking(model.load) if isinstance(model, ModelRow) and model.load is not None else None
