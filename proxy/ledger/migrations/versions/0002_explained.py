"""What a request's plan was, which policy made it, what makes another the same picture, and the vendors' own ids."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("jobs", sa.Column("plan", sa.Text))
    op.add_column("jobs", sa.Column("policy", sa.String(64)))
    op.add_column("jobs", sa.Column("twin", sa.LargeBinary(32)))
    op.add_column("entries", sa.Column("vendor_id", sa.String(128)))
    there = sa.text("twin IS NOT NULL")
    op.create_index("ix_jobs_twin", "jobs", ["twin", "created"], sqlite_where=there, postgresql_where=there)
    op.create_index("ix_jobs_created", "jobs", ["created"])
