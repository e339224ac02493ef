"""A house with everything in it: every dialect, a model that does every kind of work at four cents a picture, and a
painter that is quick and counts. What a team has there is told by name."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch
from xml.etree import ElementTree

import httpx
import msgspec
from msgspec import Struct
from PIL import Image as Pillow
from sqlalchemy import Engine, func, select

from providers.contract import Code, Drawn, Failure, Fault, Image, Render
from providers.sandbox import DETAILS, OPERATIONS
from proxy.dialects import NAMES, load
from proxy.dialects.contract import Dialect, Generating, Route
from proxy.edge.answering import BROKEN
from proxy.ledger.tables import balances, entries
from proxy.renderer import CardRenderer, Show, unseen
from proxy.renderer.asked import seeds_of, size_of
from tests.edge.examples import CLOUD, MASK, PHOTO, STUDIO, Example, File, filled, form, url
from tests.edge.house import House, house
from tests.walk.vendors import OpenAIVendor, at

ORIGIN = "http://darkroom.test"
CENTS = 40_000
ROLES = (
    *("draft", "standard", "premium", "edit", "inpaint", "outpaint", "remove-background", "replace-background"),
    *("search-replace", "search-recolor", "upscale", "control"),
)
WORDS = {f"make it {fault}": str(fault) for fault in DETAILS}
"""Words in a prompt that make the model for everything fail."""
HONOURS = (
    *("negative", "seed", "style", "steps", "guidance", "background", "compression", "moderation", "user"),
    *("complexity", "fidelity", "strength"),
)
DIALECTS = [load(name) for name in sorted(NAMES)]
ROUTES = [(dialect, route) for dialect in DIALECTS for route in dialect.routes]
LIGHTNING = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
"""What a dialect asks for where its caller names no model."""


def named(pairs: Iterable[tuple[Dialect, Route]]) -> list[str]:
    """Names for tests of routes."""
    return [f"{dialect.name} {route.method} {route.path}" for dialect, route in pairs]


def town_config(vendor: OpenAIVendor | None = None, **more: Any) -> dict[str, Any]:
    """`card` does everything, `photo` is a vendor's; both cost four cents a picture. `sandbox` is free."""
    card = {
        "name": "card",
        "operations": sorted(OPERATIONS),
        "sizes": {"step": 1, "min_side": 16, "max_side": 4096},
        "qualities": ["low", "medium", "high"],
        "formats": ["png", "jpeg", "webp"],
        "honours": list(HONOURS),
        "at_once": 10,
        "inputs": 16,
        "previews": 3,
        "price": {"per": {"type": "image", "rows": [{"price": "0.04"}]}},
    }
    photos = at(vendor, operations=["generate", "edit.general", "edit.inpaint", "edit.variation"]) if vendor else None
    return {
        "providers": {
            "cards": {"speaks": "sandbox", "models": [card], "options": {"words": WORDS}},
            "sandbox": {},
            **({"stub": photos} if photos else {}),
        },
        "models": {
            **{key: {"to": ["card"]} for key in ROLES},
            LIGHTNING: {"to": ["card"], "dialect": "leonardo"},
            **({} if photos else {"photo": {"to": ["card"]}}),
        },
        "default_model": "card",
        **more,
        "limits": {"breaker_failures": 10_000, "breaker_s": 0.001, **more.get("limits", {})},
    }


class Painter:
    """Draws plain pictures in place of cards, and counts them. It waits while its gate is closed."""

    def __init__(self) -> None:
        self.drawn = 0
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def draw(self, step: Render) -> Drawn:
        """As `CardRenderer.draw`."""
        seeds = seeds_of(step.request)
        self.asked += len(seeds)
        await self.gate.wait()
        self.drawn += len(seeds)
        image = Image(_plain(size_of(step.request), str(step.request.format or "png"), min(seeds) % 7))
        return Drawn(images=(image,) * len(seeds), seconds=Decimal("0.01"), seeds=seeds)


