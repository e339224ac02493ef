"""What OpenAI has that draws. No prices, no protocol."""

from __future__ import annotations

from providers.contract import Format, Inputs, Model, Polarity, Quality, Sizes

_ANY_EDIT = frozenset({"generate", "generate.reference", "edit.general", "edit.inpaint", "edit.variation"})
_CLASSIC = Sizes(
    listed=("1024x1024", "1536x1024", "1024x1536"),
    auto=("1024x1024", "1536x1024", "1024x1536"),
)
_FREE = Sizes(
    step=16,
    min_pixels=655_360,
    max_pixels=8_294_400,
    max_side=3840,
    max_ratio=3.0,
    auto=_CLASSIC.auto,
)
_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_ACCEPTS = Inputs(formats=frozenset(_FORMATS), max_bytes=49_999_999)
_TAKES = frozenset({"background", "compression", "moderation", "user"})
_ANIMATED = frozenset({"complexity", "frames", "frame_ms", "vector_model", "vector_effort"})
_KEEPS = frozenset({"fidelity"})
_RANGES = {"compression": (0, 100), "frames": (2, 16), "frame_ms": (20, 2000)}


def _gpt(
    name: str,
    sizes: Sizes = _FREE,
    *,
    qualities: int = 3,
    more: frozenset[str] = frozenset(),
    says: str = "",
) -> Model:
    honours = _TAKES | more
    return Model(
        name=name,
        title=name,
        description=says,
        operations=_ANY_EDIT,
        sizes=sizes,
        qualities=tuple(Quality)[:qualities],
        formats=(*_FORMATS, Format.GIF, Format.SVG) if "frames" in more else _FORMATS,
        honours=honours,
        needs=frozenset({"prompt"}),
        ranges={field: bounds for field, bounds in _RANGES.items() if field in honours},
        at_once=10,
        inputs=16,
        accepts=_ACCEPTS,
        mask=Polarity.TRANSPARENT,
        previews=3,
    )


# A dated name (gpt-image-2-2026-04-21) is an alias of config.yaml.
MODELS = (
    _gpt("gpt-image-2", says="Any size in steps of 16, up to 3840 a side."),
    _gpt("gpt-image-2.5-sunburst", qualities=5),
    _gpt("gpt-image-2.5-flare", qualities=5),
    _gpt("gpt-image-2.6-sunburst", qualities=5, more=_ANIMATED, says="Animations and vectors too."),
    _gpt("gpt-image-2.6-flare", qualities=5, more=_ANIMATED, says="Animations and vectors too."),
    _gpt("gpt-image-1.5", _CLASSIC, more=_KEEPS, says="Ends on 2026-12-01."),
    _gpt("gpt-image-1-mini", _CLASSIC, says="Ends on 2026-12-01."),
)
