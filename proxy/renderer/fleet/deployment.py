"""The application that Ray Serve runs: how many replicas, on what, and what each may have to do at once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

from msgspec.structs import replace
from ray import serve

from proxy.renderer.child import GENTLE, QUIET
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.fleet.replica import Replica
from proxy.renderer.homes.contract import Opening
from proxy.renderer.homes.opening import open_engine
from proxy.renderer.wire import Setup, write

ENGINE = "engine"
"""The one deployment of the application."""
CHECK_S = 2.0
"""How often Ray looks whether a replica is alive. By its own 10 seconds, the next one comes that much later."""
LEAVE_S = 300.0
"""Seconds that a replica which is to go has for what it draws."""


class Deployed:
    """A replica, as Ray Serve knows it. Which models it was asked for is told to Ray, which then prefers it for them;
    what is in memory, the engine decides by bytes.
    """

    async def __init__(self, setup: bytes, opening: Opening, resident: int) -> None:  # type: ignore[misc]  # Ray awaits it
        self._replica = Replica(setup, opening, serve.get_replica_context().replica_id.unique_id)

        async def marked(model: str) -> str:
            return model

        self._mark = serve.multiplexed(max_num_models_per_replica=resident)(marked)
        await self._replica.begin()

    async def draw(self, order: bytes, envoy: str) -> AsyncGenerator[bytes, None]:
        """What becomes of a job."""
        await self._mark(serve.get_multiplexed_model_id())
        async with aclosing(self._replica.draw(order, envoy)) as said:
            async for bundle in said:
                yield bundle

    async def here(self) -> bytes:
        """Who it is."""
        return await self._replica.here()

    def __del__(self) -> None:
        if replica := getattr(self, "_replica", None):
            replica.close()


def application(setup: Setup, fleet: FleetOptions, opening: Opening = open_engine, name: str = ENGINE) -> Any:
    """The application; `name` is its deployment's."""
    slots = setup.engine.slots
    scaling = {
        "min_replicas": fleet.min_replicas,
        "max_replicas": fleet.max_replicas,
        "target_ongoing_requests": fleet.busy,
        "upscale_delay_s": fleet.upscale_s,
        "downscale_delay_s": fleet.downscale_s,
    }
    deployment = serve.deployment(
        Deployed,
        name=name,
        ray_actor_options=_needs(fleet),
        autoscaling_config=scaling,
        max_ongoing_requests=slots,
        max_queued_requests=fleet.waiting(slots),
        health_check_period_s=CHECK_S,
        graceful_shutdown_timeout_s=LEAVE_S,
    )
    return deployment.bind(write(replace(setup, fleet=None)), opening, fleet.resident or max(len(setup.models), 1))


def version_of(setup: Setup, fleet: FleetOptions, opening: Opening = open_engine) -> str:
    """A few letters that stand for what runs, and on what: with others, replicas have to be begun anew."""
    made = (version("darkroom"), replace(fleet, address=""), f"{opening.__module__}.{opening.__qualname__}")
    return hashlib.blake2b(write(replace(setup, fleet=None)) + repr(made).encode(), digest_size=6).hexdigest()


def _needs(fleet: FleetOptions) -> dict[str, Any]:
    """What Ray has to find for a replica. Its process keeps to what the worker process keeps to."""
    needs: dict[str, Any] = {
        "num_gpus": fleet.gpus,
        "num_cpus": fleet.cpus,
        "runtime_env": {"env_vars": GENTLE | QUIET},
    }
    if fleet.accelerator is not None:
        needs["accelerator_type"] = fleet.accelerator
    return needs
