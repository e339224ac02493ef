"""Stable Diffusion 1.x, 2.x and XL, with what was distilled from them: Turbo, Lightning, Hyper, LCM.

Distilled weights need no way of their own: a guidance of 1 or less runs the denoiser without its second half, and the
schedule is the model's own or the load's `sampler`.
"""

from __future__ import annotations

from typing import Any

import torch

from providers.contract import ImageRequest
from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.families.sitting import Arguments, Sitting, StandIn, names_of
from proxy.renderer.engine.families.stock import StockFamily
from proxy.renderer.engine.painting import Painting

_LAID = "channels side by side"


class StableDiffusion(StockFamily):
    """Models with a UNet that predicts noise, velocity or the picture itself."""

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        """See `contract.Family`. Convolutions are faster where a pixel's channels lie side by side, on all but MPS."""
        if opened.device.type != "mps" and _LAID not in opened.kept:
            for part in (opened.pipeline.unet, opened.pipeline.vae):
                part.to(memory_format=torch.channels_last)
            opened.kept[_LAID] = True
        return super().begin(opened, request, seed)

    def stood_in(self, sitting: Sitting, denoiser: Any) -> StandIn:
        """Stock inpainting takes a denoiser of 4 channels for one that knows no masks, and most others for an error.

        What it means is one whose channels are the latents' own, however many these are.
        """
        config, pipeline = denoiser.config, sitting.pipeline
        if hasattr(pipeline, "mask_processor") and config.in_channels == pipeline.vae.config.latent_channels:
            config = type(config)({**config, "in_channels": 4})
        return StandIn(denoiser, sitting.ask(names_of(denoiser)), config=config)

    def foreseen(self, pipeline: Pipeline, asked: Arguments, answer: torch.Tensor) -> torch.Tensor | None:
        """Solved for the picture from what the schedule mixed of it and noise.

        What the denoiser is given has the variance that the schedule's alphas say, in whatever units its sampler works.
        """
        vae = pipeline.vae.config
        if getattr(vae, "force_upcast", False) and pipeline.vae.dtype == torch.float16:
            return None  # it overflows where it is not cast up, which takes too long for a preview
        noisy: torch.Tensor = asked["sample"][-1:, : vae.latent_channels]
        predicted = answer[-1:]
        if len(answer) == 2:
            predicted = answer[:1] + pipeline.guidance_scale * (predicted - answer[:1])
        alphas: torch.Tensor = pipeline.scheduler.alphas_cumprod
        place = min(max(round(float(asked["timestep"])), 0), len(alphas) - 1)
        signal, noise = alphas[place].sqrt().item(), (1 - alphas[place]).sqrt().item()
        match pipeline.scheduler.config.prediction_type:
            case "epsilon":
                return (noisy - noise * predicted) / max(signal, 1e-4)
            case "v_prediction":
                return signal * noisy - noise * predicted
            case "sample":
                return predicted
        return None
