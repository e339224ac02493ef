"""Requests for the same picture: it is bought once, whoever of a team asks for it, in whatever dialect."""

from proxy.twins.reuse import Twins, may_share

__all__ = ["Twins", "may_share"]
