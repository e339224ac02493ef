"""What the server tells of itself is true: every example is sent, every answer has the shape that is told."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from providers.contract import Code, Fault
from proxy.dialects.documents import Example
from proxy.edge.documentation import openapi, own, page, table
from proxy.edge.documentation.entries import Entry, answers, curl, plain, refusals, unkinded
from proxy.edge.documentation.openapi import body_of, of_shape
from tests.edge.house import House
from tests.edge.replaying import DIALECTS, ENTRIES, ITSELF, Replay, joined, key_for, shape_of, shipped

ROOT = Path(__file__).parents[2]
EXAMPLES = [(entry, example) for entry in ENTRIES for example in entry.document.examples]
IDS = [f"{entry.dialect} {entry.route} {example.title}".strip() for entry, example in EXAMPLES]
AGAIN = "the answer has another shape than the page tells; run: python -m tests.edge.replaying"
DESCRIPTION = openapi(DIALECTS)
PAGE = page(DIALECTS)


class Home:
    """The application as it is shipped, and a key of its own for each example."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.keys = [key_for(house, f"team-{place}", entry) for place, (entry, _) in enumerate(EXAMPLES)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    async with shipped(tmp_path_factory.mktemp("documentation")) as made:
        yield Home(made)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("entry", "example"), EXAMPLES, ids=IDS)
async def test_every_example_works_and_its_answer_has_the_shape_that_is_told(
    entry: Entry, example: Example, home: Home
) -> None:
    key = home.keys[EXAMPLES.index((entry, example))]
    answer = await Replay(home.house, key).send(entry, example)
    assert answer.status_code == entry.document.status, answer.text[:500]
    media = answer.headers.get("content-type", entry.document.media).partition(";")[0]
    streams = isinstance(example.json, dict) and example.json.get("stream")
    assert media == ("text/event-stream" if streams else entry.document.media)
    if entry.route == ITSELF:
        assert answer.json() == msgspec.json.decode(msgspec.json.encode(DESCRIPTION))
    elif media == "application/json":
        found = shape_of(answer)
        assert joined([entry.answer, found]) == entry.answer, AGAIN
        assert len(entry.document.examples) > 1 or found == entry.answer, AGAIN
        Draft202012Validator(of_shape(entry.answer)).validate(answer.json())


async def _plainly(home: Home, path: str) -> httpx.Response:
    return await home.house.http.get(f"http://darkroom.test{path}")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_needs_no_key_and_may_do_nothing_but_run_its_own_lines(home: Home) -> None:
    answer = await _plainly(home, "/v1/darkroom/docs")
    assert answer.status_code == 200
    assert answer.text == PAGE
    scripts = re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL)
    assert len(scripts) == PAGE.count("<script") == 1
    hashed = b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.asyncio(loop_scope="module")
async def test_there_is_no_route_that_is_not_told_of(home: Home) -> None:
    served = {
        (method, unkinded(route.path_format if "{" not in route.path else route.path))
        for route in home.house.app.service.litestar.routes
        for method in getattr(route, "methods", ())
        if method not in ("HEAD", "OPTIONS")
    }
    told = {(entry.method, entry.path) for entry in ENTRIES}
    pinned = {(entry.method, f"/{entry.dialect}{entry.path}") for entry in ENTRIES if entry.dialect != own.OWN}
    assert {(method, path) for method, path in served if not _generating(path)} <= told | pinned
    assert {each for each in told if not _generating(each[1])} <= served


def _generating(path: str) -> bool:
    return any(entry.generating and path.endswith(entry.path) for entry in ENTRIES)


def test_every_route_is_told_of() -> None:
    assert not [f"{each.dialect} {each.route}" for each in ENTRIES if each.document.says == "Not documented yet."]
    routes = {f"{dialect.name} {route.method} {route.path}" for dialect in DIALECTS for route in dialect.routes}
    assert routes <= {f"{each.dialect} {each.route}" for each in ENTRIES}
    assert set(answers()) <= {f"{each.dialect} {each.route}" for each in ENTRIES}
    assert len({each.id for each in ENTRIES}) == len(ENTRIES)


def test_every_way_to_fail_is_told_of() -> None:
    assert set(own.BY_CODE) == set(Code)
    assert set(own.BY_FAULT) == set(Fault)
    for dialect in DIALECTS:
        found = refusals(dialect)
        assert sum(len(each.when) for each in found) == len(Code) + len(Fault)
        assert all(each.status >= 400 for each in found)


# The description.


def test_the_description_has_every_operation_once() -> None:
    told = [
        (path, method, operation["operationId"])
        for path, methods in DESCRIPTION["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(told) == len(ENTRIES) == len({each[2] for each in told})
    assert DESCRIPTION["openapi"].startswith("3.1")
    names = {each["name"] for each in DESCRIPTION["tags"]}
    for path, methods in DESCRIPTION["paths"].items():
        for operation in methods.values():
            assert set(operation["tags"]) <= names
            named = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_reference_of_the_description_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(DESCRIPTION).decode()):
        at: Any = DESCRIPTION
        for step in reference.split("/"):
            at = at[step]


@pytest.mark.parametrize(("entry", "example"), EXAMPLES, ids=IDS)
def test_every_example_fits_the_schema_of_its_fields(entry: Entry, example: Example) -> None:
    if example.json is None:
        return
    fields = [field for field in entry.document.fields if field.place in ("body", "json")]
    schema = body_of(fields)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(plain(example.json))


def test_what_does_not_fit_is_seen_in_the_schemas() -> None:
    operation = DESCRIPTION["paths"]["/v1/images/generations"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for wrong in ({}, {"prompt": "A boat", "n": 11}, {"prompt": "A boat", "quality": "lovely"}, {"prompt": 1}):
        assert not Draft202012Validator(schema).is_valid(wrong)


# The page.


class Reader(HTMLParser):
    """Reads a page, and what is open in it."""

    VOID = frozenset({"meta", "br", "wbr", "link", "img", "input"})
    LAX = frozenset({"li", "dt", "dd", "tr", "td", "th"})
    """What needs no end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in self.VOID | self.LAX:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.LAX:
            assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_on_its_own_and_its_links_lead_somewhere() -> None:
    reader = Reader()
    reader.feed(PAGE)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    for link in reader.links:
        assert link.removeprefix("#") in reader.ids or link == "/v1/darkroom/openapi.json"
    assert "@import" not in PAGE
    assert "url(" not in PAGE


def test_the_page_has_all_there_is_to_tell() -> None:
    reader = Reader()
    reader.feed(PAGE)
    text = "".join(reader.text)
    for entry, example in EXAMPLES:
        assert curl(entry, example) in text
        assert entry.path in text
        for field in entry.document.fields:
            assert field.text.replace("`", "") in text
            assert field.name in text
    assert len(PAGE) < 1_000_000


def test_an_example_can_be_pasted_into_a_shell() -> None:
    for entry, example in EXAMPLES:
        assert curl(entry, example).count("'") in (0, 2)


def test_the_table_of_fields_is_what_is_generated() -> None:
    written = (ROOT / "docs" / "fields.md").read_text()
    ordered = sorted(DIALECTS, key=lambda dialect: dialect.name)
    assert written == table(ordered), "run: python -m proxy.edge.documentation"
