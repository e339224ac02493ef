"""The usual family: every painting is a sitting of diffusers' own pipeline, and steps are taken together.

A kind of model is a subclass of facts. Subclass it, name the denoiser and the form of its arguments, and say how a
preview is made of what the denoiser predicts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import torch
from msgspec import Struct
from PIL import Image as Pillow

from providers.contract import ImageRequest
from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.families.remembering import Remembered
from proxy.renderer.engine.families.sitting import Arguments, Sitting, StandIn, copied, names_of, put
from proxy.renderer.engine.families.stacking import Form, Stacker, kind_of, taken_apart, tokens_of
from proxy.renderer.engine.families.ways import Way, way_of
from proxy.renderer.engine.painting import Painting
from proxy.renderer.engine.samplers import sampler

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
PREVIEW_SIDE = 64
"""Latent pixels of a preview's longer side, at most: it is decoded often, and looked at for a moment."""


class _State(Struct, eq=False):
    """What a painting of this family is."""

    sitting: Sitting
    way: Way
    dtype: torch.dtype
    """The autoencoder's, when it began."""
    pixels: torch.Tensor | None = None
    """What the pipeline returned: channels first, 0 to 1."""


class StockFamily:
    """Draws by suspended calls of the stock pipeline. No state: what it keeps is kept with the model."""

    DENOISER: ClassVar[str] = "unet"
    """Which of the pipeline's parts is asked once a step."""
    FORM: ClassVar[Form] = Form(lead="sample")

    def begin(self, opened: Opened, request: ImageRequest, seed: int) -> Painting:
        """See `contract.Family`, likewise below."""
        way = self.way(opened, request)
        sitting = self._seated(opened, way, request, seed)
        sitting.start()
        asked, form = sitting.asked, self.FORM
        tokens = tokens_of(asked, form)
        return Painting(
            model=opened.model,
            seed=seed,
            width=way.width,
            height=way.height,
            steps=sitting.steps_in_all,
            guided=bool(getattr(sitting.pipeline, "do_classifier_free_guidance", False)),
            tokens=tokens,
            group=_group(opened, way, kind_of(asked, form)),
            state=_State(sitting, way, way.pipeline.vae.dtype),
            alone=opened.load.deterministic,
        )

    def step(self, opened: Opened, paintings: Sequence[Painting], bucket: int) -> None:
        """One denoiser call for all; then each pipeline goes on with its part until it asks again."""
        calls = [painting.state.sitting.asked for painting in paintings]
        stacker = opened.kept.setdefault(f"stacker of {bucket}", Stacker(self.FORM))
        output = getattr(opened.pipeline, self.DENOISER)(**stacker.stacked(calls, bucket))[0]
        for painting, part in zip(paintings, taken_apart(output, calls, self.FORM), strict=True):
            self._go_on(opened, painting, part)

    def finish(self, opened: Opened, painting: Painting) -> Pillow.Image:
        """The pipeline decodes by itself."""
        pixels = self.pixels(painting)
        (picture,) = _pictures(painting.state.sitting.pipeline, pixels)
        finished: Pillow.Image = painting.state.way.finish(picture)
        return finished

    def pixels(self, painting: Painting) -> torch.Tensor:
        """What the pipeline returns for a painting that is done: a tensor of one picture, 0 to 1."""
        state: _State = painting.state
        if state.pixels is None:
            state.pixels = state.sitting.end()[0]
        return state.pixels

    def preview(self, opened: Opened, painting: Painting) -> Pillow.Image | None:
        """What the denoiser last took the finished picture for, decoded small."""
        sitting: Sitting = painting.state.sitting
        latents = None if sitting.last is None else self.foreseen(sitting.pipeline, *sitting.last)
        if latents is None:
            return None
        scale = PREVIEW_SIDE / max(latents.shape[-2:])
        if scale < 1:
            latents = torch.nn.functional.interpolate(latents, scale_factor=scale, mode="area")
        (picture,) = _pictures(opened.pipeline, self.decoded(opened.pipeline, latents))
        return picture

    def foreseen(self, pipeline: Pipeline, asked: Arguments, answer: torch.Tensor) -> torch.Tensor | None:
        """The finished picture's latents, as far as the denoiser's last answer tells."""
        return None

    def decoded(self, pipeline: Pipeline, latents: torch.Tensor) -> torch.Tensor:
        """Latents as pixels of -1 to 1."""
        latents = latents / pipeline.vae.config.scaling_factor + (getattr(pipeline.vae.config, "shift_factor", 0) or 0)
        decoded: torch.Tensor = pipeline.vae.decode(latents.to(pipeline.vae.dtype), return_dict=False)[0]
        return decoded / 2 + 0.5

    def drop(self, painting: Painting) -> None:
        """Unwind its pipeline; what it did to the autoencoder's precision to decode in, if that failed, is undone."""
        state: _State = painting.state
        state.sitting.drop()
        autoencoder = state.way.pipeline.vae
        if autoencoder.dtype != state.dtype:
            autoencoder.to(state.dtype)

    def way(self, opened: Opened, request: ImageRequest) -> Way:
        """How the pipeline is called for this request."""
        return way_of(opened, request)

    def stood_in(self, sitting: Sitting, denoiser: Any) -> StandIn:
        """What the pipeline finds in its denoiser's place."""
        return StandIn(denoiser, sitting.ask(names_of(denoiser)))

    def _seated(self, opened: Opened, way: Way, request: ImageRequest, seed: int) -> Sitting:
        """A sitting with stand-ins for what is shared, not yet started."""
        own = way.pipeline.scheduler
        if (name := request.sampler or opened.load.sampler) is not None:
            own = sampler(own, str(name))
        pipeline = copied(way.pipeline, own)
        put(pipeline, "maybe_free_model_hooks", lambda: None)  # at its end: others are still drawing with them
        # Noise from the CPU is the same on every device; a generator takes seeds of 64 bits.
        generator = torch.Generator("cpu").manual_seed(seed % 2**64)
        options = way.options | {"generator": generator, "output_type": "pt", "return_dict": False}
        sitting = Sitting(pipeline, options)
        denoiser = getattr(pipeline, self.DENOISER)
        put(pipeline, self.DENOISER, self.stood_in(sitting, denoiser))
        put(pipeline, "vae", StandIn(pipeline.vae, pipeline.vae, decode=sitting.patient(pipeline.vae.decode)))
        for name in ENCODERS:
            if (encoder := getattr(pipeline, name, None)) is not None:
                remembered = opened.kept.setdefault(name, Remembered(encoder))
                put(pipeline, name, StandIn(encoder, remembered))
        return sitting

    def _go_on(self, opened: Opened, painting: Painting, part: torch.Tensor) -> None:
        """That painting's pipeline goes on; what it raises is its own failure and must not disturb the others."""
        sitting = painting.state.sitting
        try:
            sitting.answer(part)
        except Exception as error:
            painting.failed = error
            return
        painting.step = sitting.steps
        if not sitting.rests:
            tokens = tokens_of(sitting.asked, self.FORM)
            painting.group = _group(opened, painting.state.way, kind_of(sitting.asked, self.FORM))
            painting.tokens = tokens


def _group(opened: Opened, way: Way, kind: Hashable) -> Hashable:
    """The size too: what tells places may be of one shape for a picture that lies and one that stands."""
    return opened.model, way.width, way.height, kind


def _pictures(pipeline: Pipeline, pixels: torch.Tensor) -> list[Pillow.Image]:
    processor = pipeline.image_processor
    pictures: list[Pillow.Image] = processor.numpy_to_pil(processor.pt_to_numpy(pixels.float().clamp(0, 1)))
    return pictures
