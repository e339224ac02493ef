"""Pipelines that are in no list: whole, one at a time, in steps that others can come between."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import (
    DiffusionPipeline,
    ImagePipelineOutput,
    StableDiffusionPAGPipeline,
)
from PIL import Image as Pillow

from providers.contract import Control, ControlKind, Failure, Fault, Generate
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.families.whole import Whole
from proxy.renderer.engine.painting import Painting
from proxy.renderer.engine.untrained import sd
from tests.renderer.engine.studio import MODEL, SIDE, opened, painted, photo, sent, sown_pipeline, stepped


def perturbed() -> Any:
    """A relative of Stable Diffusion that changes how its weights' modules attend while it is called."""
    parts = sown_pipeline(sd.pipeline).components
    return StableDiffusionPAGPipeline(**parts, requires_safety_checker=False, pag_applied_layers="mid")


@cache
def pipeline() -> Any:
    made = perturbed()
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def model() -> Opened:
    return opened(pipeline())


def words(prompt: str, seed: int, steps: int | None = 4, guidance: float | None = 5.0, **more: Any) -> Generate:
    return Generate(
        model=MODEL, prompt=prompt, seed=seed, steps=steps, guidance=guidance, width=SIDE, height=SIDE, **more
    )


def stock(request: Generate, made: Any = None, **more: Any) -> Pillow.Image:
    options = {
        "prompt": request.prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "width": SIDE,
        "height": SIDE,
        "generator": torch.Generator("cpu").manual_seed(request.seed or 0),
    }
    with torch.inference_mode():
        picture: Pillow.Image = (made or pipeline())(**options | more).images[0]
    return picture


def begun(model: Opened, request: Generate) -> Painting:
    assert isinstance(model.family, Whole)
    with torch.inference_mode():
        return model.family.begin(model, request, request.seed or 0)


def finished(model: Opened, painting: Painting) -> Pillow.Image:
    with torch.inference_mode():
        return model.family.finish(model, painting)


def drawn_through(model: Opened, painting: Painting) -> Pillow.Image:
    while not painting.done:
        stepped(model, [painting], 1)
    return finished(model, painting)


def test_it_draws_what_stock_draws(model: Opened) -> None:
    """To the bit, with two at a time: one waits, because the other has its way with the weights' modules."""
    one, other = words("a red house", 1, 6), words("a blue boat", 2, 3)
    waiting = {1: begun(model, one), 2: begun(model, other)}
    assert all(each.alone for each in waiting.values())
    order = []
    while waiting:
        for seed, painting in tuple(waiting.items()):
            stepped(model, [painting], 1)
            if painting.done:
                assert finished(model, painting).tobytes() == stock((one, other)[seed - 1]).tobytes()
                model.family.drop(waiting.pop(seed))
                order.append(seed)
    assert order == [1, 2]
    plain = sown_pipeline(sd.pipeline)
    assert stock(one).tobytes() != stock(one, plain).tobytes(), "it is not its relative"


def test_a_step_at_a_time(model: Opened) -> None:
    painting = begun(model, words("a red house", 1, 4))
    seen = [(painting.step, painting.done)]
    while not painting.done:
        stepped(model, [painting], 1)
        seen.append((painting.step, painting.done))
    assert seen == [(0, False), (1, False), (2, False), (3, False), (4, True)]
    assert painting.guided
    assert model.family.preview(model, painting) is None
    model.family.drop(painting)


def test_a_dropped_one_is_not_decoded(model: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = pipeline().vae.decode

    def counted(*given: Any, **named: Any) -> Any:
        decoded.append(1)
        return decode(*given, **named)

    monkeypatch.setattr(pipeline().vae, "decode", counted)
    first, second = (begun(model, words("a red house", seed)) for seed in (1, 2))
    for _ in range(4):
        stepped(model, [first], 1)
    stepped(model, [second], 1)
    assert (first.done, second.step) == (True, 0), "the other one is at the pipeline still"
    model.family.drop(first)
    assert decoded == []
    while not second.done:
        stepped(model, [second], 1)
    assert finished(model, second).tobytes() == stock(words("a red house", 2)).tobytes()
    assert decoded == [1, 1]
    untouched = begun(model, words("a red house", 3))
    model.family.drop(untouched)


@pytest.mark.parametrize("part", ["unet.forward", "vae.decode"])
def test_after_a_lack_of_memory_it_begins_again(model: Opened, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    name, method = part.split(".")
    owner = getattr(pipeline(), name)
    works, calls = getattr(owner, method), []

    def short(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == (3 if name == "unet" else 1):
            raise torch.OutOfMemoryError("too little")
        return works(*given, **named)

    monkeypatch.setattr(owner, method, short)
    request = words("a red house", 1)
    painting = begun(model, request)
    with pytest.raises(torch.OutOfMemoryError):
        drawn_through(model, painting)
    assert painting.step == (0 if name == "unet" else 4)
    drawn = drawn_through(model, painting)
    monkeypatch.undo()
    assert drawn.tobytes() == stock(request).tobytes()


class Silent(DiffusionPipeline):  # type: ignore[misc]
    """Tells of no steps, has no scheduler and no autoencoder, and takes what it needs from nobody."""

    def __call__(self, prompt: str, width: int, height: int, generator: torch.Generator) -> ImagePipelineOutput:
        noise = torch.rand(height, width, 3, generator=generator)
        return ImagePipelineOutput([Pillow.fromarray((noise * len(prompt) * 20).to(torch.uint8).numpy())])


class Old(Silent):
    """Tells of its steps as pipelines once did, and not how many there are."""

    def __call__(
        self,
        prompt: str,
        width: int,
        height: int,
        generator: torch.Generator,
        num_inference_steps: int = 5,
        callback: Any = None,
        callback_steps: int = 2,
    ) -> ImagePipelineOutput:
        for step in range(num_inference_steps):
            if step % callback_steps == 0:
                callback(step, 1000 - step, None)
        return super().__call__(prompt, width, height, generator)


class Mute(DiffusionPipeline):  # type: ignore[misc]
    """Makes no pictures."""

    def __call__(self, prompt: str, width: int, height: int, generator: torch.Generator) -> tuple[str]:
        return (prompt,)


@pytest.mark.parametrize(("kind", "steps"), [(Silent, 1), (Old, 5)])
def test_whatever_its_shape(kind: type, steps: int) -> None:
    model = opened(kind())
    (painting,) = painted(model, [words("a red house", 1, None, None)])
    assert (painting.steps, painting.guided) == (steps, False)
    drawn = finished(model, painting)
    assert drawn.size == (SIDE, SIDE)
    reference = torch.rand(SIDE, SIDE, 3, generator=torch.Generator().manual_seed(1))
    assert drawn.tobytes() == (reference * 220).to(torch.uint8).numpy().tobytes()


def test_what_makes_no_pictures() -> None:
    model = opened(Mute())
    (painting,) = painted(model, [words("a red house", 1, None, None)])
    with pytest.raises(Failure, match="makes no pictures: it is a Mute") as caught:
        finished(model, painting)
    assert caught.value.fault is Fault.UNAVAILABLE


def test_what_it_cannot_do_is_refused(model: Opened) -> None:
    control = Control(model=MODEL, kind=ControlKind.SKETCH, picture=sent(photo()))
    with pytest.raises(Failure, match=r"does not do control\.sketch") as caught:
        model.family.begin(model, control, 1)
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "model")
