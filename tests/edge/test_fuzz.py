"""Odd requests at every route that takes a body, against the whole application: whatever comes, it is answered, in the
words of its dialect; it is never a mistake of ours; and what is refused costs nothing.

`DARKROOM_FUZZ=2000` tries so many requests a route.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proxy.dialects.contract import Dialect, Generating, Route
from proxy.edge import admission
from tests.edge.examples import CLOUD, Example, examples, filled
from tests.edge.odd import Odd, odd
from tests.edge.town import ORIGIN, ROUTES, Money, Team, Town, named, path_of, sound, speakers, town, town_config
from tests.edge.town import furnish as furnished
from tests.walk.vendors import OpenAIVendor, serving

TIMES = int(os.environ.get("DARKROOM_FUZZ", "80"))
"""Requests a route."""
HARD = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
TAKING = [(dialect, route) for dialect, route in ROUTES if route.method in ("POST", "PUT", "DELETE")]
OPEN = [(dialect, route) for dialect, route in ROUTES if "{" in route.path]
IDS = [
    *("x", "0", "%00", "%", "..", "%2F", "%ff", "%F0%9F%98%80", "a b", "{id}", "x" * 5000, "%0d%0a", "null", "-1", "~"),
    *("00000000-0000-4000-8000-000000000000", "%7B00000000-0000-4000-8000-000000000000%7D", "0" * 32, "+", ";", "'"),
]


class Fuzzed:
    """The server under test, and what it must not do."""

    def __init__(self, runner: asyncio.Runner, home: Town, vendor: OpenAIVendor) -> None:
        self.runner = runner
        self.home = home
        self.vendor = vendor
        self.team = home.team("acme", "1000000/total")
        self.money = Money(0, 0, 0)
        self._work = 0

    async def furnish(self) -> None:
        """Let the team have something that ids can name."""
        await furnished(self.team)
        self.money = await self.home.quiet()
        self._work = self.work

    @property
    def work(self) -> int:
        """How often anybody was asked to draw."""
        return len(self.vendor.submits) + self.home.painter.asked

    async def holds_up(self, dialect: Dialect, route: Route, path: str, sent: Odd) -> None:
        """Send it, and see."""
        headers = {"authorization": f"Bearer {self.team.key}", **sent.headers}
        if path.startswith(UPLOADED) and len(sent.body) % 2:
            del headers["authorization"]  # how these are sent
        encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        target = httpx.URL(ORIGIN + path + sent.query)
        answer = await self.home.http.request(route.method, target, content=sent.body, headers=encoded)
        sound(answer, speakers(route) if path.startswith(route.path[:5]) else [dialect.name])
        before, work = self.money, self._work
        self.money, self._work = await self.home.quiet(), self.work
        draws = isinstance(route, Generating) and "x-darkroom-dry-run" not in headers
        if answer.status_code >= 400 or not draws:
            assert (self.money, self._work) == (before, work), answer.text
        elif "x-darkroom-cost" in answer.headers:
            repeated = "x-darkroom-repeats" in answer.headers
            cost = 0 if repeated else round(float(answer.headers["x-darkroom-cost"]) * 1_000_000)
            assert self.money.settled - before.settled == cost


UPLOADED = f"{CLOUD}/uploads/"


class Mistakes(logging.Handler):
    """Everything that was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        self.found.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    vendor = OpenAIVendor()
    more = {"limits": {"body_bytes": 1_000_000, "picture_pixels": 1_100_000}}
    with serving(vendor), asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patching:
        patching.setattr(admission, "LOOK_AGAIN_S", 0.0)  # guesses at keys wait, which here is all they would do
        opening = town(tmp_path_factory.mktemp("fuzz"), town_config(vendor, **more))
        made = Fuzzed(runner, runner.run(opening.__aenter__()), vendor)
        try:
            runner.run(made.furnish())
            yield made
        finally:
            runner.run(opening.__aexit__(None, None, None))


@pytest.fixture
def mistakes() -> Iterator[Mistakes]:
    handler = Mistakes()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def known(fuzzed: Fuzzed, dialect: Dialect, route: Route) -> list[Example]:
    found = examples(dialect.name, route.method, route.path)
    return [Example(filled(example.fields, fuzzed.team.has), example.form) for example in found]


