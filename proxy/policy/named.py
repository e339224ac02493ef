"""Policies that everybody has: what most teams mean by cheap, fast, balanced or best, as rules and what they are worth.

Rows as config.yaml has them: a configuration may write any of them anew under `policies`.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.policy.rules import Rows

HOUSE = "house"
"""The policy that `policy.rules` spells out."""

_OUT = (
    "configured",
    "capable",
    "allowed",
    "banned",
    "pinned",
    "providers",
    "region",
    "priced",
    "within_ceiling",
    "max_seconds",
    "healthy",
)
"""Who is out, under every one of them."""

BUILT_IN: Mapping[str, Rows] = {
    "cheapest": (*_OUT, "cheapest"),
    "fastest": (
        *_OUT,
        {"fastest": {"second": "0.05"}},
        {"reliable": {"worth": "0.25"}},
        {"least_busy": {"worth": "0.05"}},
        "cheapest",
    ),
    "balanced": (
        *_OUT,
        "cheapest",
        {"fastest": {"second": "0.002"}},
        {"best": {"worth": "0.01"}},
        {"faithful": {"worth": "0.01"}},
        {"reliable": {"worth": "0.05"}},
        {"least_busy": {"worth": "0.01"}},
        {"prefer_local": {"worth": "0.01"}},
        {"warm": {"worth": "0.002"}},
        {"sticky_seed": {"worth": "0.005"}},
    ),
    "best": (
        *_OUT,
        {"best": {"worth": "1"}},
        {"faithful": {"worth": "0.25"}},
        {"reliable": {"worth": "0.25"}},
        {"fastest": {"second": "0.001"}},
        "cheapest",
    ),
    "local-first": (
        *_OUT,
        {"prefer_local": {"worth": "1000"}},
        "cheapest",
        {"reliable": {"worth": "0.05"}},
        {"least_busy": {"worth": "0.005"}},
        {"warm": {"worth": "0.005"}},
    ),
}
