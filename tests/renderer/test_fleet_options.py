"""`home: ray`: what of the configuration reaches the fleet, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proxy.app.drawing import fleet_of, local_renderer
from proxy.app.fleet import application
from proxy.config import ConfigError, parse
from proxy.renderer.homes.ray import RayHome
from proxy.renderer.loads import Untrained

ROW = """
providers:
  local:
    models:
      - {name: tiny-untrained, load: {type: untrained}, preload: true, operations: [generate],
         sizes: {listed: [64x64]}, price: {per: {type: second, usd: "0.001", seconds: "1"}}}
renderer:
  home: ray
  slots: 3
  batch: 4
  ray: {address: "10.0.0.1:6379", min_replicas: 0, max_replicas: 5, gpus: 0.5, accelerator: H200, queued: 7}
"""


def test_the_fleet_is_as_configured() -> None:
    config = parse(ROW, {})
    setup = fleet_of(config)
    assert setup.models == {"tiny-untrained": Untrained()}
    assert setup.preload == ("tiny-untrained",)
    assert (setup.engine.device, setup.engine.slots, setup.engine.batch) == ("auto", 3, 4)
    assert setup.fleet is not None
    fleet = setup.fleet
    assert (fleet.address, fleet.min_replicas, fleet.max_replicas) == ("10.0.0.1:6379", 0, 5)
    assert (fleet.gpus, fleet.accelerator, fleet.queued) == (0.5, "H200", 7)


def test_a_server_has_as_many_slots_as_the_largest_fleet_and_waits_as_for_one_replica() -> None:
    home = RayHome(fleet_of(parse(ROW, {})))
    assert home.slots == 15
    assert home.engines == 1
    assert home.warm == frozenset()


def test_the_renderer_of_such_a_configuration_needs_no_ray_to_be_made() -> None:
    renderer = local_renderer(parse(ROW, {}), lambda _: None)
    assert renderer is not None
    assert renderer.standing.full is False
    assert "ray" not in sys.modules


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{home: ray, devices: [cuda:0]}", "stands for `devices`"),
        ("{home: ray, idle_s: 60}", "stands for `devices`"),
        ("{ray: {gpus: 2}}", "`ray` is for `home: ray`"),
        ("{home: ray, ray: {min_replicas: 3, max_replicas: 2}}", "`max_replicas` is less"),
        ("{home: ray, ray: {gpus: -1}}", "gpus"),
        ("{home: ray, ray: {application: a/b}}", "application"),
    ],
)
def test_what_contradicts_itself_is_refused(row: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(f"renderer: {row}", {})


def test_a_configuration_without_a_fleet_is_not_deployed_as_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("renderer: {home: process}")
    with pytest.raises(ConfigError, match="no fleet to deploy"):
        application({"config": str(path)})
