"""Organisations, end users, windows of any kind, raises, rotation of keys, owners of jobs, secrets, an audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    _organisations()
    _teams_and_keys()
    _users_and_pixels()
    _budgets()
    _wider()
    _owners()
    _kept()


def _organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("org", sa.String(64), primary_key=True),
        sa.Column("created", BIG, nullable=False),
    )
    op.execute("INSERT INTO organisations (org, created) VALUES ('default', 0)")
    for table in ("teams", "holds", "entries"):
        op.add_column(table, sa.Column("org", sa.String(64), nullable=False, server_default="default"))


def _teams_and_keys() -> None:
    for column in (sa.Column("keep_s", BIG), sa.Column("webhook", sa.Text), sa.Column("webhook_key", sa.Text)):
        op.add_column("teams", column)
    op.add_column("teams", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))
    op.add_column("keys", sa.Column("may", sa.Text, nullable=False, server_default=""))
    op.add_column("keys", sa.Column("origins", sa.Text, nullable=False, server_default=""))
    op.add_column("keys", sa.Column("successor", sa.String(32)))
    op.add_column("keys", sa.Column("used", BIG))


def _users_and_pixels() -> None:
    """Who a picture is for and how large it is, to be added up by team and time."""
    for table in ("jobs", "holds", "entries"):
        op.add_column(table, sa.Column("user", sa.String(128), nullable=False, server_default=""))
    for table in ("holds", "entries"):
        op.add_column(table, sa.Column("pixels", BIG, nullable=False, server_default="0"))
    op.create_index("ix_entries_team_at", "entries", ["team", "at"])


def _budgets() -> None:
    op.add_column("budgets", sa.Column("zone", sa.String(64), nullable=False, server_default="UTC"))
    op.add_column("budgets", sa.Column("carry", BIG, nullable=False, server_default="0"))
    op.add_column("budgets", sa.Column("soft", sa.String(32), nullable=False, server_default=""))
    for name in ("pixels_settled", "pixels_held"):
        op.add_column("balances", sa.Column(name, BIG, nullable=False, server_default="0"))
    op.add_column("balances", sa.Column("told", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "raises",
        sa.Column("raise", sa.String(32), primary_key=True),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("window", sa.String(16), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("begins", BIG, nullable=False),
        sa.Column("ends", BIG),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_raises_scope", "raises", ["scope"])


def _wider() -> None:
    """Scopes of end users and windows of any length; SQLite never minded."""
    with op.batch_alter_table("balances") as table:
        table.alter_column("scope", type_=sa.String(200), existing_type=sa.String(80), existing_nullable=False)
        table.alter_column("window", type_=sa.String(64), existing_type=sa.String(16), existing_nullable=False)
    with op.batch_alter_table("budgets") as table:
        table.alter_column("scope", type_=sa.String(200), existing_type=sa.String(80), existing_nullable=False)


def _owners() -> None:
    """Whose a job or a hold is, of the servers that write."""
    for table in ("jobs", "holds"):
        op.add_column(table, sa.Column("owner", sa.String(40), nullable=False, server_default=""))
    op.create_index("ix_holds_owner", "holds", ["owner"])
    op.create_table(
        "owners",
        sa.Column("owner", sa.String(40), primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("began", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
    )


def _kept() -> None:
    """What all servers keep together: their secrets, and who changed what."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("audit", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("at", BIG, nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
