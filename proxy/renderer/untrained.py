"""A tiny text-to-image pipeline in the shape of Stable Diffusion, with random weights from a seed. No file, no network.

Worker process only: imports torch and diffusers. What it paints is abstract. The weights are random, but not arbitrary:
left as the libraries draw them they give grey noise, so convolutions are smoothed and the prompt's paths strengthened,
which gives soft shapes whose colours follow the prompt and whose places follow the seed.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from proxy.renderer.loads import Untrained

_TEXT_WIDTH = 64
_LEVELS = (32, 64, 96)
_DECODER = (16, 24, 32, 32)
"""Four levels: the picture is eight times the size of its latents, as in Stable Diffusion."""
_BLUR = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))
_DENOISER_GRAIN = 0.4
_DECODER_GRAIN = 0.03
"""How much of a convolution stays random; the rest is blur. More gives finer, harsher textures."""


def build(load: Untrained) -> StableDiffusionPipeline:
    """The pipeline for that seed: about three million parameters, the same on every run."""
    with torch.random.fork_rng(devices=()), torch.no_grad():
        torch.manual_seed(load.seed)
        tokenizer = _tokenizer()
        pipeline = StableDiffusionPipeline(
            vae=_autoencoder(),
            text_encoder=_text_encoder(tokenizer),
            tokenizer=tokenizer,
            unet=_denoiser(),
            scheduler=_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _tokenizer() -> CLIPTokenizer:
    """Byte-level, without merges: every byte a token, and a second form of it for the end of a word."""
    symbols = _byte_symbols()
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=77)


def _byte_symbols() -> list[str]:
    """The printable character that stands for each byte in CLIP's vocabulary, in its order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(printable)
    return [chr(code) for code in (*printable, *range(256, 256 + others))]


def _text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=_TEXT_WIDTH,
            intermediate_size=2 * _TEXT_WIDTH,
            projection_dim=_TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    ).eval()
    encoder.get_input_embeddings().weight.mul_(8)  # words far apart, so that they make a difference
    return encoder


def _denoiser() -> UNet2DConditionModel:
    deep = len(_LEVELS) - 1
    denoiser = UNet2DConditionModel(
        block_out_channels=_LEVELS,
        layers_per_block=1,
        sample_size=64,
        in_channels=4,
        out_channels=4,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * deep),
        up_block_types=(*["CrossAttnUpBlock2D"] * deep, "UpBlock2D"),
        cross_attention_dim=_TEXT_WIDTH,
        attention_head_dim=8,
    ).eval()
    _soften(denoiser, _DENOISER_GRAIN)
    for name, module in denoiser.named_modules():
        if name.endswith("attn2.to_out.0"):  # what the prompt adds
            module.weight.mul_(4)
        elif name.endswith(("attn2.to_q", "attn2.to_k")):  # how sharply each place picks its words
            module.weight.mul_(3)
    denoiser.conv_out.weight.mul_(2)
    return denoiser


def _autoencoder() -> AutoencoderKL:
    levels = len(_DECODER)
    autoencoder = AutoencoderKL(
        block_out_channels=_DECODER,
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=512,
    ).eval()
    _soften(autoencoder.decoder, _DECODER_GRAIN)
    autoencoder.decoder.conv_out.weight.mul_(1.5)  # contrast
    return autoencoder


def _scheduler() -> DDIMScheduler:
    """Stable Diffusion's own, but the network is read as the picture itself: it has never learnt what noise is."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        prediction_type="sample",
    )


def _soften(network: torch.nn.Module, grain: float) -> None:
    """Turn the network's 3 by 3 convolutions into blurs of their own strength, but for that part."""
    blur = torch.tensor(_BLUR) / 10  # adds up to more than one: random signs cancel out some of it
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
            strength = module.weight.sum((2, 3), keepdim=True)
            module.weight.copy_(grain * module.weight + (1 - grain) * strength * blur)
            if module.bias is not None:
                module.bias.zero_()
