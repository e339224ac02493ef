"""Leonardo's models, and what sets their families apart. Facts in rows.

https://docs.leonardo.ai/docs/commonly-used-api-values
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Format, Inputs, Model, Quality, Sizes
from providers.leonardo.styles import FLUX_STYLES, OWN_STYLES, PRESETS, ULTRA_STYLES, UPSCALER_STYLES

UPSCALES = "universal-upscaler"
UPSCALES_ULTRA = "universal-upscaler-ultra"
REMOVES_BACKGROUND = "remove-bg"
"""What the price list calls the services that are no model; the last is the vendor's own word."""

CONTRASTS = (1.0, 1.3, 1.8, 2.5, 3.0, 3.5, 4.0, 4.5)
"""Every contrast there is; with Alchemy on, those from 2.5."""


class Family(Struct, frozen=True, kw_only=True):
    """What sets some models apart on the wire."""

    style: int = 0
    """Number of the preprocessor that takes a picture's style; likewise below."""
    content: int = 0
    edges: int = 0
    alchemy: bool | None = None
    """Whether it is drawn with Alchemy; None where that is not to be said."""
    ultra: bool = False
    """Whether there is an Ultra mode."""
    contrasts: tuple[float, ...] = ()
    preset: str = "styleUUID"
    """The field a style goes into."""


SDXL = Family(style=67, content=100, edges=19, alchemy=True, preset="presetStyle")
LIGHTNING = Family(style=67, content=100, alchemy=True, preset="presetStyle")
PHOENIX = Family(style=166, content=364, alchemy=True, ultra=True, contrasts=CONTRASTS)
LUCID = Family(style=431, content=430, alchemy=False, ultra=True, contrasts=(3.0, 3.5, 4.0))
FLUX_DEV = Family(style=299, content=233, alchemy=False, contrasts=CONTRASTS)
FLUX_SCHNELL = Family(style=298, content=232, alchemy=False, contrasts=CONTRASTS)
KONTEXT = Family()

_SHAPES = (
    *("1024x1024", "1152x896", "896x1152", "1216x832", "832x1216"),
    *("1344x768", "768x1344", "1536x640", "640x1536"),
)
"""What a size is chosen from where none is asked for: the shape nearest to that of the picture sent along."""
_GRID = Sizes(step=8, min_side=32, max_side=1536, auto=_SHAPES)
# The sizes FLUX.1 Kontext was made for, as far as the API's limit of 1536 a side allows.
_KONTEXT_SHAPES = (
    *("1024x1024", "1104x944", "944x1104", "1184x880", "880x1184", "1248x832", "832x1248"),
    *("1392x752", "752x1392", "1456x720", "720x1456"),
)
_KEEPS = Sizes(follows_input=True)
_UPLOADS = Inputs(formats=frozenset({Format.PNG, Format.JPEG, Format.WEBP}))
_CANVAS = Inputs(formats=_UPLOADS.formats, min_side=32, max_side=1536, step=8)
_CUTOUT = Inputs(formats=_UPLOADS.formats, max_bytes=25_000_000)

_WORDS = frozenset({"prompt"})
_SEEDS = (0.0, 9_999_999_998.0)
_FLUX_SEEDS = (0.0, 2_147_483_637.0)
_STEERS = frozenset({"generate", "control.style", "control.structure", "control.style_transfer"})
_KNOBS = frozenset({"strength", "fidelity", "style_strength", "composition_fidelity"})
"""How strongly a picture steers, by whichever name."""


def _model(
    name: str,
    wire: str,
    title: str,
    *,
    honours: Set[str],
    ranges: Mapping[str, tuple[float, float]],
    styles: Mapping[str, str],
    does: Set[str] = _STEERS,
    qualities: tuple[Quality, ...] = (),
) -> Model:
    return Model(
        name=name,
        wire=wire,
        title=title,
        operations=frozenset(does),
        sizes=_GRID,
        qualities=qualities,
        formats=(Format.JPEG,),  # chosen by the vendor: PNG where the background is to be transparent
        honours=_KNOBS | {"seed", "style"} | honours,
        ranges=ranges,
        styles=styles,
        needs=_WORDS,
        at_once=4,  # eight where no side is longer than 768, which a model cannot say
        inputs=2,
        accepts=_UPLOADS,
        prompt_limit=1500,
        asynchronous=True,
    )


def _sdxl(name: str, wire: str, title: str) -> Model:
    return _model(
        name,
        wire,
        title,
        does=_STEERS | {"generate.reference", "control.sketch"},
        honours={"negative", "steps", "guidance", "sampler", "tiling", "background", "adapters"},
        ranges={"seed": _SEEDS, "steps": (10, 60), "guidance": (1, 20), "strength": (0.1, 0.9)},
        styles=PRESETS,
    )


def _lightning(name: str, wire: str, title: str) -> Model:
    model = _sdxl(name, wire, title)
    return replace(model, operations=model.operations - {"control.sketch"})


def _phoenix(name: str, wire: str, title: str) -> Model:
    ranges = {"seed": _SEEDS, "contrast": (CONTRASTS[0], CONTRASTS[-1])}
    tiers = (Quality.LOW, Quality.MEDIUM, Quality.HIGH)  # the guide's Fast, Quality and Ultra
    return _model(
        name, wire, title, honours={"contrast", "adapters"}, ranges=ranges, styles=OWN_STYLES, qualities=tiers
    )


def _lucid(name: str, wire: str, title: str) -> Model:
    ranges = {"seed": _SEEDS, "contrast": (LUCID.contrasts[0], LUCID.contrasts[-1])}
    tiers = (Quality.MEDIUM, Quality.HIGH)
    return _model(name, wire, title, honours={"contrast"}, ranges=ranges, styles=OWN_STYLES, qualities=tiers)


