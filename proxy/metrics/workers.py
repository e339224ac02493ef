"""Metrics of several workers: each counts in files of its own, and whoever is scraped adds all of them up.

`prometheus_client` does the work. The files of a worker go by its number and not by its process: the one that takes
the place of a dead one counts on from where that one was, and there are never more files than workers. What a worker
showed of its present state goes with it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from math import isnan
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library looks for the folder of the files."""


def join(worker: int) -> None:
    """Count in the files of a worker, from the next metric on that is declared in this process.

    Their folder stands in the environment, which the library looks at when it is loaded.
    """
    values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore", message="Removal of labels", category=UserWarning)


def shared() -> Path | None:
    """The folder that this process counts in together with others."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def gone(folder: Path, worker: int) -> None:
    """A worker is no more: what it counted stays, what it showed of itself goes."""
    mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]


def together(folder: Path) -> CollectorRegistry:
    """What all workers have counted, and what they show now."""
    registry = CollectorRegistry()
    registry.register(_Together(None, str(folder)))  # type: ignore[no-untyped-call]
    return registry


def expose(folder: Path) -> bytes:
    """The exposition of all workers."""
    return generate_latest(together(folder))


class _Together(MultiProcessCollector):
    """Without what a worker cannot say: it is no figure, and would hide those of the others."""

    def collect(self) -> Iterable[Metric]:
        read = self._read_metrics([str(file) for file in Path(self._path).glob("*.db")])  # type: ignore[no-untyped-call]
        for metric in read.values():
            metric.samples = [sample for sample in metric.samples if not isnan(sample.value)]
        found: Iterable[Metric] = self._accumulate_metrics(read, accumulate=True)  # type: ignore[no-untyped-call]
        return found
