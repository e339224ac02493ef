"""The stubs' pictures: those of a size and a format are drawn once. What is on cards is tested where they are drawn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest

from providers.contract import Format
from proxy.stub.world import Job, World

_ANY = World("any", time.monotonic, pace=0.0, link_s=0.0)
_draw = World.picture


@cache
def _drawn(width: int, height: int, kind: Format, clear: bool) -> bytes:
    job = Job(id="any", vendor="any", model="any", width=width, height=height, format=kind, clear=clear)
    return _draw(_ANY, job)


@pytest.fixture(autouse=True)
def drawn_once() -> Iterator[None]:
    """A stub of this process takes the same card for every job."""

    def picture(_: World, job: Job, index: int = 0) -> bytes:
        return _drawn(job.width, job.height, job.format, job.clear)

    with patch.object(World, "picture", picture):
        yield
