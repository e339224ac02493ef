"""What several families are made of: tokenizers, text encoders, autoencoders, and how random weights are tamed.

Everything here draws its weights from torch's generator as it stands; `sown` sets that for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import AutoencoderKL
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

TEXT_WIDTH = 64
"""Of every text encoder, and of what it pools a prompt to."""
_DECODER = (16, 24, 32, 32)
"""Four levels: the picture is eight times the size of its latents, as in every real family."""
_BLUR = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))
_DECODER_GRAIN = 0.03


@contextmanager
def sown(seed: int) -> Iterator[None]:
    """Weights made inside come from that seed; torch's own generator goes on afterwards as if nothing had been."""
    with torch.random.fork_rng(devices=()), torch.no_grad():
        torch.manual_seed(seed)
        yield


def clip_tokenizer() -> CLIPTokenizer:
    """Byte-level, without merges: every byte a token, and a second form of it for the end of a word."""
    symbols = _byte_symbols()
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=77)


def t5_tokenizer() -> T5Tokenizer:
    """Every printable ASCII character a token; whatever else there is, is unknown to it."""
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *(chr(code) for code in range(33, 127))]
    scored = [(piece, 0.0 if at < 3 else -2.0) for at, piece in enumerate(pieces)]
    return T5Tokenizer(vocab=scored, extra_ids=0, model_max_length=512)


def clip_encoder(
    tokenizer: CLIPTokenizer, *, projecting: bool = False, width: int = TEXT_WIDTH
) -> CLIPTextModel | CLIPTextModelWithProjection:
    """CLIP's text encoder; SDXL's second one and both of SD3's project what they pool."""
    kind = CLIPTextModelWithProjection if projecting else CLIPTextModel
    encoder = kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * TEXT_WIDTH,
            projection_dim=width,
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


def t5_encoder(tokenizer: T5Tokenizer, width: int) -> T5EncoderModel:
    """The encoder half of T5."""
    encoder: T5EncoderModel = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=2 * width, num_layers=2, num_heads=4)
    ).eval()
    return encoder


def autoencoder(latents: int = 4, *, shifted: bool = False) -> AutoencoderKL:
    """Pixels to latents and back. `shifted` is the newer kind, of SD3 and Flux: centred, without the outer layers."""
    levels = len(_DECODER)
    newer = {"shift_factor": 0.0609, "scaling_factor": 1.5305, "use_quant_conv": False, "use_post_quant_conv": False}
    made = AutoencoderKL(
        block_out_channels=_DECODER,
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        latent_channels=latents,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=512,
        **(newer if shifted else {}),
    ).eval()
    soften(made.decoder, _DECODER_GRAIN)
    made.decoder.conv_out.weight.mul_(1.5)  # contrast
    return made


def soften(network: torch.nn.Module, grain: float) -> None:
    """Turn the network's 3 by 3 convolutions into blurs of their own strength, but for that part."""
    blur = torch.tensor(_BLUR) / 10  # adds up to more than one: random signs cancel out some of it
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
            strength = module.weight.sum((2, 3), keepdim=True)
            module.weight.copy_(grain * module.weight + (1 - grain) * strength * blur)
            if module.bias is not None:
                module.bias.zero_()


def _byte_symbols() -> list[str]:
    """The printable character that stands for each byte in CLIP's vocabulary, in its order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(printable)
    return [chr(code) for code in (*printable, *range(256, 256 + others))]
