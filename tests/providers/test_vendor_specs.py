"""What is recorded, against the vendors' own descriptions of their APIs, where they are at hand.

The environment variable VENDOR_SPECS points to the folder they lie in. How a vendor's recordings are held against its
description stands beside them, in `oracle.yaml`; a vendor without one has published no description.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from msgspec import Struct

import providers
from providers.contract import Call, Next, Part, Result
from tests.providers.recording import FOLDER, ORACLE, Recording, recordings, waiting

SPECS = os.environ.get("VENDOR_SPECS", "")
if not SPECS:
    pytest.skip("VENDOR_SPECS does not point to the vendors' descriptions", allow_module_level=True)


class Oracle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a vendor's description is to be read."""

    description: str
    """A file of VENDOR_SPECS."""
    base: str
    """What its paths are appended to."""
    unknown: str = "(?!)"
    """Pattern of the models it does not know yet."""
    undescribed: tuple[str, ...] = ()
    """Routes it lacks."""
    not_required: Mapping[str, tuple[str, ...]] = {}
    """Fields it calls required, by route, and the vendor does not."""
    open_enums: tuple[str, ...] = ()
    """Fields that take more than it lists."""
    odd: tuple[str, ...] = ()
    """Recordings of an answer that is not as described, on purpose."""
    events: Mapping[str, str] = {}
    """The schema of a server-sent event, by the first word of its type."""


ORACLES = {
    path.parent.name: msgspec.yaml.decode(path.read_bytes(), type=Oracle) for path in sorted(FOLDER.glob(f"*/{ORACLE}"))
}
each_vendor = pytest.mark.parametrize("vendor", ORACLES)


@cache
def description(vendor: str) -> Any:
    found = sorted(Path(SPECS).rglob(ORACLES[vendor].description))
    assert found, f"there is no {ORACLES[vendor].description} in {SPECS}"
    return _as_json_schema(yaml.safe_load(found[0].read_text()) if found[0].suffix == ".yaml" else _decoded(found[0]))


