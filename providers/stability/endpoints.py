"""What Stability AI has, as rows: its endpoints with their names for our fields, and the models they make up.

Figures are those of the vendor's own description of v2beta (2026-09-22). No prices, no protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from providers.contract import Format, Inputs, Model, Sizes


class Endpoint(Struct, frozen=True, kw_only=True):
    """What an endpoint calls the fields and the pictures it takes, by our names and in our order."""

    takes: Mapping[str, str]
    pictures: tuple[str, ...] = ("image",)
    masked: bool = False
    reshapes: bool = True
    """Whether an aspect ratio may stand beside a picture."""
    times: float | None = None
    """How much larger an upscale makes a picture, where that is fixed."""


_SEED = {"seed": "seed"}
_WORDS = {"prompt": "prompt", "negative": "negative_prompt"} | _SEED
_DRAWN = _WORDS | {"style": "style_preset"}
_SIDES = {side: side for side in ("left", "right", "up", "down")}
_STEERED = _DRAWN | {"strength": "control_strength"}
_TRANSFERRED = {name: name for name in ("style_strength", "composition_fidelity", "change_strength")}

SD3 = "generate/sd3"
"""One endpoint for all of Stable Diffusion 3.5, told apart by the field `model`."""
ENDPOINTS = {
    "generate/ultra": Endpoint(takes=_DRAWN | {"strength": "strength"}),
    "generate/core": Endpoint(takes=_DRAWN),
    SD3: Endpoint(takes=_DRAWN | {"strength": "strength", "guidance": "cfg_scale"}, reshapes=False),
    "edit/erase": Endpoint(takes=_SEED, masked=True),
    "edit/inpaint": Endpoint(takes=_DRAWN, masked=True),
    "edit/outpaint": Endpoint(takes={"prompt": "prompt", "style": "style_preset"} | _SEED | _SIDES),
    "edit/search-and-replace": Endpoint(takes=_DRAWN | {"search": "search_prompt"}),
    "edit/search-and-recolor": Endpoint(takes=_DRAWN | {"search": "select_prompt"}),
    "edit/remove-background": Endpoint(takes={}),
    "edit/replace-background-and-relight": Endpoint(
        takes=_WORDS | {"prompt": "background_prompt"},
        pictures=("subject_image", "background_reference", "light_reference"),
    ),
    "upscale/fast": Endpoint(takes={}, times=4.0),
    "upscale/conservative": Endpoint(takes=_WORDS | {"creativity": "creativity"}),
    "upscale/creative": Endpoint(takes=_DRAWN | {"creativity": "creativity"}),
    "control/sketch": Endpoint(takes=_STEERED),
    "control/structure": Endpoint(takes=_STEERED),
    "control/style": Endpoint(takes=_DRAWN | {"fidelity": "fidelity"}),
    "control/style-transfer": Endpoint(takes=_WORDS | _TRANSFERRED, pictures=("init_image", "style_image")),
}
"""By the end of their path, which is also the vendor's name for whatever has no other."""
_NAMED = {"stable-image-ultra": "generate/ultra", "stable-image-core": "generate/core"}
_NEWER = Endpoint(takes=_DRAWN)


def endpoint_of(name: str) -> tuple[str, Endpoint]:
    """The path of a model by the vendor's name for it, and what it takes; a row of config.yaml may name a newer one."""
    path = _NAMED.get(name) or (name if "/" in name else SD3)
    return path, ENDPOINTS.get(path, _NEWER)


SHAPES = ("21:9", "16:9", "3:2", "5:4", "1:1", "4:5", "2:3", "9:16", "9:21")


def shape_of(width: int, height: int) -> str:
    """The aspect ratio next to a size."""

    def apart(shape: str) -> float:
        across, _, down = shape.partition(":")
        ratio = width * int(down) / (height * int(across))
        return max(ratio, 1 / ratio)

    return min(SHAPES, key=apart)


def _turned(*sizes: str) -> tuple[str, ...]:
    """The sizes, and each of them on its side."""
    return tuple(dict.fromkeys([*sizes, *("x".join(reversed(size.split("x"))) for size in sizes)]))


# The vendor is told a shape alone. 1:1 and 16:9 are as seen, the others computed from the megapixel it states.
_MEGAPIXEL = Sizes(
    by_shape=True,
    listed=_turned("1024x1024", "1088x896", "1216x832", "1344x768", "1536x640"),
    auto=("1024x1024",),  # and not by default, for beside a picture the shape may be the picture's own
)
# Computed from the megapixel and a half it states; 1:1 has been seen to come out larger, at 1536x1536.
_LARGER = Sizes(
    by_shape=True,
    listed=_turned("1216x1216", "1360x1088", "1488x992", "1632x912", "1872x800"),
    default="1216x1216",
    auto=("1216x1216",),
)
_KEEPS = Sizes(follows_input=True)

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_MOST_BYTES = 10 * 1024 * 1024 - 65_536
"""A request is at most 10 MiB; some of them are the words."""


def _inputs(most: int, *, ratio: float = 1_000_000.0) -> Inputs:
    return Inputs(
        formats=frozenset(_FORMATS),
        min_side=64,
        min_pixels=4096,
        max_pixels=most,
        max_ratio=ratio,
        max_bytes=_MOST_BYTES,
    )


