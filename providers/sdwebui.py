"""Stable Diffusion web UI, and what shares its API (Forge, SD.Next): one call, the pictures in its answer.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API  The server is the operator's own; so are its models
(checkpoints, by their titles) and what a picture costs. A key is `user:password`, as the server's `--api-auth` has it.
"""

from __future__ import annotations

from base64 import b64encode

from msgspec import Struct

from pricing import Usage
from providers import contract

NAMES = {name: name for name in ("width", "height", "seed", "steps", "tiling")}
NAMES |= {"n": "batch_size", "negative": "negative_prompt", "guidance": "cfg_scale", "strength": "denoising_strength"}


class _Answer(Struct):
    images: list[str]


def run(request: contract.ImageRequest, model: contract.Model, account: contract.Account) -> contract.Conversation:
    """Draw from words, or on the picture sent along; white parts of a mask change."""
    asked = {theirs: getattr(request, ours, None) for ours, theirs in NAMES.items()}
    body = {name: value for name, value in asked.items() if value is not None} | {"prompt": request.prompt}
    body["override_settings"] = {
        "sd_model_checkpoint": model.vendor_name,
        "return_grid": False,
    }  # it would count
    images = [contract.as_text(image) for image in request.images]
    masked = isinstance(request, contract.Edit) and request.mask is not None
    if images:
        body["init_images"] = images[:-1] if masked else images
    if masked:
        body["mask"] = images[-1]
    url = f"{account.base}/sdapi/v1/{'img2img' if images else 'txt2img'}"
    reply: contract.Reply = yield contract.Call(method="POST", url=url, json=body, pays=True)
    drawn = [contract.from_text(text) for text in reply.read(_Answer).images]
    if not drawn:
        raise contract.Failure(contract.Fault.MALFORMED, "the server answered without a picture")
    pictures = tuple(contract.Picture(image=image) for image in drawn)
    left_out = () if request.sampler is None else (contract.Note("sampler", "is the server's own choice"),)
    return contract.Result(pictures=pictures, usage=Usage(images=len(pictures)), notes=left_out)


def sign(account: contract.Account) -> dict[str, str]:
    """HTTP Basic; nothing for a server that asks for nothing."""
    return {"authorization": f"Basic {b64encode(account.key.reveal().encode()).decode()}"} if account.key else {}


PROVIDER = contract.Provider(title="Stable Diffusion web UI", run=run, base="http://127.0.0.1:7860", sign=sign)
