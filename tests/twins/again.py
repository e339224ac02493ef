"""Asking a server for a picture again: what is asked, of whom, and what is said of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.edge.house import BODY, House, house
from tests.edge.vendors import FickleVendor
from tests.walk.vendors import OpenAIVendor, at

SEEDED = {**BODY, "seed": 7}
DAY = {"teams": {"acme": {"age_s": 86_400}}}
OFF, ONLY, ALLOW = ({"x_darkroom_cache": said} for said in ("off", "only-if-cached", "allow"))
MISS, HIT, JOINED = (200, "miss", "0.04"), (200, "hit", "0"), (200, "joined", "0")
"""How an answer was come by, as `said` has it."""


def config(vendor: FickleVendor, **more: Any) -> dict[str, Any]:
    return {"providers": {"stub": at(vendor, honours=["seed"])}, "default_model": "photo", **more}


@asynccontextmanager
async def home_of(folder: Path, vendor: FickleVendor, cache: dict[str, Any] | None = DAY) -> AsyncIterator[House]:
    async with house(folder, config(vendor, **({"cache": cache} if cache is not None else {}))) as home:
        yield home


async def submitted(vendor: OpenAIVendor, count: int) -> None:
    """Until the vendor was asked so often; the house shares this loop, so nothing here may block."""
    async with asyncio.timeout(10):
        while len(vendor.submits) < count:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def said(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Status, what came of the look, and USD charged."""
    return answer.status_code, answer.headers.get("x-darkroom-cache"), answer.headers.get("x-darkroom-cost")


def pictures(answer: httpx.Response) -> list[bytes]:
    return [base64.b64decode(each["b64_json"]) for each in answer.json()["data"]]
