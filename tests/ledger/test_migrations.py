"""A ledger of an earlier version: not written to before it is brought to this one, and all it knew is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner
from sqlalchemy import insert, select

import proxy.ledger
from proxy.cli import main
from proxy.ledger.engine import FILE, SCHEMA, SchemaError, connect, open_ledger, revision_of
from proxy.ledger.tables import entries, jobs, teams

MIGRATIONS = Path(proxy.ledger.__file__).parent / "migrations"
EARLIER = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))[:-1]


def test_the_latest_migration_is_the_revision_this_version_needs() -> None:
    assert max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py")) == SCHEMA


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_ledger_is_refused_then_migrated_and_has_lost_nothing(revision: str, tmp_path: Path) -> None:
    engine = connect(tmp_path / FILE)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(insert(teams).values(team="acme", created=1))
    assert revision_of(engine) == revision
    with pytest.raises(SchemaError, match="darkroom migrate"):
        open_ledger(tmp_path)
    migrated = CliRunner().invoke(main, ["migrate", "--data", str(tmp_path)])
    assert f"{revision} -> {SCHEMA}" in migrated.output
    with open_ledger(tmp_path).connect() as connection:
        assert connection.execute(select(teams.c.team)).scalars().all() == ["acme"]
        assert (
            connection.execute(select(jobs, entries.c.vendor_id).join(entries, jobs.c.job == entries.c.job)).all() == []
        )
