"""Ray and Ray Serve as an envoy sees them: joined, asked, their errors translated. Nothing else calls them."""

from __future__ import annotations

import logging
import os
from typing import Any

import ray
from ray import exceptions as raised
from ray import serve
from ray.serve import exceptions as served

from providers.contract import Code, Failure, Fault
from proxy.renderer.fleet.deployment import ENGINE, application, version_of
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.homes.contract import Opening
from proxy.renderer.wire import Setup

QUIETLY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_LOG_TO_STDERR": "0"}
"""It neither reports to its makers nor chats."""


class Cluster:
    """The application, in a cluster that was joined."""

    def __init__(self, fleet: FleetOptions) -> None:
        self._application = fleet.application
        self._handle = serve.get_app_handle(fleet.application)
        self._drawing = self._handle.options(stream=True)

    def draw(self, model: str, order: bytes, envoy: str) -> Any:
        """The bundles of a job, an asynchronous iterator with `cancel`. A replica that had the model is preferred."""
        return self._drawing.options(multiplexed_model_id=model).draw.remote(order, envoy)

    async def here(self) -> bytes:
        """What some replica says of itself; waits until there is one. Raises UNAVAILABLE."""
        try:
            said: bytes = await self._handle.here.remote()
        except Exception as error:
            raise refused(error, None) from error
        return said

    def replicas(self) -> int:
        """How many there are that can be given work. Blocking."""
        standing = serve.status().applications.get(self._application)
        deployments = standing.deployments.values() if standing is not None else ()
        return sum(
            number
            for each in deployments
            for state, number in each.replica_states.items()
            if str(getattr(state, "value", state)) == "RUNNING"
        )


def join(setup: Setup, fleet: FleetOptions, opening: Opening) -> Cluster:
    """Join the cluster, and deploy the application unless it is there as it should be. Blocking: cannot be broken off.

    Raises UNAVAILABLE.
    """
    os.environ.update(QUIETLY)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        if not ray.is_initialized():
            ray.init(fleet.address, log_to_driver=False, configure_logging=False)
        if fleet.deploy:
            _deploy(setup, fleet, opening)
        return Cluster(fleet)
    except Exception as error:
        detail = f"the Ray cluster at {fleet.address!r} cannot be used: {_first_line(error)}"
        raise Failure(Fault.UNAVAILABLE, detail) from error


def _deploy(setup: Setup, fleet: FleetOptions, opening: Opening) -> None:
    """Ray Serve begins all replicas anew whenever an application is deployed. So the deployment's name says which it
    is, and where it is the same, it is left alone: by the next server, and by this one when it comes back.
    """
    serve.start(proxy_location="Disabled")  # nobody is to speak to it over HTTP
    name = f"{ENGINE}-{version_of(setup, fleet, opening)}"
    standing = serve.status().applications.get(fleet.application)
    if standing is None or name not in standing.deployments:
        made = serve.RunTarget(application(setup, fleet, opening, name), name=fleet.application, route_prefix=None)
        serve.run_many([made], wait_for_applications_running=False)


def lost(error: BaseException) -> str | None:
    """Why the replica that had a job is gone; None where it is not, and the job would fail again elsewhere."""
    if isinstance(error, served.RayServeException) and not isinstance(error, served.ReplicaUnavailableError):
        return None
    if isinstance(error, raised.RayTaskError) and not isinstance(error, raised.TaskCancelledError):
        return None
    return _first_line(error) if isinstance(error, raised.RayError | served.RayServeException) else None


def refused(error: BaseException, retry_after: float | None) -> Failure:
    """Why a job was not taken: THROTTLED where the fleet has its hands full, UNAVAILABLE for all else."""
    if isinstance(error, served.BackPressureError):
        detail = "the fleet has its hands full, and as many wait as may"
        return Failure(Fault.THROTTLED, detail, code=Code.BUSY, retry_after=retry_after)
    if isinstance(error, served.DeploymentUnavailableError):
        return Failure(Fault.UNAVAILABLE, "the fleet has no replica that can start; Ray's log says why")
    return Failure(Fault.UNAVAILABLE, f"the fleet could not draw this: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    """What is worth telling of an error of Ray's: they have whole traces in them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[-1] if isinstance(error, raised.RayTaskError) and lines else next(iter(lines), "")
    return f"{type(error).__name__}: {said}"[:300]
