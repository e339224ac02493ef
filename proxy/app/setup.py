"""What a configuration says, made sense of: names, offers, policies. Building it is what checks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pricing import Book
from proxy import dialects
from proxy.catalogue import Catalogue
from proxy.config import Config, ConfigError
from proxy.policies import Policies

FIRST = "openai"
"""The dialect that answers where nothing says which one is spoken."""


class Setup(Struct, frozen=True):
    """A configuration that is sound."""

    config: Config
    catalogue: Catalogue
    policies: Policies
    spoken: Sequence[str]
    """The dialects, the one that speaks for all of them first."""

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str]) -> Setup:
        """Reads the price book, too; blocking, for a thread where others wait. Raises ConfigError."""
        spoken = [FIRST, *sorted(dialects.NAMES - {FIRST})]
        if unknown := config.dialects.keys() - set(spoken):
            raise ConfigError(f"dialects: there is no {', '.join(sorted(unknown))}; there are {', '.join(spoken)}")
        return cls(config, Catalogue(config, Book.load(), environ), Policies(config), spoken)

    def succeeds(self, before: Setup) -> list[str]:
        """Whether it may take the place of another one while serving: the rows of config.yaml that differ.

        Raises ConfigError where one of them is only looked at when the server starts.
        """
        for (what, now), (_, then) in zip(_fixed(self.config), _fixed(before.config), strict=True):
            if now != then:
                raise ConfigError(f"{what} has changed, which takes a restart; everything stays as it was")
        fields = Config.__struct_fields__
        return [name for name in fields if getattr(self.config, name) != getattr(before.config, name)]


def _fixed(config: Config) -> Iterator[tuple[str, Any]]:
    """What is only looked at when the server starts."""
    yield "metrics.bind", config.metrics.bind
    yield "shared", config.shared
    yield "ledger.url", config.ledger.url  # a Secret: compared, never shown
    yield "store.url", (config.store.url, config.store.options)
    yield "admin.bind", config.admin.bind
    yield "renderer", config.renderer
    models = [(name, model) for name, row in config.providers.items() if row.enabled for model in row.models]
    loads = {(name, model.name): (model.load, model.preload) for name, model in models if model.load is not None}
    yield "what the local renderer loads", loads
