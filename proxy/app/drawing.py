"""The local models as configured: an engine for every device, in the home it is to live in."""

from __future__ import annotations

from msgspec.structs import asdict

from proxy.config import Config, ConfigError, RendererRow
from proxy.events import Tell
from proxy.learned import loads_of
from proxy.renderer import EngineOptions, Load, LocalRenderer
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.homes.contract import Home
from proxy.renderer.homes.opening import open_engine
from proxy.renderer.homes.process import ProcessHome
from proxy.renderer.homes.ray import RayHome
from proxy.renderer.homes.several import Several
from proxy.renderer.homes.thread import ThreadHome
from proxy.renderer.wire import Setup


def local_renderer(config: Config, tell: Tell) -> LocalRenderer | None:
    """Who draws with the models that say how they are loaded; None where none does. Raises ConfigError."""
    loads, preload = loads_of(config), _preload(config)
    if not loads:
        return None
    home = RayHome(fleet_of(config)) if config.renderer.home == "ray" else _home(config.renderer, loads, preload)
    return LocalRenderer(home, loads, tell, queue_limit=config.renderer.queue_limit)


def fleet_of(config: Config) -> Setup:
    """What every engine of a fleet is to be, and which fleet that is."""
    row = config.renderer
    return Setup(loads_of(config), _preload(config), _options(row, "auto"), FleetOptions(**asdict(row.ray)))


def placed(devices: tuple[str, ...], loads: dict[str, Load]) -> dict[str, tuple[int, ...]]:
    """By model, the places of the devices it is drawn on: its own, or all of them. Raises ConfigError.

    A model with a device of its own that has no engine goes to the one there is, if there is one only.
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, load in loads.items():
        places = tuple(place for place, device in enumerate(devices) if load.device in ("auto", device))
        if not places and len(devices) > 1:
            raise ConfigError(f"{name}: no engine has the device {load.device}; there are {', '.join(devices)}")
        found[name] = places or (0,)
    return found


def _preload(config: Config) -> tuple[str, ...]:
    models = [model for row in config.providers.values() if row.enabled for model in row.models]
    return tuple(model.name for model in models if model.preload and model.load is not None)


def _home(row: RendererRow, loads: dict[str, Load], preload: tuple[str, ...]) -> Home:
    where = placed(row.devices, loads)
    homes: list[Home] = []
    for place, device in enumerate(row.devices):
        mine = {name: load for name, load in loads.items() if place in where[name]}
        setup = Setup(mine, tuple(name for name in preload if name in mine), _options(row, device))
        if row.home == "thread":
            homes.append(ThreadHome(setup, open_engine, idle=row.idle_s))
        else:
            homes.append(ProcessHome(setup, idle=row.idle_s))
    return homes[0] if len(homes) == 1 else Several(homes, where)


def _options(row: RendererRow, device: str) -> EngineOptions:
    return EngineOptions(
        device=device,
        slots=row.slots,
        memory_bytes=row.memory_bytes,
        batch=row.batch,
        batch_tokens=row.batch_tokens,
    )
