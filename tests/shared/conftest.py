"""Both kinds of what is shared."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.shared.ends import End, two


@pytest_asyncio.fixture(params=["memory", "redis"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[tuple[End, End]]:
    """One server's end, and another's."""
    url = None if request.param == "memory" else request.getfixturevalue("redis_url")
    async with two(url) as made:
        yield made
