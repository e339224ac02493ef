"""Who sees unfinished pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from providers.contract import Image

Show = Callable[[Image, int], Awaitable[None]]
"""Takes an unfinished picture and its number, from 0."""


async def unseen(image: Image, index: int) -> None:
    """Nobody."""
