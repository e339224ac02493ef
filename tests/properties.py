"""How hard the property tests try. No example has a deadline: a busy machine is not a failing test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Where one example is a picture encoded."""
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
