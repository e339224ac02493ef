"""The models of Replicate: how each is asked, and what it can do. Facts only; the conversation is next door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from providers.contract import Format, Inputs, Model, Polarity, Sizes
from providers.contract.model import parse_size

NAMES = {
    "prompt": "prompt",
    "n": "num_outputs",
    "format": "output_format",
    "image": "image",
    "images": "images",
    "mask": "mask",
    "factor": "scale",
    "negative": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "prompt_strength",
    "compression": "output_quality",
}
"""Our field, the word most models have for it; any other field is called as we call it."""

RATIOS = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "768x1344": "9:16",
    "1216x832": "3:2",
    "832x1216": "2:3",
    "1152x896": "4:3",
    "896x1152": "3:4",
    "1088x896": "5:4",
    "896x1088": "4:5",
    "1536x640": "21:9",
    "640x1536": "9:21",
}
"""The sizes that models of one megapixel draw a shape in; those of a quarter have half their sides."""


class Spelling(Struct, frozen=True, kw_only=True):
    """How a model is asked."""

    size: str = ""
    """How it is told one: by `pixels`, `custom` pixels, `shape`, `megapixels`, `resolution`, `size`, or to `match`."""
    names: Mapping[str, str] = {}
    keeps: str = ""
    """What makes it keep the shape of the picture sent along, whatever size is asked for: an `image`, or a `mask`."""


_FLUX = {"guidance": "guidance"}
_KONTEXT = Spelling(size="match", names={"image": "input_image"})
_IDEOGRAM = Spelling(size="resolution", names={"images": "style_reference_images", "style": "style_type"}, keeps="mask")
_SD35 = Spelling(size="shape", names={"guidance": "cfg"}, keeps="image")
_WORDLESS = Spelling(names={"prompt": ""})
SPELLED = {
    "black-forest-labs/flux-1.1-pro": Spelling(size="custom", names={"image": "image_prompt"}),
    "black-forest-labs/flux-1.1-pro-ultra": Spelling(size="shape", names={"image": "image_prompt"}),
    "black-forest-labs/flux-dev": Spelling(size="megapixels", names=_FLUX, keeps="image"),
    "black-forest-labs/flux-schnell": Spelling(size="megapixels"),
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "black-forest-labs/flux-2-pro": Spelling(size="custom", names={"images": "input_images"}),
    "black-forest-labs/flux-fill-pro": Spelling(names={**_FLUX, "steps": "steps"}),
    "ideogram-ai/ideogram-v3-turbo": _IDEOGRAM,
    "ideogram-ai/ideogram-v3-balanced": _IDEOGRAM,
    "ideogram-ai/ideogram-v3-quality": _IDEOGRAM,
    "recraft-ai/recraft-v3": Spelling(size="size"),
    "stability-ai/stable-diffusion-3.5-large": _SD35,
    "stability-ai/stable-diffusion-3.5-large-turbo": _SD35,
    "stability-ai/stable-diffusion-3.5-medium": _SD35,
    "stability-ai/sdxl": Spelling(size="pixels", keeps="image"),
    "qwen/qwen-image": Spelling(size="shape", names={**_FLUX, "strength": "strength"}, keeps="image"),
    "nightmareai/real-esrgan": _WORDLESS,
    "cjwbw/rembg": _WORDLESS,
}
"""By the vendor's name, without a version. From the input schemas on https://replicate.com/OWNER/NAME/api"""
OURS = {theirs: ours for each in SPELLED.values() for ours, theirs in {**NAMES, **each.names}.items() if theirs}
OURS |= dict.fromkeys(("aspect_ratio", "megapixels", "resolution", "width", "height"), "size")
OURS |= {theirs: "image" for theirs, ours in OURS.items() if ours == "images"}


def _listed(sizes: str, default: str = "1024x1024", *, by_shape: bool = False) -> Sizes:
    return Sizes(listed=tuple(sizes.split()), default=default, by_shape=by_shape)


