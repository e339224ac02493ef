"""A ledger to every test, in a file and on a server: a copy of one that was made once, as a new one looks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.ledger.engine import FILE, Place, open_ledger
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


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty ledger of the test's own, on either engine: what is true of one is true of the other."""
    found: Place = request.getfixturevalue("file" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    """A clerk on it, at noon."""
    made = Desk(place, Clock(moment("2026-11-21 12:00")))
    yield made
    made.close()
