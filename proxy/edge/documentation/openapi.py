"""The description as OpenAPI 3.1.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from proxy.dialects.contract import Dialect
from proxy.dialects.documents import Example, Field
from proxy.edge.documentation import own
from proxy.edge.documentation.entries import Entry, entries, plain, refusals

FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
KINDS: dict[str, Any] = {
    "file": FILE,
    "file or array of files": {"anyOf": [FILE, {"type": "array", "items": FILE}]},
    "array of objects": {"type": "array", "items": {"type": "object"}},
    "array of strings": {"type": "array", "items": {"type": "string"}},
    "string or array": {"type": ["string", "array"]},
}


def openapi(dialects: Sequence[Dialect]) -> dict[str, Any]:
    """The whole of it. A path that two dialects share stands there once; under its own name for the other."""
    paths: dict[str, Any] = {}
    for entry in entries(dialects):
        paths.setdefault(entry.pinned or entry.path, {})[entry.method.lower()] = _operation(entry)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Darkroom",
            "version": version("darkroom"),
            "description": "One base URL for every image model. Every path of a dialect also exists under the "
            "dialect's name, as `/leonardo/api/rest/v1/me`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [
            *[{"name": dialect.name, "description": dialect.says} for dialect in dialects],
            {"name": own.OWN, "description": own.SAYS},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of your team."}},
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in own.ANSWER_HEADERS.items()
            },
            "parameters": {
                name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
                for name, text in own.REQUEST_HEADERS.items()
                if name != "Authorization"
            },
            "responses": {dialect.name: _errors(dialect) for dialect in dialects},
        },
    }


def _operation(entry: Entry) -> dict[str, Any]:
    document = entry.document
    told: dict[str, Any] = {
        "operationId": entry.id.replace("-", "_"),
        "tags": [entry.dialect],
        "summary": document.says,
        "parameters": [_parameter(field) for field in document.fields if field.place in ("path", "query")],
        "responses": {str(document.status): _answer(entry)},
    }
    if entry.generating:
        names = [name for name in own.REQUEST_HEADERS if name != "Authorization"]
        told["parameters"] += [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if entry.dialect != own.OWN:
        told["responses"]["default"] = {"$ref": f"#/components/responses/{entry.dialect}"}
    if entry.public:
        told["security"] = []
    content = _content(entry)
    if content:
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameter(field: Field) -> dict[str, Any]:
    schema = {name: value for name, value in schema_of(field).items() if name != "description"}
    return {
        "name": field.name,
        "in": field.place,
        "required": field.required,
        "description": field.text,
        "schema": schema,
    }


def _content(entry: Entry) -> dict[str, Any]:
    """The bodies a route takes, each with its examples."""
    document = entry.document
    found: dict[str, Any] = {}
    for kind, media in (("json", "application/json"), ("form", "multipart/form-data")):
        examples = [each for each in document.examples if getattr(each, kind) is not None]
        if not examples:
            continue
        fields = [field for field in document.fields if field.place in ("body", kind)]
        found[media] = {
            "schema": body_of(fields),
            "examples": {f"example{place}": _example(each, kind) for place, each in enumerate(examples, 1)},
        }
    return found


def _example(example: Example, kind: str) -> dict[str, Any]:
    told = {"value": plain(getattr(example, kind))}
    return {"summary": example.title, **told} if example.title else told


def body_of(fields: Iterable[Field]) -> dict[str, Any]:
    """The schema of an object with these fields; those within others stand in them."""
    root: dict[str, Any] = {"type": "object", "properties": {}}
    for field in sorted(fields, key=lambda each: _depth(each.name)):
        *above, name = [field.name] if field.place == "form" else field.name.replace("[]", ".[]").split(".")
        at = root
        for step in above:
            if step == "[]":
                at = at.setdefault("items", {"type": "object"})
            else:
                at = at.setdefault("properties", {}).setdefault(step, {"type": "object"})
        at.setdefault("properties", {})[name] = schema_of(field)
        if field.required:
            at.setdefault("required", []).append(name)
    return root


def _depth(name: str) -> int:
    return name.count(".")


def schema_of(field: Field) -> dict[str, Any]:
    """The schema of one field."""
    kind = KINDS.get(field.kind) or {"type": field.kind}
    told: dict[str, Any] = {**kind, **({"items": {**kind["items"]}} if "items" in kind else {})}
    if field.choices and field.kind in ("string", "number"):
        told["enum"] = list(field.choices)
    limits = {"minimum": field.lowest, "maximum": field.highest, "maxLength": field.longest, "default": field.default}
    told |= {name: value for name, value in limits.items() if value is not None}
    return {**told, "description": field.text, "x-darkroom-becomes": field.becomes}


def _answer(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"description": "What it comes to."}
    if entry.generating:
        told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in own.ANSWER_HEADERS}
    if entry.document.status != 204:
        schema = {} if entry.answer is None else of_shape(entry.answer)
        told["content"] = {entry.document.media: {"schema": schema}}
    return told


def of_shape(shape: Any) -> dict[str, Any]:
    """The schema of an answer by its shape."""
    if isinstance(shape, dict):
        return {"type": "object", "properties": {name: of_shape(each) for name, each in shape.items()}}
    if isinstance(shape, list):
        return {"type": "array", "items": of_shape(shape[0])} if shape else {"type": "array"}
    names = shape.split(" or ")
    return {"type": names[0] if len(names) == 1 else names}


def _errors(dialect: Dialect) -> dict[str, Any]:
    """Whatever goes wrong, in the dialect's own shape: an example of each."""
    examples = {}
    for place, refusal in enumerate(refusals(dialect), 1):
        summary = f"{refusal.status}: {'; '.join(refusal.when)}"
        examples[f"error{place}"] = {"summary": summary, "value": refusal.body}
    return {
        "description": "What went wrong, in the words of this dialect.",
        "content": {dialect.media_type: {"schema": {"type": "object"}, "examples": examples}},
    }
