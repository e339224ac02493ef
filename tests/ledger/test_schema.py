from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

import proxy.ledger.migrate
from proxy.ledger.engine import FILE, SCHEMA, SchemaError, connect, open_ledger, revision_of
from proxy.ledger.migrate import upgrade
from proxy.ledger.tables import metadata
from tests.ledger.posted import rows

OPENER = """
import sys
from pathlib import Path
import proxy.ledger.migrate
from proxy.ledger.engine import open_ledger
print("ready", flush=True)
sys.stdin.readline()
open_ledger(Path(sys.argv[1])).dispose()
"""


@pytest.fixture
def engine(file: Path) -> Engine:
    return connect(file)


def test_the_migrations_make_exactly_the_tables_the_code_knows(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.sorted_tables:  # what Alembic does not compare
            assert found.get_pk_constraint(table.name)["constrained_columns"] == list(table.primary_key.columns.keys())
            assert {index["name"] for index in found.get_indexes(table.name)} == {each.name for each in table.indexes}
    engine.dispose()


def test_the_code_is_written_for_the_last_migration(engine: Engine) -> None:
    assert proxy.ledger.migrate.__file__ is not None
    scripts = ScriptDirectory(str(Path(proxy.ledger.migrate.__file__).parent / "migrations"))
    assert scripts.get_heads() == [SCHEMA]
    assert revision_of(engine) == SCHEMA
    engine.dispose()


def test_an_empty_file_has_no_revision_and_is_brought_to_this_one(tmp_path: Path) -> None:
    engine = connect(tmp_path / FILE)
    assert revision_of(engine) is None
    upgrade(engine)
    assert revision_of(engine) == SCHEMA
    upgrade(engine)
    assert revision_of(engine) == SCHEMA
    engine.dispose()


def test_a_folder_is_made_with_its_ledger_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    open_ledger(folder).dispose()
    open_ledger(folder).dispose()
    assert rows(folder / FILE, "SELECT count(*) AS count FROM entries") == [{"count": 0}]


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0000", "Run: darkroom migrate --data"), ("9999", "by a newer version of Darkroom")]
)
def test_a_ledger_of_another_version_is_refused_and_left_alone(
    engine: Engine, file: Path, revision: str, remedy: str
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.exec_driver_sql("DROP TABLE holds")
    engine.dispose()
    with pytest.raises(SchemaError) as refused:
        open_ledger(file.parent)
    said = str(refused.value)
    assert f"{file} is at revision {revision}, this version needs {SCHEMA}" in said
    assert remedy in said
    assert rows(file, "SELECT name FROM sqlite_master WHERE name = 'holds'") == []


def test_a_commit_is_on_the_disk_when_it_returns(engine: Engine) -> None:
    with engine.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    engine.dispose()


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE made (it)")
        done = threading.Timer(0.2, other.execute, ("COMMIT",))
        done.start()
        engine = connect(tmp_path / FILE)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("SELECT count(*) FROM made").scalar() == 0
        engine.dispose()
        done.join()


@pytest.mark.slow
def test_several_processes_may_open_a_folder_that_has_no_ledger_yet(tmp_path: Path) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    assert [(opener.communicate()[1], opener.returncode) for opener in openers] == [("", 0)] * 3
    open_ledger(tmp_path).dispose()
