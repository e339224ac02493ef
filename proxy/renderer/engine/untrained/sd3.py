"""Stable Diffusion 3 and 3.5: three text encoders, a transformer over patches of latents, flow matching."""

from __future__ import annotations

from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

from proxy.renderer.engine.untrained.parts import (
    TEXT_WIDTH,
    autoencoder,
    clip_encoder,
    clip_tokenizer,
    t5_encoder,
    t5_tokenizer,
)

_LATENTS = 16
_JOINT = 2 * TEXT_WIDTH
"""Width of the T5 encoder: both CLIP encoders' words side by side have to fit into it."""


def pipeline(*, medium: bool = False) -> StableDiffusion3Pipeline:
    """The pipeline: in the shape of SD3, or of SD3.5 medium with its second attention and normalised queries."""
    first, second, third = clip_tokenizer(), clip_tokenizer(), t5_tokenizer()
    return StableDiffusion3Pipeline(
        vae=autoencoder(_LATENTS, shifted=True),
        text_encoder=clip_encoder(first, projecting=True),
        tokenizer=first,
        text_encoder_2=clip_encoder(second, projecting=True),
        tokenizer_2=second,
        text_encoder_3=t5_encoder(third, _JOINT),
        tokenizer_3=third,
        transformer=_denoiser(medium),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def _denoiser(medium: bool) -> SD3Transformer2DModel:
    denoiser = SD3Transformer2DModel(
        sample_size=128,
        patch_size=2,
        in_channels=_LATENTS,
        out_channels=_LATENTS,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=_JOINT,
        pooled_projection_dim=2 * TEXT_WIDTH,
        pos_embed_max_size=192,
        **({"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if medium else {}),
    ).eval()
    denoiser.proj_out.weight.mul_(2)  # a velocity that moves the latents by about as much as a trained one would
    return denoiser
