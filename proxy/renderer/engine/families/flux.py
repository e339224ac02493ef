"""Flux dev and schnell: latents packed two by two, guidance read by the denoiser itself, if at all.

A negative prompt needs true guidance on top, which runs the denoiser twice a step: two calls, of the same kind as
everybody's, so that a picture with and one without a negative prompt still share each of them.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from PIL import Image as Pillow

from providers.contract import ImageRequest
from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.families.flow import FlowFamily
from proxy.renderer.engine.families.sitting import Arguments
from proxy.renderer.engine.families.stacking import Form
from proxy.renderer.engine.families.ways import Way, refusal
from proxy.renderer.engine.painting import Painting

TRUE_GUIDANCE = 4.0
"""How far a picture is kept from its negative prompt where the request cannot say: its guidance has a place already."""


class Flux(FlowFamily):
    """Its denoiser is told the time as a part of one."""

    FORM: ClassVar[Form] = Form(lead="hidden_states", shared=("img_ids", "txt_ids"))

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        """See `contract.Family`."""
        painting = super().begin(opened, request, seed)
        painting.guided = painting.state.way.options.get("true_cfg_scale", 1.0) > 1
        return painting

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        """See `contract.Family`. With true guidance the last answer is only half of it, the one to keep away from."""
        return None if painting.guided else super().preview(opened, painting)

    def way(self, opened: Opened, request: ImageRequest) -> Way:
        """A negative prompt turns true guidance on, which stock leaves off; a guidance nobody reads is refused."""
        way = super().way(opened, request)
        reads = opened.pipeline.transformer.config.guidance_embeds
        if request.guidance is not None and not reads and request.negative is None:
            raise refusal("takes no guidance but with a negative prompt: it was distilled to do without", "guidance")
        if request.negative is not None:
            asked = None if reads else request.guidance
            way.options["true_cfg_scale"] = TRUE_GUIDANCE if asked is None else asked
        return way

    def foreseen(self, pipeline: Pipeline, asked: Arguments, answer: torch.Tensor) -> torch.Tensor | None:
        """Straight back along the velocity, and unpacked."""
        packed = asked["hidden_states"] - asked["timestep"][-1] * answer
        down, right = (int(side) + 1 for side in asked["img_ids"].amax(0)[1:])
        pixels = 2 * pipeline.vae_scale_factor  # along a patch's side
        unpacked: torch.Tensor = pipeline._unpack_latents(packed, down * pixels, right * pixels, pixels // 2)
        return unpacked
