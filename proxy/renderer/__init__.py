"""Pictures drawn here: as sandbox cards by Pillow, or by a diffusers model in a worker process.

This is the only package that may import torch and diffusers, and only `engine` and `bench` in it do: importing the
package itself loads neither, so the proxy process stays light. Whoever is on the other side of `Renderer` sees
requests, pictures and failures; no process, thread, frame or tensor. `homes` says where an engine lives.
"""

from typing import Protocol

from providers.contract import Drawn, Render
from proxy.renderer.card import CardRenderer
from proxy.renderer.loads import Folder, Load, Untrained
from proxy.renderer.local import LocalRenderer, Standing
from proxy.renderer.showing import Show, unseen
from proxy.renderer.wire import EngineOptions

__all__ = [
    "CardRenderer",
    "EngineOptions",
    "Folder",
    "Load",
    "LocalRenderer",
    "Renderer",
    "Show",
    "Standing",
    "Untrained",
    "unseen",
]


class Renderer(Protocol):
    """Draws what a conversation asks for by `Render`. `Render.after` is the driver's to wait, not the renderer's."""

    async def start(self) -> None:
        """Prepare what was configured to be ready before the first request. Raises `Failure` where that fails."""

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        """The request's pictures, one seed each. Raises `Failure`. Cancelling it gives up the work not yet done.

        `show` gets as many unfinished pictures as `step.previews` says, where the engine has them.
        """

    async def close(self) -> None:
        """Let go of threads and processes; what is still drawing may fail. No `draw` may follow."""
