"""First lesson: the autoencoder learns to put pictures into latents and to draw them from latents again.

Latents are kept at mean 0 and deviation 1, and some noise is added to them on the way: the denoiser will never hit
them exactly, and edges must come out clean all the same.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor, nn

from .drawing import picture_of
from .network import autoencoder
from .scene import random_scene
from .stopwatch import Stopwatch

_BATCH = 8
_CROP = 96
_RATE = 1.5e-3
_BLUR = 0.1
"""The most noise that is added, in deviations."""


def train_autoencoder(to: Path, pictures: int, steps: int, seed: int) -> AutoencoderTiny:
    """The autoencoder, trained on so many pictures; from the file where it was trained before."""
    torch.manual_seed(seed)
    network: AutoencoderTiny = autoencoder()
    return _learnt(to, network, list(network.parameters()), pictures, steps, seed)


def refine_decoder(to: Path, network: AutoencoderTiny, pictures: int, steps: int, seed: int) -> AutoencoderTiny:
    """The autoencoder with a decoder that learnt for longer; its latents stay as they are, so that the denoiser may
    learn them at the same time. From the file where it was refined before.
    """
    torch.manual_seed(seed + 4)
    network.encoder.requires_grad_(False)
    return _learnt(to, network, list(network.decoder.parameters()), pictures, steps, seed + 4)


def _learnt(
    to: Path, network: AutoencoderTiny, weights: list[nn.Parameter], pictures: int, steps: int, seed: int
) -> AutoencoderTiny:
    if to.exists():
        network.load_state_dict(torch.load(to))
    else:
        _learn(network, weights, drawn(pictures, seed), steps, seed)
        torch.save(network.state_dict(), to)
    network.eval()
    return network


def _learn(
    network: AutoencoderTiny, weights: list[nn.Parameter], pictures: NDArray[np.uint8], steps: int, seed: int
) -> None:
    """Let these of its weights learn."""
    network.train()
    chance = random.Random(seed)  # noqa: S311
    learning = torch.optim.AdamW(weights, lr=_RATE, betas=(0.9, 0.99), weight_decay=0)
    pace = torch.optim.lr_scheduler.OneCycleLR(learning, _RATE, total_steps=steps, pct_start=0.05)
    watch, losses = Stopwatch("autoencoder"), []
    for step in range(steps):
        real = _crops(pictures, chance)
        with torch.autocast("cpu", torch.bfloat16):
            latents = network.encode(real).latents.float()
            noisy = latents + torch.randn_like(latents) * torch.rand(len(real), 1, 1, 1) * _BLUR
            again = network.decode(noisy).sample.float()
        loss = _likeness(again, real) + 0.05 * _unevenness(latents)
        learning.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        learning.step()
        pace.step()
        losses.append(loss.item())
        if step % 100 == 99:
            watch.say(f"step {step + 1} of {steps}, loss {np.mean(losses[-100:]):.4f}")


def drawn(many: int, seed: int) -> NDArray[np.uint8]:
    """That many random pictures: [n, side, side, 3]."""
    chance = random.Random(seed)  # noqa: S311
    return np.stack([np.asarray(picture_of(random_scene(chance))) for _ in range(many)])


def as_input(pictures: NDArray[np.uint8]) -> Tensor:
    """Pictures as the networks take them: [n, 3, side, side], -1 to 1."""
    whole = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    return (whole.float() / 127.5 - 1).to(memory_format=torch.channels_last)


def _crops(pictures: NDArray[np.uint8], chance: random.Random) -> Tensor:
    side = pictures.shape[1] - _CROP
    corners = [
        (chance.randrange(len(pictures)), chance.randint(0, side), chance.randint(0, side)) for _ in range(_BATCH)
    ]
    return as_input(np.stack([pictures[n, y : y + _CROP, x : x + _CROP] for n, y, x in corners]))


def _likeness(one: Tensor, other: Tensor) -> Tensor:
    """How far the pictures are apart, and their edges."""
    apart = one - other
    across, down = apart.diff(dim=3), apart.diff(dim=2)
    return apart.abs().mean() + apart.square().mean() + 0.5 * (across.abs().mean() + down.abs().mean())


def _unevenness(latents: Tensor) -> Tensor:
    """How far each channel is from mean 0 and deviation 1."""
    return latents.mean((0, 2, 3)).square().mean() + latents.std((0, 2, 3)).log().square().mean()
