"""The files of grafana/, and what the server offers them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from providers.contract import Fault
from proxy.metrics import Metrics
from tests.grafana.promql import Labels, Read, Series
from tests.happenings import ALL

FOLDER = Path(__file__).parents[2] / "grafana"
SCRAPED = frozenset({"job", "instance"})
"""What Prometheus adds to every series."""
BUILT_IN = {"__rate_interval": "5m", "__range": "6h", "__interval": "5m"}
FAULTS = frozenset(str(fault) for fault in Fault)
VOCABULARY: dict[str, Labels] = {
    "fault": FAULTS,
    "outcome": FAULTS | {"ok"},
    "how": frozenset({"resumed", "released", "expired"}),
    "what": frozenset({"usd", "images"}),
    "job": frozenset({"darkroom"}),
}


def exposed(text: str) -> dict[str, dict[str, Labels]]:
    """Of every metric of an exposition, its series' names and their labels; without when they were created."""
    families: dict[str, dict[str, Labels]] = {}
    for family in text_string_to_metric_families(text):
        if not family.name.endswith("_created"):
            names = families.setdefault(family.name, {})
            for sample in family.samples:
                names[sample.name] = names.get(sample.name, SCRAPED) | frozenset(sample.labels)
    return families


@cache
def metrics() -> dict[str, dict[str, Labels]]:
    """Every metric the server has, once everything that can happen has happened."""
    made = Metrics()
    made.hear(ALL)
    return exposed(made.expose().decode())


@cache
def rules() -> dict[str, str]:
    """Recorded names, and the expressions behind them."""
    (group,) = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    return {rule["record"]: rule["expr"] for rule in group["rules"]}


@cache
def alerts() -> list[dict[str, Any]]:
    """What a person is to look at."""
    read: list[dict[str, Any]] = [
        rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    return read


@cache
def series() -> Series:
    """Everything an expression may ask for."""
    known = {"up": SCRAPED} | {name: labels for names in metrics().values() for name, labels in names.items()}
    return known | {name: Read(expr, known, VOCABULARY, plain=True).labels for name, expr in rules().items()}


@cache
def board() -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads((FOLDER / "dashboards" / "darkroom.json").read_text())
    return read


def panels() -> list[dict[str, Any]]:
    """Its panels; rows are only headings."""
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query, with the title of its panel."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target


def variables() -> set[str]:
    """What the dashboard lets one choose."""
    return {variable["name"] for variable in board()["templating"]["list"]}


def filled_in(expression: str, defined: set[str]) -> str:
    """The expression as Grafana would send it. Raises KeyError for a variable nobody defines."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name in BUILT_IN:
            return BUILT_IN[name]
        if name not in defined:
            raise KeyError(name)
        return ".*"

    return re.sub(r"\$(?:(\w+)|\{(\w+)[^}]*\})", value, expression)
