"""`darkroom stub`, as somebody without a key would use it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import yaml
from click.testing import CliRunner

from proxy.cli import main
from proxy.config import parse


def test_it_prints_what_belongs_into_the_configuration_and_answers_there() -> None:
    command = [
        sys.executable,
        "-m",
        "proxy",
        "stub",
        "--vendor",
        "bfl",
        "--vendor",
        "sdwebui",
        "--port",
        "0",
        "--pace",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = ""
        while "# words" not in said:
            said += process.stdout.readline()
        rows = yaml.safe_load(said)
        assert parse(yaml.safe_dump(rows | {"default_model": "sdxl"}), {}).providers.keys() == {"bfl", "sdwebui"}
        base = rows["providers"]["bfl"]["base"]
        taken = httpx.post(f"{base}/v1/flux-dev", json={"prompt": "a boat"}, headers={"x-key": "anything"})
        assert taken.json()["polling_url"].startswith(f"http://{rows['links']['allow'][0]}/")
        refused = httpx.post(f"{base}/v1/flux-dev", json={"prompt": "stub:throttled"}, headers={"x-key": "anything"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        told = httpx.get(f"{base.removesuffix('/bfl')}/-/told").json()
        assert told["bfl"]["submits"] == {"flux-dev": 1}
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_a_vendor_there_is_none_of_and_a_port_that_is_taken_are_told_in_a_sentence(tmp_path: Path) -> None:
    run = CliRunner().invoke
    nobody = run(main, ["stub", "--vendor", "nobody"])
    assert nobody.exit_code == 2
    assert "there is no stub of 'nobody'; there are bfl, " in nobody.output
    taken = run(main, ["stub", "--vendor", "bfl", "--host", "192.0.2.1"])
    assert taken.exit_code == 1
    assert taken.output.startswith("Error: cannot listen: ")
