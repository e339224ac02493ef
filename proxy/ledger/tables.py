"""The tables, once, in SQLAlchemy Core. Amounts are whole micro-USD; moments are milliseconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")

versions = Table(
    "versions",
    metadata,
    Column("what", String(32), primary_key=True),
    Column("version", BigInteger, nullable=False),
)
"""`accounts` counts every change of teams, keys and budgets, so that others notice it by reading one row."""

organisations = Table(
    "organisations",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("created", BigInteger, nullable=False),
)
"""Whoever a team belongs to; `default` where nobody says."""

teams = Table(
    "teams",
    metadata,
    Column("team", String(64), primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("org", String(64), nullable=False, server_default="default"),
    Column("keep_s", BigInteger),
    Column("webhook", Text),
    Column("webhook_key", Text),
    Column("weight", Integer, nullable=False, server_default="1"),
)
"""`keep_s`: how long its pictures are kept; `webhook`: who is told of its budgets;
`weight`: its share where teams wait."""

keys = Table(
    "keys",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("team", String(64), ForeignKey("teams.team"), nullable=False),
    Column("name", String(128), nullable=False, default=""),
    Column("prefix", String(16), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("test", Integer, nullable=False, default=0),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("dialect", String(32)),
    Column("grants", String(128), nullable=False, default=""),
    Column("webhook", Text),
    Column("webhook_key", Text),
    Column("may", Text, nullable=False, server_default=""),
    Column("origins", Text, nullable=False, server_default=""),
    Column("successor", String(32)),
    Column("used", BigInteger),
)
"""A key's secret is shown once and kept as its SHA-256: with 256 random bits in it, no slow hash is called for.
`may` and `origins` are JSON: what it is for, and the web pages that may use it; `successor` is the key that takes its
place."""

budgets = Table(
    "budgets",
    metadata,
    Column("scope", String(200), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("window", String(16), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("zone", String(64), nullable=False, server_default="UTC"),
    Column("carry", BigInteger, nullable=False, server_default="0"),
    Column("soft", String(32), nullable=False, server_default=""),
)
"""Limits by scope (`org:default`, `team:acme`, `key:k_1`, `user:acme/jo`; `team:*` for every team without its own): usd
(micro-USD), images or pixels a window; requests a minute; pictures or bytes in flight. `carry` is the most that what
was left of the window before adds; `soft` are the per cents that are told when they are reached: `50,80,100`."""

raises = Table(
    "raises",
    metadata,
    Column("raise", String(32), primary_key=True),
    Column("scope", String(200), nullable=False, index=True),
    Column("what", String(16), nullable=False),
    Column("window", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger),
    Column("why", Text, nullable=False, server_default=""),
)
"""What a limit is higher by for a time, or lower: what was moved from one scope to another is one of each."""

balances = Table(
    "balances",
    metadata,
    Column("scope", String(200), primary_key=True),
    Column("window", String(64), primary_key=True),
    Column("settled", BigInteger, nullable=False, default=0),
    Column("held", BigInteger, nullable=False, default=0),
    Column("images_settled", BigInteger, nullable=False, default=0),
    Column("images_held", BigInteger, nullable=False, default=0),
    Column("pixels_settled", BigInteger, nullable=False, server_default="0"),
    Column("pixels_held", BigInteger, nullable=False, server_default="0"),
    Column("told", Text, nullable=False, server_default=""),
)
"""Roll-ups of the entries by scope and window (`total`, `2026-11`, `2026-11-21`, `hour:2026-11-21T14`): the sum over
the submissions whose hold was made in that time. `told` are the soft limits that were told in it."""

jobs = Table(
    "jobs",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("team", String(64), nullable=False),
    Column("key", String(32), nullable=False),
    Column("dialect", String(32), nullable=False),
    Column("model", String(128), nullable=False),
    Column("facts", Text, nullable=False),
    Column("print", LargeBinary(32), nullable=False),
    Column("idempotency", String(255)),
    Column("recall", Text),
    Column("plan", Text),
    Column("policy", String(64)),
    Column("twin", LargeBinary(32)),
    Column("user", String(128), nullable=False, server_default=""),
    Column("owner", String(40), nullable=False, server_default=""),
    Column("state", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("answer", Text),
    UniqueConstraint("key", "idempotency"),
    Index(None, "print", "created"),
    Index(None, "created"),
)
"""One row a request that got as far as spending. `print` is the fingerprint of key, route and body; `answer` says where
its pictures lie, never their bytes; `recall` is what a dialect of jobs that are asked for later has to tell of them.
`plan` is what was chosen from and why, by the policy of that name; jobs with one `twin` ask for the same picture.
`user` is the caller's own customer, `owner` the server that works on it."""

Index("ix_jobs_recalled", jobs.c.team, jobs.c.created, sqlite_where=jobs.c.recall.is_not(None),
      postgresql_where=jobs.c.recall.is_not(None))  # fmt: skip
Index("ix_jobs_twin", jobs.c.twin, jobs.c.created, sqlite_where=jobs.c.twin.is_not(None),
      postgresql_where=jobs.c.twin.is_not(None))  # fmt: skip

assets = Table(
    "assets",
    metadata,
    Column("asset", String(128), primary_key=True),
    Column("team", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("token", LargeBinary(32), unique=True),
    Column("open_until", BigInteger),
    Column("sha256", String(64)),
    Column("format", String(8)),
    Column("size", Integer, nullable=False, default=0),
    Column("facts", Text, nullable=False, default=""),
)
"""What teams keep here: pictures uploaded for later requests, and words under a name. While `token` is there, whoever
has what it is the hash of may put a picture in, until `open_until`."""

holds = Table(
    "holds",
    metadata,
    Column("hold", String(48), primary_key=True),
    Column("job", String(40), nullable=False, index=True),
    Column("team", String(64), nullable=False),
    Column("key", String(32), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("model", String(128), nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("images", Integer, nullable=False),
    Column("facts", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ticket", Text),
    Column("org", String(64), nullable=False, server_default="default"),
    Column("user", String(128), nullable=False, server_default=""),
    Column("pixels", BigInteger, nullable=False, server_default="0"),
    Column("owner", String(40), nullable=False, server_default="", index=True),
)
"""Money set aside for one submission that has not ended. The row goes when it does; the entries stay."""

entries = Table(
    "entries",
    metadata,
    Column("entry", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("job", String(40), nullable=False, index=True),
    Column("hold", String(48), nullable=False),
    Column("team", String(64), nullable=False),
    Column("key", String(32), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("model", String(128), nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("images", Integer, nullable=False),
    Column("detail", Text),
    Column("vendor_id", String(128)),
    Column("org", String(64), nullable=False, server_default="default"),
    Column("user", String(128), nullable=False, server_default=""),
    Column("pixels", BigInteger, nullable=False, server_default="0"),
    Index(None, "team", "at"),
)
"""Append-only: hold, settle, release, overrun. What a settlement exceeds its hold and its budget by is an overrun: it
was spent, and it is not charged to the team. `vendor_id` is the vendor's own id of the submission, for its invoice."""

owners = Table(
    "owners",
    metadata,
    Column("owner", String(40), primary_key=True),
    Column("place", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Servers that work, each until its lease is over unless it says so again. What an owner without a lease has left may
be taken by any other."""

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
"""What servers sign links and webhooks with, so that any of them knows what another one signed."""

audit = Table(
    "audit",
    metadata,
    Column("audit", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("who", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("what", String(200), nullable=False),
    Column("before", Text),
    Column("after", Text),
)
"""Every change of organisations, teams, keys and limits: who did it, to what, how it was before and after, as JSON."""
