"""The sandbox card: a picture of the request itself, free, keyless and without a GPU.

Cards are drawn in a few threads, never on the event loop. This file schedules and measures; `composition` draws.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from providers.contract import Code, Drawn, Failure, Fault, Image, ImageRequest, Render
from proxy.renderer.asked import seeds_of, size_of
from proxy.renderer.composition import compose
from proxy.renderer.pictures import encode
from proxy.renderer.showing import Show, unseen

LEAST_SIDE, MOST_SIDE = 16, 4096
_CARD_S = 0.3
"""Seconds a card takes, roughly; only for the advice when to come back."""


class CardRenderer:
    """Draws cards of any size from 16 to 4096 pixels a side. The same request with a seed gives the same bytes."""

    def __init__(self, *, threads: int = 2, queue_limit: int = 256) -> None:
        """`queue_limit` is how many pictures may wait or be drawn at once."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="card")
        self._threads = threads
        self._limit = queue_limit
        self._pending = 0
        self._closed = False

    async def start(self) -> None:
        """Nothing is prepared: threads start with the first card."""

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        """The request's pictures. `Drawn.seconds` is processor time, all pictures together. Shows none unfinished.

        Raises REJECTED for a size out of range, a picture that cannot be decoded or a format that is not a raster
        format; THROTTLED when too many cards wait; UNAVAILABLE once closed.
        """
        request = step.request
        size = _size(request)
        seeds = seeds_of(request)
        self._admit(len(seeds))
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(self._pool, _card, request, size, seed, step.done) for seed in seeds]
        for each in work:
            each.add_done_callback(self._leave)
        try:
            cards = await asyncio.gather(*work)
        finally:
            for each in work:  # one may have failed, or the caller gone: those that were not begun are not drawn
                each.cancel()
        seconds = Decimal(f"{sum(taken for _, taken in cards):.6f}")
        return Drawn(images=tuple(image for image, _ in cards), seconds=seconds, seeds=seeds)

    async def close(self) -> None:
        """Finish the cards begun and end the threads."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)

    def _admit(self, pictures: int) -> None:
        if self._closed:
            raise Failure(Fault.UNAVAILABLE, "the sandbox is shutting down")
        if self._pending and self._pending + pictures > self._limit:
            wait = max(1.0, self._pending * _CARD_S / self._threads)
            raise Failure(
                Fault.THROTTLED, f"{self._pending} sandbox cards are waiting already", code=Code.BUSY, retry_after=wait
            )
        self._pending += pictures

    def _leave(self, _: asyncio.Future[tuple[Image, float]]) -> None:
        self._pending -= 1


def _size(request: ImageRequest) -> tuple[int, int]:
    size = size_of(request)
    for code, wrong in ((Code.BELOW_MINIMUM, min(size) < LEAST_SIDE), (Code.ABOVE_MAXIMUM, max(size) > MOST_SIDE)):
        if wrong:
            raise Failure(
                Fault.REJECTED,
                f"a sandbox card has sides of {LEAST_SIDE} to {MOST_SIDE} pixels, not {size[0]}x{size[1]}",
                code=code,
                field="size",
            )
    return size


def _card(request: ImageRequest, size: tuple[int, int], seed: int, done: float) -> tuple[Image, float]:
    """One card, encoded, and the seconds of this thread it took."""
    begun = time.thread_time()
    image = encode(compose(request, size, seed, done), request.format, request.compression)
    return image, time.thread_time() - begun
