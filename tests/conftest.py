"""Fixtures that any test may ask for."""

from __future__ import annotations

from tests.servers import buckets, postgres, postgres_url, redis, redis_url

__all__ = ["buckets", "postgres", "postgres_url", "redis", "redis_url"]
