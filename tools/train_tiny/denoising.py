"""Second lesson: the denoiser and the text encoder learn together to take noise out of a captioned picture's latents.

Pictures are drawn and encoded once and kept as latents; captions are worded afresh each time a picture is seen.
"""

from __future__ import annotations

import copy
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from .autoencoding import as_input
from .captions import caption
from .drawing import picture_of
from .network import denoiser, scheduler, text_encoder
from .scene import Scene, training_scenes
from .stopwatch import Stopwatch
from .tokenizer import encode

_BATCH = 64
_RATE = 1e-3
_WARM = 300
_LAST = 0.25
"""The part of the steps, at the end, over which the rate falls to nothing."""
_SILENT = 0.1
"""How often the caption is withheld, for guidance."""
_KEEP_S = 240
"""Seconds between two saved states."""


class Lessons(nn.Module):
    """What learns together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text: CLIPTextModel = text_encoder(tokenizer)
        self.noise: UNet2DConditionModel = denoiser()


def encoded_scenes(to: Path, coder: AutoencoderTiny, many: int, seed: int) -> tuple[list[Scene], Tensor]:
    """Random scenes and the latents of their pictures: [n, channels, side, side], float16. Kept in a folder."""
    scenes_file, latents_file = to / "scenes.msgpack", to / "latents.npy"
    if latents_file.exists():
        scenes = msgspec.msgpack.decode(scenes_file.read_bytes(), type=list[Scene])
        return scenes, torch.from_numpy(np.load(latents_file))
    scenes = training_scenes(many, seed + 1)
    parts = []
    watch = Stopwatch("scenes")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for at in range(0, many, 100):
            pictures = np.stack([np.asarray(picture_of(scene)) for scene in scenes[at : at + 100]])
            parts.append(coder.encode(as_input(pictures)).latents.half().contiguous().numpy())
            if at % 5_000 == 0:
                watch.say(f"{at} of {many}")
    latents = np.concatenate(parts)
    scenes_file.write_bytes(msgspec.msgpack.encode(scenes))
    np.save(latents_file, latents)
    return scenes, torch.from_numpy(latents)


def train_denoiser(
    to: Path, tokenizer: CLIPTokenizer, scenes: list[Scene], latents: Tensor, steps: int, seed: int
) -> Lessons:
    """The averaged networks after that many steps. Goes on from the state saved in the folder, if there is one."""
    torch.manual_seed(seed)
    student = Lessons(tokenizer).train()
    student.noise.to(memory_format=torch.channels_last)
    student.noise.set_attn_processor(AttnProcessor())  # the fused one is slow at learning on a CPU
    average = copy.deepcopy(student).eval()
    learning = torch.optim.AdamW(student.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    state = to / "denoiser.pt"
    first = _resume(state, student, average, learning)
    ahead = scheduler().alphas_cumprod.sqrt(), (1 - scheduler().alphas_cumprod).sqrt()
    watch, saved = Stopwatch("denoiser"), time.monotonic()
    losses: list[float] = []
    for step in range(first, steps):
        for group in learning.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / _WARM, (steps - step) / (_LAST * steps))
        chance = random.Random(f"{seed} {step}")  # noqa: S311
        torch.manual_seed(seed * 1_000_003 + step)
        loss = _loss(student, tokenizer, scenes, latents, ahead, chance)
        learning.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        learning.step()
        _follow(average, student, step)
        losses.append(loss.item())
        if step % 50 == 49 or step == steps - 1:
            pace = (step + 1 - first) * _BATCH / watch.seconds
            watch.say(f"step {step + 1} of {steps}, loss {np.mean(losses[-200:]):.4f}, {pace:.0f} pictures/s")
        if time.monotonic() - saved > _KEEP_S or step == steps - 1:
            saved = time.monotonic()
            _keep(state, student, average, learning, step + 1)
    return average


def _loss(
    student: Lessons,
    tokenizer: CLIPTokenizer,
    scenes: list[Scene],
    latents: Tensor,
    ahead: tuple[Tensor, Tensor],
    chance: random.Random,
) -> Tensor:
    chosen = [chance.randrange(len(scenes)) for _ in range(_BATCH)]
    texts = ["" if chance.random() < _SILENT else caption(scenes[n], chance) for n in chosen]
    clean = latents[chosen].float().to(memory_format=torch.channels_last)
    noise = torch.randn_like(clean)
    times = torch.randint(0, 1000, (_BATCH,))
    signal, blur = (part[times].view(-1, 1, 1, 1) for part in ahead)
    with torch.autocast("cpu", torch.bfloat16):
        told = student.text(encode(tokenizer, texts))[0]
        velocity = student.noise(signal * clean + blur * noise, times, told, return_dict=False)[0]
    return nn.functional.mse_loss(velocity.float(), signal * noise - blur * clean)


def _follow(average: Lessons, student: Lessons, step: int) -> None:
    """The average of the last thousand steps or so, which draws better than any one of them."""
    kept = min(0.999, (1 + step) / (20 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(student.parameters()), 1 - kept)


def _keep(state: Path, student: Lessons, average: Lessons, learning: torch.optim.Optimizer, step: int) -> None:
    new = state.with_suffix(".new")
    torch.save(
        {
            "student": student.state_dict(),
            "average": average.state_dict(),
            "learning": learning.state_dict(),
            "step": step,
        },
        new,
    )
    new.replace(state)


def _resume(state: Path, student: Lessons, average: Lessons, learning: torch.optim.Optimizer) -> int:
    if not state.exists():
        return 0
    kept: dict[str, Any] = torch.load(state)
    student.load_state_dict(kept["student"])
    average.load_state_dict(kept["average"])
    learning.load_state_dict(kept["learning"])
    return int(kept["step"])
