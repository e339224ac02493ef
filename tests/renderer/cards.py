"""How to ask for a card, and how to look at one."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image as Pillow

from providers.contract import (
    Drawn,
    Edit,
    EditKind,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Render,
)

PHRASE = "A lighthouse on a cliff at dusk, oil painting"
LONG = " ".join([PHRASE] * 400)


def render(request: ImageRequest, done: float = 1.0) -> Render:
    return Render(engine="card", model=request.model, request=request, done=done)


def words(prompt: str = PHRASE, *, width: int = 256, height: int = 256, seed: int | None = 1, **more: Any) -> Generate:
    return Generate(model="sandbox", prompt=prompt, width=width, height=height, seed=seed, **more)


def opened(image: Image) -> Pillow.Image:
    picture = Pillow.open(BytesIO(image.body))
    picture.load()
    return picture


def only(drawn: Drawn) -> Pillow.Image:
    (image,) = drawn.images
    return opened(image)


def edit(picture: bytes, mask: Mask | None = None, **more: Any) -> Edit:
    given = {"width": 512, "height": 512, "seed": 1} | more
    return Edit(
        model="sandbox", prompt="a balloon", kind=EditKind.INPAINT, pictures=(Image(picture),), mask=mask, **given
    )
