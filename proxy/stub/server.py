"""Holds the stubs' sockets: one address for the vendors, a second one for their regions, buckets and pictures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web
from msgspec.structs import replace

from proxy.stub import load
from proxy.stub.contract import ON_THE_WIRE, Answer, Asked, File, Route, Script, Stub
from proxy.stub.world import World

BODY_LIMIT = 1 << 27
PIECES = 10
"""In which a slow answer comes."""
GONE = Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>", mime="application/xml")
LEAKED = Answer(status=400, body=b"a key was shown where none belongs", mime="text/plain")


class Stubs:
    """The stubs that are served, and what they were asked."""

    def __init__(self, names: list[str], *, pace: float, link_s: float) -> None:
        """`pace` is the seconds a job takes, and a slow answer; `link_s` how long a link works."""
        self.pace = pace
        self.stubs: dict[str, Stub] = {name: load(name) for name in names}
        self.worlds = {name: World(name, time.monotonic, pace=pace, link_s=link_s) for name in names}
        self.next: dict[str, list[Script]] = {name: [] for name in names}
        """What each is to do with its next paid calls, before the words of a prompt are looked at."""
        self.home = self.elsewhere = ""
        """Both addresses, once they are served."""

    def listening(self, home: str, elsewhere: str) -> None:
        """Tell every stub its addresses."""
        self.home, self.elsewhere = home, elsewhere
        for name, world in self.worlds.items():
            world.home, world.elsewhere = f"{home}/{name}", f"{elsewhere}/{name}"

    def rows(self) -> dict[str, Any]:
        """The part of config.yaml that sends Darkroom here instead of to the vendors."""
        return {
            "providers": {
                name: {"base": f"{self.worlds[name].home}{stub.prefix}", "key": "stub", **stub.row}
                for name, stub in self.stubs.items()
            },
            "links": {"allow": [self.elsewhere.partition("//")[2]]},
        }

    async def answer(self, request: web.Request, *, elsewhere: bool) -> web.StreamResponse:
        """Answer one request at one of the two addresses."""
        vendor, _, rest = request.match_info["path"].partition("/")
        stub = self.stubs.get(vendor)
        if stub is None:
            return web.json_response({"error": f"there is no stub {vendor!r}"}, status=404)
        asked = await _read(request, f"/{rest}")
        answer = await asyncio.to_thread(self._answer, vendor, stub, asked, elsewhere)
        return await _send(request, answer, self.pace / PIECES)

    def _answer(self, vendor: str, stub: Stub, asked: Asked, elsewhere: bool) -> Answer:
        world = self.worlds[vendor]
        if elsewhere:
            if stub.key(asked) is not None:
                world.leaks.append(asked.path)
                return LEAKED
            if asked.path.startswith("/pictures/"):
                found = world.linked(asked.path.removeprefix("/pictures/").partition(".")[0])
                return GONE if found is None else Answer(body=found[0], mime=found[1])
        for route in stub.routes:
            args = route.match(asked.method, asked.path) if route.elsewhere == elsewhere else None
            if args is not None:
                return self._routed(vendor, stub, route, replace(asked, args=args))
        return stub.unknown

    def _routed(self, vendor: str, stub: Stub, route: Route, asked: Asked) -> Answer:
        if not route.elsewhere and stub.key(asked) in (None, "", "wrong"):
            return stub.refuses[Script.CREDENTIAL]
        if not route.pays:
            return route.answer(asked, self.worlds[vendor])
        if self.next[vendor]:
            asked = replace(asked, body=f"stub:{self.next[vendor].pop(0)}".encode())
        script = asked.script
        if script is not None and script in stub.refuses:
            return stub.refuses[script]
        if script is Script.FAILED and not any(each.method == "GET" for each in stub.routes):
            return stub.refuses[Script.UNAVAILABLE]
        answer = route.answer(asked, self.worlds[vendor])
        if script in ON_THE_WIRE:
            return _spoilt(answer, script)
        return answer

    def told(self) -> dict[str, Any]:
        """What was asked so far, by vendor and model, and where a key was shown that should not have been."""
        return {
            name: {"submits": dict(world.submits), "leaks": world.leaks} for name, world in sorted(self.worlds.items())
        }


def _spoilt(answer: Answer, script: Script | None) -> Answer:
    if script is Script.NONSENSE:
        return Answer(status=answer.status, body=b"<html>Service Unavailable</html>", mime="text/html")
    return replace(answer, slow=script is Script.SLOW, stays=script is not Script.CUT_OFF)


async def _read(request: web.Request, path: str) -> Asked:
    fields: list[tuple[str, str | File]] = []
    value: Any = None
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            body = bytes(await part.read(decode=True))
            file = File(filename=part.filename or "", mime=part.headers.get("content-type", ""), body=body)
            fields.append((part.name or "", file if part.filename else body.decode("utf-8", "replace")))
        body = "\n".join(text for _, text in fields if isinstance(text, str)).encode()
    else:
        body = await request.read()
        if request.content_type == "application/json" and body:
            try:
                value = msgspec.json.decode(body)
            except msgspec.DecodeError:
                value = None
    return Asked(
        method=request.method,
        path=path,
        args={},
        query=dict(request.query),
        headers={name.lower(): text for name, text in request.headers.items()},
        json=value,
        fields=tuple(fields),
        body=body,
    )


async def _send(request: web.Request, answer: Answer, pause: float) -> web.StreamResponse:
    body = answer.encoded()
    headers = {**answer.headers, "content-type": answer.mime}
    if answer.stays and not answer.slow:
        return web.Response(status=answer.status, body=body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    piece = max(1, -(-len(body) // PIECES))
    for start in range(0, len(body) if answer.stays else len(body) // 2, piece):
        await response.write(body[start : start + piece])
        await asyncio.sleep(pause if answer.slow else 0)
    if not answer.stays:
        assert request.transport is not None
        request.transport.abort()
    return response


@asynccontextmanager
async def serving(stubs: Stubs, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[None]:
    """Serve while inside: at `port` and at the one after it, or at any two free ones."""

    async def told(_: web.Request) -> web.Response:
        return web.json_response(stubs.told())

    async def tell(request: web.Request) -> web.Response:
        wanted: Mapping[str, list[Script]] = msgspec.json.decode(await request.read(), type=dict[str, list[Script]])
        for name, scripts in wanted.items():
            stubs.next[name] = list(scripts)
        return web.json_response({})

    runners = []
    places = []
    for elsewhere in (False, True):
        app = web.Application(client_max_size=BODY_LIMIT)

        async def answer(request: web.Request, elsewhere: bool = elsewhere) -> web.StreamResponse:
            return await stubs.answer(request, elsewhere=elsewhere)

        app.add_routes([web.get("/-/told", told), web.put("/-/next", tell), web.route("*", "/{path:.+}", answer)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, host, port + elsewhere if port else 0)
        await site.start()
        runners.append(runner)
        places.append(f"http://{host}:{runner.addresses[0][1]}")
    stubs.listening(*places)
    try:
        yield
    finally:
        for runner in runners:
            await runner.cleanup()