class Quick(CardRenderer):
    """In the place of the one that draws cards."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._painter = painter

    async def draw(self, step: Render, show: Show = unseen) -> Drawn:
        return await self._painter.draw(step)


@lru_cache(maxsize=256)
def _plain(size: tuple[int, int], format_: str, shade: int) -> bytes:
    target = BytesIO()
    Pillow.new("RGB", size, (40, 90, 20 * shade)).save(target, format_)
    return target.getvalue()


async def until(check: Callable[[], Any]) -> Any:
    """The first true answer of a check; it fails when that takes too long."""
    deadline = time.monotonic() + 10
    while not (answer := check()):
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.005)
    return answer


class Money(Struct, frozen=True):
    """What all teams have spent, hold, and how many lines the ledger has."""

    settled: int
    held: int
    lines: int


class Team:
    """A team with a key, and what it has."""

    def __init__(self, home: Town, name: str, key: str) -> None:
        self.home = home
        self.name = name
        self.key = key
        self.has: dict[str, str] = {}
        """Ids, by name."""

    async def ask(
        self, method: str, path: str, body: Any = None, /, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask for a path of the server; a body that is not bytes is sent as JSON."""
        sent = {"authorization": f"Bearer {self.key}", **(headers or {})}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return await self.home.http.request(method, ORIGIN + path, content=content, headers=sent)

    async def example(
        self, dialect: Dialect, route: Route, example: Example, /, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Ask as an example does; `more` are fields beside its own."""
        fields = {**filled(example.fields, self.has), **more}
        body, kind = form(fields) if example.form else (json.dumps(fields).encode(), "application/json")
        path = f"/{dialect.name}{path_of(route, 'x')}"
        return await self.ask(route.method, path, body, {"content-type": kind, **(headers or {})})


class Town(House):
    """The house, and what tests of all of it ask."""

    painter: Painter
    _looking: Engine | None = None

    def team(self, name: str, *limits: str) -> Team:
        """A team that may spend."""
        return Team(self, name, self.key(name, *(limits or ("1000/total",))))

    def money(self) -> Money:
        """Where all budgets stand."""
        self._looking = self._looking or self.engine()
        with self._looking.connect().execution_options(reads=True) as connection:
            sums = select(func.sum(balances.c.settled), func.sum(balances.c.held))
            found = connection.execute(sums.where(balances.c.window == "total", balances.c.scope.like("team:%"))).one()
            lines = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            return Money(found[0] or 0, found[1] or 0, lines)

    async def quiet(self) -> Money:
        """The same, once nothing is under way."""
        deadline = time.monotonic() + 10
        while (money := self.money()).held:
            assert time.monotonic() < deadline, "money is held for ever"
            await asyncio.sleep(0.002)
        return money


@asynccontextmanager
async def town(folder: Path, config: Mapping[str, Any] | None = None) -> AsyncIterator[Town]:
    """Open it."""
    painter = Painter()
    async with AsyncExitStack() as stack:
        with patch("proxy.app.premises.CardRenderer", lambda: Quick(painter)):
            made = await stack.enter_async_context(house(folder, config or town_config(), Town))
        assert isinstance(made, Town)
        made.painter = painter
        yield made
        painter.gate.set()
        if made._looking is not None:
            made._looking.dispose()


async def furnish(team: Team) -> None:
    """Let a team have one of everything that has an id."""
    has = team.has
    generation = {"prompt": f"{team.name} secret", "num_images": 1, "width": 64, "height": 64}
    has["generation"] = (await told(team, f"{CLOUD}/generations", generation))["sdGenerationJob"]["generationId"]
    has["picture"] = f"{has['generation'][:-2]}01"
    await team.home.quiet()
    variation = await told(team, f"{CLOUD}/variations/upscale", {"id": has["picture"]})
    has["variation"] = variation["sdUpscaleJob"]["id"]
    slot = (await told(team, f"{CLOUD}/init-image", {"extension": "png"}))["uploadInitImage"]
    has["init"] = slot["id"]
    canvas = (await told(team, f"{CLOUD}/canvas-init-image", {"initExtension": "png", "maskExtension": "png"}))[
        "uploadCanvasInitImage"
    ]
    has["canvas"], has["mask"] = canvas["initImageId"], canvas["maskImageId"]
    for place, body in ((slot["url"], PHOTO), (canvas["initUrl"], PHOTO), (canvas["maskUrl"], MASK)):
        sent, kind = form({"file": File(body)})
        answer = await team.home.http.post(place, content=sent, headers={"content-type": kind})
        assert answer.status_code == 204, answer.text
    has["persona"] = f"{team.name}-persona"
    await told(team, f"{STUDIO}/personas/{has['persona']}", {"description": f"{team.name} secret"}, "PUT")
    kept = {"image_base64": url(PHOTO), "prompt": f"{team.name} secret"}
    has["library"] = (await told(team, f"{STUDIO}/save-to-library", kept))["asset_id"]
    answer = await team.ask("POST", "/openai/v1/images/generations", {"model": "card", "prompt": f"{team.name} secret"})
    has["request"] = answer.headers["x-request-id"]
    await team.home.quiet()


async def told(team: Team, path: str, body: Any, method: str = "POST") -> Any:
    """The answer to a request that succeeds."""
    answer = await team.ask(method, path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def path_of(route: Route, value: str) -> str:
    """A route's path with something in its open places."""
    return re.sub(r"{\w+:\w+}", value.replace("\\", r"\\"), route.path)


# Errors.

Flat = dict[str, type]


def flat(value: Any, at: str = "") -> Flat:
    """Where a body has values, and of which types."""
    if isinstance(value, dict):
        return {path: kind for name, each in value.items() for path, kind in flat(each, f"{at}.{name}").items()}
    return {at: type(value)}


class Shapes:
    """How errors of a dialect look, by what it makes of every failure there is."""

    def __init__(self, dialect: Dialect) -> None:
        self.media_type = dialect.media_type
        self.statuses: set[int] = set()
        self._places: set[frozenset[str]] = set()
        self._types: dict[str, set[type]] = {}
        for failure in FAILURES:
            outgoing = dialect.render_error(failure)
            found = flat(msgspec.json.decode(b"".join(outgoing.body)))
            self.statuses.add(outgoing.status)
            self._places.add(frozenset(found))
            for path, kind in found.items():
                self._types.setdefault(path, set()).add(kind)

    def fit(self, answer: httpx.Response) -> bool:
        """Whether an answer is such an error."""
        if answer.status_code not in self.statuses or not answer.headers["content-type"].startswith(self.media_type):
            return False
        found = flat(answer.json())
        return frozenset(found) in self._places and all(kind in self._types[path] for path, kind in found.items())


FAILURES = [
    Failure(fault, "Why it is so.", code=code, field=field, retry_after=after)
    for fault in Fault
    for code in (None, *Code)
    for field in (None, "image")
    for after in (None, 1.0)
]
SHAPES = {dialect.name: Shapes(dialect) for dialect in DIALECTS}
UPLOADS = f"{CLOUD}/uploads/"
"""Refuses as a bucket of a cloud's does."""


def speakers(route: Route) -> list[str]:
    """The dialects that share a path."""
    return [dialect.name for dialect, each in ROUTES if (each.method, each.path) == (route.method, route.path)]


def sound(answer: httpx.Response, dialects: Iterable[str]) -> Literal[True]:
    """An answer of one of these dialects, whatever it says: whole, readable, and no mistake of ours."""
    assert "x-request-id" in answer.headers
    assert answer.status_code < 500, answer.text
    assert BROKEN not in answer.text
    kind = answer.headers.get("content-type", "")
    if kind.startswith("application/json") and answer.status_code != 204:
        assert msgspec.json.decode(answer.content) is not None
    if answer.status_code >= 400:
        if UPLOADS in str(answer.request.url) and kind.startswith("application/xml"):
            ElementTree.fromstring(answer.content)
        else:
            assert any(SHAPES[name].fit(answer) for name in dialects), (answer.status_code, answer.text)
    return True


GENERATING = [(dialect, route) for dialect, route in ROUTES if isinstance(route, Generating)]
