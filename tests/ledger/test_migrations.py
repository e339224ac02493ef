"""A ledger of an earlier version: not written to before it is brought to this one, and all it knew is kept."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner
from sqlalchemy import select, text

import proxy.ledger
from proxy.cli import main
from proxy.ledger.book import end_hold, list_holds
from proxy.ledger.engine import SCHEMA, SchemaError, connect, open_ledger, place_of, revision_of
from proxy.ledger.orders import Closed
from proxy.ledger.tables import metadata
from tests.servers import Postgres, free_port

OF_A_HOLD = {"team": "acme", "key": "k_1", "provider": "stub", "model": "photo", "micros": 9, "images": 1}
AS_IT_WAS: dict[str, dict[str, Any]] = {
    "versions": {"what": "accounts", "version": 3},
    "teams": {"team": "acme", "created": 1},
    "keys": {
        "key": "k_1",
        "team": "acme",
        "name": "",
        "prefix": "dk_live_",
        "hash": b"h" * 32,
        "test": 0,
        "created": 1,
        "grants": "admin",
    },
    "budgets": {"scope": "team:acme", "what": "usd", "window": "total", "amount": 100},
    "balances": {
        "scope": "team:acme",
        "window": "total",
        "settled": 0,
        "held": 9,
        "images_settled": 0,
        "images_held": 1,
    },
    "jobs": {
        "job": "j",
        "team": "acme",
        "key": "k_1",
        "dialect": "openai",
        "model": "photo",
        "facts": "{}",
        "print": b"p" * 32,
        "idempotency": "i",
        "state": "open",
        "created": 1,
    },
    "assets": {"asset": "a", "team": "acme", "kind": "style", "created": 1, "size": 0, "facts": ""},
    "holds": {"hold": "j/0", "job": "j", **OF_A_HOLD, "facts": "{}", "at": 1, "state": "open"},
    "entries": {"at": 1, "kind": "hold", "job": "j", "hold": "j/0", **OF_A_HOLD},
}
"""A row of every table that the first schema had, with all columns that had to have a value."""
MIGRATIONS = Path(proxy.ledger.__file__).parent / "migrations"
EARLIER = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))[:-1]


def test_the_latest_migration_is_the_revision_this_version_needs() -> None:
    assert max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py")) == SCHEMA


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """The URL of a database without a table; None for a file that is not there yet."""
    if request.param == "sqlite":
        yield None
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    (tmp_path / "config.yaml").write_text(f"ledger: {{url: '{url}'}}")
    yield url
    server.drop(url)


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_ledger_is_refused_then_migrated_and_has_lost_nothing(
    revision: str, empty: str | None, tmp_path: Path
) -> None:
    engine = connect(place_of(tmp_path, empty))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for name, row in AS_IT_WAS.items():
            columns = ", ".join(f'"{column}"' for column in row)
            values = ", ".join(f":{column}" for column in row)
            connection.execute(text(f"INSERT INTO {name} ({columns}) VALUES ({values})"), row)
    assert revision_of(engine) == revision
    with pytest.raises(SchemaError, match="darkroom migrate"):
        open_ledger(tmp_path, empty)
    more = ["--config", str(tmp_path / "config.yaml")] if empty else []
    migrated = CliRunner().invoke(main, ["migrate", "--data", str(tmp_path), *more])
    assert f"{revision} -> {SCHEMA}" in migrated.output
    assert "secret" not in migrated.output
    engine.dispose()
    engine = open_ledger(tmp_path, empty)
    with engine.connect() as connection:
        for name, row in AS_IT_WAS.items():
            (kept,) = connection.execute(select(metadata.tables[name])).mappings()
            assert {column: kept[column] for column in row} == row
        (hold,) = list_holds(connection)
        assert (hold.org, hold.user, hold.pixels, hold.owner) == ("default", "", 0, "")
        assert connection.execute(select(metadata.tables["organisations"].c.org)).scalars().all() == ["default"]
    assert end_hold(engine, hold.hold, 7, 1) == Closed(7, 0)
    engine.dispose()


def test_several_may_open_a_server_that_has_no_ledger_yet_at_once(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh()
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda each: open_ledger(tmp_path / str(each), url), range(4)))
    assert [revision_of(engine) for engine in engines] == [SCHEMA] * 4
    for engine in engines:
        engine.dispose()
    postgres.drop(url)


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="does not answer as a ledger") as refused:
        open_ledger(tmp_path, f"postgresql://me:topsecret@127.0.0.1:{free_port()}/darkroom")
    assert "topsecret" not in str(refused.value)
    assert "postgresql://me:***@127.0.0.1" in str(refused.value)
