"""Pipelines with real architectures' denoisers and autoencoders and random weights, for measuring: they paint noise.

Sizes are those of the published configurations. Text encoders have the real widths and one layer each: they run once a
picture, and what they take is left out of every figure taken with these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from proxy.renderer.engine.untrained.parts import clip_encoder, clip_tokenizer, t5_encoder, t5_tokenizer

_CLIP_L, _CLIP_G, _T5 = 768, 1280, 4096
"""Widths of the text encoders."""
_LEVELS = 4


@contextmanager
def made_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Weights made inside are of that dtype and there at once: in float32 first, Flux would take 48 GB."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(usual)


def sd() -> StableDiffusionPipeline:
    """Stable Diffusion 1.5."""
    tokenizer = clip_tokenizer()
    return StableDiffusionPipeline(
        vae=_autoencoder(4),
        text_encoder=clip_encoder(tokenizer, width=_CLIP_L),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=_CLIP_L, attention_head_dim=8).eval(),
        scheduler=_schedule(
            DDIMScheduler,
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> StableDiffusionXLPipeline:
    """Stable Diffusion XL base."""
    first, second = clip_tokenizer(), clip_tokenizer()
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=2,
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=_CLIP_L + _CLIP_G,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + _CLIP_G,
        use_linear_projection=True,
    )
    return StableDiffusionXLPipeline(
        vae=_autoencoder(4),
        text_encoder=clip_encoder(first, width=_CLIP_L),
        tokenizer=first,
        text_encoder_2=clip_encoder(second, projecting=True, width=_CLIP_G),
        tokenizer_2=second,
        unet=unet.eval(),
        scheduler=_schedule(
            EulerDiscreteScheduler,
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
            steps_offset=1,
        ),
        add_watermarker=False,
    )


def sd3() -> StableDiffusion3Pipeline:
    """Stable Diffusion 3 medium."""
    first, second, third = clip_tokenizer(), clip_tokenizer(), t5_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=128,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=24,
        attention_head_dim=64,
        num_attention_heads=24,
        joint_attention_dim=_T5,
        caption_projection_dim=1536,
        pooled_projection_dim=_CLIP_L + _CLIP_G,
        pos_embed_max_size=192,
    )
    return StableDiffusion3Pipeline(
        vae=_autoencoder(16),
        text_encoder=clip_encoder(first, projecting=True, width=_CLIP_L),
        tokenizer=first,
        text_encoder_2=clip_encoder(second, projecting=True, width=_CLIP_G),
        tokenizer_2=second,
        text_encoder_3=t5_encoder(third, _T5),
        tokenizer_3=third,
        transformer=transformer.eval(),
        scheduler=_schedule(FlowMatchEulerDiscreteScheduler, shift=3.0),
    )


def flux() -> FluxPipeline:
    """Flux dev."""
    first, second = clip_tokenizer(), t5_tokenizer()
    transformer = FluxTransformer2DModel(
        in_channels=64,
        num_layers=19,
        num_single_layers=38,
        attention_head_dim=128,
        num_attention_heads=24,
        joint_attention_dim=_T5,
        pooled_projection_dim=_CLIP_L,
        guidance_embeds=True,
    )
    return FluxPipeline(
        vae=_autoencoder(16),
        text_encoder=clip_encoder(first, width=_CLIP_L),
        tokenizer=first,
        text_encoder_2=t5_encoder(second, _T5),
        tokenizer_2=second,
        transformer=transformer.eval(),
        scheduler=_schedule(
            FlowMatchEulerDiscreteScheduler,
            shift=3.0,
            use_dynamic_shifting=True,
            base_shift=0.5,
            max_shift=1.15,
            base_image_seq_len=256,
            max_image_seq_len=4096,
        ),
    )


PIPELINES: dict[str, Callable[[], Any]] = {"sd": sd, "sdxl": sdxl, "sd3": sd3, "flux": flux}


def _schedule(kind: Callable[..., Any], **said: Any) -> Any:
    """A scheduler: its numbers are on the CPU and in float32, wherever the weights are."""
    with made_in(torch.float32, torch.device("cpu")):
        return kind(**said)


def _autoencoder(latents: int) -> AutoencoderKL:
    """Four levels; with 16 latent channels the newer kind, of SD3 and Flux."""
    newer = {"shift_factor": 0.0609, "scaling_factor": 1.5305, "use_quant_conv": False, "use_post_quant_conv": False}
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=["DownEncoderBlock2D"] * _LEVELS,
        up_block_types=["UpDecoderBlock2D"] * _LEVELS,
        layers_per_block=2,
        latent_channels=latents,
        **(newer if latents > 4 else {}),
    ).eval()
