"""The words a request is made of: what may be chosen, by names that no vendor has made."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from providers.contract.image import Image


class Quality(StrEnum):
    """How much effort to spend on a picture, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"

    @property
    def rank(self) -> int:
        """Place in that order, from 0."""
        return list(Quality).index(self)


class Background(StrEnum):
    """What is behind the subject."""

    OPAQUE = "opaque"
    TRANSPARENT = "transparent"


class Fidelity(StrEnum):
    """How closely a picture sent along is to be kept."""

    LOW = "low"
    HIGH = "high"


class Moderation(StrEnum):
    """How strictly content is filtered, where a vendor lets the caller choose."""

    LOW = "low"
    OFF = "off"


class Polarity(StrEnum):
    """Which pixels of a mask mark where the picture may change."""

    WHITE = "white"
    BLACK = "black"
    TRANSPARENT = "transparent"


class EditKind(StrEnum):
    """What an edit does."""

    GENERAL = "general"
    INPAINT = "inpaint"
    OUTPAINT = "outpaint"
    ERASE = "erase"
    REMOVE_BACKGROUND = "remove_background"
    REPLACE_BACKGROUND = "replace_background"
    SEARCH_REPLACE = "search_replace"
    SEARCH_RECOLOR = "search_recolor"
    VARIATION = "variation"


class UpscaleKind(StrEnum):
    """How much an upscale may invent."""

    FAST = "fast"
    CONSERVATIVE = "conservative"
    CREATIVE = "creative"


class ControlKind(StrEnum):
    """What of the picture sent along steers the new one."""

    SKETCH = "sketch"
    STRUCTURE = "structure"
    STYLE = "style"
    STYLE_TRANSFER = "style_transfer"


class Sampler(StrEnum):
    """How a diffusion model gets from noise to a picture."""

    EULER = "euler"
    EULER_ANCESTRAL = "euler_ancestral"
    DDIM = "ddim"
    DPM = "dpm"
    PNDM = "pndm"
    LMS = "lms"


class Adapter(Struct, frozen=True):
    """Weights laid over a model's own: a LoRA, by the name its provider has for it."""

    name: str
    weight: float = 1.0


class Mask(Struct, frozen=True):
    """Where a picture may change, in the caller's own polarity; a model states the one it wants (`Model.mask`)."""

    image: Image
    changes: Polarity
