"""A renderer of each kind for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib.util import find_spec

import pytest
import pytest_asyncio

from proxy.renderer import CardRenderer
from proxy.renderer.wire import Setup
from tests.renderer.fleet import StubFleet, cluster_at
from tests.renderer.stub import Local


@pytest_asyncio.fixture
async def cards() -> AsyncIterator[CardRenderer]:
    made = CardRenderer()
    await made.start()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def local() -> AsyncIterator[Local]:
    """One slot, a queue of two."""
    made = Local(queue_limit=2)
    await made.start()
    yield made
    await made.close()
    assert made.pid is None


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Ray of our own, on this machine."""
    if find_spec("ray") is None:
        pytest.skip("needs darkroom[ray]: see `make test-ray`")
    with cluster_at(tmp_path_factory.mktemp("ray")) as address:
        yield address


@pytest.fixture
def fleet(cluster: str) -> Callable[[Setup], StubFleet]:
    """Makes homes with the stub engine at every replica."""
    return partial(StubFleet, address=cluster)
