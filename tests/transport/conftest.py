"""Fixtures of the transport's tests."""

from tests.transport.serving import names

__all__ = ["names"]
