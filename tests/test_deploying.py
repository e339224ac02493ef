"""What docs/deploy says is what there is: its configuration loads, its commands parse, its manifests fit each other."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from proxy import dialects
from proxy.app.premises import DRAIN_S
from proxy.app.setup import Setup
from proxy.cli import main
from proxy.config import Config, load, parse
from proxy.config.renderer import RayRow
from proxy.edge import documentation

HERE = Path(__file__).parents[1] / "docs" / "deploy"
MANIFESTS = sorted((HERE / "kubernetes").glob("*.yaml"))
OBJECT = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata"],
    "properties": {"metadata": {"type": "object", "required": ["name"]}},
}
POD = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["containers", "securityContext"],
            "properties": {
                "containers": {"type": "array", "items": {"type": "object", "required": ["name", "image", "args"]}},
                "volumes": {"type": "array", "items": {"type": "object", "required": ["name"], "minProperties": 2}},
                "terminationGracePeriodSeconds": {"type": "integer"},
            },
        },
    },
}
KINDS: dict[tuple[str, str], dict[str, Any]] = {
    ("v1", "Namespace"): OBJECT,
    ("v1", "Service"): {
        **OBJECT,
        "required": [*OBJECT["required"], "spec"],
        "properties": {"spec": {"type": "object", "required": ["selector", "ports"]}},
    },
    ("apps/v1", "Deployment"): {
        **OBJECT,
        "properties": {
            "spec": {
                "type": "object",
                "required": ["replicas", "selector", "template"],
                "properties": {"replicas": {"type": "integer", "minimum": 3}, "template": POD},
            }
        },
    },
    ("batch/v1", "Job"): {
        **OBJECT,
        "properties": {"spec": {"type": "object", "required": ["template"], "properties": {"template": POD}}},
    },
    ("ray.io/v1", "RayService"): {
        **OBJECT,
        "required": [*OBJECT["required"], "spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["serveConfigV2", "rayClusterConfig"],
                "properties": {
                    "serveConfigV2": {"type": "string"},
                    "rayClusterConfig": {"type": "object", "required": ["headGroupSpec", "workerGroupSpecs"]},
                },
            }
        },
    },
    ("policy/v1", "PodDisruptionBudget"): {
        **OBJECT,
        "properties": {"spec": {"type": "object", "required": ["selector", "maxUnavailable"]}},
    },
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"): {
        "type": "object",
        "required": ["resources", "configMapGenerator", "secretGenerator"],
    },
}


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "kubernetes" / f"{name}.yaml").read_text())
    return found


def environ() -> dict[str, str]:
    """Of secrets.env.example."""
    lines = (HERE / "secrets.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def config() -> Config:
    return load(HERE / "config.yaml", environ())


def understood(words: list[str]) -> dict[str, Any]:
    """What a command line says; fails on an option there is none of."""
    name, *rest = words
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command.make_context(name, rest).params


def test_the_configuration_is_sound_and_has_all_that_is_shared() -> None:
    read = config()
    assert read.ledger.url is not None
    assert read.shared.redis is not None
    assert read.store.url is not None
    assert Setup.of(read, environ()).catalogue.keyless == []


def test_every_variable_of_the_configuration_is_in_the_example() -> None:
    text = (HERE / "config.yaml").read_text()
    named = set(re.findall(r"\$\{(\w+)\}", text))
    assert named
    assert named <= environ().keys()


def unit() -> ConfigParser:
    parser = ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(HERE / "systemd" / "darkroom.service")
    return parser


def test_the_unit_starts_what_there_is_and_leaves_it_time_to_drain() -> None:
    service = unit()["Service"]
    words = shlex.split(service["ExecStart"])
    said = understood(words[1:])
    assert said["workers"] == 4
    assert str(said["data"]) == f"/var/lib/{service['StateDirectory']}"
    assert int(service["TimeoutStopSec"]) > DRAIN_S + 5
    assert service["KillMode"] == "mixed"  # all at once would end the ledger's writers before their servers
    assert "HUP" in service["ExecReload"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (HERE / "systemd" / "darkroom.service").read_text().replace("/opt/darkroom/bin/darkroom", "/bin/true")
    (tmp_path / "darkroom.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "darkroom.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "darkroom.service" in line]) == (0, [])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_of_a_kind_there_is_and_has_what_that_needs(path: Path) -> None:
    for each in yaml.safe_load_all(path.read_text()):
        jsonschema.validate(each, KINDS[each["apiVersion"], each["kind"]])


def test_the_manifests_fit_each_other() -> None:
    kustomization, deployment = manifest("kustomization"), manifest("deployment")
    assert {f"{path.name}" for path in MANIFESTS} - {"kustomization.yaml", "migrate.yaml", "fleet.yaml"} == set(
        kustomization["resources"]
    )
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        manifest("service")["spec"]["selector"],
        manifest("disruption")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (container,) = pod["spec"]["containers"]
    assert container["image"] in {image["name"] for image in kustomization["images"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in manifest("service")["spec"]["ports"]} <= ports.keys()
    assert (config().metrics.bind or "").endswith(f":{ports['metrics']}")
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    named = {kustomization[kind][0]["name"] for kind in ("configMapGenerator", "secretGenerator")}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    asked = {volumes["config"]["configMap"]["name"], container["envFrom"][0]["secretRef"]["name"]}
    assert asked == named


def test_the_pods_are_asked_what_the_server_answers_and_drain_before_they_go() -> None:
    spec = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"}
    told = documentation.openapi([dialects.load("openai")])
    assert set(paths.values()) <= told["paths"].keys()
    (_, pause) = container["lifecycle"]["preStop"]["exec"]["command"]
    assert spec["terminationGracePeriodSeconds"] >= int(pause) + DRAIN_S + 10
    said = understood(container["args"])
    assert {str(said["config_path"]), str(said["data"])} == {
        f"{mount['mountPath']}{'/config.yaml' if mount['name'] == 'config' else ''}"
        for mount in container["volumeMounts"]
        if mount["name"] != "tmp"
    }
    assert {port["containerPort"] for port in container["ports"]} >= {said["port"]}
    (job,) = manifest("migrate")["spec"]["template"]["spec"]["containers"]
    understood(job["args"])


def test_the_fleet_runs_what_there_is_on_machines_that_have_it() -> None:
    spec = manifest("fleet")["spec"]
    said = yaml.safe_load(spec["serveConfigV2"])
    assert said["proxy_location"] == "Disabled"  # nobody speaks to it over HTTP
    (runs,) = said["applications"]
    module, name = runs["import_path"].split(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert runs["name"] == RayRow().application
    cluster = spec["rayClusterConfig"]
    workers = cluster["workerGroupSpecs"]
    for group in (cluster["headGroupSpec"], *workers):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
        assert Path(runs["args"]["config"]).parent == Path(mounts["config"])
    gpus = [group["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for group in workers]
    assert min(map(float, gpus)) >= RayRow().gpus


def test_the_fleets_page_says_what_the_configuration_takes() -> None:
    text = (HERE / "fleet.md").read_text()
    (row,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    read = parse(row, {}).renderer
    assert (read.home, read.ray.max_replicas) == ("ray", 4)
    for named in re.findall(r"`(kubernetes/[\w.]+)`", text):
        assert (HERE / named).exists()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
def test_kustomize_builds_them(tmp_path: Path) -> None:
    for path in (*MANIFESTS, HERE / "config.yaml"):
        shutil.copy(path, tmp_path)
    shutil.copy(HERE / "secrets.env.example", tmp_path / "secrets.env")
    command = ["kubectl", "kustomize", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    kinds = {each["kind"] for each in built}
    assert kinds == {"Namespace", "ConfigMap", "Secret", "Service", "Deployment", "PodDisruptionBudget"}
    (deployment,) = [each for each in built if each["kind"] == "Deployment"]
    (made,) = [each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap"]
    assert {"name": "config", "configMap": {"name": made}} in deployment["spec"]["template"]["spec"]["volumes"]
