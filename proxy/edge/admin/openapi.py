"""The description of the admin API as OpenAPI 3.1, made of the table that is served.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from proxy.edge.admin.frame import BEGINS, Asked, Nothing, Route
from proxy.edge.admin.office import Office
from proxy.edge.admin.refusing import TYPES, Error

REF = "#/components/schemas/{name}"
IF_MATCH = "The ETag that was read, or `*` for whatever state it is in."
ETAG = "Changes with what is told here; what writes takes it as `If-Match`."


def openapi(table: Sequence[Route]) -> dict[str, Any]:
    """The whole of it."""
    types = [Error, *(each for row in table for each in (row.answer, row.body, row.query))]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    error, rest = schemas[0], iter(schemas[1:])
    paths: dict[str, Any] = {}
    for row in table:
        answer, body, query = next(rest), next(rest), next(rest)
        operation = _operation(row, answer, body, _resolved(query, components), error)
        paths.setdefault(BEGINS + row.path, {})[row.method.lower()] = operation
    tags = dict.fromkeys(row.name.partition(".")[0] for row in table)
    inline = {row.query.__name__ for row in table} | {Nothing.__name__}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Darkroom administration",
            "version": version("darkroom"),
            "description": "For keys with the grant `admin`. Amounts are USD as text, exact to the micro-dollar;"
            " moments are UTC. What is not known is refused: parameters, fields, values.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in tags],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in inline},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key with the grant `admin`."}
            },
        },
    }


def _operation(row: Route, answer: Any, body: Any, query: Any, error: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if row.tables:
        content["text/csv"] = {"schema": {"type": "string"}}
    told: dict[str, Any] = {"description": "What it comes to.", "content": content}
    if row.tagged:
        told["headers"] = {"ETag": {"description": ETAG, "schema": {"type": "string"}}}
    operation: dict[str, Any] = {
        "operationId": row.name.replace(".", "_"),
        "tags": [row.name.partition(".")[0]],
        "summary": row.says,
        "parameters": [*_parts(row), *_parameters(query), *_headers(row)],
        "responses": {str(row.status): told, **_errors(row, error)},
    }
    if row.body is not Nothing:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _resolved(schema: Any, components: dict[str, Any]) -> Any:
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def _parts(row: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", row.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _parameters(query: Any) -> list[dict[str, Any]]:
    """The fields of a struct, each as a parameter."""
    needed = query.get("required", ())
    told = []
    for name, schema in query.get("properties", {}).items():
        rest = {word: said for word, said in schema.items() if word != "description"}
        parameter = {"name": name, "in": "query", "required": name in needed, "schema": rest}
        told.append(parameter | ({"description": schema["description"]} if "description" in schema else {}))
    return told


def _headers(row: Route) -> list[dict[str, Any]]:
    if not row.guarded:
        return []
    schema = {"type": "string"}
    return [{"name": "If-Match", "in": "header", "required": True, "description": IF_MATCH, "schema": schema}]


def _errors(row: Route, error: Any) -> dict[str, Any]:
    """What may be answered instead."""
    statuses = [400, 401, 403, *([404] if "{" in row.path else []), *([412, 428] if row.guarded else [])]
    content = {"application/json": {"schema": error}}
    told = {str(status): {"description": TYPES[status], "content": content} for status in statuses}
    return told | {"default": {"description": "Anything else that went wrong.", "content": content}}


def describing(others: Sequence[Route]) -> Route:
    """The row that tells of the others, and of itself."""

    async def describe(office: Office, asked: Asked) -> dict[str, Any]:
        return openapi((*others, row))

    row = Route(
        name="server.describe",
        method="GET",
        path="/openapi.json",
        says="This description, as OpenAPI 3.1.",
        tell=describe,
        answer=dict[str, Any],
    )
    return row
