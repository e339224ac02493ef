"""What every request of this dialect has: the configuration, whom it may be served by, what is noted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault, Format, Note
from proxy.dialects.fields import Reader, Table, choice, integer, number, rejected, text

PROMPT_LIMIT = 32_000
SEED_MOST = 2**63 - 1
UNKNOWN_MOST = 20
"""Fields that are not known and are named in notes; of more, their number is."""
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "ideogram": (),
    "qwen": (),
    "gemini": ("gemini", "google"),
    "google": ("gemini", "google"),
    "hf": ("huggingface", "hf"),
    "huggingface": ("huggingface", "hf"),
}
"""Words that clients write for a provider and that may stand for others; with none, for a kind of model.

The two first are what a front end sends once a template is picked, because the template recommends it: no wish of
anybody's, so it binds nobody. The configuration may say otherwise.
"""
FORMATS = {"png": Format.PNG, "jpg": Format.JPEG, "jpeg": Format.JPEG, "webp": Format.WEBP}
IMAGE_FORMAT: Reader = choice(FORMATS)


MODELS: Mapping[str, Mapping[str, str]] = {
    "stability": {"draft": "core", "standard": "core", "premium": "ultra"},
    "wavespeed": {"draft": "qwen-image", "standard": "qwen-image", "premium": "ideogram-v3-turbo"},
}
"""The same by the document's own names."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the configuration says to this dialect: `dialects.alwrity`."""

    currency: Literal["credits", "USD"] = "credits"
    """What estimates are told in. The document's own is credits; its front end can only show a real currency."""
    credit_usd: Decimal = Decimal("0.02")
    providers: Mapping[str, tuple[str, ...]] = {}
    """The providers a word of the caller's stands for: none where any may serve it."""
    models: Mapping[str, Mapping[str, str]] = {}
    """By provider, the model for each quality where the caller names the provider and no model; before MODELS."""
    titles: Mapping[str, str] = {}
    """What providers are called."""


def settings(options: Mapping[str, Any]) -> Settings:
    """The configuration, read. Raises UNAVAILABLE where it makes no sense: the caller cannot mend it."""
    if not options:
        return Settings()
    try:
        told = msgspec.convert(options, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Failure(Fault.UNAVAILABLE, f"dialects.alwrity is misconfigured: {error}", code=Code.INTERNAL) from error
    if not (told.credit_usd.is_finite() and told.credit_usd > 0):
        detail = "dialects.alwrity is misconfigured: credit_usd must be more than 0"
        raise Failure(Fault.UNAVAILABLE, detail, code=Code.INTERNAL)
    return told


SHARED: Table = {
    "model": ("model", text(128)),
    "provider": ("provider", text(64)),
    "negative_prompt": ("negative", text(PROMPT_LIMIT)),
    "style_preset": ("style", text(64)),
    "guidance_scale": ("guidance", number(0.0, 100.0)),
    "steps": ("steps", integer(1, 1000)),
    "seed": ("seed", integer(-1, SEED_MOST)),
}
"""Fields that several routes take. A provider is whatever is configured, so no list of them stands here."""


def seeded(known: dict[str, Any]) -> None:
    """A seed of -1 asks for any, as clients of several vendors write it."""
    if known.get("seed") == -1:
        del known["seed"]


def allowed(provider: str | None, told: Settings) -> tuple[tuple[str, ...], list[Note]]:
    """The only providers that may serve a request, none where any may; and what is to be noted of that."""
    if provider is None or provider.strip().lower() == "auto":
        return (), []
    name = provider.strip().lower()
    found = told.providers.get(name, FAMILIES.get(name))
    if found is None:
        return (provider.strip(),), []
    if found:
        return found, []
    return (), [Note("provider", f"'{name}' is no provider but a recommendation: any may serve it", lossy=False)]


def ignored(unknown: Sequence[str]) -> list[Note]:
    """Notes of fields that are not known."""
    notes = [Note(name[:64], "is not known here and was ignored", lossy=False) for name in unknown[:UNKNOWN_MOST]]
    if len(unknown) > UNKNOWN_MOST:
        more = len(unknown) - UNKNOWN_MOST
        notes.append(Note("body", f"{more} more fields are not known here and were ignored", lossy=False))
    return notes


def unused(known: dict[str, Any], names: Iterable[str], what: str) -> list[Note]:
    """Take fields out that an operation has no use for: a note for each that was sent."""
    return [Note(name, f"{what} does not use it") for name in names if known.pop(name, None) is not None]


def needed(known: Mapping[str, Any], names: Iterable[str], detail: str) -> None:
    """Refuse a request that lacks one of some fields, in the document's words."""
    for name in names:
        value = known.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise rejected(detail, Code.MISSING, name)
