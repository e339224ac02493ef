"""A real server in a process of its own, on a data folder of its own, as an operator would start it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import openai
import yaml
from sqlalchemy import Connection, Engine, Select, select

from proxy.ledger.accounts import Accounts, Budget, parse_budget, parse_count
from proxy.ledger.engine import connect, open_ledger, place_of
from proxy.ledger.tables import balances, entries, holds, jobs

READY_S = 30


class Running:
    """A server that is up, and what a test asks of it."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
        *,
        data: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`data`: a data folder that it shares with others; `options`: what else `serve` is told."""
        self.folder = folder
        self.data = data or folder / "data"
        self.options = options
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump(dict(config)))
        self.environ = dict(environ or {})
        self.base = ""
        self.url: str | None = config.get("ledger", {}).get("url")
        """Of the ledger, where it is not a file in the data folder."""
        self._process: subprocess.Popen[str] | None = None
        self._clients: list[openai.OpenAI] = []
        _found(self.data, self.url)

    def start(self) -> None:
        """Start, and wait for the one line it says when it is ready."""
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "proxy", "serve", "--port", "0"),
                *("--config", str(self.config), "--data", str(self.data), "--no-bootstrap"),
                *self.options,
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **self.environ},
        )
        log.close()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "ready" in line, (self.folder / "server.log").read_text()
        self.base = line.rsplit(" ", 1)[1].strip()

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        self._wait()

    def stop(self) -> int:
        """Stop as an operator would; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._wait()

    def ends(self) -> int:
        """Wait for it to end by itself; returns the exit status."""
        return self._wait()

    def close_clients(self) -> None:
        """Close what `client` made."""
        while self._clients:
            self._clients.pop().close()

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def _wait(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        status = self._process.wait(timeout=READY_S)
        self._process.stdout.close()
        self._process = None
        return status

    @property
    def up(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def key(self, team: str, *limits: str, test: bool = False, key_limits: tuple[Budget, ...] = ()) -> str:
        """A new team with limits as the command line writes them, and a key of it."""
        engine = open_ledger(self.data, self.url)
        try:
            accounts = Accounts(engine)
            accounts.create_team(team, tuple(_limit(limit) for limit in limits))
            return accounts.create_key(team, test=test, limits=key_limits)[1]
        finally:
            engine.dispose()

    def client(self, key: str, **options: Any) -> openai.OpenAI:
        """The official client, as a product team would build it."""
        made = openai.OpenAI(base_url=self.base, api_key=key, **{"max_retries": 0, "timeout": 60, **options})
        self._clients.append(made)
        return made

    def engine(self) -> Engine:
        """The ledger, for looking at."""
        return connect(place_of(self.data, self.url))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look into the ledger."""
        engine = self.engine()
        try:
            with engine.connect().execution_options(reads=True) as connection:
                yield connection
        finally:
            engine.dispose()

    def spent(self, team: str) -> tuple[int, int]:
        """What a team has settled and held in all, in micro-USD."""
        with self.reading() as connection:
            found = connection.execute(balance_of(team)).first()
            return (found.settled, found.held) if found else (0, 0)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table."""
        known = {"entries": entries, "jobs": jobs, "holds": holds}[table]
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select(known)).mappings()]

    def log(self) -> list[dict[str, Any]]:
        """What it logged."""
        lines = (self.folder / "server.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def _found(data: Path, url: str | None) -> None:
    """See to it that there is a ledger: a file is a copy of one that was made once, which takes a tenth of the time."""
    if url is None and not data.exists():
        shutil.copytree(_new(), data)
    else:
        open_ledger(data, url).dispose()


@cache
def _new() -> Path:
    """A data folder with an empty ledger at this version."""
    made = Path(mkdtemp(prefix="darkroom-new-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    open_ledger(made).dispose()
    return made


def balance_of(team: str) -> Select[tuple[int, int]]:
    """What finds what a team has settled and held in all."""
    where = (balances.c.scope == f"team:{team}", balances.c.window == "total")
    return select(balances.c.settled, balances.c.held).where(*where)


def _limit(text: str) -> Budget:
    """`1/total` is USD; `images:5/day`, `requests:2`, `in_flight:1` are counts."""
    what, colon, rest = text.partition(":")
    return parse_count(what, rest) if colon else parse_budget(text)  # type: ignore[arg-type]


@contextmanager
def running(
    folder: Path, config: Mapping[str, Any], environ: Mapping[str, str] | None = None, **more: Any
) -> Iterator[Running]:
    """A server, stopped at the end; a test that lets it stop uncleanly fails."""
    server = Running(folder, config, environ, **more)
    server.start()
    try:
        yield server
    finally:
        server.close_clients()
        if server.up:
            assert server.stop() == 0, (folder / "server.log").read_text()[-2000:]


def eventually(check: Any, *, within: float = 20.0) -> Any:
    """The first true answer of a check; fails with its last answer when the time is up."""
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if answer or time.monotonic() > deadline:
            assert answer, answer
            return answer
        time.sleep(0.02)
