"""The first start of a ledger: an admin key, said once, on standard output and nowhere else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from proxy.ledger.accounts import Accounts
from proxy.ledger.engine import open_ledger

pytestmark = pytest.mark.slow
SAID = "darkroom admin key, shown this once: "


def start(folder: Path, *options: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A server, and what it said until it was ready."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"providers": {"sandbox": {}}, "default_model": "sandbox"}))
    command = [sys.executable, "-m", "proxy", "serve", "--port", "0", "--config", str(config)]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--data", str(folder / "data"), *options], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    lines: list[str] = []
    while not (lines and "ready" in lines[-1]):
        lines.append(process.stdout.readline().strip())
        assert lines[-1], (folder / "server.log").read_text()
    return process, lines


def stop(process: subprocess.Popen[str]) -> str:
    """What else it said."""
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return rest


def test_the_first_start_says_an_admin_key_and_the_next_one_says_nothing(tmp_path: Path) -> None:
    process, (first, ready) = start(tmp_path)
    secret = first.removeprefix(SAID)
    assert first == f"{SAID}{secret}"
    assert secret.startswith("dk_live_")
    base = ready.rsplit(" ", 1)[1]
    asked = {"headers": {"authorization": f"Bearer {secret}"}, "timeout": 10}
    listed = httpx.get(f"{base}/models", **asked)  # type: ignore[arg-type]
    drawn = httpx.post(f"{base}/images/generations", json={"prompt": "A boat"}, **asked)  # type: ignore[arg-type]
    assert secret not in stop(process)
    assert (listed.status_code, drawn.status_code) == (200, 403)
    process, lines = start(tmp_path)
    assert len(lines) == 1
    stop(process)
    assert secret not in (tmp_path / "server.log").read_text()
    (key,) = Accounts(open_ledger(tmp_path / "data")).keys_of()
    assert (key.team, key.name, sorted(key.grants), key.prefix) == ("admin", "first", ["admin"], secret[:13])
    assert key.used is not None


def test_it_can_be_done_without(tmp_path: Path) -> None:
    process, lines = start(tmp_path, "--no-bootstrap")
    stop(process)
    assert len(lines) == 1
    assert Accounts(open_ledger(tmp_path / "data")).keys_of() == []
