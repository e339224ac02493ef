"""A ledger to every test: a copy of one that was made once, which is what a new one looks like."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.ledger.engine import FILE, open_ledger
from tests.ledger.posted import Clock, Desk, moment


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger at this version, to be copied."""
    folder = tmp_path_factory.mktemp("new")
    open_ledger(folder).dispose()
    return folder / FILE


@pytest.fixture
def file(new: Path, tmp_path: Path) -> Path:
    """An empty ledger of the test's own."""
    return Path(shutil.copy(new, tmp_path / FILE))


@pytest.fixture
def desk(file: Path) -> Iterator[Desk]:
    """A clerk on it, at noon."""
    made = Desk(file, Clock(moment("2026-11-21 12:00")))
    yield made
    made.close()
