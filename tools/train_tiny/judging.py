"""Last lesson: a small classifier learns to tell what drawn scenes show, and marks what the model paints.

It sees real scenes only, a little blurred and noisy at random; the model's pictures are of captions whose subject,
colour and place never came together in its training.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from .autoencoding import as_input
from .captions import plain
from .drawing import picture_of
from .scene import (
    COLOURS,
    MOST,
    PLACES,
    POSITIONS,
    STYLES,
    SUBJECTS,
    TIMES,
    WEATHERS,
    Scene,
    examined_scenes,
    random_scene,
)
from .stopwatch import Stopwatch

ATTRIBUTES: dict[str, tuple[object, ...]] = {
    "subject": SUBJECTS,
    "colour": tuple(COLOURS),
    "place": PLACES,
    "time": TIMES,
    "weather": WEATHERS,
    "style": STYLES,
    "position": POSITIONS,
    "count": tuple(range(1, MOST + 1)),
}
"""What is told, and the answers there are."""
_SIDE = 96
_BATCH = 64
_RATE = 2e-3


class Judge(nn.Module):
    """A plain convolutional network with one answer for each attribute."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 48, 96, 160, 192)
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
            layers += [nn.Conv2d(after, after, 3, padding=1, stride=2), nn.GroupNorm(8, after), nn.SiLU()]
        self.seeing = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9 * widths[-1], 256), nn.SiLU()
        )
        self.telling = nn.ModuleDict({name: nn.Linear(256, len(answers)) for name, answers in ATTRIBUTES.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """For each attribute, the answers' logits: [n, answers]."""
        seen = self.seeing(pictures)
        return {name: tell(seen) for name, tell in self.telling.items()}


class Mark(Struct, frozen=True):
    """How the pictures of one sampler and guidance did."""

    steps: int
    guidance: float
    right: dict[str, float]
    """For each attribute, the part of pictures that show it as asked, 0 to 1."""


def train_judge(to: Path, many: int, steps: int, seed: int) -> Judge:
    """The trained judge, from the file where it was trained before."""
    torch.manual_seed(seed)
    judge = Judge()
    if to.exists():
        judge.load_state_dict(torch.load(to))
        judge.eval()
    return judge
    chance = random.Random(seed + 2)  # noqa: S311
    scenes = [random_scene(chance) for _ in range(many)]
    pictures = np.stack([small(picture_of(scene)) for scene in scenes])
    truth = {name: answers(scenes, name) for name in ATTRIBUTES}
    learning = torch.optim.AdamW(judge.parameters(), lr=_RATE, weight_decay=0.02)
    pace = torch.optim.lr_scheduler.OneCycleLR(learning, _RATE, total_steps=steps)
    watch = Stopwatch("judge")
    for step in range(steps):
        chosen = [chance.randrange(many) for _ in range(_BATCH)]
        with torch.autocast("cpu", torch.bfloat16):
            told = judge(_worn(as_input(pictures[chosen]), chance))
        loss = torch.stack(
            [nn.functional.cross_entropy(told[name].float(), truth[name][chosen]) for name in ATTRIBUTES]
        ).sum()
        learning.zero_grad()
        torch.autograd.backward(loss)
        learning.step()
        pace.step()
        if step % 100 == 0 or step == steps - 1:
            watch.say(f"step {step} of {steps}, loss {loss.item():.3f}")
    torch.save(judge.state_dict(), to)
    judge.eval()
    return judge


def agreement(
    judge: Callable[[Tensor], dict[str, Tensor]], pictures: list[Image.Image], scenes: list[Scene]
) -> dict[str, float]:
    """For each attribute, the part of the pictures in which the judge sees what the scene says, 0 to 1.

    Position counts where there is one subject only.
    """
    with torch.inference_mode():
        told = judge(as_input(np.stack([small(picture) for picture in pictures])))
    right = {}
    for name in ATTRIBUTES:
        counted = torch.tensor([name != "position" or scene.count == 1 for scene in scenes])
        hits = told[name].argmax(1) == answers(scenes, name)
        right[name] = hits[counted].float().mean().item()
    return right


def examine(pipeline: StableDiffusionPipeline, judge: Judge, many: int, steps: int, guidance: float, seed: int) -> Mark:
    """Paint that many held-out captions and have them judged."""
    scenes = examined_scenes(many, seed + 3)
    pictures = painted(pipeline, [plain(scene) for scene in scenes], steps, guidance, seed)
    return Mark(steps, guidance, agreement(judge, pictures, scenes))


def painted(
    pipeline: StableDiffusionPipeline, texts: list[str], steps: int, guidance: float, seed: int
) -> list[Image.Image]:
    """One picture a text, with seeds counted on from `seed`."""
    pictures: list[Image.Image] = []
    for at in range(0, len(texts), 8):
        part = texts[at : at + 8]
        dice = [torch.Generator("cpu").manual_seed(seed + at + n) for n in range(len(part))]
        pictures += pipeline(part, num_inference_steps=steps, guidance_scale=guidance, generator=dice).images
    return pictures


def answers(scenes: list[Scene], name: str) -> Tensor:
    """The place of each scene's value among the attribute's answers: [n]."""
    known = ATTRIBUTES[name]
    return torch.tensor([known.index(getattr(scene, name)) for scene in scenes])


def small(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture as the judge sees it: [side, side, 3]."""
    return np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX))


def _worn(pictures: Tensor, chance: random.Random) -> Tensor:
    """Some noise, and a blur every other time, so that it does not judge by pixels that only a drawing has."""
    if chance.random() < 0.5:
        pictures = nn.functional.avg_pool2d(pictures, 3, 1, 1)
    return pictures + torch.randn_like(pictures) * chance.uniform(0, 0.1)
