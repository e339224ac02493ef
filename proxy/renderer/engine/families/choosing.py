"""Which family draws with a pipeline, by the name of its class: diffusers has one class for each kind and way."""

from __future__ import annotations

import re

from proxy.renderer.engine.families.contract import Family, Pipeline
from proxy.renderer.engine.families.flux import Flux
from proxy.renderer.engine.families.sd import StableDiffusion
from proxy.renderer.engine.families.sd3 import StableDiffusion3
from proxy.renderer.engine.families.whole import Whole

_WAYS = "(Img2Img|Inpaint)?Pipeline"
_FAMILIES: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(f"StableDiffusion(XL)?{_WAYS}"), StableDiffusion()),
    (re.compile(f"StableDiffusion3{_WAYS}"), StableDiffusion3()),
    (re.compile(f"Flux{_WAYS}"), Flux()),
)
_OTHERS: Family = Whole()


def family_of(pipeline: Pipeline) -> Family:
    """The family for pipelines of that class; for all that are not known, the one that takes none apart."""
    name = type(pipeline).__name__
    return next((family for pattern, family in _FAMILIES if pattern.fullmatch(name)), _OTHERS)
