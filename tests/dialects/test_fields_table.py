"""Every documented field is sent: what is told of it is what becomes of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from providers.contract import Code, Fault
from proxy.dialects import NAMES, load
from proxy.dialects.contract import Dialect, Generating, Route
from proxy.dialects.documents import Document, Field, told
from proxy.dialects.fields import text
from proxy.edge.documentation import openapi, page, table
from tests.dialects.showing import Sent, Shown, candidates, example_for, noted, show, with_and_without, without

DIALECTS = [load(name) for name in sorted(NAMES)]
ROUTES = [(dialect, route) for dialect in DIALECTS for route in dialect.routes]
FIELDS = [
    (dialect, route, dialect.documents[f"{route.method} {route.path}"], field)
    for dialect, route in ROUTES
    if f"{route.method} {route.path}" in dialect.documents
    for field in dialect.documents[f"{route.method} {route.path}"].fields
]
IDS = [f"{dialect.name} {route.method} {route.path} {field.place} {field.name}" for dialect, route, _, field in FIELDS]
LENIENT = frozenset({"type", "user_tier", "source_format"})
"""A word that is not known is no mistake there."""
EVERY = pytest.mark.parametrize(("dialect", "route", "document", "field"), FIELDS, ids=IDS)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_route_is_documented_and_nothing_else(dialect: Dialect) -> None:
    assert set(dialect.documents) == {f"{route.method} {route.path}" for route in dialect.routes}
    assert dialect.says
    assert dialect.base
    for document in dialect.documents.values():
        assert document.says.endswith(".")
        assert document.examples


@EVERY
def test_every_field_has_its_words(dialect: Dialect, route: Route, document: Document, field: Field) -> None:
    assert field.text.endswith(".")
    assert field.becomes
    assert field.default is None or not field.choices or field.default in field.choices
    same = [each for each in document.fields if (each.name, each.place) == (field.name, field.place)]
    assert len(same) == 1


@EVERY
def test_a_field_becomes_what_is_told(dialect: Dialect, route: Route, document: Document, field: Field) -> None:
    tried = [with_and_without(dialect, route, document, field, value) for value in candidates(field)]
    assert tried, "there is no value to send"
    assert [sent for sent, _ in tried if sent.refused is None], [str(sent.refused) for sent, _ in tried]
    kind, colon, words = field.becomes.partition(": ")
    if not colon:
        for becomes in field.becomes.split(", "):
            assert any(_changes(becomes, sent, other) for sent, other in tried), becomes
    elif kind == "note":
        assert any(words in detail for sent, _ in tried for detail in noted(field, sent.notes))
        assert not any(words in detail for _, other in tried for detail in noted(field, other.notes))
    elif kind == "answer":
        assert any(sent.answer != other.answer or sent.refused != other.refused for sent, other in tried)
    else:
        assert kind == "nothing"
        for sent, other in tried:
            assert _internal(sent) == _internal(other)
            assert sent.notes == other.notes
            assert isinstance(route, Generating) or sent.answer == other.answer


@EVERY
def test_what_is_required_is_missed(dialect: Dialect, route: Route, document: Document, field: Field) -> None:
    if field.place == "path":
        return
    found = without(dialect, route, document, field)
    missed = found.refused is not None and found.refused.code is Code.MISSING
    if field.required:
        assert found.refused is not None, "it is not missed"
        assert found.refused.code in (Code.MISSING, Code.INVALID)
    else:
        assert not missed or field.beside, str(found.refused)


@pytest.mark.parametrize(
    ("dialect", "route"), ROUTES, ids=[f"{each.name} {route.method} {route.path}" for each, route in ROUTES]
)
def test_every_example_is_understood(dialect: Dialect, route: Route) -> None:
    for example in dialect.documents[f"{route.method} {route.path}"].examples:
        found = show(dialect, route, Sent.of(example).incoming(dialect, route))
        assert found.refused is None, str(found.refused)
        assert not [note for note in found.notes if note.lossy]


def _changes(becomes: str, sent: Shown, other: Shown) -> bool:
    found = sent.values(becomes)
    return bool(found) and sent.refused is None and found != other.values(becomes)


def _internal(shown: Shown) -> str:
    said = {name: each for name, each in shown.said.items() if name != "Ask"}
    return repr(said)


@EVERY
def test_what_is_outside_of_its_range_is_refused(
    dialect: Dialect, route: Route, document: Document, field: Field
) -> None:
    for value in _outside(field):
        if value == 0 and example_for(document, field).form is not None:
            continue  # some clients write n as 0 in a form where nobody set it
        sent, _ = with_and_without(dialect, route, document, field, value)
        assert sent.refused is not None, value
        assert sent.refused.fault is Fault.REJECTED


def _outside(field: Field) -> list[Any]:
    """Values that a field does not take."""
    if field.name in LENIENT:
        return []
    found: list[Any] = ["no such word"] if field.choices and field.kind == "string" else []
    found += [-1e7] if field.choices and field.kind == "number" else []
    found += ["x" * (field.longest + 1)] if field.longest is not None else []
    step = 1 if field.kind == "integer" else 0.001
    found += [field.lowest - step] if field.lowest is not None else []
    return found + ([field.highest + step] if field.highest is not None else [])


def test_a_dialect_of_which_nothing_is_told_is_shown_all_the_same() -> None:
    silent = [msgspec.structs.replace(dialect, documents={}) for dialect in DIALECTS]
    assert "Not documented yet." in page(silent)
    assert "Not documented yet." in table(silent)
    assert openapi(silent)["paths"]
    assert told({"new": ("new", text(8))}, {}) == [Field(name="new", kind="string", longest=8)]
