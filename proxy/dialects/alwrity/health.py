"""`GET /health`: whether the studios have a model to work with. Answered without a key."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Card, Incoming, Route, Talk, Talking
from proxy.dialects.wants import Cards

STUDIOS = {
    "create_studio": "generate",
    "edit_studio": "edit",
    "upscale_studio": "upscale",
    "control_studio": "control",
}
"""By studio, the first word of the operations it needs."""
ALWAYS = ("templates", "providers", "social_optimizer", "compression", "conversion")
"""What needs no model."""


def health(_: Incoming) -> Talk:
    """Healthy where pictures can be made."""
    cards: Sequence[Card] = yield Cards()
    words = {name.partition(".")[0] for card in cards if card.providers for name in card.model.operations}
    modules = {studio: "available" if word in words else "unavailable" for studio, word in STUDIOS.items()}
    modules |= dict.fromkeys(ALWAYS, "available")
    status = "healthy" if "generate" in words else "degraded"
    return reply({"status": status, "service": "image_studio", "version": "1.0.0", "modules": modules})


ROUTES: tuple[Route, ...] = (Talking(path="/api/image-studio/health", talk=health, public=True),)
