"""Stable Diffusion 1.5, its inpainting variant, and a ControlNet for it.

The weights are random, but not arbitrary: left as the libraries draw them they give grey noise, so convolutions are
smoothed and the prompt's paths strengthened, which gives soft shapes whose colours follow the prompt and whose places
follow the seed.
"""

from __future__ import annotations

from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from proxy.renderer.engine.untrained.parts import TEXT_WIDTH, autoencoder, clip_encoder, clip_tokenizer, soften

_LEVELS = (32, 64, 96)
_GRAIN = 0.4
"""How much of a convolution stays random; the rest is blur. More gives finer, harsher textures."""
LATENTS = 4
INPAINTING = 2 * LATENTS + 1
"""Channels that a denoiser made for inpainting reads: latents, the mask, and what the mask keeps."""


def pipeline(reads: int = LATENTS) -> StableDiffusionPipeline:
    """The pipeline; with `reads` of `INPAINTING`, of a model made for that."""
    tokenizer = clip_tokenizer()
    return StableDiffusionPipeline(
        vae=autoencoder(LATENTS),
        text_encoder=clip_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_denoiser(reads),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def controlnet(painter: StableDiffusionPipeline) -> ControlNetModel:
    """One that steers that pipeline's denoiser. Its last layers, zero before any training, are random, so it shows."""
    made = ControlNetModel.from_unet(painter.unet).eval()
    for layer in (*made.controlnet_down_blocks, made.controlnet_mid_block, made.controlnet_cond_embedding.conv_out):
        layer.weight.normal_(std=0.2)
    return made


def _denoiser(reads: int) -> UNet2DConditionModel:
    deep = len(_LEVELS) - 1
    denoiser = UNet2DConditionModel(
        block_out_channels=_LEVELS,
        layers_per_block=1,
        sample_size=64,
        in_channels=reads,
        out_channels=LATENTS,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * deep),
        up_block_types=(*["CrossAttnUpBlock2D"] * deep, "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
    ).eval()
    stir(denoiser)
    return denoiser


def stir(denoiser: UNet2DConditionModel) -> None:
    """Make an untrained denoiser paint shapes, and heed the prompt."""
    soften(denoiser, _GRAIN)
    for name, module in denoiser.named_modules():
        if name.endswith("attn2.to_out.0"):  # what the prompt adds
            module.weight.mul_(4)
        elif name.endswith(("attn2.to_q", "attn2.to_k")):  # how sharply each place picks its words
            module.weight.mul_(3)
    denoiser.conv_out.weight.mul_(2)


def _scheduler() -> DDIMScheduler:
    """Stable Diffusion's own, but the network is read as the picture itself: it has never learnt what noise is."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="sample",
    )
