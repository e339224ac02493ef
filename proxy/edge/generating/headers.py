"""Headers that every dialect's answers have beside its own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pricing import from_micros
from providers.contract import Note
from proxy.edge.answering import notes_header, route_headers
from proxy.edge.generating.visit import Visit
from proxy.explain import usd
from proxy.job import Answer


def of_visit(visit: Visit) -> dict[str, str]:
    """Of any answer: its id, and what is left of the key's requests."""
    headers = {"x-request-id": visit.id}
    if visit.remaining is not None:
        headers["x-ratelimit-limit-requests"] = str(visit.remaining.limit)
        headers["x-ratelimit-remaining-requests"] = str(visit.remaining.left)
        headers["x-ratelimit-reset-requests"] = f"{visit.remaining.reset_s:.0f}s"
    return headers


def of_terms(visit: Visit, micros: int, notes: Sequence[Note]) -> dict[str, str]:
    """Of an answer before the pictures are there: what is held for them, in micro-USD, and what is not as asked."""
    headers = {**of_visit(visit), "x-darkroom-estimated-cost": usd(from_micros(micros))}
    if notes:
        headers["x-darkroom-notes"] = notes_header(notes)
    return headers


def of_answer(visit: Visit, answer: Answer) -> dict[str, str]:
    """Of an answer with pictures: who drew them, what they did cost, and whose they were first."""
    provider, _, model = answer.offer.partition("/")
    headers = {
        **of_visit(visit),
        "x-darkroom-provider": provider,
        "x-darkroom-model": model,
        "x-darkroom-estimated-cost": usd(from_micros(answer.quoted)),
        "x-darkroom-cost": usd(from_micros(answer.charged)),
        "x-darkroom-attempts": str(answer.attempts),
        **route_headers(answer),
    }
    repeated = answer.job if answer.job != visit.id else answer.repeats
    if repeated is not None:
        headers["x-darkroom-repeats"] = repeated
    if answer.job == visit.id and answer.how is not None:
        headers["x-darkroom-cache"] = answer.how
        headers |= {} if answer.how == "miss" else {"age": str(max(0, int(time.time()) - answer.created))}
    if answer.notes:
        headers["x-darkroom-notes"] = notes_header(answer.notes)
    return headers
