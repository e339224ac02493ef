"""The internal schema: one vocabulary every dialect is turned into and every provider is asked in.

Sizes are pixels. Whatever is None was not asked for, and the provider's own default holds.
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from pricing import Billable
from providers.contract.image import Format, Image
from providers.contract.words import (
    Adapter,
    Background,
    ControlKind,
    EditKind,
    Fidelity,
    Mask,
    Moderation,
    Quality,
    Sampler,
    UpscaleKind,
)


class _Request(Struct, frozen=True, kw_only=True, tag_field="does"):
    """What every request has."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        "negative",
        "seed",
        "style",
        "steps",
        "guidance",
        "sampler",
        "tiling",
        "contrast",
        "adapters",
        "background",
        "compression",
        "moderation",
        "complexity",
        "frames",
        "frame_ms",
        "vector_model",
        "vector_effort",
        "user",
    )
    """Fields a model may or may not honour; one it does not becomes a note."""

    model: str
    prompt: str = ""
    n: int = 1
    width: int | None = None
    """Pixels; given together with `height` or not at all."""
    height: int | None = None
    quality: Quality | None = None
    negative: str | None = None
    """What the picture must not show."""
    seed: int | None = None
    style: str | None = None
    steps: int | None = None
    guidance: float | None = None
    """How closely the prompt is followed, on the model's own scale."""
    sampler: Sampler | None = None
    tiling: bool | None = None
    """Whether the picture's edges are to meet when it is laid out as tiles."""
    contrast: float | None = None
    """On the scale of Leonardo's models, 1 to 4.5."""
    adapters: tuple[Adapter, ...] | None = None
    background: Background | None = None
    format: Format | None = None
    compression: int | None = None
    """0 to 100, the encoder's quality for JPEG and WebP."""
    moderation: Moderation | None = None
    complexity: str | None = None
    """Detail of the scene: low, medium, high."""
    frames: int | None = None
    """Pictures in an animation."""
    frame_ms: int | None = None
    vector_model: str | None = None
    vector_effort: str | None = None
    user: str | None = None
    """The caller's own end user, for the vendor's abuse reports."""
    previews: int = 0
    """Unfinished pictures wanted while the finished one is made."""
    exact: bool = False
    """The size is what the caller must get: one near it is drawn where a model does not draw it, and then cut."""
    enhance: bool = False
    """The prompt may be written out in more detail before it is sent."""
    grows: int = 0
    """Bytes it may become longer by, and is priced with."""

    @property
    def operation(self) -> str:
        """What is asked for, as models declare and prices state it: `generate`, `edit.inpaint` ..."""
        raise AssertionError("a request is one of the union")  # pragma: no cover

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture sent along, the mask last."""
        raise AssertionError("a request is one of the union")  # pragma: no cover

    def billable(self) -> Billable:
        """The facts a price depends on."""
        return Billable(
            operation=self.operation,
            n=self.n,
            width=self.width,
            height=self.height,
            quality=self.quality,
            fidelity=self.fidelity if isinstance(self, Edit) else None,
            prompt_bytes=len(self.prompt.encode()) + self.grows,
            inputs=tuple((image.width, image.height) for image in self.images),
            previews=self.previews,
            background=self.background,
        )


class Generate(_Request, frozen=True, kw_only=True, tag="generate"):
    """A picture from words, perhaps leaning on others."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*_Request.OPTIONAL, "strength")

    references: tuple[Image, ...] = ()
    strength: float | None = None
    """0 to 1: how far the result may move from the reference; None where there is none."""

    @property
    def operation(self) -> str:
        """What is asked for."""
        return "generate.reference" if self.references else "generate"

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture sent along."""
        return self.references


class Edit(_Request, frozen=True, kw_only=True, tag="edit"):
    """A picture changed."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*_Request.OPTIONAL, "fidelity", "strength")

    kind: EditKind
    pictures: tuple[Image, ...]
    """The picture to change first, any others to draw from after it."""
    mask: Mask | None = None
    fidelity: Fidelity | None = None
    strength: float | None = None
    """0 to 1: how far the result may move from the picture."""
    search: str | None = None
    """What to look for, where the edit replaces or recolors it."""
    left: int = 0
    """Pixels added on each side by an outpaint."""
    right: int = 0
    up: int = 0
    down: int = 0

    @property
    def operation(self) -> str:
        """What is asked for."""
        return f"edit.{self.kind}"

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture sent along."""
        return self.pictures if self.mask is None else (*self.pictures, self.mask.image)


class Upscale(_Request, frozen=True, kw_only=True, tag="upscale"):
    """A picture made larger: to `width` and `height`, by `factor`, or as the model does."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*_Request.OPTIONAL, "creativity", "detail", "resemblance")

    kind: UpscaleKind
    picture: Image
    factor: float | None = None
    creativity: float | None = None
    """0 to 1: how much may be invented."""
    detail: float | None = None
    """0 to 1: how strongly detail is brought out."""
    resemblance: float | None = None
    """0 to 1: how closely the picture is kept."""

    @property
    def operation(self) -> str:
        """What is asked for."""
        return f"upscale.{self.kind}"

    def billable(self) -> Billable:
        """The facts a price depends on; a factor is told as the size it comes to."""
        facts = super().billable()
        if self.factor is None or self.width is not None or not self.picture.width:
            return facts
        width, height = (ceil(side * self.factor) for side in (self.picture.width, self.picture.height))
        return replace(facts, width=width, height=height)

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture sent along."""
        return (self.picture,)


class Control(_Request, frozen=True, kw_only=True, tag="control"):
    """A picture from words, steered by another; `style_transfer` takes the looks of a second one."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        *(*_Request.OPTIONAL, "strength", "fidelity"),
        *("style_strength", "composition_fidelity", "change_strength"),
    )

    kind: ControlKind
    picture: Image
    looks: Image | None = None
    """The picture whose style is taken over."""
    strength: float | None = None
    """0 to 1, as all of these: how strongly the picture steers."""
    fidelity: float | None = None
    style_strength: float | None = None
    composition_fidelity: float | None = None
    change_strength: float | None = None

    @property
    def operation(self) -> str:
        """What is asked for."""
        return f"control.{self.kind}"

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture sent along."""
        return (self.picture,) if self.looks is None else (self.picture, self.looks)


ImageRequest = Generate | Edit | Upscale | Control
OPTIONAL = tuple(dict.fromkeys([*Generate.OPTIONAL, *Edit.OPTIONAL, *Upscale.OPTIONAL, *Control.OPTIONAL]))
"""Every field a model may or may not honour, of whichever request."""


def split(request: ImageRequest, at_once: int) -> list[ImageRequest]:
    """The request as several of at most `at_once` pictures each; seeds count on, so that no picture repeats."""
    parts: list[ImageRequest] = []
    done = 0
    while done < request.n:
        n = min(at_once, request.n - done)
        seed = None if request.seed is None else request.seed + done
        parts.append(replace(request, n=n, seed=seed))
        done += n
    return parts