def _flux(name: str, wire: str, title: str) -> Model:
    ranges = {"seed": _FLUX_SEEDS, "contrast": (CONTRASTS[0], CONTRASTS[-1])}
    return _model(name, wire, title, honours={"contrast", "adapters"}, ranges=ranges, styles=FLUX_STYLES)


_DRAWING = {
    PHOENIX: (
        _phoenix("leonardo-phoenix-1.0", "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3", "Leonardo Phoenix 1.0"),
        _phoenix("leonardo-phoenix-0.9", "6b645e3a-d64f-4341-a6d8-7a3690fbf042", "Leonardo Phoenix 0.9"),
    ),
    LUCID: (
        _lucid("lucid-origin", "7b592283-e8a7-4c5a-9ba6-d18c31f258b9", "Lucid Origin"),
        _lucid("lucid-realism", "05ce0082-2d80-4a2d-8653-4d1c85e2418e", "Lucid Realism"),
    ),
    FLUX_DEV: (_flux("flux-dev", "b2614463-296c-462a-9586-aafdb8f00e36", "FLUX.1 [dev]"),),
    FLUX_SCHNELL: (_flux("flux-schnell", "1dd50843-d653-4516-a8e3-f0238ee453ff", "FLUX.1 [schnell]"),),
    SDXL: (
        _sdxl("sdxl", "16e7060a-803e-4df3-97ee-edcfa5dc9cc8", "SDXL 1.0"),
        _sdxl("leonardo-kino-xl", "aa77f04e-3eec-4034-9c07-d0f619684628", "Leonardo Kino XL"),
        _sdxl("leonardo-vision-xl", "5c232a9e-9061-4777-980a-ddc8e65647c6", "Leonardo Vision XL"),
        _sdxl("leonardo-diffusion-xl", "1e60896f-3c26-4296-8ecc-53e2afecc132", "Leonardo Diffusion XL"),
        _sdxl("albedobase-xl", "2067ae52-33fd-4a82-bb92-c2c55e7d2786", "AlbedoBase XL"),
    ),
    LIGHTNING: (
        _lightning("leonardo-lightning-xl", "b24e16ff-06e3-43eb-8d33-4416c2d75876", "Leonardo Lightning XL"),
        _lightning("leonardo-anime-xl", "e71a1c2f-4f80-4800-934f-2c68979d8cc8", "Leonardo Anime XL"),
    ),
    KONTEXT: (
        Model(
            name="flux-kontext-pro",
            wire="28aeddf8-bd19-4803-80fc-79602d1a9989",
            title="FLUX.1 Kontext [pro]",
            operations=frozenset({"generate", "generate.reference", "edit.general"}),
            sizes=Sizes(listed=_KONTEXT_SHAPES, auto=_KONTEXT_SHAPES),
            formats=(Format.JPEG,),
            honours=frozenset({"seed"}),
            ranges={"seed": _FLUX_SEEDS},
            needs=_WORDS,
            at_once=4,
            inputs=4,
            accepts=_UPLOADS,
            prompt_limit=1500,
            asynchronous=True,
        ),
    ),
}
"""The models that draw, by family."""

FAMILIES: Mapping[str, Family] = {model.wire: family for family, models in _DRAWING.items() for model in models}

_CHANGING = (
    Model(
        name="leonardo-canvas-inpaint",
        wire="1e60896f-3c26-4296-8ecc-53e2afecc132",
        title="Leonardo Canvas, with Leonardo Diffusion XL",
        operations=frozenset({"edit.inpaint"}),
        sizes=_KEEPS,
        formats=(Format.JPEG,),
        honours=frozenset({"guidance", "strength"}),  # the guide knows no others here
        ranges={"guidance": (1, 20), "strength": (0.2, 0.9)},
        needs=_WORDS | {"mask"},
        at_once=2,
        inputs=1,
        accepts=_CANVAS,
        prompt_limit=1500,
        asynchronous=True,
    ),
    Model(
        name="leonardo-universal-upscaler",
        wire=UPSCALES,
        title="Leonardo Universal Upscaler",
        operations=frozenset({"upscale.creative"}),
        sizes=_KEEPS,
        formats=(Format.JPEG,),
        honours=frozenset({"creativity", "style"}),
        ranges={"factor": (1.0, 2.0)},
        styles=UPSCALER_STYLES,
        inputs=1,
        accepts=_UPLOADS,
        prompt_limit=1500,
        asynchronous=True,
    ),
    Model(
        name="leonardo-universal-upscaler-ultra",
        wire=UPSCALES_ULTRA,
        title="Leonardo Universal Upscaler Ultra",
        description="Takes no words.",
        operations=frozenset({"upscale.creative"}),
        sizes=_KEEPS,
        formats=(Format.JPEG,),
        honours=frozenset({"creativity", "detail", "resemblance", "style"}),
        ranges={"factor": (1.0, 2.0)},
        styles=ULTRA_STYLES,
        inputs=1,
        accepts=_UPLOADS,
        asynchronous=True,
    ),
    Model(
        name="leonardo-remove-background",
        wire=REMOVES_BACKGROUND,
        title="Leonardo Remove Background",
        operations=frozenset({"edit.remove_background"}),
        sizes=_KEEPS,
        formats=(Format.PNG, Format.WEBP),
        inputs=1,
        accepts=_CUTOUT,
        asynchronous=True,
    ),
)
"""Those that change a picture."""

MODELS = (*(model for models in _DRAWING.values() for model in models), *_CHANGING)
