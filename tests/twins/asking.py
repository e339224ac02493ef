"""Jobs to compare, and for every field of a request values that are not the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from providers.contract import (
    Adapter,
    Background,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Fidelity,
    Format,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Moderation,
    Polarity,
    Quality,
    Sampler,
    Upscale,
    UpscaleKind,
)
from proxy.job import Job
from proxy.ledger.accounts import Key
from proxy.transport import Lease, Room
from tests.pictures import png

RED, BLUE = Image(png(8, 6, "red")), Image(png(8, 6, "blue"))
MASK = Mask(RED, Polarity.WHITE)

SHARED: dict[str, tuple[Any, ...]] = {
    "prompt": ("A boat", "A boat ", "a boat", ""),
    "n": (1, 2),
    "width": (None, 512, 1024),
    "height": (None, 512, 1024),
    "quality": (None, Quality.LOW, Quality.HIGH),
    "negative": (None, "", "fog"),
    "seed": (None, 0, 1, 2**32),
    "style": (None, "vivid"),
    "steps": (None, 20, 21),
    "guidance": (None, 7.0, 7.5),
    "sampler": (None, Sampler.DDIM),
    "tiling": (None, False, True),
    "contrast": (None, 1.0, 3.5),
    "adapters": (None, (Adapter("ink"),), (Adapter("ink", 0.5),), (Adapter("oil"), Adapter("ink"))),
    "background": (None, Background.OPAQUE, Background.TRANSPARENT),
    "format": (None, Format.PNG, Format.JPEG, Format.WEBP, Format.SVG),
    "moderation": (None, Moderation.LOW, Moderation.OFF),
    "complexity": (None, "low"),
    "frames": (None, 3),
    "frame_ms": (None, 40),
    "vector_model": (None, "v1"),
    "vector_effort": (None, "high"),
    "exact": (False, True),
    "enhance": (False, True),
}
"""What every request has, `compression` aside, which a PNG has not."""
OWN: dict[type, dict[str, tuple[Any, ...]]] = {
    Generate: {"references": ((), (RED,), (BLUE,), (RED, BLUE), (BLUE, RED)), "strength": (None, 0.5)},
    Edit: {
        "kind": (EditKind.GENERAL, EditKind.OUTPAINT),
        "pictures": ((RED,), (BLUE,), (RED, BLUE)),
        "mask": (None, MASK, Mask(BLUE, Polarity.WHITE), Mask(RED, Polarity.BLACK)),
        "fidelity": (None, Fidelity.HIGH),
        "strength": (None, 0.5),
        "search": (None, "boat"),
        **dict.fromkeys(("left", "right", "up", "down"), (0, 64)),
    },
    Upscale: {
        "kind": (UpscaleKind.FAST, UpscaleKind.CREATIVE),
        "picture": (RED, BLUE),
        "factor": (None, 2.0, 4.0),
        **dict.fromkeys(("creativity", "detail", "resemblance"), (None, 0.5)),
    },
    Control: {
        "kind": (ControlKind.SKETCH, ControlKind.STYLE),
        "picture": (RED, BLUE),
        "looks": (None, RED, BLUE),
        "strength": (None, 0.5),
        **dict.fromkeys(("fidelity", "style_strength", "composition_fidelity", "change_strength"), (None, 0.5)),
    },
}
EVERY: dict[type, dict[str, tuple[Any, ...]]] = {kind: {**SHARED, **own} for kind, own in OWN.items()}
"""By kind of request: its fields that a finished picture shows, each with values that make different pictures."""
STEERED: dict[str, tuple[Any, ...]] = {
    "strict": (False, True),
    "max_cost": (None, Decimal("0.05"), Decimal("0.5")),
    "max_seconds": (None, 10.0, 20.0),
    "regions": (None, frozenset({"eu"}), frozenset({"eu", "us"})),
    "policy": (None, "best"),
    "providers": (None, frozenset({"bfl"}), frozenset({"bfl", "fal"})),
    "finish": (None, UpscaleKind.FAST, UpscaleKind.CREATIVE),
}
"""What of a job decides who draws, or what becomes of a picture afterwards."""
KEY = Key(key="k_1", team="acme", name="", prefix="dk_live", test=False, created=0)


def request(kind: type = Generate, /, **fields: Any) -> ImageRequest:
    """The plainest one of a kind, with some fields as said."""
    plain = {name: values[0] for name, values in OWN[kind].items()}
    made: ImageRequest = kind(model="photo", **{"prompt": "A boat", **plain, **fields})
    return made


def job(asked: ImageRequest, **fields: Any) -> Job:
    """A job that asks for it."""
    known = {"id": "req_1", "key": KEY, "dialect": "openai", "print": b"", "created": 1, "lease": Lease(Room(1 << 30))}
    return Job(**{**known, "request": asked, **fields})
