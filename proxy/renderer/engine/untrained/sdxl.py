"""Stable Diffusion XL: two text encoders, and a denoiser that is told the picture's size."""

from __future__ import annotations

from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

from proxy.renderer.engine.untrained.parts import TEXT_WIDTH, autoencoder, clip_encoder, clip_tokenizer
from proxy.renderer.engine.untrained.sd import stir

_LEVELS = (32, 64, 96)
_TIME_WIDTH = 8
"""Of each of the six numbers that say the picture's size and crop."""


def pipeline() -> StableDiffusionXLPipeline:
    """The pipeline."""
    first, second = clip_tokenizer(), clip_tokenizer()
    return StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=clip_encoder(first),
        tokenizer=first,
        text_encoder_2=clip_encoder(second, projecting=True),
        tokenizer_2=second,
        unet=_denoiser(),
        scheduler=_scheduler(),
        add_watermarker=False,
    )


def _denoiser() -> UNet2DConditionModel:
    deep = len(_LEVELS) - 1
    denoiser = UNet2DConditionModel(
        block_out_channels=_LEVELS,
        layers_per_block=1,
        sample_size=128,
        in_channels=4,
        out_channels=4,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * deep),
        up_block_types=(*["CrossAttnUpBlock2D"] * deep, "UpBlock2D"),
        cross_attention_dim=2 * TEXT_WIDTH,
        attention_head_dim=(4, 8, 12),
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * _TIME_WIDTH + TEXT_WIDTH,
    ).eval()
    stir(denoiser)
    return denoiser


def _scheduler() -> EulerDiscreteScheduler:
    """SDXL's own, but the network is read as the picture itself: it has never learnt what noise is."""
    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
        steps_offset=1,
        prediction_type="sample",
    )
