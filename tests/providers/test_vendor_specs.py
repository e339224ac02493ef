"""What is recorded, against the vendors' own descriptions of their APIs, where they are at hand.

The environment variable VENDOR_SPECS points to the folder they lie in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from providers.contract import Call, Next, Part, Result
from tests.providers.recording import Recording, recordings, waiting

SPECS = os.environ.get("VENDOR_SPECS", "")
if not SPECS:
    pytest.skip("VENDOR_SPECS does not point to the vendors' descriptions", allow_module_level=True)

FILES = {"openai": ("https://api.openai.com/v1", "openai_images.json"), "bfl": ("https://api.bfl.ai", "bfl.json")}
"""Where a vendor's API is, and the file that describes it."""
YOUNGER = re.compile(r"gpt-image-2\.[56]-")
"""Models that the description does not know yet."""
ODD = {"a cost that is no number does not cost the picture that was paid for"}
"""Recordings of an answer that is not as described, on purpose."""


@cache
def description(vendor: str) -> Any:
    found = sorted(Path(SPECS).rglob(FILES[vendor][1]))
    assert found, f"there is no {FILES[vendor][1]} in {SPECS}"
    return msgspec.json.decode(found[0].read_bytes())


def schema(vendor: str, at: Any, **more: Any) -> Draft202012Validator:
    """A schema of a description, with what it refers to. OpenAPI 3.0 says `nullable` where JSON Schema has a type."""
    return Draft202012Validator({**_nullable(at), **more, "components": _nullable(description(vendor)["components"])})


def _nullable(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_nullable(value) for value in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {name: _nullable(value) for name, value in tree.items()}
    return {"anyOf": [inner, {"type": "null"}]} if tree.get("nullable") is True else inner


def resolved(vendor: str, at: Any) -> Any:
    while "$ref" in at:
        at = description(vendor)["components"]["schemas"][at["$ref"].rpartition("/")[2]]
    return at


def operation(vendor: str, call: Call) -> Any:
    """What the description says of the route a call goes to; None for a row of config.yaml, which goes elsewhere."""
    base = FILES[vendor][0]
    if not call.url.startswith(base) or YOUNGER.match(str(sent(call).get("model", ""))):
        return None
    return description(vendor)["paths"].get(call.url.removeprefix(base), {}).get(call.method.lower())


def sent(call: Call) -> dict[str, Any]:
    """The body of a call, as the vendor reads it: of a form, one value for each name."""
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(call.json)) or {}
    for part in call.form:
        name = part.name.removesuffix("[]")
        if name != part.name:
            body.setdefault(name, []).append(_value(part))
        else:
            assert name not in body, f"{name} is sent twice"
            body[name] = _value(part)
    return body


def _value(part: Part) -> Any:
    if isinstance(part.value, bytes):
        return "a file"
    try:
        return msgspec.json.decode(part.value)
    except msgspec.DecodeError:
        return part.value


def calls(vendor: str) -> Iterator[tuple[Recording, Call, Any]]:
    """Every recorded call of a described operation, with its description."""
    for recording in recordings(vendor):
        for _, step, _ in waiting(recording):
            if isinstance(step, Call) and step.pays:
                found = operation(vendor, step)
                if found is not None:
                    yield recording, step, found


@pytest.mark.parametrize("vendor", FILES)
def test_every_recorded_body_is_one_the_vendor_takes(vendor: str) -> None:
    routes = set()
    for recording, call, found in calls(vendor):
        content = found["requestBody"]["content"]
        body = resolved(vendor, content["multipart/form-data" if call.form else "application/json"]["schema"])
        problems = [error.message for error in schema(vendor, body, additionalProperties=False).iter_errors(sent(call))]
        assert not problems, (recording.title, problems)
        routes.add(call.url)
    assert len(routes) >= 2, "no call is described"


@pytest.mark.parametrize("vendor", FILES)
def test_every_route_that_is_asked_is_one_the_vendor_has(vendor: str) -> None:
    base = FILES[vendor][0]
    for recording in recordings(vendor):
        for _, step, _ in waiting(recording):
            if isinstance(step, Call) and step.url.startswith(base):
                assert step.url.removeprefix(base) in description(vendor)["paths"], recording.title


ANSWERS = {
    ("openai", "reply"): "ImagesResponse",
    ("openai", "event"): "ImageGenStreamEvent",
    ("openai", "edit event"): "ImageEditStreamEvent",
    ("bfl", "reply"): "AsyncResponse",
    ("bfl", "poll"): "ResultResponse",
}


@pytest.mark.parametrize("vendor", FILES)
def test_a_recorded_success_is_answered_in_the_vendors_own_shape(vendor: str) -> None:
    """Or the recordings would prove that an adapter reads what nobody sends."""
    checked = 0
    for recording in recordings(vendor):
        if not isinstance(recording.expected(), Result) or recording.declares is not None:
            continue
        for row, step, _ in waiting(recording):
            answer = row.answer()
            if isinstance(step, Call) and not answer.streams:
                body = msgspec.json.decode(answer.body)
                kind = "reply" if step.pays else "poll"
            elif isinstance(step, Next):
                body = msgspec.json.decode(answer.data)
                kind = "edit event" if body["type"].startswith("image_edit") else "event"
            else:
                continue
            if body.get("type") == "keepalive" or YOUNGER.match(recording.model) or recording.title in ODD:
                continue
            at = {"$ref": f"#/components/schemas/{ANSWERS[vendor, kind]}"}
            problems = [error.message for error in schema(vendor, at).iter_errors(body)]
            assert not problems, (recording.title, problems)
            checked += 1
    assert checked >= 8
