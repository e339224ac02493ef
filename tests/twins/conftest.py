"""The vendor of whoever asks for a picture twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge.vendors import FickleVendor
from tests.walk.vendors import serving


@pytest.fixture
def vendor() -> Iterator[FickleVendor]:
    made = FickleVendor()
    with serving(made):
        yield made
