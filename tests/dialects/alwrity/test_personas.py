"""Personas: kept, found, forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Failure
from proxy.dialects.alwrity import DIALECT
from tests.dialects.alwrity.asking import World, error_of, parse, talked

PATH = "/personas/{id:str}"


def persona(method: str, world: World, body: Any = None, name: str = "acme") -> Any:
    return talked(PATH, body, method=method, world=world, parts={"id": name})


def test_a_persona_is_kept_under_the_name_that_requests_find_it_by() -> None:
    world = World()
    kept = persona("PUT", world, {"description": "Warm light, muted colors.", "logo": "x"})
    told = {"persona_id": "acme", "description": "Warm light, muted colors.", "created_at": 5}
    assert kept == {"success": True, "persona": told, "ignored": ["logo"]}
    prefix = parse("/create", {"prompt": "A boat", "use_persona": True, "persona_id": "acme"}).prefix
    assert prefix is not None
    assert world(prefix).facts == "Warm light, muted colors."
    assert persona("GET", world) == told
    assert persona("DELETE", world) == {"success": True, "persona_id": "acme"}
    for method in ("GET", "DELETE"):
        with pytest.raises(Failure) as caught:
            persona(method, world)
        assert error_of(DIALECT.render_error(caught.value)) == (404, "Persona not found: acme")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("acme", {}),
        ("acme", {"description": " "}),
        ("acme", {"description": 3}),
        ("acme", {"description": "x" * 4001}),
        ("acme", []),
        ("a b", {"description": "x"}),
        ("a/b", {"description": "x"}),
        ("x" * 129, {"description": "x"}),
    ],
)
def test_what_cannot_be_kept_is_refused(name: str, body: Any) -> None:
    world = World()
    with pytest.raises(Failure) as caught:
        persona("PUT", world, body, name)
    assert error_of(DIALECT.render_error(caught.value))[0] == 400
    assert world.kept == {}