_ANY = _inputs(16_384 * 16_384)
_EDITED = _inputs(9_437_184)
_OBLONG = _inputs(9_437_184, ratio=2.5)
_SMALL = Inputs(
    formats=frozenset(_FORMATS),
    min_side=32,
    max_side=1536,
    min_pixels=1024,
    max_pixels=1_048_576,
    max_bytes=_MOST_BYTES,
)

_RANGES: Mapping[str, tuple[float, float]] = {
    "seed": (1, 4_294_967_294),  # 0 would leave it to the vendor
    "guidance": (1, 10),
    "change_strength": (0.1, 1),
    **dict.fromkeys(_SIDES, (0, 2000)),
}
_CALLED = {
    "3d-model": ("3d", "3d-render", "render-3d"),
    "analog-film": ("analog", "film", "35mm", "vintage-film"),
    "anime": ("manga",),
    "cinematic": ("cinema", "movie", "film-still"),
    "comic-book": ("comic", "comics"),
    "digital-art": ("digital", "digital-painting"),
    "enhance": ("enhanced",),
    "fantasy-art": ("fantasy",),
    "isometric": (),
    "line-art": ("lineart", "line-drawing"),
    "low-poly": ("lowpoly",),
    "modeling-compound": ("clay", "claymation", "craft-clay"),
    "neon-punk": ("neonpunk", "neon"),
    "origami": (),
    "photographic": ("photo", "photograph", "photography", "photorealistic", "realistic", "realism"),
    "pixel-art": ("pixel", "8-bit"),
    "tile-texture": ("texture", "tile"),
}
_STYLES = {ours: theirs for theirs, others in _CALLED.items() for ours in (theirs, *others)}


def _model(name: str, does: str, title: str, wire: str = "", *, needs: str = "prompt", **more: Any) -> Model:
    _, endpoint = endpoint_of(wire or name)
    takes = set(endpoint.takes)
    facts: dict[str, Any] = {
        "sizes": _KEEPS,
        "formats": _FORMATS,
        "inputs": len(endpoint.pictures),
        "accepts": _OBLONG,
        "ranges": {field: ends for field, ends in _RANGES.items() if field in takes},
    }
    return Model(
        name=name,
        wire=wire,
        title=title,
        operations=frozenset(does.split()),
        honours=frozenset(takes - {"prompt", "search", *_SIDES} | {"user"}),
        needs=frozenset(needs.split()),
        styles=_STYLES if "style" in takes else {},
        prompt_limit=10_000,
        **facts | more,
    )


def _generator(name: str, title: str) -> Model:
    return _model(name, "generate generate.reference", title, sizes=_MEGAPIXEL, accepts=_ANY)


def _tool(path: str, does: str, title: str, *, called: str = "", needs: str = "prompt", **more: Any) -> Model:
    name = called or path.rpartition("/")[2]
    return _model(f"stable-image-{name}", does, title, path, needs=needs, **more)


def _upscaler(way: str, title: str, needs: str = "prompt", **more: Any) -> Model:
    return _tool(f"upscale/{way}", f"upscale.{way}", title, called=f"upscale-{way}", needs=needs, **more)


MODELS = (
    _generator("stable-image-ultra", "Stable Image Ultra"),
    _model("stable-image-core", "generate", "Stable Image Core", sizes=_LARGER, inputs=0),
    _generator("sd3.5-large", "Stable Diffusion 3.5 Large"),
    _generator("sd3.5-large-turbo", "Stable Diffusion 3.5 Large Turbo"),
    _generator("sd3.5-medium", "Stable Diffusion 3.5 Medium"),
    _generator("sd3.5-flash", "Stable Diffusion 3.5 Flash"),
    _tool("edit/erase", "edit.erase", "Erase", needs="mask", accepts=_EDITED),
    _tool("edit/inpaint", "edit.inpaint", "Inpaint", needs="prompt mask", accepts=_EDITED),
    _tool("edit/outpaint", "edit.outpaint", "Outpaint", needs=""),
    _tool("edit/search-and-replace", "edit.search_replace", "Search and Replace", needs="prompt search"),
    _tool("edit/search-and-recolor", "edit.search_recolor", "Search and Recolor", needs="prompt search"),
    _tool(
        "edit/remove-background",
        "edit.remove_background",
        "Remove Background",
        needs="",
        accepts=_inputs(4_194_304),
        formats=(Format.PNG, Format.WEBP),  # whatever has no transparency would show nothing of it
    ),
    _tool(
        "edit/replace-background-and-relight",
        "edit.replace_background",
        "Replace Background and Relight",
        called="replace-background",
        needs="",  # words or a second picture: having neither is refused, free of charge
        asynchronous=True,
    ),
    _upscaler("fast", "Fast Upscaler", needs="", accepts=_SMALL),
    _upscaler("conservative", "Conservative Upscaler", ranges={"seed": _RANGES["seed"], "creativity": (0.2, 0.5)}),
    _upscaler(
        "creative",
        "Creative Upscaler",
        accepts=_inputs(1_048_576),
        ranges={"seed": _RANGES["seed"], "creativity": (0.1, 0.5)},
        asynchronous=True,
    ),
    _tool("control/sketch", "control.sketch", "Sketch"),
    _tool("control/structure", "control.structure", "Structure"),
    _tool("control/style", "control.style", "Style Guide", sizes=_MEGAPIXEL),
    _tool("control/style-transfer", "control.style_transfer", "Style Transfer", needs="looks"),
)
