"""The documented examples, really sent; and the shapes of their answers.

`python -m tests.edge.replaying` writes the shapes down, where routes or answers have changed.
"""

from __future__ import annotations

import asyncio
import base64
import io
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml
from PIL import Image

from proxy.app.setup import FIRST
from proxy.dialects import NAMES, load
from proxy.dialects.documents import BOAT, Document, Earlier, Example, File
from proxy.edge.documentation import own
from proxy.edge.documentation.entries import ANSWERS, Entry, entries
from tests.edge.house import House, house

DIALECTS = [load(name) for name in (FIRST, *sorted(NAMES - {FIRST}))]
ENTRIES = entries(DIALECTS)
DOCUMENTS: Mapping[str, Mapping[str, Document]] = {each.name: each.documents for each in DIALECTS} | {
    own.OWN: own.DOCUMENTS
}
SHIPPED = Path(__file__).parents[2] / "config.yaml"
ITSELF = "GET /v1/darkroom/openapi.json"
"""Its answer has what all answers have, and so no shape to write down."""
PATIENCE = 300
"""Looks at a request that goes on."""


def _mask() -> bytes:
    """As large as the picture, transparent in its upper half."""
    body = io.BytesIO()
    Image.new("RGBA", (64, 32), (0, 0, 0, 0)).resize((64, 64)).save(body, "PNG")
    return body.getvalue()


FILES = {"picture.png": base64.b64decode(BOAT), "mask.png": _mask()}


@asynccontextmanager
async def shipped(folder: Path) -> AsyncIterator[House]:
    """The application as it is shipped, with no vendor's key; without a renderer, which nothing here asks for."""
    config = yaml.safe_load(SHIPPED.read_text())
    config["providers"].pop("local", None)
    async with house(folder, config) as home:
        yield home


def key_for(home: House, team: str, entry: Entry) -> str:
    """A key of a new team that may ask for an entry."""
    return home.key(team, "5/total")


class Replay:
    """One example after the other, each with all that has to come before it."""

    def __init__(self, home: House, key: str) -> None:
        self._home = home
        self._key = key
        self._made: dict[str, httpx.Response] = {}
        """What was answered to the examples that came before, by dialect and route."""

    async def send(self, entry: Entry, example: Example) -> httpx.Response:
        """Send an example, whatever it stands on before it. An answer that only says what is coming is waited for."""
        for name in example.after:
            await self._before(entry.dialect, name)
        parts = await self._filled(entry.dialect, example.parts)
        path = (entry.pinned or entry.path).format(**parts)
        sent: dict[str, Any] = {"params": await self._filled(entry.dialect, example.query)}
        if example.form is not None:
            form = await self._filled(entry.dialect, example.form)
            sent["files"] = [(name, _part(value)) for name, value in form.items()]
        elif example.json is not None:
            sent["json"] = await self._filled(entry.dialect, example.json)
        headers = {} if entry.public else {"authorization": f"Bearer {self._key}"}
        url = f"http://darkroom.test{path}"
        answer = await self._home.http.request(entry.method, url, headers=headers, **sent)
        if entry.generating and answer.is_success:
            await self._done(answer.headers["x-request-id"])
        return answer

    async def _before(self, dialect: str, name: str) -> httpx.Response:
        whose = dialect if name in DOCUMENTS[dialect] else FIRST
        found = self._made.get(f"{whose} {name}")
        if found is None:
            entry = next(each for each in ENTRIES if (each.dialect, each.route) == (whose, name))
            found = self._made[f"{whose} {name}"] = await self.send(entry, entry.document.examples[0])
            assert found.status_code == entry.document.status, found.text
        return found

    async def _filled(self, dialect: str, value: Any) -> Any:
        if isinstance(value, Earlier):
            answer = await self._before(dialect, value.route)
            return answer.headers[value.header] if value.header else _within(answer.json(), value.path)
        if isinstance(value, Mapping):
            return {name: await self._filled(dialect, each) for name, each in value.items()}
        return [await self._filled(dialect, each) for each in value] if isinstance(value, list) else value

    async def _done(self, request: str) -> None:
        for _ in range(PATIENCE):
            state = await self._home.get(self._key, f"/darkroom/requests/{request}")
            if state.status_code != 200 or state.json()["state"] != "open":
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{request} goes on and on")


def _within(value: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        value = value[step]
    return str(value).rpartition("/")[2]


def _part(value: Any) -> tuple[str | None, bytes] | tuple[str | None, bytes, str]:
    return (value.name, FILES[value.name], "image/png") if isinstance(value, File) else (None, str(value).encode())


def shape(value: Any) -> Any:
    """Names of types in the place of values; the items of a list as one."""
    if isinstance(value, Mapping):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [joined([shape(each) for each in value])] if value else []
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return kinds[type(value)]


def joined(shapes: list[Any]) -> Any:
    """One shape for several: whatever any of them has."""
    if all(isinstance(each, Mapping) for each in shapes):
        names = dict.fromkeys(name for each in shapes for name in each)
        return {name: joined([each[name] for each in shapes if name in each]) for name in names}
    if all(isinstance(each, list) for each in shapes):
        items = [each[0] for each in shapes if each]
        return [joined(items)] if items else []
    kinds = {kind for each in shapes for kind in (each.split(" or ") if isinstance(each, str) else ["object"])}
    return " or ".join(sorted(kinds))


def shape_of(answer: httpx.Response) -> Any:
    """The shape of an answer; None where it is not JSON."""
    kind = answer.headers.get("content-type", "")
    return shape(answer.json()) if kind.startswith("application/json") and answer.content else None


async def _write() -> None:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with shipped(Path(folder)) as home:
            for place, entry in enumerate(ENTRIES):
                replay = Replay(home, key_for(home, f"team-{place}", entry))
                told = [await replay.send(entry, example) for example in entry.document.examples]
                shapes = [each for each in map(shape_of, told) if each is not None]
                if shapes and entry.route != ITSELF:
                    found[f"{entry.dialect} {entry.route}"] = joined(shapes)
    ANSWERS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(_write())
