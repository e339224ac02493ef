"""What teams keep: pictures for later requests, words under a name. Synchronous, for a thread; no money here."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy import ColumnElement, Engine, delete, insert, select, update

from proxy.ledger.clock import now_ms
from proxy.ledger.tables import assets


class AssetRow(Struct, frozen=True, kw_only=True):
    """One asset."""

    asset: str
    team: str
    kind: str
    created: int
    """Milliseconds since 1970."""
    sha256: str | None = None
    """Of its picture; None where it has none, or none yet."""
    format: str | None = None
    size: int = 0
    facts: str = ""


class Assets:
    """Keeps, finds and drops."""

    def __init__(self, engine: Engine, clock: Callable[[], int] = now_ms) -> None:
        self._engine = engine
        self._clock = clock

    def open(self, team: str, kind: str, token: str, seconds: int) -> AssetRow:
        """A slot that whoever has the token may fill, once, for so many seconds."""
        row = AssetRow(asset=str(uuid.uuid4()), team=team, kind=kind, created=self._clock())
        hashed = hashlib.sha256(token.encode()).digest()
        with self._engine.begin() as connection:
            values = {"token": hashed, "open_until": row.created + seconds * 1000}
            connection.execute(insert(assets).values(**_values(row), **values))
        return row

    def is_open(self, token: str) -> bool:
        """Whether a token still fills a slot."""
        with self._engine.connect().execution_options(reads=True) as connection:
            return connection.execute(select(assets.c.asset).where(self._fillable(token))).first() is not None

    def fill(self, token: str, sha256: str, encoded: str, size: int) -> bool:
        """Put a picture into the slot of a token; False where the token is none, is used or is too old."""
        filled = update(assets).where(self._fillable(token))
        with self._engine.begin() as connection:
            done = connection.execute(filled.values(token=None, sha256=sha256, format=encoded, size=size))
            return done.rowcount == 1

    def keep(self, row: AssetRow) -> None:
        """Keep an asset; one of the same name is written over."""
        with self._engine.begin() as connection:
            connection.execute(delete(assets).where(_named(row.team, row.kind, row.asset)))
            connection.execute(insert(assets).values(**_values(row)))

    def find(self, team: str, kind: str | None, asset: str) -> AssetRow | None:
        """An asset of a team; of any kind, where none is given."""
        columns = [assets.c[name] for name in AssetRow.__struct_fields__]
        with self._engine.connect().execution_options(reads=True) as connection:
            row = connection.execute(select(*columns).where(_named(team, kind, asset))).mappings().first()
            return None if row is None else AssetRow(**row)

    def drop(self, team: str, kind: str, asset: str) -> bool:
        """Delete an asset; False where there was none. Its picture goes when no other asset shows it."""
        with self._engine.begin() as connection:
            return connection.execute(delete(assets).where(_named(team, kind, asset))).rowcount == 1

    def shown(self, sha256: str) -> bool:
        """Whether any asset shows a picture."""
        with self._engine.connect().execution_options(reads=True) as connection:
            return connection.execute(select(assets.c.asset).where(assets.c.sha256 == sha256)).first() is not None

    def new(self, team: str, kind: str, name: str | None) -> AssetRow:
        """An asset that is not kept yet, under a name or an id of its own."""
        return AssetRow(asset=name or str(uuid.uuid4()), team=team, kind=kind, created=self._clock())

    def _fillable(self, token: str) -> ColumnElement[bool]:
        hashed = hashlib.sha256(token.encode()).digest()
        return (assets.c.token == hashed) & (assets.c.open_until > self._clock())


def _values(row: AssetRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in AssetRow.__struct_fields__}


def _named(team: str, kind: str | None, asset: str) -> ColumnElement[bool]:
    named = (assets.c.team == team) & (assets.c.asset == asset)
    return named if kind is None else named & (assets.c.kind == kind)
