"""A renderer of each kind for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from proxy.renderer import CardRenderer, WorkerRenderer
from tests.renderer.stub import renderer


@pytest_asyncio.fixture
async def cards() -> AsyncIterator[CardRenderer]:
    made = CardRenderer()
    await made.start()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerRenderer]:
    made = renderer(queue_limit=2)
    yield made
    await made.close()
    assert made.pid is None