_KEEPS = Sizes(follows_input=True)
_SHAPES = " ".join(RATIOS)
_QUARTERS = " ".join("x".join(str(side // 2) for side in parse_size(size)) for size in RATIOS)
_MEGAPIXELS = _listed(f"{_SHAPES} {_QUARTERS}", by_shape=True)
_SD35_SHAPES = _listed(" ".join(size for size in RATIOS if RATIOS[size] not in ("4:3", "3:4")), by_shape=True)
_ULTRA_SHAPES = _listed(  # of four megapixels: the pixels of a shape are computed
    """2048x2048 2752x1536 1536x2752 2496x1664 1664x2496 2304x1728 1728x2304 2240x1792 1792x2240 3136x1344
    1344x3136""",
    "2048x2048",
    by_shape=True,
)
_QWEN_SHAPES = _listed(
    "1328x1328 1664x928 928x1664 1472x1104 1104x1472 1584x1056 1056x1584", "1328x1328", by_shape=True
)
_IDEOGRAM_SIZES = _listed(
    """512x1536 576x1408 576x1472 576x1536 640x1344 640x1408 640x1472 640x1536 704x1152 704x1216 704x1280 704x1344
    704x1408 704x1472 736x1312 768x1088 768x1216 768x1280 768x1344 800x1280 832x960 832x1024 832x1088 832x1152 832x1216
    832x1248 864x1152 896x960 896x1024 896x1088 896x1120 896x1152 960x832 960x896 960x1024 960x1088 1024x832 1024x896
    1024x960 1024x1024 1088x768 1088x832 1088x896 1088x960 1120x896 1152x704 1152x832 1152x864 1152x896 1216x704
    1216x768 1216x832 1248x832 1280x704 1280x768 1280x800 1312x736 1344x640 1344x704 1344x768 1408x576 1408x640 1408x704
    1472x576 1472x640 1472x704 1536x512 1536x576 1536x640"""
)
_RECRAFT_SIZES = _listed(
    """1024x1024 1365x1024 1024x1365 1536x1024 1024x1536 1820x1024 1024x1820 1024x2048 2048x1024 1434x1024 1024x1434
    1024x1280 1280x1024 1024x1707 1707x1024"""
)
_PHOTOS = ("realistic", "photo", "photographic", "photorealistic", "natural")
_IDEOGRAM_STYLES = {
    "auto": "Auto",
    "general": "General",
    "design": "Design",
    **dict.fromkeys(_PHOTOS, "Realistic"),
}
_RECRAFT_STYLES = {
    **dict.fromkeys(_PHOTOS, "realistic_image"),
    **dict.fromkeys(("illustration", "digital-illustration", "digital-art"), "digital_illustration"),
    "pixel-art": "digital_illustration/pixel_art",
    "hand-drawn": "digital_illustration/hand_drawn",
    "line-art": "digital_illustration/hand_drawn_outline",
    "3d-model": "digital_illustration/handmade_3d",
    "engraving": "digital_illustration/engraving_color",
    "black-and-white": "realistic_image/b_and_w",
    "hdr": "realistic_image/hdr",
    "studio-portrait": "realistic_image/studio_portrait",
}
_ANY = (Format.PNG, Format.JPEG, Format.WEBP)
_TWO = (Format.PNG, Format.JPEG)
_ACCEPTS = Inputs(
    formats=frozenset({Format.PNG, Format.JPEG, Format.WEBP, Format.GIF}),
    max_bytes=7_500_000,  # ten megabytes as a `data:` URL
)
_DRAWS = "generate generate.reference"
_SD35_RANGES = {"seed": (0, 4_294_967_294), "guidance": (1, 10)}
_STEPS = {"steps": (1.0, 50.0), "guidance": (0.0, 10.0)}
_BFL, _STABILITY, _IDEOGRAM_3 = "black-forest-labs", "stability-ai", "ideogram-ai/ideogram-v3"


def _model(name: str, wire: str, sizes: Sizes, does: str = "generate", takes: str = "seed", **facts: Any) -> Model:
    facts = {"formats": _ANY, "needs": frozenset({"prompt"}), "accepts": _ACCEPTS, **facts}
    operations, honours = frozenset(does.split()), frozenset(takes.split())
    return Model(
        name=name,
        wire=wire,
        title=name,
        sizes=sizes,
        operations=operations,
        honours=honours,
        asynchronous=True,
        **facts,
    )


def _ideogram(name: str, wire: str) -> Model:
    facts = {"formats": (Format.PNG,), "styles": _IDEOGRAM_STYLES, "ranges": {"seed": (0, 2_147_483_647)}}
    does = f"{_DRAWS} edit.inpaint"
    return _model(name, wire, _IDEOGRAM_SIZES, does, "seed style", inputs=3, mask=Polarity.BLACK, **facts)


def _kontext(name: str) -> Model:
    return _model(name, f"{_BFL}/{name}", _KEEPS, "edit.general", formats=_TWO, inputs=1)


def _sd35(name: str, takes: str) -> Model:
    wire = f"{_STABILITY}/stable-diffusion-{name.removeprefix('sd')}"
    return _model(name, wire, _SD35_SHAPES, _DRAWS, takes, ranges=_SD35_RANGES, inputs=1)


def _wordless(name: str, wire: str, sizes: Sizes, does: str, **facts: Any) -> Model:
    return _model(name, wire, sizes, does, "", formats=(Format.PNG,), needs=frozenset(), inputs=1, **facts)


MODELS = (
    _model(
        "flux-pro-1.1",
        f"{_BFL}/flux-1.1-pro",
        Sizes(step=32, min_side=256, max_side=1440),
        _DRAWS,
        "seed compression",
        inputs=1,
    ),
    _model("flux-pro-1.1-ultra", f"{_BFL}/flux-1.1-pro-ultra", _ULTRA_SHAPES, _DRAWS, formats=_TWO, inputs=1),
    _model(
        "flux-dev",
        f"{_BFL}/flux-dev",
        _MEGAPIXELS,
        _DRAWS,
        "seed steps guidance strength compression",
        ranges=_STEPS,
        at_once=4,
        inputs=1,
    ),
    _model(
        "flux-schnell",
        f"{_BFL}/flux-schnell",
        _MEGAPIXELS,
        takes="seed steps compression",
        ranges={"steps": (1, 4)},
        at_once=4,
    ),
    _kontext("flux-kontext-pro"),
    _kontext("flux-kontext-max"),
    _model(
        "flux-2-pro",
        f"{_BFL}/flux-2-pro",
        Sizes(step=32, min_side=256, max_side=2048),
        f"{_DRAWS} edit.general",
        "seed compression",
        inputs=8,
    ),
    _model(
        "flux-pro-1.0-fill",
        f"{_BFL}/flux-fill-pro",
        _KEEPS,
        "edit.inpaint",
        "seed steps guidance",
        formats=_TWO,
        ranges={"steps": (15, 50), "guidance": (1.5, 100)},
        needs=frozenset({"prompt", "mask"}),
        inputs=1,
    ),
    _ideogram("ideogram-v3", f"{_IDEOGRAM_3}-balanced"),
    _ideogram("ideogram-v3-turbo", f"{_IDEOGRAM_3}-turbo"),
    _ideogram("ideogram-v3-quality", f"{_IDEOGRAM_3}-quality"),
    _model(
        "recraft-v3",
        "recraft-ai/recraft-v3",
        _RECRAFT_SIZES,
        takes="style",
        formats=(Format.WEBP,),
        styles=_RECRAFT_STYLES,
    ),
    _sd35("sd3.5-large", "seed strength negative guidance"),
    _sd35("sd3.5-large-turbo", "seed strength"),
    _sd35("sd3.5-medium", "seed strength negative guidance"),
    _model(
        "sdxl",
        f"{_STABILITY}/sdxl:39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
        Sizes(step=8, min_side=512, max_side=1536),
        f"{_DRAWS} edit.inpaint",
        "seed negative steps guidance strength",
        formats=(Format.PNG,),
        ranges={"steps": (1, 500), "guidance": (1, 50)},
        at_once=4,
        inputs=1,
    ),
    _model(
        "qwen-image",
        "qwen/qwen-image",
        _QWEN_SHAPES,
        _DRAWS,
        "seed negative steps guidance strength compression",
        ranges=_STEPS,
        inputs=1,
    ),
    _wordless(
        "real-esrgan",
        "nightmareai/real-esrgan:f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa",
        Sizes(step=1),
        "upscale.fast",
        ranges={"factor": (1, 10)},
    ),
    _wordless(
        "rembg",
        "cjwbw/rembg:fb8af171cfa1616ddcf1242c093f9c46bcada5ad4cf6f2fbe8b81b330ec5c003",
        _KEEPS,
        "edit.remove_background",
    ),
)
