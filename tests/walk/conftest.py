"""One server and one vendor for the tests that leave both as they found them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.walk.running import Running, running
from tests.walk.vendors import OpenAIVendor, at, serving

_teams = count(1)


@pytest.fixture(scope="package")
def vendor() -> Iterator[OpenAIVendor]:
    """A vendor that speaks OpenAI."""
    made = OpenAIVendor()
    with serving(made):
        yield made


@pytest.fixture(scope="package")
def server(vendor: OpenAIVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with that vendor, the sandbox, and small limits."""
    config = {
        "providers": {"stub": at(vendor), "sandbox": {"options": {"delay_s": 0.3}}},
        "models": {"dall-e-3": {"to": ["photo"], "retired": True}},
        "default_model": "photo",
        "limits": {"body_bytes": 4_000_000, "picture_pixels": 4_000_000, "breaker_s": 1},
        "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
    }
    folder: Path = tmp_path_factory.mktemp("walk")
    with running(folder, config) as made:
        yield made


@pytest.fixture
def team(vendor: OpenAIVendor) -> str:
    """A name no other test has; and a vendor nobody has told anything."""
    vendor.submits.clear()
    vendor.headers.clear()
    vendor.fails.clear()
    vendor.fail_next.clear()
    vendor.gate.set()
    vendor.usage = None
    vendor.links = False
    return f"team-{next(_teams)}"
