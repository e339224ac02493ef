"""What is kept by name, on a disk or in an object store: pictures, and what servers leave for each other.

Pictures are given out as links that expire and cannot be guessed, or kept for a repeated request.
"""

from proxy.store.disk import DiskStore
from proxy.store.links import Links
from proxy.store.objects import ObjectStore
from proxy.store.pictures import Keeps, Pictures, Stored
from proxy.store.port import Entry, Store

__all__ = ["DiskStore", "Entry", "Keeps", "Links", "ObjectStore", "Pictures", "Store", "Stored"]
