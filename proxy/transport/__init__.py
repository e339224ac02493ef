"""The one place that talks to vendors: it holds a provider's conversation, over HTTP or with a renderer of ours.

Two of the three translations of trouble are here: HTTP status to fault, and library error to fault (`faults.py`). The
third, fault to a dialect's words, is each dialect's own.
"""

from proxy.transport.drawn import Wanted, always
from proxy.transport.driver import Transport, Turn, Watcher
from proxy.transport.guard import Guard, LinkError
from proxy.transport.memory import Lease, Room

__all__ = ["Guard", "Lease", "LinkError", "Room", "Transport", "Turn", "Wanted", "Watcher", "always"]
