"""Draws with a family the way the engine does, and asks the stock pipeline for the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import torch
from PIL import Image as Pillow
from PIL import ImageDraw

from providers.contract import Image, ImageRequest
from proxy.renderer.engine.families.choosing import family_of
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.painting import Painting
from proxy.renderer.engine.untrained.parts import sown
from proxy.renderer.loads import Load, Untrained

MODEL = "model"
SIDE = 64
EQUAL = 1e-4
"""How far a channel of a pixel, 0 to 1, may be from what the stock pipeline makes of it."""


def sown_pipeline(build: Callable[[], Any]) -> Any:
    """What that builds, with the same random weights on every run."""
    with sown(3):
        made = build()
    made.set_progress_bar_config(disable=True)
    return made


def opened(pipeline: Any, load: Load | None = None, **kept: Any) -> Opened:
    """The model as the shelf would have it."""
    return Opened(
        model=MODEL,
        load=load or Untrained(steps=None, guidance=None),
        pipeline=pipeline,
        family=family_of(pipeline),
        device=torch.device("cpu"),
        kept=kept,
    )


class Calls:
    """Counts the rows of each call of a denoiser."""

    def __init__(self, denoiser: torch.nn.Module) -> None:
        self.rows: list[int] = []
        denoiser.register_forward_pre_hook(self._called, with_kwargs=True)

    def _called(self, _: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = arguments[0] if arguments else named.get("hidden_states", named.get("sample"))
        assert first is not None
        self.rows.append(len(first))


def painted(
    model: Opened, requests: Sequence[ImageRequest], bucket: int = 4, arrivals: Sequence[int] = ()
) -> list[Painting]:
    """All of them done, in steps they share as far as their groups allow. `arrivals` are the ticks they come at."""
    arrivals = arrivals or [0] * len(requests)
    paintings: dict[int, Painting] = {}
    tick = 0
    with torch.inference_mode():
        while len(paintings) < len(requests) or not all(each.done for each in paintings.values()):
            for place, request in enumerate(requests):
                if arrivals[place] <= tick and place not in paintings:
                    paintings[place] = model.family.begin(model, request, request.seed or 0)
            stepped(model, [each for _, each in sorted(paintings.items()) if not each.done], bucket)
            tick += 1
            assert tick < 200
    return [paintings[place] for place in range(len(requests))]


def stepped(model: Opened, paintings: Sequence[Painting], bucket: int) -> None:
    """One step for each of them."""
    groups: dict[Any, list[Painting]] = {}
    for each in paintings:
        groups.setdefault(each.group, []).append(each)
    with torch.inference_mode():
        for members in groups.values():
            size = 1 if members[0].alone else bucket
            for start in range(0, len(members), size):
                model.family.step(model, members[start : start + size], size)
    for each in paintings:
        if each.failed is not None:
            raise each.failed


def pixels(model: Opened, paintings: Sequence[Painting]) -> list[torch.Tensor]:
    """Each painting's picture as the pipeline returns it, before it is rounded to bytes."""
    family: Any = model.family
    with torch.inference_mode():
        return [family.pixels(each) for each in paintings]


def stock(pipeline: Any, seed: int, **options: Any) -> torch.Tensor:
    """What a call of the stock pipeline returns."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(seed)
    with torch.inference_mode():
        made: torch.Tensor = pipeline(**options, generator=generator, output_type="pt").images
    return made


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of any channel of any pixel."""
    return float((one.float() - other.float()).abs().max())


def photo(width: int = SIDE, height: int = SIDE) -> Pillow.Image:
    """A picture with something to see everywhere."""
    red, green = Pillow.linear_gradient("L"), Pillow.radial_gradient("L")
    return Pillow.merge("RGB", (red, green, red.rotate(90))).resize((width, height))


def stencil(width: int = SIDE, height: int = SIDE) -> Pillow.Image:
    """A mask: white, where the picture may change, in the middle."""
    mask = Pillow.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rectangle((width // 4, height // 4, width // 2, height // 2), fill=255)
    return mask


def sent(picture: Pillow.Image) -> Image:
    """It as a request carries it."""
    body = BytesIO()
    picture.save(body, "PNG")
    return Image(body.getvalue())
