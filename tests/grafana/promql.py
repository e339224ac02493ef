"""What is wrong with a PromQL expression, given which series there are and which labels they have.

Prometheus itself says nothing: an expression over a name or a label that does not exist is an empty panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import promql_parser as promql
from promql_parser import AggregateExpr, BinaryExpr, Call, MatrixSelector, NumberLiteral, StringLiteral, VectorSelector

Labels = frozenset[str]
Series = Mapping[str, Labels]

KEEP_LABELS = ("topk", "bottomk", "limitk")
COUNTED = ("_total", "_bucket", "_sum", "_count")
"""How the names end of what only grows: `rate` of anything else is nonsense, and its plain value is too."""
GROWTH = ("rate", "increase", "irate", "resets")


class Read:
    """An expression, read."""

    def __init__(
        self, expression: str, series: Series, vocabulary: Mapping[str, Labels], *, plain: bool = False
    ) -> None:
        """`vocabulary` has the values a label can have, for those that have few; `plain` lets counters stand alone."""
        self.wrong: list[str] = []
        self.names: set[str] = set()
        self._series = series
        self._vocabulary = vocabulary
        self._plain = plain
        try:
            tree = promql.parse(expression)
        except ValueError as error:
            self.wrong.append(f"does not parse: {error}")
            self.labels: Labels = frozenset()
        else:
            self.labels = self._labels(tree) or frozenset()

    def _labels(self, node: Any, around: str = "") -> Labels | None:
        """The labels of what a node gives; None for a number."""
        if isinstance(node, NumberLiteral | StringLiteral):
            return None
        if isinstance(node, VectorSelector):
            return self._selected(node, around)
        if isinstance(node, MatrixSelector):
            return self._selected(node.vector_selector, around)
        if isinstance(node, AggregateExpr):
            return self._aggregated(node)
        if isinstance(node, Call):
            return self._called(node)
        if isinstance(node, BinaryExpr):
            return self._joined(node)
        return self._labels(node.expr, around)  # in parentheses, negated, or a subquery

    def _selected(self, node: VectorSelector, around: str) -> Labels:
        name = node.name or "a selector without a name"
        if name not in self._series:
            self.wrong.append(f"{name} is no metric")
            return frozenset()
        self.names.add(name)
        if not self._plain and name.endswith(COUNTED) is not (around in GROWTH):
            self.wrong.append(f"{name} in {around or 'no function'}: rate and increase are for counters, and only they")
        for matcher in node.matchers.matchers:
            if matcher.name not in self._series[name]:
                self.wrong.append(f"{name} has no label {matcher.name}")
            known = self._vocabulary.get(matcher.name)
            for value in matcher.value.split("|") if known else ():
                if value.isidentifier() and value not in (known or ()):
                    self.wrong.append(f"{matcher.name} is never {value}")
        return self._series[name]

    def _aggregated(self, node: AggregateExpr) -> Labels:
        inner = self._labels(node.expr) or frozenset()
        named = frozenset(node.modifier.labels) if node.modifier else frozenset()
        if unknown := named - inner:
            self.wrong.append(f"{node.op} by {', '.join(sorted(unknown))}: what is aggregated has no such label")
        if str(node.op) in KEEP_LABELS:
            return inner
        by = node.modifier is None or node.modifier.type == promql.AggModifierType.By
        return named & inner if by else inner - named

    def _called(self, node: Call) -> Labels:
        found = [self._labels(argument, node.func.name) for argument in node.args]
        labels = frozenset().union(*[each for each in found if each is not None])
        if node.func.name == "histogram_quantile":
            if "le" not in labels:
                self.wrong.append("histogram_quantile needs le")
            return labels - {"le"}
        if node.func.name == "label_replace":
            return labels | {node.args[1].val}
        return labels

    def _joined(self, node: BinaryExpr) -> Labels | None:
        left, right = self._labels(node.lhs), self._labels(node.rhs)
        if node.modifier and node.modifier.matching:
            self.wrong.append("on and ignoring are not understood here yet")
        if left is None or right is None:
            return right if left is None else left
        if str(node.op) == "or":
            return left | right
        if left != right:
            apart = ", ".join(sorted(left ^ right))
            self.wrong.append(f"{node.op} never matches: only one side has {apart}")
        return left
