"""Routes that tell of templates: all, by words, by what they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.contract import Code
from proxy.dialects.alwrity.catalogue import CATEGORIES, PLATFORMS, TEMPLATES, Template
from proxy.dialects.alwrity.matching import recommend, search
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.contract import Card, Incoming, Informing, Outgoing, Route
from proxy.dialects.fields import rejected


def list_templates(incoming: Incoming, _: Sequence[Card]) -> Outgoing:
    """`GET /templates`: all of them, or those of a platform, of a category, or of both."""
    found = _among(incoming.query)
    category = _one_of(incoming.query, "category", CATEGORIES)
    return _told([each for each in found if category is None or each.category == category])


def search_templates(incoming: Incoming, _: Sequence[Card]) -> Outgoing:
    """`GET /templates/search`: by words. No words are no wish: all of them."""
    query = _required(incoming.query, "query")
    return _told(search(query, TEMPLATES.values()), query=query)


def recommend_templates(incoming: Incoming, _: Sequence[Card]) -> Outgoing:
    """`GET /templates/recommend`: by what the picture is for, in the caller's own words."""
    use_case = _required(incoming.query, "use_case")
    return _told(recommend(use_case, _among(incoming.query)), use_case=use_case)


def template(id_: str) -> Template:
    """The template of an id. Raises REJECTED."""
    found = TEMPLATES.get(id_)
    if found is None:
        raise rejected(f"Template not found: {id_[:100]}", Code.INVALID, "template_id")
    return found


def _told(found: Iterable[Template], **echoed: str) -> Outgoing:
    told: dict[str, Any] = {"templates": list(found)}
    return reply({**told, "total": len(told["templates"]), **echoed})


def _among(query: Mapping[str, str]) -> list[Template]:
    platform = _one_of(query, "platform", PLATFORMS)
    return [each for each in TEMPLATES.values() if platform is None or each.platform == platform]


def _one_of(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str | None:
    said = query.get(name, "").strip().lower()
    if said and said not in choices:
        raise rejected(f"Invalid {name}: '{said[:40]}'. It is one of {', '.join(choices)}.", Code.INVALID, name)
    return said or None


def _required(query: Mapping[str, str], name: str) -> str:
    if name not in query:
        raise rejected(f"Missing required query parameter: '{name}'.", Code.MISSING, name)
    return query[name]


ROUTES: tuple[Route, ...] = (
    Informing(path="/api/image-studio/templates", answer=list_templates),
    Informing(path="/api/image-studio/templates/search", answer=search_templates),
    Informing(path="/api/image-studio/templates/recommend", answer=recommend_templates),
)
