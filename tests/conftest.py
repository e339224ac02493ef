"""Fixtures that any test may ask for, and which tests come first."""

from __future__ import annotations

import pytest

from tests.servers import buckets, postgres, postgres_url, redis, redis_url

__all__ = ["buckets", "postgres", "postgres_url", "redis", "redis_url"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/many/"))
