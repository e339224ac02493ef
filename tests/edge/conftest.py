"""One server and one vendor for the tests of the wire, which leave both as they found them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.walk.running import Running, running
from tests.walk.vendors import OpenAIVendor, at, serving

LIMIT = 400_000
"""Most bytes of a body."""
_teams = count(1)


@pytest.fixture(scope="package")
def shared_vendor() -> Iterator[OpenAIVendor]:
    made = OpenAIVendor()
    with serving(made):
        yield made


@pytest.fixture(scope="package")
def server(shared_vendor: OpenAIVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = {
        "providers": {"stub": at(shared_vendor)},
        "default_model": "photo",
        "limits": {"body_bytes": LIMIT},
        "repeats": {"memory_bytes": 1_000_000},
    }
    with running(tmp_path_factory.mktemp("edge"), config) as made:
        yield made


@pytest.fixture
def vendor(shared_vendor: OpenAIVendor) -> OpenAIVendor:
    """The server's vendor, whom nobody has told or asked anything."""
    shared_vendor.submits.clear()
    shared_vendor.fail_next.clear()
    shared_vendor.gate.set()
    return shared_vendor


@pytest.fixture
def team() -> str:
    """A name no other test has."""
    return f"edge-{next(_teams)}"


@pytest.fixture(scope="package")
def key(server: Running) -> str:
    """A key for what spends nothing, or need not be told apart."""
    return server.key("edge", "100/total")
