"""Pictures drawn here: for as long as anybody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from providers.contract import Drawn, Failure, Fault, Render
from proxy.renderer import Renderer, Show

LOOK_S = 0.25
"""How often is looked whether anybody does."""

Wanted = Callable[[], bool]
"""Whether anybody still waits for a picture."""


def always() -> bool:
    """Somebody waits, whoever may have gone."""
    return True


async def draw(renderer: Renderer, step: Render, show: Show, wanted: Wanted) -> Drawn:
    """The renderer's pictures. Raises what it raises; REJECTED where nobody waits any more, the drawing given up."""
    drawing = asyncio.create_task(renderer.draw(step, show))
    try:
        while not (await asyncio.wait({drawing}, timeout=LOOK_S))[0]:
            if not wanted():
                raise Failure(Fault.REJECTED, "the client went away, and nobody else waits for the picture")
        return drawing.result()
    finally:
        drawing.cancel()
        await asyncio.wait({drawing})
