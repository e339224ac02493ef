"""`Several`: which engine a job goes to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from providers.contract import Drawn
from proxy.renderer.homes.contract import Hear
from proxy.renderer.homes.several import COLD, Several
from proxy.renderer.wire import Finished, Job, OfJob, Progress
from tests.renderer.stub import asked


class Quiet:
    """A home that counts what it is given."""

    engines = 1
    slots = 4

    def __init__(self, *warm: str) -> None:
        self.warm = frozenset(warm)
        self.jobs: list[int] = []

    async def start(self, hear: Hear) -> None:
        """Nothing."""

    async def submit(self, job: Job) -> AsyncGenerator[OfJob, None]:
        self.jobs.append(job.id)
        yield Progress(job.id, 0.5)
        yield Finished(job.id, Drawn(images=(), seconds=0))  # type: ignore[arg-type]

    async def close(self) -> None:
        """Nothing."""


async def crowd(home: Several, jobs: int, model: str = "a") -> None:
    """So many at once."""
    async with AsyncExitStack() as stack:
        for number in range(jobs):
            await anext(await stack.enter_async_context(aclosing(home.submit(Job(number, model, asked())))))


async def test_equals_share() -> None:
    homes = Quiet(), Quiet()
    both = Several(homes, {"a": (0, 1)})
    await crowd(both, 6)
    assert [len(home.jobs) for home in homes] == [3, 3]
    assert (both.engines, both.slots) == (2, 8)


async def test_whoever_has_the_model_is_preferred_until_the_queue_is_longer_than_a_load() -> None:
    homes = Quiet("b"), Quiet("a")
    await crowd(Several(homes, {"a": (0, 1)}), COLD + 3)
    assert homes[1].jobs == [*range(COLD), COLD + 1]
    assert homes[0].jobs == [COLD, COLD + 2]
    assert Several(homes, {"a": (0, 1)}).warm == {"a", "b"}


async def test_a_model_is_drawn_where_it_is() -> None:
    homes = Quiet("a"), Quiet()
    await crowd(Several(homes, {"a": (1,)}), 3)
    assert [len(home.jobs) for home in homes] == [0, 3]
