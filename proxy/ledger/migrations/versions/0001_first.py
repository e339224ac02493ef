"""The first schema: teams, keys, budgets, balances, jobs, assets, holds, entries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "versions",
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("what", name="pk_versions"),
    )
    op.create_table(
        "teams",
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team", name="pk_teams"),
    )
    op.create_table(
        "keys",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("test", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
        sa.Column("dialect", sa.String(32)),
        sa.Column("grants", sa.String(128), nullable=False),
        sa.Column("webhook", sa.Text),
        sa.Column("webhook_key", sa.Text),
        sa.PrimaryKeyConstraint("key", name="pk_keys"),
        sa.ForeignKeyConstraint(["team"], ["teams.team"], name="fk_keys_team"),
        sa.UniqueConstraint("hash", name="uq_keys_hash"),
    )
    op.create_table(
        "budgets",
        sa.Column("scope", sa.String(80), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("window", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "what", "window", name="pk_budgets"),
    )
    op.create_table(
        "balances",
        sa.Column("scope", sa.String(80), nullable=False),
        sa.Column("window", sa.String(16), nullable=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("images_settled", sa.BigInteger, nullable=False),
        sa.Column("images_held", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "window", name="pk_balances"),
    )
    op.create_table(
        "jobs",
        sa.Column("job", sa.String(40), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("dialect", sa.String(32), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("print", sa.LargeBinary(32), nullable=False),
        sa.Column("idempotency", sa.String(255)),
        sa.Column("recall", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("finished", sa.BigInteger),
        sa.Column("answer", sa.Text),
        sa.PrimaryKeyConstraint("job", name="pk_jobs"),
        sa.UniqueConstraint("key", "idempotency", name="uq_jobs_key_idempotency"),
    )
    op.create_index("ix_jobs_print_created", "jobs", ["print", "created"])
    op.create_index(
        "ix_jobs_recalled",
        "jobs",
        ["team", "created"],
        sqlite_where=sa.text("recall IS NOT NULL"),
        postgresql_where=sa.text("recall IS NOT NULL"),
    )
    op.create_table(
        "assets",
        sa.Column("asset", sa.String(128), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("token", sa.LargeBinary(32)),
        sa.Column("open_until", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("format", sa.String(8)),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("asset", "team", "kind", name="pk_assets"),
        sa.UniqueConstraint("token", name="uq_assets_token"),
    )
    op.create_table(
        "holds",
        sa.Column("hold", sa.String(48), nullable=False),
        sa.Column("job", sa.String(40), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("ticket", sa.Text),
        sa.PrimaryKeyConstraint("hold", name="pk_holds"),
    )
    op.create_index("ix_holds_job", "holds", ["job"])
    op.create_table(
        "entries",
        sa.Column("entry", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("job", sa.String(40), nullable=False),
        sa.Column("hold", sa.String(48), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("entry", name="pk_entries"),
    )
    op.create_index("ix_entries_at", "entries", ["at"])
    op.create_index("ix_entries_job", "entries", ["job"])
