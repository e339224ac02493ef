"""Pictures at rest: given out as links that expire and cannot be guessed, or kept for a repeated request."""

from proxy.store.disk import DiskStore, Stored
from proxy.store.links import Links

__all__ = ["DiskStore", "Links", "Stored"]
