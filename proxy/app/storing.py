"""Where bytes are kept: what the configuration says of the store, made into one."""

from __future__ import annotations

from pathlib import Path

from proxy.config import ConfigError, StoreRow
from proxy.edge import webhooks
from proxy.events import Tell
from proxy.store import DiskStore, ObjectStore, Store

EARLIER = "webhooks"
"""Where letters lay in a data folder before each server had a folder of its own for them."""


def open_store(row: StoreRow, folder: Path, tell: Tell) -> Store:
    """The object store, if there is one, else the data folder. Raises ConfigError; asks no vendor anything."""
    if not row.url:
        _move_letters(folder)
        return DiskStore(folder)
    try:
        return ObjectStore(row.url, row.options, tell)
    except ValueError as error:
        raise ConfigError(f"store: {error}") from error


def _move_letters(folder: Path) -> None:
    """As if a server of that name, which is gone, had left them."""
    earlier, place = folder / EARLIER, folder / webhooks.FOLDER / EARLIER
    if earlier.is_dir() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        earlier.rename(place)
