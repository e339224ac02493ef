"""What several servers must know together: who is let in, what has just happened. Never money: that is the ledger's.

Two ports, each in memory and over Redis: `Gates` count who is inside, `Board` brings news to whoever listens, on this
server and on the others. `link.py` is the one connection; where it is lost, everything here says so at once, and
whoever asks goes by what this server knows alone.
"""

from __future__ import annotations

from proxy.shared.board import Board, MemoryBoard
from proxy.shared.gates import Gate, Gates, GoneError, Left, MemoryGates, Shut
from proxy.shared.together import Shared, joined
from proxy.shared.wakes import Wakes

__all__ = [
    "Board",
    "Gate",
    "Gates",
    "GoneError",
    "Left",
    "MemoryBoard",
    "MemoryGates",
    "Shared",
    "Shut",
    "Wakes",
    "joined",
]
