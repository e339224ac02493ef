"""Every route of `/admin/v1`: what is here is served, described and tested, and nothing else is."""

from __future__ import annotations

from proxy.edge.admin import keys, limits, orgs, raising, records, server, standing, usage
from proxy.edge.admin.frame import Route
from proxy.edge.admin.openapi import describing

_ROWS: tuple[Route, ...] = (
    *orgs.ROUTES,
    *keys.ROUTES,
    *limits.ROUTES,
    *raising.ROUTES,
    *usage.ROUTES,
    *records.ROUTES,
    *standing.ROUTES,
    *server.ROUTES,
)
TABLE: tuple[Route, ...] = (*_ROWS, describing(_ROWS))
