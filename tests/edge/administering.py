"""An operator at a house, whose every answer is held against the description that the server gives of itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import msgspec
from jsonschema import Draft202012Validator

from proxy.edge.admin import BEGINS, TABLE
from proxy.edge.admin.openapi import openapi
from tests.edge.house import BODY, House, house
from tests.walk.vendors import OpenAIVendor, at, serving

ORIGIN = "http://darkroom.test"


def _closed(value: Any) -> Any:
    """A schema that takes no field it does not name."""
    if isinstance(value, dict):
        made = {name: _closed(each) for name, each in value.items()}
        return made | ({"additionalProperties": False} if "properties" in made and "type" in made else {})
    return [_closed(each) for each in value] if isinstance(value, list) else value


DESCRIPTION: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(openapi(TABLE)))
COMPONENTS = _closed(deepcopy(DESCRIPTION["components"]))


def _pattern(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda part: ".+" if part[1] == "scope" else "[^/]+", path)


def described(method: str, path: str) -> dict[str, Any]:
    """The operation that a request is."""
    paths = sorted(DESCRIPTION["paths"], key=lambda each: each.count("{"))
    known = next(each for each in paths if re.fullmatch(_pattern(each), path))
    operation: dict[str, Any] = DESCRIPTION["paths"][known][method.lower()]
    return operation


def check(method: str, answer: httpx.Response) -> None:
    """An answer is what the description says of its route and status."""
    path = answer.request.url.path
    responses = described(method, path)["responses"]
    if answer.status_code == 304:
        return
    told = responses.get(str(answer.status_code), responses["default"] if answer.status_code >= 400 else None)
    assert told is not None, (answer.status_code, answer.text)
    media = answer.headers["content-type"].partition(";")[0]
    schema = told["content"][media]["schema"]
    if media == "application/json":
        Draft202012Validator({**_closed(schema), "components": COMPONENTS}).validate(answer.json())
    assert ("ETag" in told.get("headers", {})) is ("etag" in answer.headers)
    assert answer.headers["cache-control"] == "no-store"


class Operator:
    """Somebody with a key that may administer."""

    def __init__(self, home: House, key: str) -> None:
        self.home = home
        self.key = key

    async def ask(self, method: str, path: str, body: Any = None, /, **headers: str) -> httpx.Response:
        """Ask for anything; underscores in the names of headers are dashes."""
        sent = {
            "authorization": f"Bearer {self.key}",
            **{name.replace("_", "-"): said for name, said in headers.items()},
        }
        content = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        url = f"{ORIGIN}{BEGINS}{path}"
        answer = await self.home.http.request(method, url, content=content, headers=sent, timeout=60)
        check(method, answer)
        return answer

    async def get(self, path: str, **headers: str) -> Any:
        """What a route tells."""
        answer = await self.ask("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, status: int, method: str, path: str, body: Any = None, /, **headers: str) -> dict[str, Any]:
        """Why something is refused."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        assert list(error) == ["type", "code", "message", "param"]
        return error

    async def every(self, path: str, limit: int) -> list[Any]:
        """All rows of a list, page by page."""
        found: list[Any] = []
        page: Mapping[str, Any] = {"after": None, "has_more": True}
        mark = "&" if "?" in path else "?"
        while page["has_more"]:
            after = "" if page["after"] is None else f"&after={page['after']}"
            page = await self.get(f"{path}{mark}limit={limit}{after}")
            assert len(page["data"]) <= limit
            assert (page["after"] is not None) is page["has_more"]
            found += page["data"]
        return found


@asynccontextmanager
async def administered(folder: Path, **rows: Any) -> AsyncIterator[Operator]:
    """A house with a vendor whose pictures cost four cents, and its operator."""
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": {**at(vendor), "key": "k"}}, "default_model": "photo", **rows}
        async with house(folder, config) as home:
            home.key("ops")
            yield Operator(home, home.another_key("ops", "admin"))


async def bought(home: House, key: str, n: int = 1, **body: Any) -> list[str]:
    """The ids of so many requests for a picture each."""
    found = []
    for _ in range(n):
        answer = await home.post(key, {**BODY, **body})
        assert answer.status_code == 200, answer.text
        found.append(answer.headers["x-request-id"])
    return found
