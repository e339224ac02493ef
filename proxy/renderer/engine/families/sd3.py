"""Stable Diffusion 3 and 3.5: one call of the transformer a step, with a row for each half of the guidance."""

from __future__ import annotations

from typing import ClassVar

import torch

from proxy.renderer.engine.families.contract import Pipeline
from proxy.renderer.engine.families.flow import FlowFamily
from proxy.renderer.engine.families.sitting import Arguments
from proxy.renderer.engine.families.stacking import Form


class StableDiffusion3(FlowFamily):
    """Its denoiser is told the time in thousandths."""

    FORM: ClassVar[Form] = Form(lead="hidden_states", patch=2)

    def foreseen(self, pipeline: Pipeline, asked: Arguments, answer: torch.Tensor) -> torch.Tensor | None:
        """Straight back along the velocity."""
        velocity = answer[-1:]
        if len(answer) == 2:
            velocity = answer[:1] + pipeline.guidance_scale * (velocity - answer[:1])
        latents = asked["hidden_states"][-1:, : pipeline.vae.config.latent_channels]
        foreseen: torch.Tensor = latents - asked["timestep"][-1] / 1000 * velocity
        return foreseen
