"""How a fleet is to be, as config.yaml states it. Facts only; no ray here."""

from __future__ import annotations

from msgspec import Struct


class FleetOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Engines on other machines: replicas of one application of Ray Serve, each with an engine of its own."""

    address: str = "auto"
    """Of the Ray to join; `auto` is the one that this machine is a node of."""
    application: str = "darkroom"
    """What Ray Serve calls it."""
    deploy: bool = True
    """Have Ray run the application; else somebody else does, and it is only asked."""
    min_replicas: int = 1
    """None costs nothing while nobody asks, and the first request waits for a machine."""
    max_replicas: int = 1
    gpus: float = 1.0
    """Of each replica, as Ray counts them: what parts of one do to each other is nobody's care."""
    cpus: float = 1.0
    accelerator: str | None = None
    """What Ray calls the kind of GPU that it has to be: `H200`."""
    busy: int = 8
    """Requests for each replica, under way and waiting, above which another replica is begun."""
    upscale_s: float = 30.0
    """Seconds that there have to be so many."""
    downscale_s: float = 600.0
    """Seconds that there have to be fewer before a replica ends."""
    queued: int | None = None
    """Requests of one server that may wait in Ray; None is any number: it is given no more than there are slots."""
    resident: int | None = None
    """Models thought to be in memory at each replica: those asked of it last. None is all of them."""

    def slots(self, each: int) -> int:
        """How many jobs it is given at once, of `each` engine's. Those of the largest fleet: with those of the present
        one only, it would never be asked for more than it can do, and would never grow.
        """
        return each * self.max_replicas

    def waiting(self, each: int) -> int:
        """How many of them may wait in Ray, -1 for any number. Never fewer than one replica has slots: while a burst is
        being handed out, Ray counts it as waiting, although there is room.
        """
        return -1 if self.queued is None else max(self.queued, each)
