"""The networks of `darkroom-tiny`, from diffusers' and transformers' own classes, and the pipeline they make together.

A picture of 128 px is 16 by 16 latents of sixteen channels. Everything is made to fit into 12 MB of float16.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderTiny, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .pen import SIDE
from .tokenizer import LONGEST

LATENTS = 16
"""Channels of a latent."""
FACTOR = 8
"""Pixels of a latent's side."""
_WORD = 128
_CODER = 48


def autoencoder() -> AutoencoderTiny:
    """Pictures to latents of mean 0 and deviation 1, and back."""
    return AutoencoderTiny(
        encoder_block_out_channels=(_CODER,) * 4,
        decoder_block_out_channels=(_CODER,) * 4,
        num_encoder_blocks=(0, 1, 1, 2),
        num_decoder_blocks=(3, 2, 2, 1),
        latent_channels=LATENTS,
        scaling_factor=1.0,
    )


def text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Captions to one vector a token."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=_WORD,
            intermediate_size=2 * _WORD,
            projection_dim=_WORD,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LONGEST,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def denoiser() -> UNet2DConditionModel:
    """Predicts the velocity from noisy latents, a time step and a caption."""
    return UNet2DConditionModel(
        sample_size=SIDE // FACTOR,
        in_channels=LATENTS,
        out_channels=LATENTS,
        block_out_channels=(56, 88, 112),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=_WORD,
        attention_head_dim=4,
    )


def scheduler() -> DPMSolverMultistepScheduler:
    """How noise is added in training and taken away in drawing. The noise at the last step drowns the picture wholly,
    so that drawing may begin from nothing but noise: a night comes out as dark as it should.
    """
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_start=0.0001,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def pipeline(
    words: CLIPTokenizer, text: CLIPTextModel, picture: AutoencoderTiny, noise: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """A stock pipeline of them, ready to be saved."""
    made = StableDiffusionPipeline(
        vae=picture.eval(),
        text_encoder=text.eval(),
        tokenizer=words,
        unet=noise.eval(),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def parameters(*networks: torch.nn.Module) -> int:
    """How many numbers they have."""
    return sum(weight.numel() for network in networks for weight in network.parameters())
