"""Bringing a database to the revision of this code, with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from proxy.ledger.engine import one_at_a_time


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every migration the database lacks, in one transaction; whoever comes second finds nothing left to do."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        one_at_a_time(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
