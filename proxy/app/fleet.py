"""The fleet's application as Ray Serve imports it, where somebody else than a server deploys it: `serve run`, KubeRay.

`serve run proxy.app.fleet:application config=/etc/darkroom/config.yaml`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy.app.drawing import fleet_of
from proxy.config import ConfigError, load

CONFIG = "config.yaml"


def application(arguments: Mapping[str, str]) -> Any:
    """The application of a configuration, `config` by its path: the same that the servers have. Raises ConfigError."""
    config = load(Path(arguments.get("config", CONFIG)), os.environ)
    if config.renderer.home != "ray":
        raise ConfigError(f"`renderer.home` is {config.renderer.home!r}: there is no fleet to deploy")
    from proxy.renderer.fleet.deployment import application as deployed  # ray is an extra, and this module always there

    setup = fleet_of(config)
    assert setup.fleet is not None
    return deployed(setup, setup.fleet)
