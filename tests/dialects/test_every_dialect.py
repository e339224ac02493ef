"""What every dialect keeps to. The folder is walked: a dialect is tested by being there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxy.dialects
from providers.contract import Code, Failure, Fault
from proxy.dialects import NAMES, TOOLS, load
from proxy.dialects.contract import Ask, Dialect, Generating, Incoming, Informing, Outgoing, Route, Talking
from tests.dialects.outcome import outcome
from tests.dialects.world import ID, World, converse
from tests.properties import FEW

DIALECTS = [load(name) for name in sorted(NAMES)]
ROUTES = [(dialect, route) for dialect in DIALECTS for route in dialect.routes]
GENERATING = [(dialect, route) for dialect, route in ROUTES if isinstance(route, Generating)]
INFORMING = [(dialect, route) for dialect, route in ROUTES if isinstance(route, Informing)]
TALKING = [(dialect, route) for dialect, route in ROUTES if isinstance(route, Talking)]
CLAIMING = [(dialect, route) for dialect, route in GENERATING if route.claims is not None]
TYPES = [None, "application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain", "\x00;=\xff"]
JUNK = [
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"{",
    b'"text"',
    b"[" * 5000,
    b"--b\r\n\r\n--b--",
    b"--b--\r\n",
    b"\xff\xfe\x00",
    b'{"prompt":["A boat"]}',
    b'{"prompt":{"prompt":{}}}',
]
SENSIBLE = [
    b'{"prompt":"A boat"}',
    b'{"prompt":"A boat","name":"Mine","extension":"png","id":"%s","width":512,"height":512}' % ID.encode(),
]
"""What a route might well understand, whatever it does."""
QUERIES = [{}, {"limit": "3", "offset": "0"}, {"limit": "-1", "offset": "x", "page": "", "\x00": "\xff"}]


def of(pairs: Sequence[tuple[Dialect, Route]]) -> list[str]:
    return [f"{dialect.name} {route.method} {route.path}" for dialect, route in pairs]


def shape(route: Route) -> tuple[str, str]:
    """What two routes that answer the same requests share."""
    return route.method, re.sub(r"{\w+:", "{", route.path)


def parts_of(route: Route, value: str) -> dict[str, str]:
    return dict.fromkeys(re.findall(r"{(\w+):", route.path), value)


def readable(dialect: Dialect, outgoing: Outgoing) -> None:
    """An answer has a status that is an error, a type, and a body of that type."""
    assert 400 <= outgoing.status < 600
    assert all(name == name.lower() for name in outgoing.headers)
    assert outgoing.headers["content-type"].startswith(dialect.media_type)
    body = b"".join(outgoing.body)
    assert body
    if dialect.media_type == "application/json":
        assert isinstance(msgspec.json.decode(body), dict)


def attempt(dialect: Dialect, route: Generating, body: bytes, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    incoming = Incoming(method=route.method, path=route.path, headers=headers, parts=parts_of(route, "x"), body=body)
    assert route.claims is None or route.claims(incoming) in (True, False)
    ask = outcome(route.parse, incoming)
    if isinstance(ask, Failure):
        assert ask.fault is Fault.REJECTED
        assert ask.detail
        outgoing = dialect.render_error(ask)
        readable(dialect, outgoing)
        assert outgoing.status < 500
    else:
        assert isinstance(ask, Ask)
        again = route.parse(incoming)
        assert (again.sources, again.notes, again.links, again.base64) == (
            ask.sources,
            ask.notes,
            ask.links,
            ask.base64,
        )


def test_the_folder_is_the_registry() -> None:
    folder = Path(str(proxy.dialects.__file__)).parent
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == NAMES | TOOLS
    assert [dialect.name for dialect in DIALECTS] == sorted(NAMES)


@pytest.mark.parametrize("name", ["klingon", "contract", "fields", "forms", "", "openai.parse", "__init__"])
def test_what_is_no_dialect_is_not_loaded(name: str) -> None:
    with pytest.raises(KeyError):
        load(name)


def test_no_two_routes_answer_the_same_request() -> None:
    """Only routes that make pictures share a path: all but one of them say which requests are theirs."""
    by_shape: dict[tuple[str, str], list[tuple[Dialect, Route]]] = defaultdict(list)
    for dialect, route in ROUTES:
        by_shape[shape(route)].append((dialect, route))
    for sharing in by_shape.values():
        rest = [route for _, route in sharing if not (isinstance(route, Generating) and route.claims is not None)]
        assert len(rest) == 1, of(sharing)
        assert len(sharing) == 1 or isinstance(rest[0], Generating), of(sharing)
        assert len({dialect.name for dialect, _ in sharing}) == len(sharing), of(sharing)
    whole = {route.path for _, route in GENERATING}  # such a path is answered for every method there is
    assert not [route.path for _, route in ROUTES if not isinstance(route, Generating) and route.path in whole]
    assert len({(route.method, route.path) for _, route in GENERATING}) == len(whole)


def test_a_path_that_pins_a_dialect_is_no_path_of_another() -> None:
    assert not [route.path for _, route in ROUTES if route.path.split("/")[1] in NAMES]


@pytest.mark.parametrize(("dialect", "route"), CLAIMING, ids=of(CLAIMING))
def test_a_request_that_anybody_could_have_sent_is_left_to_the_one_who_takes_the_rest(
    dialect: Dialect, route: Generating
) -> None:
    assert route.claims is not None
    for body in [*JUNK, SENSIBLE[0]]:
        assert not route.claims(Incoming(method=route.method, path=route.path, headers={}, body=body))


@pytest.mark.parametrize(("dialect", "route"), ROUTES, ids=of(ROUTES))
def test_a_route_is_a_path_from_the_root(dialect: Dialect, route: Route) -> None:
    assert re.fullmatch(r"(/[\w.{}:-]+)+", route.path)
    assert route.method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert not isinstance(route, Generating) or re.fullmatch(r"[a-z_.]+", route.operation)


@pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=of(GENERATING))
@pytest.mark.parametrize("content_type", TYPES)
def test_junk_is_an_ask_or_the_dialects_own_refusal(
    dialect: Dialect, route: Generating, content_type: str | None
) -> None:
    for body in JUNK:
        attempt(dialect, route, body, content_type)


@pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=of(GENERATING))
def test_any_bytes_are_an_ask_or_the_dialects_own_refusal(dialect: Dialect, route: Generating) -> None:
    @FEW
    @given(st.binary(max_size=100), st.sampled_from(TYPES))
    def hold(body: bytes, content_type: str | None) -> None:
        attempt(dialect, route, body, content_type)

    hold()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=of(GENERATING))
def test_any_json_is_an_ask_or_the_dialects_own_refusal(dialect: Dialect, route: Generating) -> None:
    known = st.sampled_from(["prompt", "model", "image", "n", "width", "height", "size", "quality", "seed", "mask"])

    @FEW
    @given(st.dictionaries(known | st.text(max_size=5), values, max_size=6))
    def hold(body: dict[str, object]) -> None:
        attempt(dialect, route, msgspec.json.encode(body), "application/json")

    hold()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("code", [None, *Code])
@pytest.mark.parametrize("fault", Fault)
def test_every_failure_has_its_words(dialect: Dialect, fault: Fault, code: Code | None) -> None:
    detail = 'Why "it" is so:\n☃ \x00'
    for field, retry_after in ((None, None), ("prompt", 0.0), ("image[0]", 1e9)):
        failure = Failure(fault, detail, code=code, field=field, retry_after=retry_after)
        outgoing = dialect.render_error(failure)
        readable(dialect, outgoing)
        assert int(outgoing.headers.get("retry-after", "1")) >= 1
        assert dialect.render_error(failure) == outgoing


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_failure_of_the_caller_and_one_of_ours_do_not_look_the_same(dialect: Dialect) -> None:
    def status(fault: Fault, code: Code | None = None) -> int:
        return dialect.render_error(Failure(fault, "no", code=code)).status

    assert status(Fault.REJECTED) < 500
    assert status(Fault.MODERATED) < 500
    assert status(Fault.QUOTA, Code.BUDGET) < 500
    assert status(Fault.REJECTED, Code.UNAUTHENTICATED) == 401
    assert status(Fault.UNAVAILABLE) >= 500
    assert status(Fault.MALFORMED) >= 500
    assert status(Fault.AMBIGUOUS) >= 500
    assert status(Fault.UNAVAILABLE, Code.INTERNAL) >= 500


@pytest.mark.parametrize(("dialect", "route"), INFORMING, ids=of(INFORMING))
def test_a_route_that_informs_answers_though_there_is_nothing_to_tell(dialect: Dialect, route: Informing) -> None:
    parts = parts_of(route, "nobody/knows")
    answer = outcome(route.answer, Incoming(method=route.method, path=route.path, headers={}, parts=parts), [])
    if isinstance(answer, Failure):
        answer = dialect.render_error(answer)
        assert answer.status in (400, 404)  # it may want a question first
    else:
        assert answer.status == 200
    assert b"".join(answer.body)


# Conversations.


def conversations(route: Talking) -> Iterator[Incoming]:
    """Requests of a route, sensible or not."""
    for body, value, query, content_type in product(
        [*SENSIBLE, *JUNK], ["x", ID, "nobody/knows", "\x00"], QUERIES, [None, "application/json", TYPES[2]]
    ):
        yield Incoming(
            method=route.method,
            path=route.path,
            headers={} if content_type is None else {"content-type": content_type},
            origin="https://here.test",
            query=query,
            parts=parts_of(route, value),
            body=body,
        )


def recalls(dialect: Dialect) -> list[str]:
    """What the dialect's own requests have to say of themselves later on."""
    asks = [
        outcome(route.parse, Incoming(method=route.method, path=route.path, headers={}, body=body))
        for route in dialect.routes
        if isinstance(route, Generating)
        for body in SENSIBLE
    ]
    return [ask.recall or "" for ask in asks if isinstance(ask, Ask)]


