"""Stable Diffusion web UI, started with `--api --api-auth NAME:PASSWORD`: one request, one answer, pictures as base64.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API  Fields are the program's own parameters; the answer's
`info` is JSON in a text. It has no credit, no queue to be full and no content filter; who lends it out may well have.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

from msgspec import json

from proxy.stub.contract import Answer, Asked, Route, Script, Stub
from proxy.stub.rules import Rule, breach
from proxy.stub.world import Job, World, from_text, size_of

CHECKPOINTS = {"v1-5-pruned-emaonly": "6ce0161689", "sd_xl_base_1.0": "31e35c80fc"}
SAMPLERS = {
    "DPM++ 2M": "k_dpmpp_2m", "DPM++ SDE": "k_dpmpp_sde", "DPM++ 2M SDE": "k_dpmpp_2m_sde", "Euler a": "k_euler_a",
    "Euler": "k_euler", "LMS": "k_lms", "Heun": "k_heun", "DPM2": "k_dpm_2", "DPM2 a": "k_dpm_2_a",
    "DPM fast": "k_dpm_fast", "DPM adaptive": "k_dpm_ad", "DDIM": "ddim", "PLMS": "plms", "UniPC": "unipc",
    "LCM": "k_lcm",
}  # fmt: skip
OPTIONS = {"samples_format": "png", "sd_model_checkpoint": next(iter(CHECKPOINTS))}
SIDE = range(64, 2049)
FLAGS = "restore_faces tiling do_not_save_samples do_not_save_grid override_settings_restore_afterwards send_images"
FLAGS += " save_images disable_extra_networks enable_hr inpaint_full_res include_init_images mask_round"
TEXTS = "prompt negative_prompt sampler_name sampler_index scheduler script_name force_task_id infotext"
TEXTS += " refiner_checkpoint hr_upscaler hr_checkpoint_name hr_sampler_name hr_scheduler hr_prompt hr_negative_prompt"
NUMBERS = "cfg_scale subseed_strength eta s_min_uncond s_churn s_tmax s_tmin s_noise refiner_switch_at hr_scale"
NUMBERS += " image_cfg_scale initial_noise_multiplier"
WHOLE = "seed subseed seed_resize_from_h seed_resize_from_w firstphase_width firstphase_height hr_second_pass_steps"
WHOLE += " hr_resize_x hr_resize_y mask_blur mask_blur_x mask_blur_y inpaint_full_res_padding"
BOTH: dict[str, Rule] = {
    **dict.fromkeys(FLAGS.split(), bool),
    **dict.fromkeys(TEXTS.split(), str),
    **dict.fromkeys(NUMBERS.split(), float),
    **dict.fromkeys(WHOLE.split(), int),
    "width": SIDE,
    "height": SIDE,
    "steps": range(1, 151),
    "batch_size": range(1, 9),
    "n_iter": range(1, 101),
    "denoising_strength": (0.0, 1.0),
    "styles": list,
    "script_args": list,
    "alwayson_scripts": dict,
    "override_settings": dict,
}
OVER: dict[str, Rule] = {
    "init_images": list,
    "mask": str,
    "latent_mask": str,
    "resize_mode": range(4),
    "inpainting_fill": range(4),
    "inpainting_mask_invert": range(2),
}
"""Of img2img, beside those."""


def refusal(status: int, kind: str, detail: str = "", errors: str = "") -> Answer:
    """An error, the way the program wraps whatever it raises."""
    return Answer(status=status, json={"error": kind, "detail": detail, "body": "", "errors": errors})


def invalid(*wrong: tuple[str, str, str]) -> Answer:
    """What FastAPI answers before the program is asked."""
    detail = [{"type": kind, "loc": ["body", field], "msg": said} for field, kind, said in wrong]
    return Answer(status=422, json={"detail": detail})


OUT_OF_MEMORY = refusal(500, "OutOfMemoryError", errors="CUDA out of memory. Tried to allocate 2.00 GiB")


def txt2img(asked: Asked, world: World) -> Answer:
    """Draw from words."""
    return _drawn(asked, world, BOTH)


def img2img(asked: Asked, world: World) -> Answer:
    """Draw over a picture, in the white of a mask where there is one. Both are made to fit the size asked for."""
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    if not isinstance(body.get("init_images"), list) or not body["init_images"]:
        return refusal(404, "HTTPException", "Init image not found")
    for text in (*body["init_images"], *(body[name] for name in ("mask",) if body.get(name) is not None)):
        if not isinstance(text, str) or size_of(from_text(text)) is None:
            return refusal(500, "HTTPException", "Invalid encoded image")
    return _drawn(asked, world, {**BOTH, **OVER})


def _drawn(asked: Asked, world: World, rules: dict[str, Rule]) -> Answer:
    if not isinstance(asked.json, dict):
        return invalid(("", "missing", "Field required"))
    body = {name: value for name, value in asked.json.items() if value is not None}
    wrong = [(name, "extra_forbidden", "Extra inputs are not permitted") for name in body if name not in rules]
    for name, value in body.items():
        if name in rules and (must := breach(value, rules[name])) is not None:
            wrong.append((name, "value_error", f"Input should be {must}"))
    if wrong:
        return invalid(*wrong)
    sampler = body.get("sampler_name", body.get("sampler_index", "Euler"))
    if sampler.removesuffix(" Karras") not in {*SAMPLERS, *SAMPLERS.values()}:
        return refusal(404, "HTTPException", "Sampler not found")
    if asked.script == Script.FAILED:
        return OUT_OF_MEMORY
    job = _taken(asked, world, body)
    seeds = [job.seed + index for index in range(job.count)]
    shown = {name: None if name in ("init_images", "mask") else body.get(name) for name in rules}
    told = {"prompt": job.prompt, "seed": job.seed, "all_seeds": seeds, "width": job.width, "height": job.height}
    told |= {"sampler_name": sampler, "sd_model_name": job.model, "sd_model_hash": CHECKPOINTS[job.model]}
    pictures = [world.picture_text(job, index) for index in range(job.count)]
    return Answer(json={"images": pictures, "parameters": shown, "info": json.encode(told).decode()})


def _taken(asked: Asked, world: World, body: dict[str, Any]) -> Job:
    wanted = str(body.get("override_settings", {}).get("sd_model_checkpoint", ""))
    wanted = wanted.partition(" [")[0].removesuffix(".safetensors")
    seed = body.get("seed", -1)
    width, height = (body.get(name, 512) // 8 * 8 for name in ("width", "height"))  # latents are an eighth of it
    return world.take(
        wanted if wanted in CHECKPOINTS else next(iter(CHECKPOINTS)),  # one it does not have is left out of account
        prompt=body.get("prompt", ""),
        width=width,
        height=height,
        count=body.get("batch_size", 1) * body.get("n_iter", 1),
        seed=seed if seed >= 0 else 1_234_567,
        script=asked.script,
    )


def checkpoints(asked: Asked, world: World) -> Answer:
    """Which models there are."""
    rows = [
        {
            "title": f"{name}.safetensors [{hashed}]",
            "model_name": name,
            "hash": hashed,
            "filename": f"{name}.safetensors",
        }
        for name, hashed in CHECKPOINTS.items()
    ]
    return Answer(json=rows)


def _samplers() -> list[dict[str, Any]]:
    return [{"name": name, "aliases": [alias], "options": {}} for name, alias in SAMPLERS.items()]


def basic(asked: Asked) -> str | None:
    """The password of HTTP Basic, or whatever stands in its place."""
    scheme, _, text = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = b64decode(text, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return None
    return password or name


STUB = Stub(
    routes=(
        Route("POST", "/sdapi/v1/txt2img", txt2img, pays=True),
        Route("POST", "/sdapi/v1/img2img", img2img, pays=True),
        Route("GET", "/sdapi/v1/sd-models", checkpoints),
        Route("GET", "/sdapi/v1/samplers", lambda asked, world: Answer(json=_samplers())),
        Route("GET", "/sdapi/v1/options", lambda asked, world: Answer(json=OPTIONS)),
        Route("POST", "/sdapi/v1/interrupt", lambda asked, world: Answer(json={})),
    ),
    key=basic,
    refuses={
        Script.CREDENTIAL: refusal(401, "HTTPException", "Incorrect username or password"),
        Script.CREDIT: Answer(status=402, body=b"Payment Required", mime="text/plain"),
        Script.THROTTLED: Answer(
            status=429, body=b"Too Many Requests", mime="text/plain", headers={"retry-after": "5"}
        ),
        Script.UNAVAILABLE: OUT_OF_MEMORY,
        Script.REJECTED: invalid(("steps", "int_parsing", "Input should be a valid integer")),
    },
    row={
        "models": [
            {
                "name": "sdxl",
                "wire": "sd_xl_base_1.0.safetensors",
                "operations": ["generate", "generate.reference", "edit.inpaint"],
                "sizes": {"default": "1024x1024", "step": 8, "min_side": 512, "max_side": 1536},
                "honours": ["negative", "seed", "steps", "guidance", "strength", "tiling"],
                "at_once": 4,
                "inputs": 1,
                "price": {"per": {"type": "image", "rows": [{"price": "0.002"}]}, "source": "an example"},
            }
        ]
    },
    filters=False,
    unknown=Answer(status=404, json={"detail": "Not Found"}),
)
