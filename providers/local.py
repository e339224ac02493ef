"""The GPU of this machine, as a provider like any other: it competes on price, paid in seconds.

Its models are rows in config.yaml. Imports no torch: pictures are drawn by `proxy.renderer`, in a process of its own.
"""

from __future__ import annotations

from pricing import Usage
from providers.contract import Account, Conversation, Drawn, ImageRequest, Model, Picture, Provider, Render, Result


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """One render, unfinished pictures shown as it goes."""
    drawn: Drawn = yield Render(engine="diffusers", model=model.name, request=request, previews=request.previews)
    seeds = drawn.seeds or (None,) * len(drawn.images)
    pictures = tuple(Picture(image=image, seed=seed) for image, seed in zip(drawn.images, seeds, strict=True))
    return Result(pictures=pictures, usage=Usage(images=len(pictures), seconds=drawn.seconds))


PROVIDER = Provider(title="Local GPU", run=run, here=True)