@pytest.mark.parametrize(("dialect", "route"), TAKING, ids=named(TAKING))
def test_whatever_a_body_says_it_is_answered_in_the_dialects_words_and_a_refusal_is_free(
    dialect: Dialect, route: Route, fuzzed: Fuzzed, mistakes: Mistakes
) -> None:
    bodies = odd(known(fuzzed, dialect, route))

    @settings(HARD, max_examples=TIMES if route.method != "DELETE" else max(1, TIMES // 5))
    @given(sent=bodies, pinned=st.booleans(), at=st.sampled_from(IDS) if "{" in route.path else st.just("x"))
    def tried(sent: Odd, pinned: bool, at: str) -> None:
        path = f"/{dialect.name}{route.path}" if pinned else route.path
        path = re.sub(r"{\w+:\w+}", lambda _: at, path)
        fuzzed.runner.run(fuzzed.holds_up(dialect, route, path, sent))
        assert not mistakes.found, mistakes.found[-1]

    tried()


@pytest.mark.parametrize(("dialect", "route"), OPEN, ids=named(OPEN))
def test_whatever_an_open_place_of_a_path_holds(
    dialect: Dialect, route: Route, fuzzed: Fuzzed, mistakes: Mistakes
) -> None:
    body = b"" if route.method in ("GET", "DELETE") else b'{"description":"Warm"}'
    ids = [*IDS, *[quote(id_) for id_ in fuzzed.team.has.values() if route.method != "DELETE"]]
    for id_ in ids:
        path = f"/{dialect.name}{path_of(route, id_)}"
        fuzzed.runner.run(fuzzed.holds_up(dialect, route, path, Odd(body, {})))
    assert not mistakes.found, mistakes.found[-1]


@pytest.mark.parametrize(("dialect", "route"), ROUTES, ids=named(ROUTES))
def test_whatever_stands_in_the_key_header_and_the_query(
    dialect: Dialect, route: Route, fuzzed: Fuzzed, mistakes: Mistakes
) -> None:
    team = fuzzed.team
    for said in ("", "Bearer", "Bearer ", "Basic x", "bearer \xff", f"Bearer {team.key}\x80", "Bearer " + "x" * 9000):
        path = f"/{dialect.name}{path_of(route, 'x')}"
        fuzzed.runner.run(fuzzed.holds_up(dialect, route, path, Odd(b"{}", {"authorization": said})))
    for query in ("?limit=x", "?limit=-1", "?offset=1e9", "?platform=%00", "?query=%ff&query=", f"?query={'x' * 9000}"):
        path = f"/{dialect.name}{path_of(route, 'x')}"
        if route.method == "GET":
            fuzzed.runner.run(fuzzed.holds_up(dialect, route, path, Odd(b"", {}, query)))
    assert not mistakes.found, mistakes.found[-1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "OPTIONS", "DELETE", "PUT", "POST", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v2/images", "//v2/models", "/openai", "/leonardo/x", "/%00", "/é"]
)
def test_what_no_route_answers_is_answered_in_a_dialects_words(method: str, path: str, fuzzed: Fuzzed) -> None:
    async def asked() -> httpx.Response:
        return await fuzzed.team.ask(method, path, b"{}")

    answer = fuzzed.runner.run(asked())
    if method != "HEAD":
        sound(answer, [dialect.name for dialect, _ in ROUTES])
    assert answer.status_code in (404, 405)


def test_every_route_of_every_dialect_has_an_example_that_is_understood(fuzzed: Fuzzed) -> None:
    """Else the requests above would be odd in one way only: refused at the first glance."""

    async def all_of_them(team: Team) -> list[str]:
        refused = []
        for dialect, route in TAKING:
            if route.method != "DELETE" and not route.path.startswith(UPLOADED):
                for example in examples(dialect.name, route.method, route.path):
                    answer = await team.example(dialect, route, example)
                    refused += [f"{dialect.name} {route.path}: {answer.text}"] * (answer.status_code >= 300)
        fuzzed.money = await fuzzed.home.quiet()
        fuzzed._work = fuzzed.work
        return refused

    assert fuzzed.runner.run(all_of_them(fuzzed.team)) == []