def _decoded(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


def _as_json_schema(tree: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type. Defaults are left out: some are not allowed values."""
    if isinstance(tree, list):
        return [_as_json_schema(value) for value in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {
        name: _as_json_schema(value) for name, value in tree.items() if name != "default" or isinstance(value, dict)
    }
    return {"anyOf": [inner, {"type": "null"}]} if tree.get("nullable") is True else inner


@cache
def closed(vendor: str) -> Any:
    """The described schemas, each refusing what it does not name, but for those that are parts of another."""
    schemas = description(vendor).get("components", {}).get("schemas", {})
    parts = {each["$ref"] for tree in _trees(schemas) for each in tree.get("allOf", ()) if "$ref" in each}
    return {
        name: schema if f"#/components/schemas/{name}" in parts else _closed(schema) for name, schema in schemas.items()
    }


def _trees(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _trees(inner)


def _closed(tree: Any) -> Any:
    """A schema that refuses what it does not name, and so do those inside it."""
    if isinstance(tree, list):
        return [_closed(value) for value in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {name: value if name == "allOf" else _closed(value) for name, value in tree.items()}
    if isinstance(inner.get("properties"), dict) and not tree.get("additionalProperties"):
        inner["unevaluatedProperties"] = False
    return inner


def described(vendor: str, call: Call) -> tuple[str, Any]:
    """The route of a call as the description names it, and what it says; None where it goes elsewhere or is missing."""
    base = ORACLES[vendor].base
    if not call.url.startswith(f"{base}/"):
        return "", None
    path = call.url.removeprefix(base).partition("?")[0]
    paths = description(vendor)["paths"]
    template = (
        path
        if path in paths
        else max((each for each in paths if _pattern(each).fullmatch(path)), key=len, default=path)
    )
    return f"{call.method} {template}", paths.get(template, {}).get(call.method.lower())


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"({\w+})", template)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))


def resolved(vendor: str, at: Any) -> Any:
    while "$ref" in at:
        at = description(vendor)["components"]["schemas"][at["$ref"].rpartition("/")[2]]
    return at


def sent(vendor: str, call: Call, schema: Any) -> dict[str, Any]:
    """The body of a call, as the vendor reads it: of a form, each value in the type its field has."""
    if call.json is not None:
        body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(call.json))
        return body
    body = {}
    fields = resolved(vendor, schema).get("properties", {})
    for part in call.form:
        name = part.name if part.name in fields else part.name.removesuffix("[]")
        field = resolved(vendor, fields.get(name, {}))
        if name != part.name or "array" in str(field.get("type", "")):
            body.setdefault(name, []).append(_value(part, resolved(vendor, field.get("items", {}))))
        else:
            assert name not in body, f"{name} is sent twice"
            body[name] = _value(part, field)
    return body


def _value(part: Part, field: Any) -> Any:
    if isinstance(part.value, bytes):
        assert part.filename, f"{part.name} is no file"
        assert part.mime, f"{part.name} has no type"
        return "a file"
    if field.get("type") == "string":
        return part.value
    try:
        return msgspec.json.decode(part.value)
    except msgspec.DecodeError:
        return part.value


def problems(vendor: str, route: str, schema: Any, body: Any) -> list[str]:
    """What speaks against a body, but for what the oracle knows better."""
    oracle = ORACLES[vendor]
    components = {"schemas": closed(vendor)}
    validator = Draft202012Validator({**_closed(schema), "components": components})

    def excused(error: ValidationError) -> bool:
        if error.validator == "required":
            return any(f"'{name}' is" in error.message for name in oracle.not_required.get(route, ()))
        return error.validator == "enum" and bool(error.path) and error.path[-1] in oracle.open_enums

    return [f"{list(error.path)}: {error.message}"[:400] for error in validator.iter_errors(body) if not excused(error)]


def calls(vendor: str) -> Iterator[tuple[Recording, Call, Any]]:
    """Every recorded call to the vendor's base, with the answer it had."""
    for recording in recordings(vendor):
        for row, step, _ in waiting(recording):
            if isinstance(step, Call) and recording.base is None:
                yield recording, step, row.answer()


def test_every_description_at_hand_is_made_use_of() -> None:
    stems = {path.name.partition(".")[0].partition("_")[0] for path in Path(SPECS).rglob("*") if path.is_file()}
    assert stems & providers.NAMES <= ORACLES.keys()


@each_vendor
def test_every_route_that_is_asked_is_one_the_vendor_has(vendor: str) -> None:
    for recording, call, _ in calls(vendor):
        route, found = described(vendor, call)
        assert found is not None or not route or route in ORACLES[vendor].undescribed, (recording.title, route)


@each_vendor
def test_every_recorded_body_is_one_the_vendor_takes(vendor: str) -> None:
    routes = set()
    for recording, call, _ in calls(vendor):
        route, found = described(vendor, call)
        if found is None or re.search(ORACLES[vendor].unknown, recording.asked()[1].vendor_name):
            continue
        if call.json is None and not call.form:
            continue
        content = found["requestBody"]["content"]
        kind = "multipart/form-data" if call.form else "application/json"
        assert kind in content, (recording.title, route)
        schema = content[kind]["schema"]
        said = problems(vendor, route, schema, sent(vendor, call, schema))
        assert not said, (recording.title, said)
        routes.add(route)
    assert routes, "no call is described"


@each_vendor
def test_a_recorded_success_is_answered_in_the_vendors_own_shape(vendor: str) -> None:
    """Or the recordings would prove that an adapter reads what nobody sends."""
    checked = 0
    for recording in recordings(vendor):
        oracle = ORACLES[vendor]
        odd = recording.title in oracle.odd or re.search(oracle.unknown, recording.asked()[1].vendor_name)
        if odd or recording.declares is not None or not isinstance(recording.expected(), Result):
            continue
        for row, step, _ in waiting(recording):
            schema, body = answered(vendor, step, row.answer())
            if schema is None:
                continue
            components = {"schemas": description(vendor)["components"]["schemas"]}
            errors = Draft202012Validator({**schema, "components": components}).iter_errors(body)
            said = [f"{list(error.path)}: {error.message}"[:400] for error in errors]
            assert not said, (recording.title, said)
            checked += 1
    assert checked >= 1 or not any(_says_json(vendor, call) for _, call, _ in calls(vendor))


def answered(vendor: str, step: Any, answer: Any) -> tuple[Any, Any]:
    """The schema an answer is to have, and the answer; None where it is no JSON or none is described."""
    if isinstance(step, Next) and answer is not None:
        body = msgspec.json.decode(answer.data)
        name = ORACLES[vendor].events.get(str(body.get("type")).partition(".")[0])
        return (None, None) if name is None else ({"$ref": f"#/components/schemas/{name}"}, body)
    if not isinstance(step, Call) or answer.streams:
        return None, None
    _, found = described(vendor, step)
    said = ((found or {}).get("responses", {}).get(str(answer.status)) or {}).get("content") or {}
    schema = said.get("application/json", {}).get("schema")
    return (None, None) if schema is None else (schema, msgspec.json.decode(answer.body))


def _says_json(vendor: str, call: Call) -> bool:
    _, found = described(vendor, call)
    answers = [each.get("content") or {} for status, each in (found or {}).get("responses", {}).items() if status < "3"]
    return any("application/json" in content for content in answers)