def lived_in(dialect: Dialect) -> World:
    """A world in which every route has been talked to before."""
    world = World(recalls(dialect))
    for route in dialect.routes:
        if isinstance(route, Talking):
            for body in SENSIBLE:
                incoming = Incoming(
                    method=route.method, path=route.path, headers={}, parts=parts_of(route, ID), body=body
                )
                converse(route, incoming, world)
    return world


def talked(dialect: Dialect, route: Talking, incoming: Incoming, world: World) -> None:
    """A conversation ends in an answer, or in a refusal that the caller can read."""
    answer = converse(route, incoming, world)
    if isinstance(answer, Failure):
        assert answer.fault is Fault.REJECTED
        assert answer.detail
        outgoing = dialect.render_error(answer)
        readable(dialect, outgoing)
        assert outgoing.status < 500
        return
    assert 200 <= answer.status < 500
    assert all(name == name.lower() for name in answer.headers)
    assert answer.status == 204 or "content-type" in answer.headers
    if answer.headers.get("content-type", "").startswith("application/json"):
        msgspec.json.decode(b"".join(answer.body))


@pytest.mark.parametrize(("dialect", "route"), TALKING, ids=of(TALKING))
@pytest.mark.parametrize("kind", ["lived in", "empty", "refusing"])
def test_a_conversation_about_anything_ends(dialect: Dialect, route: Talking, kind: str) -> None:
    world = lived_in(dialect) if kind == "lived in" else World(has=False, refuses=kind == "refusing")
    for incoming in conversations(route):
        talked(dialect, route, incoming, world)


@pytest.mark.parametrize(("dialect", "route"), TALKING, ids=of(TALKING))
def test_a_conversation_about_any_json_ends(dialect: Dialect, route: Talking) -> None:
    world = lived_in(dialect)
    known = st.sampled_from(["prompt", "model", "name", "extension", "id", "width", "height", "limit", "facts"])

    @FEW
    @given(st.dictionaries(known | st.text(max_size=5), values, max_size=6))
    def hold(body: dict[str, object]) -> None:
        incoming = Incoming(
            method=route.method,
            path=route.path,
            headers={"content-type": "application/json"},
            parts=parts_of(route, ID),
            body=msgspec.json.encode(body),
        )
        talked(dialect, route, incoming, world)

    hold()
