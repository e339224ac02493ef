"""The process beside a server that has a fleet: `python -m proxy.renderer.fleet`."""

from __future__ import annotations

from functools import partial

from providers.contract import Failure, Fault
from proxy.renderer.homes.contract import Engine, Opening, Told
from proxy.renderer.homes.opening import open_engine
from proxy.renderer.wire import Setup
from proxy.renderer.worker import serve_as_worker

LINGER_S = 1.0
"""To have all jobs left off that it gave away: nobody else would, and they would be drawn to their ends."""


def open_envoy(setup: Setup, tell: Told, opening: Opening) -> Engine:
    """The envoy, as the engine that it is to the server. Raises UNAVAILABLE where ray is missing."""
    try:
        from proxy.renderer.fleet.envoy import Envoy
    except ImportError as error:
        raise Failure(
            Fault.UNAVAILABLE, f"a fleet needs the packages of darkroom[ray], which are not installed: {error}"
        ) from error
    return Envoy(setup, tell, opening)


def main(opening: Opening = open_engine) -> None:
    """Run the envoy; `opening` makes the engine of each replica."""
    serve_as_worker(partial(open_envoy, opening=opening), linger=LINGER_S)


if __name__ == "__main__":
    main()
