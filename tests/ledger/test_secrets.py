"""Secrets that servers share: made once, whoever comes first, and taken over from where they were before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, select

from providers.contract import Format
from proxy.ledger import secrets as module
from proxy.ledger.engine import open_ledger
from proxy.ledger.secrets import shared_secret
from proxy.ledger.tables import secrets
from proxy.store import Links, Stored

STORED = Stored("ab" * 32, Format.PNG)
Server = Callable[[], Engine]


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Opens the ledger as one more server does."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    opened: list[Engine] = []

    def one_more() -> Engine:
        opened.append(open_ledger(tmp_path / "ledger", url))
        return opened[-1]

    yield one_more
    for engine in opened:
        engine.dispose()


def test_a_secret_is_made_at_first_use_and_is_that_of_every_server(server: Server, tmp_path: Path) -> None:
    made = shared_secret(server(), "links", tmp_path / "no file")
    assert len(made) == 32
    assert shared_secret(server(), "links", tmp_path / "no file") == made
    assert shared_secret(server(), "webhooks", tmp_path / "no file") != made


def test_a_link_of_one_server_is_read_by_another(server: Server, tmp_path: Path) -> None:
    one, two = (Links(shared_secret(server(), "links", tmp_path / each), 60) for each in ("one", "two"))
    assert two.read(one.token(STORED)) == STORED


def test_many_servers_that_make_it_at_once_get_the_same(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them sees any before all have looked."""
    looked, real = Barrier(6), module._known

    def known(engine: Engine, name: str) -> bytes | None:
        found = real(engine, name)
        if found is None:
            looked.wait(20)
        return found

    monkeypatch.setattr(module, "_known", known)
    engines = [server() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda engine: shared_secret(engine, "links", tmp_path / "no file"), engines))
    assert len(found) == 1
    with engines[0].connect() as connection:
        assert connection.execute(select(secrets.c.secret)).scalars().all() == list(found)


def test_the_secret_of_an_earlier_version_is_taken_over_so_that_its_links_go_on_working(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "links.secret"
    file.write_bytes(b"e" * 32)
    earlier = Links(b"e" * 32, 60).token(STORED)
    assert Links(shared_secret(server(), "links", file), 60).read(earlier) == STORED
    file.unlink()
    assert Links(shared_secret(server(), "links", file), 60).read(earlier) == STORED


def test_where_several_have_one_it_is_that_of_the_first_to_come(server: Server, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode() * 16)
    assert shared_secret(server(), "links", tmp_path / "two") == b"two" * 16
    assert shared_secret(server(), "links", tmp_path / "one") == b"two" * 16


@pytest.mark.parametrize("left", [b"", b"half"])
def test_a_secret_a_crash_left_unwritten_is_not_used(server: Server, tmp_path: Path, left: bytes) -> None:
    """Whoever knows that the secret is empty can make links."""
    (tmp_path / "links.secret").write_bytes(left)
    made = shared_secret(server(), "links", tmp_path / "links.secret")
    assert len(made) == 32
    assert not made.startswith(left or b"\0" * 32)
