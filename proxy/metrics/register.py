"""Where metrics are declared, and their children kept.

Children are bound once: looking one up by its labels costs more than counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import nan
from typing import Any, Literal, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.metrics.workers import shared

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
OfMany = Literal["livemax", "livesum", "livemostrecent"]
Counts = dict[type, Callable[[Any], None]]
"""How events count, by their type."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Buckets of what a vendor takes, or a request."""


class Register:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._bound = lru_cache(maxsize=20_000)(self._bind)

    def counter(self, name: str, says: str, *labels: str) -> Counter:
        """What only grows."""
        return Counter(f"darkroom_{name}", says, labels, registry=self.registry)

    def gauge(self, name: str, says: str, *labels: str, of_many: OfMany = "livemax") -> Gauge:
        """What is as it is now; `of_many`: what is shown where the workers of one server each say something else."""
        return Gauge(f"darkroom_{name}", says, labels, registry=self.registry, multiprocess_mode=of_many)

    def histogram(self, name: str, says: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        """What comes in all sizes."""
        return Histogram(f"darkroom_{name}", says, labels, registry=self.registry, buckets=buckets)

    def of(self, metric: Metric, *labels: str) -> Metric:
        """A metric's child."""
        child: Metric = self._bound(metric, labels)
        return child

    def forget(self, metric: Gauge, **labels: str) -> None:
        """Show a metric's children with these labels no more."""
        if shared():  # what lies in a file stays there: only what is no figure is not shown
            for sample in [each for family in metric.collect() for each in family.samples]:
                if labels.items() <= sample.labels.items():
                    metric.labels(**sample.labels).set(nan)
            return
        metric.remove_by_labels(labels)
        self._bound.cache_clear()  # a child that was removed would go on counting unseen

    @staticmethod
    def _bind(metric: Any, labels: tuple[str, ...]) -> Any:
        return metric.labels(*labels)


class Topic(Protocol):
    """Metrics that belong together."""

    def counts(self) -> Counts:
        """The events that count here, and how."""
        ...
