"""Which templates somebody means, by the words they use: whole words, lightly stemmed, rarer ones worth more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from math import log

from proxy.dialects.alwrity.catalogue import TEMPLATES, Template

WORD = re.compile(r"[a-z0-9]+")
QUERY_MOST = 1000
"""Characters of a query that are looked at."""
STOP = frozenset(
    WORD.findall(
        "a an and are as at be by for from i in is it its me my need of on or our that the their this to us want we "
        "with you your image images picture pictures photo photos visual visuals some something new create make"
    )
)
"""Words that say nothing about which template is meant."""
SAME: Mapping[str, str] = {
    "ig": "instagram",
    "insta": "instagram",
    "fb": "facebook",
    "x": "twitter",
    "yt": "youtube",
    "mail": "email",
    "newsletters": "newsletter",
    "site": "website",
    "web": "website",
    "mockup": "product",
    "launch": "announcement",
    "reels": "reel",
    "sale": "promotion",
    "discount": "promotion",
    "hiring": "recruitment",
    "jobs": "recruitment",
}
"""Other words for what templates speak of."""
WHOLE = frozenset({"news", "business", "always", "process"})
"""Words that look like a plural or a form of another and are not."""
ENDINGS = ("ment", "ing", "ed", "ly", "al")
ROOT = 4
"""Letters that must be left of a word when its ending is taken off."""
PREFIX = 3
"""Letters from which the beginning of a word stands for it."""
PART = 0.5
"""What a word's beginning is worth, beside the word itself."""
NEAR = 0.4
"""Share of the best score from which another template is worth telling."""


def search(query: str, among: Iterable[Template]) -> list[Template]:
    """Templates that have every word of a query; those that have the most of it where none has all. Best first."""
    words = words_of(query)
    if not query.strip():
        return list(among)
    scored = _scored(words, among)
    whole = [(template, score) for template, score, found in scored if found == len(words)]
    return _best(whole or [(template, score) for template, score, _ in scored])


def recommend(use_case: str, among: Iterable[Template]) -> list[Template]:
    """Templates for what somebody describes in words of their own, best first; none where nothing speaks for any."""
    return _best([(template, score) for template, score, _ in _scored(words_of(use_case), among)])


def words_of(text: str) -> list[str]:
    """The words that count, stemmed, each once."""
    words = [SAME.get(word, word) for word in WORD.findall(text[:QUERY_MOST].lower()) if word not in STOP]
    return list(dict.fromkeys(stem(word) for word in words))


def stem(word: str) -> str:
    """A word without its ending, near enough: `stories` and `story`, `branding` and `brand` are the same."""
    if word in WHOLE:
        return word
    if word.endswith("ies") and len(word) > ROOT:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > PREFIX:
        word = word[:-1]
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= ROOT:
            word = word.removesuffix(ending)
            break
    return word[:-1] if word.endswith("e") and len(word) > ROOT else word


@cache
def _indexed() -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """By template what each of its words is worth in it; and by word how much it tells one template from another."""
    inside = {template.id: _worth(template) for template in TEMPLATES.values()}
    holding: dict[str, int] = {}
    for words in inside.values():
        for word in words:
            holding[word] = holding.get(word, 0) + 1
    return inside, {word: log(1 + len(inside) / count) for word, count in holding.items()}


def _worth(template: Template) -> dict[str, float]:
    worth: dict[str, float] = {}
    for text, weight in (
        (template.description, 1.0),
        (template.category.replace("_", " "), 1.5),
        (template.id.replace("_", " "), 2.0),
        (template.aspect_ratio.label, 2.0),
        (" ".join(template.use_cases), 3.0),
        (template.name, 3.0),
        (template.platform, 6.0),  # who names a platform wants nothing for another
    ):
        for word in words_of(text):
            worth[word] = weight
    return worth


def _scored(words: list[str], among: Iterable[Template]) -> list[tuple[Template, float, int]]:
    """Each template that has any of the words: its score, and how many of them it has."""
    inside, telling = _indexed()
    scored: list[tuple[Template, float, int]] = []
    for template in among:
        worth = inside[template.id]
        hits = [hit for hit in (_hit(word, worth, telling) for word in words) if hit]
        if hits:
            scored.append((template, sum(hits), len(hits)))
    return scored


def _hit(word: str, worth: Mapping[str, float], telling: Mapping[str, float]) -> float:
    if word in worth:
        return worth[word] * telling[word]
    if len(word) < PREFIX:
        return 0.0
    begun = [worth[other] * telling[other] for other in worth if _begins(word, other)]
    return PART * max(begun, default=0.0)


def _begins(word: str, other: str) -> bool:
    """Whether one of two words is the beginning of the other, and enough of it."""
    return other.startswith(word) or (len(other) > ROOT and word.startswith(other))


def _best(scored: list[tuple[Template, float]]) -> list[Template]:
    best = max((score for _, score in scored), default=0.0)
    worth_telling = [(template, score) for template, score in scored if score >= NEAR * best]
    return [template for template, _ in sorted(worth_telling, key=lambda each: -each[1])]
