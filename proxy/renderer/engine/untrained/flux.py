"""Flux: CLIP and T5, a transformer over packed latents, flow matching shifted by the picture's size."""

from __future__ import annotations

from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

from proxy.renderer.engine.untrained.parts import (
    TEXT_WIDTH,
    autoencoder,
    clip_encoder,
    clip_tokenizer,
    t5_encoder,
    t5_tokenizer,
)

_LATENTS = 16
_ROTARY = (4, 6, 6)
"""Channels of a head that tell where a patch is: they are all its channels."""


def pipeline(*, schnell: bool = False) -> FluxPipeline:
    """The pipeline: dev, whose denoiser reads the guidance and whose steps shift with the size; or schnell, neither."""
    first, second = clip_tokenizer(), t5_tokenizer()
    return FluxPipeline(
        vae=autoencoder(_LATENTS, shifted=True),
        text_encoder=clip_encoder(first),
        tokenizer=first,
        text_encoder_2=t5_encoder(second, TEXT_WIDTH),
        tokenizer_2=second,
        transformer=_denoiser(guided=not schnell),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0) if schnell else _shifting(),
    )


def _denoiser(*, guided: bool) -> FluxTransformer2DModel:
    denoiser = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * _LATENTS,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=sum(_ROTARY),
        num_attention_heads=2,
        joint_attention_dim=TEXT_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        guidance_embeds=guided,
        axes_dims_rope=_ROTARY,
    ).eval()
    denoiser.context_embedder.weight.mul_(6)  # words loud enough to be heard by two layers
    denoiser.proj_out.weight.mul_(2)  # a velocity that moves the latents by about as much as a trained one would
    return denoiser


def _shifting() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=256,
        max_image_seq_len=4096,
    )
