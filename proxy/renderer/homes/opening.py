"""The real engine, imported only when it is opened: in the worker when its channel is safe, or on its thread."""

from __future__ import annotations

from providers.contract import Failure, Fault
from proxy.renderer.homes.contract import Engine, Told
from proxy.renderer.wire import Setup


def open_engine(setup: Setup, tell: Told) -> Engine:
    """Make the diffusers engine. Raises UNAVAILABLE where its packages are missing."""
    try:
        from proxy.renderer.engine import Engine as DiffusersEngine
    except ImportError as error:
        raise Failure(
            Fault.UNAVAILABLE, f"local models need the packages of darkroom[local], which are not installed: {error}"
        ) from error
    return DiffusersEngine(setup, tell)
