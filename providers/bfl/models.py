"""What Black Forest Labs has. Ranges are those of its OpenAPI description (2026-05-01); no prices, no protocol."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from providers.contract import Format, Inputs, Model, Quality, Sizes

ERASE, OUTPAINTING = "flux-tools/erase-v1", "flux-tools/outpainting-v1"

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_ACCEPTS = Inputs(formats=frozenset(_FORMATS), max_bytes=20_000_000, max_pixels=20_000_000)
"""https://docs.bfl.ai/kontext/kontext_image_editing"""
_SEED = (0, 2**32 - 1)
"""No range is described; the seeds it draws itself are of 32 bits."""
_SIDES: Mapping[str, tuple[float, float]] = dict.fromkeys(("left", "right", "up", "down"), (0, 2048))
_FILLS: Mapping[str, tuple[float, float]] = {"steps": (15, 50), "guidance": (1.5, 100)}

_FLUX_1 = Sizes(step=32, min_side=256, max_side=1440)
_FLUX_2 = Sizes(step=16, min_side=64, max_side=4096, max_pixels=4_194_304)
_KEEPS = Sizes(follows_input=True)
# What a ratio comes to is not described; these are the pixels that resellers state, and pictures it drew have.
_ULTRA = Sizes(
    by_shape=True,
    default="2752x1536",
    listed=(
        *("3136x1344", "2752x1536", "2496x1664", "2368x1792", "2048x2048"),
        *("1792x2368", "1664x2496", "1536x2752", "1344x3136"),
    ),
)
_KONTEXT = Sizes(
    by_shape=True,
    listed=(
        *("1568x672", "1392x752", "1248x832", "1184x880", "1024x1024"),
        *("880x1184", "832x1248", "752x1392", "672x1568"),
    ),
)

_GENERATES = frozenset({"generate", "generate.reference"})
_EDITS = _GENERATES | {"edit.general"}


def _flux(
    name: str,
    operations: frozenset[str],
    sizes: Sizes,
    *,
    inputs: int = 1,
    more: frozenset[str] = frozenset(),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    says: str = "",
) -> Model:
    return Model(
        name=name,
        title=name,
        description=says,
        operations=operations,
        sizes=sizes,
        formats=_FORMATS,
        honours=more | {"seed", "moderation", "user"},
        ranges={"seed": _SEED, **(ranges or {})},
        inputs=inputs,
        accepts=_ACCEPTS,
        asynchronous=True,
    )


_TUNED = frozenset({"steps", "guidance"})


def _flux_1(name: str, more: frozenset[str] = frozenset(), **ranges: tuple[float, float]) -> Model:
    return _flux(name, _GENERATES, _FLUX_1, more=more, ranges=ranges)


def _flux_2(name: str, inputs: int = 8, more: frozenset[str] = frozenset(), **ranges: tuple[float, float]) -> Model:
    model = _flux(name, _EDITS, _FLUX_2, inputs=inputs, more=more, ranges=ranges)
    return replace(model, needs=frozenset({"prompt"}), accepts=replace(_ACCEPTS, min_side=64))


def _kontext(name: str, concurrency: int | None = None) -> Model:
    # Told no ratio, an edit keeps the shape of its picture: the choice is left to the vendor.
    sizes = replace(_KONTEXT, auto=_KONTEXT.listed)
    model = _flux(name, _EDITS, sizes, inputs=4)
    return replace(model, needs=frozenset({"prompt"}), concurrency=concurrency)


_OUTPAINT = frozenset({"edit.outpaint"})

MODELS = (
    _flux_1("flux-pro-1.1"),
    _flux("flux-pro-1.1-ultra", _GENERATES, _ULTRA, more=frozenset({"strength"}), says="Four megapixels."),
    _flux_1("flux-dev", _TUNED, steps=(1, 50), guidance=(1.5, 5)),
    _flux_2("flux-2-pro"),
    _flux_2("flux-2-max"),
    _flux_2("flux-2-flex", more=_TUNED, steps=(1, 50), guidance=(1.5, 10)),
    _flux_2("flux-2-klein-4b", inputs=4),
    _flux_2("flux-2-klein-9b", inputs=4),
    _kontext("flux-kontext-pro"),
    _kontext("flux-kontext-max", concurrency=6),  # https://docs.bfl.ai: active tasks
    _flux("flux-pro-1.0-fill", frozenset({"edit.inpaint"}), _KEEPS, more=_TUNED, ranges=_FILLS),
    _flux("flux-pro-1.0-expand", _OUTPAINT, _KEEPS, more=_TUNED, ranges={**_FILLS, **_SIDES}),
    replace(
        _flux("flux-erase", frozenset({"edit.erase"}), _KEEPS, says="Takes out what a mask covers."),
        wire=ERASE,
        needs=frozenset({"mask"}),
    ),
    replace(
        _flux("flux-outpainting", _OUTPAINT, _KEEPS, says="Draws on beyond the edges."),
        wire=OUTPAINTING,
        honours=frozenset({"moderation", "user"}),
        ranges={},
        qualities=(Quality.LOW, Quality.HIGH),
    ),
)
