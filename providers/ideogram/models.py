"""What Ideogram offers: its models, sizes, shapes, styles and speeds. Facts only."""

from __future__ import annotations

from msgspec.structs import replace

from providers.contract import Format, Inputs, Model, Polarity, Quality, Sizes

MOST_SEED = 2_147_483_647
SPEEDS = {Quality.LOW: "TURBO", Quality.MEDIUM: "DEFAULT", Quality.HIGH: "QUALITY"}
PINNED = {"ideogram-v3-turbo": Quality.LOW, "ideogram-v3-quality": Quality.HIGH}
"""Models that are one speed of another."""


def _words(text: str) -> tuple[str, ...]:
    """A long list as running text, so that it can be laid beside the vendor's."""
    return tuple(text.split())


V3_SIZES = _words(
    """
    512x1536 576x1408 576x1472 576x1536 640x1344 640x1408 640x1472 640x1536 704x1152 704x1216 704x1280 704x1344
    704x1408 704x1472 736x1312 768x1088 768x1216 768x1280 768x1344 800x1280 832x960 832x1024 832x1088 832x1152
    832x1216 832x1248 864x1152 896x960 896x1024 896x1088 896x1120 896x1152 960x832 960x896 960x1024 960x1088
    1024x832 1024x896 1024x960 1024x1024 1088x768 1088x832 1088x896 1088x960 1120x896 1152x704 1152x832 1152x864
    1152x896 1216x704 1216x768 1216x832 1248x832 1280x704 1280x768 1280x800 1312x736 1344x640 1344x704 1344x768
    1408x576 1408x640 1408x704 1472x576 1472x640 1472x704 1536x512 1536x576 1536x640
    """
)
V4_SIZES = _words(
    """
    1024x1024 720x1440 1440x720 720x1280 1280x720 800x1280 1280x800 832x1248 1248x832 864x1152 1152x864 896x1120
    1120x896 2048x2048 1024x3072 3072x1024 1152x2944 2944x1152 1248x3328 3328x1248 1280x3072 3072x1280 1296x3168
    3168x1296 1440x2880 2880x1440 1440x2560 2560x1440 1600x2560 2560x1600 1664x2496 2496x1664 1728x2304 2304x1728
    1792x2240 2240x1792
    """
)
"""Of one megapixel, then of four."""
V2_SIZES = (
    *(size for size in V3_SIZES if size != "800x1280"),
    *_words("640x1024 1024x640 720x1280 1280x720 768x1024 1024x768 768x1152 1152x768 768x1232 1232x768"),
)
SHAPES = _words("1x3 3x1 1x2 2x1 9x16 16x9 10x16 16x10 2x3 3x2 3x4 4x3 4x5 5x4 1x1")
V2_SHAPES = _words("1x3 3x1 9x16 16x9 10x16 16x10 2x3 3x2 3x4 4x3 1x1")
V2A_SIZES = _words(
    "512x1536 1536x512 736x1312 1312x736 800x1280 1280x800 832x1248 1248x832 864x1152 1152x864 1024x1024"
)
"""Those shapes in pixels: worked out from the sizes of version 3, for the vendor gives no table."""

TYPES = frozenset({"AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION", "STYLIZED", "RENDER_3D", "ANIME"})
"""Styles that are a `style_type`; any other is a `style_preset`."""
_PRESETS = {
    word: word.upper().replace("-", "_")
    for word in _words("""
    80s-illustration 90s-nostalgia abstract-organic analog-nostalgia art-brut art-deco art-poster aura avant-garde
    bauhaus blueprint blurry-motion bright-art c4d-cartoon childrens-book collage coloring-book-i coloring-book-ii
    cubism dark-aura doodle double-exposure dramatic-cinema editorial emotional-minimal ethereal-party expired-film
    flat-art flat-vector forest-reverie geo-minimalist glass-prism golden-hour graffiti-i graffiti-ii halftone-print
    high-contrast hippie-era iconic japandi-fusion jazzy long-exposure magazine-editorial minimal-illustration
    mixed-media monochrome nightlife oil-painting old-cartoons paint-gesture pop-art retro-etching riviera-pop
    spotlight-80s stylized-red surreal-collage travel-poster vintage-geo vintage-poster watercolor weird
    woodblock-print
    """)
} | {"cinematic": "DRAMATIC_CINEMA", "coloring-book": "COLORING_BOOK_I", "graffiti": "GRAFFITI_I"}
_TYPES = {
    "auto": "AUTO",
    "general": "GENERAL",
    "realistic": "REALISTIC",
    "photo": "REALISTIC",
    "photographic": "REALISTIC",
    "photography": "REALISTIC",
    "photorealistic": "REALISTIC",
    "design": "DESIGN",
    "graphic-design": "DESIGN",
}
_V3_STYLES = _PRESETS | _TYPES | {"fiction": "FICTION", "stylized": "STYLIZED"}
_V2_STYLES = _TYPES | dict.fromkeys(("render-3d", "3d-render", "3d-model", "3d"), "RENDER_3D") | {"anime": "ANIME"}

