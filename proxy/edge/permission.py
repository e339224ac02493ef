"""What a key is for: asked before anything is spent, refused in words that say what the key may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers.contract import Code, Failure, Fault, ImageRequest, UpscaleKind
from proxy.ledger.accounts import Key


def check_page(key: Key, headers: Mapping[str, str]) -> None:
    """Raises REJECTED for a web page that a key is not for. Who is no browser sends no origin, and is no page."""
    origin = headers.get("origin")
    if key.origins and origin is not None and "*" not in key.origins and origin not in key.origins:
        raise _forbidden(f"This key is not for the web page {origin[:100]}.")


def check_spending(key: Key) -> None:
    """Raises REJECTED for an admin key on a route that makes pictures, unless it was made for that too."""
    if "admin" in key.grants and "spend" not in key.grants:
        raise _forbidden(
            "This key administers the server and makes no pictures; grant it 'spend' beside, or use another."
        )


def check_dialect(key: Key, dialect: str) -> None:
    """Raises REJECTED for a dialect that a key is not for."""
    if not key.may.speak(dialect):
        raise _forbidden(f"This key is not for the {dialect} API{_for(key.may.dialects)}.")


def check_request(key: Key, request: ImageRequest, finish: UpscaleKind | None, model: str) -> None:
    """Raises REJECTED for a model or an operation that a key is not for.

    `model`: the name that was asked for, or what stands for none; `finish`: what becomes of its pictures afterwards.
    """
    may = key.may
    if not may.name(model):
        raise _forbidden(f"This key may not ask for the model '{model[:100]}'{_for(may.models)}.", "model")
    for operation in (request.operation, f"upscale.{finish}") if finish is not None else (request.operation,):
        if not may.do(operation):
            raise _forbidden(f"This key may not ask for the operation {operation}{_for(may.operations)}.", "operation")


def _for(names: Sequence[str] | None) -> str:
    return f"; it is for {', '.join(names)}" if names else ""


def _forbidden(detail: str, field: str | None = None) -> Failure:
    return Failure(Fault.REJECTED, detail, code=Code.FORBIDDEN, field=field)
