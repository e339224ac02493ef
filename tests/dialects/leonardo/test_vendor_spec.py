"""Answers against the vendor's own description of them, where `VENDOR_SPECS` says the folder it lies in.

What is optional there may be left out; what is not nullable is never null.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.dialects.leonardo import account, generations, pricing, uploads
from proxy.dialects.leonardo.parse import parse_generation
from proxy.dialects.leonardo.table import GENERATION
from proxy.dialects.wants import Asset, Estimate
from tests.dialects.leonardo.asking import KINO, ONE, TWO, asked, conversing, getting, posting, read
from tests.dialects.leonardo.test_account import CARDS, PRICED
from tests.dialects.leonardo.test_account import asked as pricing_asked
from tests.dialects.leonardo.test_polling import FIELDS, known, variation
from tests.dialects.leonardo.test_uploads import PURSE, slot

FOLDER = os.environ.get("VENDOR_SPECS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="VENDOR_SPECS does not say where the vendors' descriptions lie")
DONE = known(recall=asked(**FIELDS).recall, pictures=2)
SPARSE = known(state="open", recall=asked(modelId=TWO).recall)
ASSET = Asset(id=ONE, kind="init-image", created=1, link="https://here.test/a.png")
ANSWERS: list[tuple[str, str, Any]] = [
    ("get", "/generations/{id}", lambda: conversing(generations.one, getting(id=ONE), DONE, [variation(TWO, ONE)])),
    ("get", "/generations/{id}", lambda: conversing(generations.one, getting(id=ONE), SPARSE)),
    ("get", "/generations/{id}", lambda: conversing(generations.one, getting(id=ONE), None)),
    ("delete", "/generations/{id}", lambda: conversing(generations.forget, getting(id=ONE), DONE, True)),
    ("get", "/generations/user/{userId}", lambda: conversing(generations.many, getting(), [DONE, SPARSE])),
    ("get", "/variations/{id}", lambda: conversing(generations.varied, getting(id=ONE), variation(ONE, TWO))),
    ("get", "/variations/{id}", lambda: conversing(generations.varied, getting(id=ONE), variation(ONE, TWO, "open"))),
    ("get", "/me", lambda: conversing(account.me, getting(), PURSE)),
    ("get", "/platformModels", lambda: (account.platform_models(getting(), CARDS), [])),
    ("get", "/models/{id}", lambda: (account.model(getting(id=KINO), CARDS), [])),
    ("get", "/models/user/{userId}", lambda: (account.own_models(getting(), CARDS), [])),
    ("get", "/elements", lambda: (account.elements(getting(), CARDS), [])),
    ("get", "/elements/user/{userId}", lambda: (account.own_elements(getting(), CARDS), [])),
    ("post", "/init-image", lambda: conversing(uploads.offer, posting({"extension": "png"}), PURSE, slot(ONE, "t"))),
    ("get", "/init-image/{id}", lambda: conversing(uploads.show, getting(id=ONE), ASSET)),
    ("delete", "/init-image/{id}", lambda: conversing(uploads.remove, getting(id=ONE), True)),
    ("post", "/pricing-calculator", lambda: conversing(pricing.calculate, pricing_asked(), Estimate((PRICED,)))),
]


def spec() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(next(Path(FOLDER or "").rglob("leonardo.json")).read_text())
    return told


def schema(of: Any, whole: dict[str, Any]) -> Any:
    """A schema with its references in their places, and its nullables as unions."""
    if isinstance(of, list):
        return [schema(each, whole) for each in of]
    if not isinstance(of, dict):
        return of
    if "$ref" in of:
        found: Any = whole
        for part in of["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return schema(found, whole)
    told = {name: schema(each, whole) for name, each in of.items() if name not in ("nullable", "example", "format")}
    return {"anyOf": [told, {"type": "null"}]} if of.get("nullable") is True else told


@pytest.mark.parametrize(("method", "path", "answer"), ANSWERS)
def test_an_answer_is_as_described(method: str, path: str, answer: Any) -> None:
    whole = spec()
    told = whole["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema(told, whole)).validate(read(answer()[0]))


def test_every_described_parameter_is_known_in_the_described_order() -> None:
    body = spec()["paths"]["/generations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == list(GENERATION)[:49]
    assert parse_generation(posting({name: told.get("default") for name, told in body["properties"].items()})).recall