_WEIGHED = frozenset({"seed", "negative", "style", "strength"})
_DRAWS = frozenset({"generate", "generate.reference"})


def _free(listed: tuple[str, ...], *, by_shape: bool = False) -> Sizes:
    """Any of those listed; where none is asked for, the vendor's own choice, or the shape of what is sent along."""
    return Sizes(listed=listed, auto=listed, by_shape=by_shape)


_V3 = Model(
    name="ideogram-v3",
    title="Ideogram 3.0",
    operations=_DRAWS | {"control.style"},
    sizes=_free(V3_SIZES),
    qualities=tuple(SPEEDS),
    quality=Quality.MEDIUM,
    honours=_WEIGHED | {"background"},
    needs=frozenset({"prompt"}),
    ranges={"seed": (0, MOST_SEED), "strength": (0, 0.99)},
    styles=_V3_STYLES,
    at_once=8,
    inputs=1,
    accepts=Inputs(formats=frozenset({Format.PNG, Format.JPEG, Format.WEBP}), max_bytes=10_000_000),
    mask=Polarity.BLACK,
)
_EDITS = replace(_V3, sizes=Sizes(follows_input=True), honours=frozenset({"seed", "style"}))
_TOOL = replace(_EDITS, qualities=(), quality=None, honours=frozenset({"seed"}), needs=frozenset(), styles={})
_PLAIN = replace(_V3, qualities=(), quality=None)
_V2 = replace(_PLAIN, operations=_DRAWS, sizes=_free(V2_SIZES), honours=_WEIGHED, styles=_V2_STYLES)
_V2A = replace(_V2, sizes=_free(V2A_SIZES, by_shape=True), honours=_WEIGHED - {"negative"})

MODELS = (
    _V3,
    replace(_V3, name="ideogram-v3-turbo", title="Ideogram 3.0 Turbo", qualities=(), quality=None),
    replace(_V3, name="ideogram-v3-quality", title="Ideogram 3.0 Quality", qualities=(), quality=None),
    replace(
        _EDITS,
        name="ideogram-v3-edit",
        title="Ideogram 3.0 Edit",
        operations=frozenset({"edit.inpaint"}),
        needs=frozenset({"prompt", "mask"}),
    ),
    replace(
        _EDITS,
        name="ideogram-v3-reframe",
        title="Ideogram 3.0 Reframe",
        description="Extends a picture to another shape.",
        operations=frozenset({"edit.outpaint"}),
        needs=frozenset(),
        styles=_PRESETS,
    ),
    replace(
        _EDITS,
        name="ideogram-v3-replace-background",
        title="Ideogram 3.0 Replace Background",
        operations=frozenset({"edit.replace_background"}),
        styles=_PRESETS,
    ),
    # Its endpoints take neither a seed nor a number of pictures.
    replace(
        _V3,
        name="ideogram-v4",
        title="Ideogram 4.0",
        operations=_DRAWS,
        sizes=_free(V4_SIZES),
        honours=frozenset({"strength"}),
        styles={},
        at_once=1,
    ),
    replace(
        _TOOL,
        name="ideogram-edit",
        title="Ideogram Edit",
        description="Changes one or several pictures as the prompt says.",
        operations=frozenset({"edit.general"}),
        sizes=_free(V3_SIZES),
        honours=frozenset({"seed", "background"}),
        needs=frozenset({"prompt"}),
        inputs=10,
    ),
    replace(
        _TOOL,
        name="ideogram-remove-background",
        title="Ideogram Remove Background",
        operations=frozenset({"edit.remove_background"}),
        honours=frozenset(),
        at_once=1,
    ),
    replace(
        _TOOL,
        name="ideogram-upscale",
        title="Ideogram Upscale",
        operations=frozenset({"upscale.creative"}),
        honours=frozenset({"seed", "resemblance", "detail"}),
        ranges={"seed": (0, MOST_SEED), "resemblance": (0.01, 1), "detail": (0.01, 1)},
    ),
    replace(_V2, name="ideogram-v2", wire="V_2", title="Ideogram 2.0"),
    replace(_V2, name="ideogram-v2-turbo", wire="V_2_TURBO", title="Ideogram 2.0 Turbo"),
    replace(_V2A, name="ideogram-v2a", wire="V_2A", title="Ideogram 2a"),
    replace(_V2A, name="ideogram-v2a-turbo", wire="V_2A_TURBO", title="Ideogram 2a Turbo"),
)
