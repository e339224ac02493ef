"""The main job, for a newcomer: a server, a team with a budget, and two pictures by the official openai client."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from proxy.ledger.accounts import Accounts, parse_budget
from proxy.ledger.engine import open_ledger

READY_S = 60
ORDERS = (
    ("tiny-untrained", "512x512", "A paper lantern drifting over a lake at night"),
    ("sandbox", "1024x1024", "A paper lantern drifting over a lake at night, long exposure, soft reflections"),
)
SAYS = {
    "tiny-untrained": "drawn here by diffusers; its weights are random, so this is texture and no picture",
    "sandbox": "a free card that shows what was asked for",
}


def run(config: Path, out: Path) -> None:
    """Start a server, buy two pictures, show the plan, the charge and what is left, and stop it again."""
    try:
        import openai
    except ImportError as error:
        raise click.ClickException("the demo uses the openai client: pip install 'darkroom[demo]'") from error
    console = Console(width=110, highlight=False)
    data = out / "data"
    shutil.rmtree(out, ignore_errors=True)
    accounts = Accounts(open_ledger(data))
    accounts.create_team("demo", (parse_budget("1/month"),))
    _, secret = accounts.create_key("demo")
    with _server(config, data, out / "server.log") as base:
        console.print(f"[bold]A server is up at {base}, a team with a budget of $1.00 a month has a key.[/bold]")
        console.print(f"OpenAI(base_url='{base}', api_key='{secret[:12]}…')\n")
        client = openai.OpenAI(base_url=base, api_key=secret)
        for model, size, prompt in ORDERS:
            asked: dict[str, Any] = {"model": model, "size": size, "prompt": prompt}
            console.rule(f"{model}: {SAYS[model]}", align="left")
            plan = client.images.with_raw_response.generate(**asked, extra_headers={"X-Darkroom-Dry-Run": "plan"})
            _show_plan(console, json.loads(plan.text))
            answer = client.images.with_raw_response.generate(**asked, response_format="b64_json")
            picture = out / f"{model}.png"
            picture.write_bytes(base64.b64decode(answer.parse().data[0].b64_json))
            cost, most = (answer.headers[f"x-darkroom-{name}"] for name in ("cost", "estimated-cost"))
            console.print(f"charged [bold]${cost}[/bold], at most ${most} was held; request {answer.request_id}")
            console.print(f"picture {picture}\n")
        last = client.images.with_raw_response.generate(
            model="sandbox", prompt="budget", extra_headers={"X-Darkroom-Dry-Run": "plan"}
        )
        for budget in json.loads(last.text)["budget"]:
            left, limit = budget["left_usd"], budget["limit_usd"]
            console.print(f"[bold]budget left: ${left} of ${limit} a {budget['window']}[/bold]")
    console.print(f"stopped cleanly; its log is {out / 'server.log'}")


@contextmanager
def _server(config: Path, data: Path, log: Path) -> Iterator[str]:
    """A server in a process of its own; its base URL once it is ready. It is stopped as an operator would."""
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(config), "--data", str(data), "--port", "0"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "ready" not in line:
                raise click.ClickException(f"the server did not start; its log is {log}")
            yield line.rsplit(" ", 1)[1].strip()
        finally:
            process.send_signal(signal.SIGTERM)
            if process.wait(timeout=READY_S):
                raise click.ClickException(f"the server ended with {process.returncode}; its log is {log}")


def _show_plan(console: Console, plan: dict[str, Any]) -> None:
    table = Table(title="plan (a dry run, free of charge)", title_justify="left", title_style="italic")
    for column in ("place", "offer", "at most", "why"):
        table.add_column(column, justify="right" if column == "at most" else "left")
    for choice in plan["choices"]:
        why = "; ".join(reason["reason"] for reason in choice["reasons"])
        table.add_row(str(choice["place"]), choice["offer"], f"${choice['quote_usd']}", why)
    for out in plan["left_out"]:
        quote = f"${out['quote_usd']}" if out["quote_usd"] else "unpriced"
        table.add_row("out", out["offer"], quote, f"{out['rule']}: {out['reason']}")
    console.print(table)
