"""What of a generation has no meaning here, and is told: only where somebody really chose it.

Constants that official clients send every time are no choice, and neither is a setting of a mode that is off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from providers.contract import Note
from proxy.dialects.leonardo.models import DEFAULT
from proxy.dialects.leonardo.styles import BY_UUID
from proxy.dialects.leonardo.table import Asked

MODES: Mapping[str, str] = {
    "expandedDomain": "part of Alchemy, which is not here",
    "fantasyAvatar": "there is no such mode here",
    "highContrast": "part of Prompt Magic, which is not here",
    "promptMagic": "Prompt Magic is not here, but enhancePrompt writes a prompt out in more detail",
}
"""Modes that are nothing here when they are on."""
SETTINGS: Mapping[str, str] = {
    "contrastRatio": "part of Alchemy, which is not here",
    "upscaleRatio": "pictures are made larger by a request of its own: variations/upscale",
}
"""Numbers that are nothing here."""


def notes(asked: Asked, role: str | None) -> tuple[Note, ...]:
    """Everything there is to tell of a generation but its pictures."""
    return tuple(_notes(asked, role))


def _notes(asked: Asked, role: str | None) -> Iterator[Note]:
    for name, why in MODES.items():
        if asked.get(name):
            yield Note(name, why)
    for name, why in SETTINGS.items():
        if name in asked:
            yield Note(name, why)
    if asked.get("scheduler") == "LEONARDO":
        yield Note("scheduler", "the model's own scheduler is used")
    if "photoRealStrength" in asked and asked.get("photoReal"):
        yield Note("photoRealStrength", "photoReal is a photographic style here")
    if asked.get("public"):
        yield Note("public", "pictures are shown to their own team alone", lossy=False)
    yield from _style(asked)
    if "enhancePromptInstruction" in asked:
        used = bool(asked.get("enhancePrompt"))
        why = "the prompt is written out without it" if used else "enhancePrompt is not true"
        yield Note("enhancePromptInstruction", why, lossy=used)
    if "sd_version" in asked and "modelId" in asked:
        yield Note("sd_version", "modelId says which model", lossy=False)
    if role is not None and asked.get("modelId", DEFAULT) != DEFAULT:
        yield Note("modelId", f"the model for such work is used: {role}", lossy=False)


def _style(asked: Asked) -> Iterator[Note]:
    if "styleUUID" in asked and asked["styleUUID"] not in BY_UUID:
        yield Note("styleUUID", "no style that is known here")
    if asked.get("presetStyle") == "LEONARDO":
        yield Note("presetStyle", "the house's own style is not here")
