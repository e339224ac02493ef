"""What an answer says besides the pictures: ids, headers, notes, why not."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from pricing import from_micros
from providers.contract import Failure, Fault, Note
from proxy.dialects.contract import Served, Shown
from proxy.explain import usd
from proxy.job import Answer, Hedge

BROKEN = "The server had an error while processing your request."
UNSTORED = "The pictures were made and cannot be kept for a link now; try again, or ask for the pictures themselves."
AWAY = "What is kept of requests cannot be read or changed now; try again."
UNFIT = re.compile(r"[^ -~]")
"""What no header may carry: clients refuse the whole answer for it."""


def request_uuid() -> str:
    """A new id for dialects whose ids are UUIDs: its last byte is left for the places of the pictures."""
    return str(UUID(bytes=uuid4().bytes[:15] + b"\0"))


def request_id() -> str:
    """A new id: in order of time, and not to be guessed."""
    return f"req_{time.time_ns() // 1000:014x}{os.urandom(8).hex()}"


def refusal(failure: Failure) -> dict[str, str]:
    """What is told of a failure."""
    told = {"fault": failure.fault, "code": failure.code or "", "field": failure.field or "", "detail": failure.detail}
    return {name: str(said) for name, said in told.items()}


def unstored(error: OSError) -> Failure:
    """What a caller is told where the store does not do its part."""
    logging.getLogger(__name__).error("the store failed", exc_info=error)
    return Failure(Fault.UNAVAILABLE, AWAY, retry_after=1.0)


def served(answer: Answer, links: Sequence[str], pixels: Sequence[bytes], seconds: float) -> Served:
    """An answer as a dialect renders it; with links and pixels of its pictures, where they are wanted."""
    provider, _, drawn_by = answer.offer.partition("/")
    return Served(
        request_id=answer.job,
        created=answer.created,
        model=answer.model,
        pictures=tuple(
            [
                Shown(
                    image=picture.image,
                    link=links[place] if links else None,
                    revised_prompt=picture.revised_prompt,
                    seed=picture.seed,
                    pixels=pixels[place] if pixels else None,
                )
                for place, picture in enumerate(answer.pictures)
            ]
        ),
        usage=answer.usage,
        quality=answer.quality,
        background=answer.background,
        prompt=answer.prompt,
        provider=provider,
        drawn_by=drawn_by,
        notes=answer.notes,
        missing=answer.missing,
        charged=from_micros(answer.charged),
        seconds=seconds,
    )


def notes_header(notes: Sequence[Note]) -> str:
    """Notes in one header: `field: detail; field: detail`, in plain ASCII and not too long for any proxy."""
    text = "; ".join(f"{note.field}: {note.detail}" for note in notes)
    plain = UNFIT.sub("?", text)
    return plain if len(plain) <= 1000 else f"{plain[:997]}..."


def route_headers(answer: Answer) -> dict[str, str]:
    """By which policy it was decided who draws, and who was asked beside another: `offer fate USD`, with commas."""
    told = {} if answer.policy is None else {"x-darkroom-policy": UNFIT.sub("?", answer.policy)}
    if answer.hedges:
        told["x-darkroom-hedge"] = ", ".join([UNFIT.sub("?", _hedge(each)) for each in answer.hedges])
    return told


def _hedge(hedge: Hedge) -> str:
    return f"{hedge.offer} {hedge.fate} {usd(from_micros(hedge.micros))}"
