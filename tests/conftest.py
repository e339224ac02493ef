"""Fixtures that any test may ask for, and which tests come first."""

from __future__ import annotations

import os

import pytest

from tests.servers import buckets, postgres, postgres_url, redis, redis_url

__all__ = ["buckets", "postgres", "postgres_url", "redis", "redis_url"]


# Tests run side by side on every core: threads of torch, here and in what tests start, would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/many/"))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for servers they started, and use none meanwhile."""
    return (os.cpu_count() or 1) + 1
