"""Names of samplers as diffusers' schedulers, made from the configuration of the model's own.

A name is one of `SAMPLERS`, or of a load also with what comes after: `-karras` spaces noise levels after Karras et al.,
`-trailing` ends the schedule at the noisiest step, which Turbo, Lightning and Hyper weights need: `euler-trailing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    TCDScheduler,
    UniPCMultistepScheduler,
)

from providers.contract import Code, Failure, Fault

Scheduler = Any
"""A diffusers scheduler: they share an interface by custom only."""

SAMPLERS: Mapping[str, Any] = {
    "euler": EulerDiscreteScheduler,
    "euler_ancestral": EulerAncestralDiscreteScheduler,
    "ddim": DDIMScheduler,
    "dpm": DPMSolverMultistepScheduler,
    "pndm": PNDMScheduler,
    "lms": LMSDiscreteScheduler,
    "heun": HeunDiscreteScheduler,
    "unipc": UniPCMultistepScheduler,
    "lcm": LCMScheduler,
    "tcd": TCDScheduler,
}
_NOT_OF_PICTURES = ("euler_ancestral", "pndm")
"""Those that diffusers has for denoisers that predict noise or velocity, and not for such as predict the picture."""
_AFTER: Mapping[str, Mapping[str, Any]] = {
    "karras": {"use_karras_sigmas": True},
    "trailing": {"timestep_spacing": "trailing"},
}


def sampler(own: Scheduler, name: str) -> Scheduler:
    """The scheduler of that name for a model whose own is `own`; that one itself where it is of that kind already.

    Raises REJECTED where there is none of that name, or where the model's noise is of another sort: flow-matching
    models have one sampler.
    """
    kind, *after = name.split("-")
    made = SAMPLERS.get(kind)
    if made is None or not set(after) <= set(_AFTER):
        raise _refusal(f"knows no sampler {name!r}; it knows {', '.join(SAMPLERS)}")
    if not hasattr(own, "alphas_cumprod"):
        raise _refusal("has one sampler only, its own")
    if own.config.prediction_type == "sample" and kind in _NOT_OF_PICTURES:
        raise _refusal(f"predicts pictures, not noise: it does not draw by {kind!r}")
    if type(own) is made and not after:
        return own
    changes = {key: value for each in after for key, value in _AFTER[each].items()}
    return made.from_config(own.config, **changes)


def _refusal(what: str) -> Failure:
    return Failure(Fault.REJECTED, f"this local model {what}", code=Code.INVALID, field="sampler")
