"""A ledger is proved from its entries, and moved whole between engines: any difference of any row is found."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select, text

from proxy.cli import main
from proxy.ledger import verify as verification
from proxy.ledger.accounts import Budget
from proxy.ledger.engine import FILE, Place, connect, open_ledger
from proxy.ledger.moving import MovingError, lines, take_in
from proxy.ledger.tables import metadata, versions
from proxy.ledger.verify import Report, verify
from tests.ledger.posted import Desk, record, release, reserve, settle
from tests.servers import TEMPLATE, Postgres


@pytest.fixture
def used(desk: Desk) -> Desk:
    """A ledger with limits of several kinds, and submissions that ended in every way."""
    key = desk.team(
        Budget("usd", "total", 1000), Budget("usd", "rolling-hour", 900), key_limits=(Budget("images", "week", 50),)
    )
    desk.accounts.set_limits("org:default", (Budget("usd", "day", 5000),))
    desk.accounts.set_limits("user:*", (Budget("pixels", "month", 10**9),))
    for number in range(3):
        user = f"jo-{number}"
        hold = desk.hold(100, images=2, pixels=2_000, job=record(key=key, user=user, idempotency=user))
        desk.post(settle(hold, 40 * number, images=1))
        desk.clock.now += 40 * 60_000
    desk.post(release(desk.hold(50, key=key)))
    desk.post(release(desk.hold(60, key=key), "ambiguous"))
    desk.closed(settle(desk.hold(100, key=key), 5000))  # more than there is: the rest is on the house
    desk.hold(0, key=key)
    return desk


def proved(engine: Engine, now: int) -> Report:
    with engine.connect().execution_options(reads=True) as connection:
        return verify(connection, now)


def test_a_ledger_that_was_written_by_the_rules_is_right(used: Desk) -> None:
    report = proved(used.engine, used.clock.now)
    assert (report.wrong, report.findings) == (0, ())
    assert report.submissions == 7
    assert report.balances >= 6 + 4 * 2
    assert report.limits >= 5


def test_sums_that_do_not_fit_into_memory_are_the_same(used: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST", 2)
    monkeypatch.setattr(verification, "CHUNK", 2)
    assert proved(used.engine, used.clock.now).findings == ()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE balances SET settled = settled + 1 WHERE scope = 'team:acme' AND \"window\" = 'total'", "settled is"),
        ("UPDATE balances SET held = held - 1 WHERE scope = 'org:default'", "held is"),
        ("UPDATE balances SET pixels_settled = 7 WHERE scope = 'user:acme/jo-1'", "pixels_settled is 7"),
        ("UPDATE balances SET settled = 1 WHERE \"window\" LIKE 'minute:%'", "balance team:acme minute:"),
        ("DELETE FROM balances WHERE scope = 'team:acme'", "balance team:acme total: settled is 0"),
        ("UPDATE entries SET micros = micros + 1 WHERE kind = 'settle' AND micros > 0", "the entries say"),
        ("DELETE FROM entries WHERE kind = 'release'", "has not ended, and is no open hold"),
        ("DELETE FROM holds WHERE state = 'ambiguous'", "has not ended, and is no open hold"),
        ("UPDATE holds SET micros = micros + 1 WHERE state = 'ambiguous'", "is not as its entry says"),
        ("UPDATE holds SET hold = 'x/0' WHERE state = 'ambiguous'", "open hold x/0 has no entry"),
        ("UPDATE holds SET hold = '0/0' WHERE state = 'ambiguous'", "open hold 0/0 has no entry"),
        ("UPDATE entries SET kind = 'hold' WHERE kind = 'release'", "has the entries hold, hold"),
        ("UPDATE entries SET kind = 'settle' WHERE kind = 'overrun'", "has the entries hold, settle, settle"),
        ("UPDATE budgets SET amount = 10 WHERE scope = 'team:acme'", "are more than 10"),
    ],
)  # fmt: skip
def test_whatever_was_done_to_a_ledger_is_found(used: Desk, damage: str, found: str) -> None:
    with used.engine.begin() as connection:
        assert connection.execute(text(damage)).rowcount > 0
    report = proved(used.engine, used.clock.now)
    assert report.wrong >= len(report.findings) > 0
    assert found in "\n".join(report.findings)


# From one engine to the other.


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Another ledger, with nothing in it."""
    url = None
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh(TEMPLATE)
    engine = open_ledger(tmp_path / "other", url)
    yield engine
    engine.dispose()
    if url is not None:
        server.drop(url)


def everything(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect().execution_options(reads=True) as connection:
        found = {}
        for table in metadata.sorted_tables:
            query = select(table) if table is not versions else select(table).where(versions.c.what == "accounts")
            found[table.name] = sorted((tuple(row) for row in connection.execute(query)), key=repr)
        return found


def exported(engine: Engine) -> bytes:
    with engine.connect().execution_options(reads=True) as connection:
        return b"".join(lines(connection))


def test_all_of_a_ledger_is_taken_in_and_goes_on_from_there(used: Desk, other: Engine) -> None:
    told = exported(used.engine)
    with other.begin() as connection:
        report = take_in(connection, io.BytesIO(told), used.clock.now)
    assert (report.wrong, report.submissions) == (0, 7)
    assert everything(other) == everything(used.engine)
    assert exported(other) == told
    place: Place = (
        Path(str(other.url.database))
        if other.dialect.name == "sqlite"
        else other.url.set(drivername="postgresql").render_as_string(False)
    )
    there = Desk(place, used.clock)
    before = there.stands()
    held = there.post(reserve(0, key="k_new", team="acme"))  # numbers of entries go on after the last one
    assert type(held).__name__ == "Held", held
    assert there.stands() == before == used.stands()
    there.close()
    assert proved(other, used.clock.now).findings == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda told: told[:-1], "ends too early"),
        (lambda told: [*told[:5], *told[6:]], "ends too early"),
        (lambda told: [*told, told[-2]], "more after the end"),
        (lambda told: told[1:], "this is no ledger"),
        (lambda told: [], "this is no ledger"),
        (lambda told: [told[0].replace(b"0003", b"0001"), *told[1:]], "of revision 0001"),
        (lambda told: [told[0], b'["nothing",{}]\n'], "line 2: this is no row"),
        (lambda told: [told[0], b'["teams",{"team":"a"}]\n'], "the columns of `teams` are others"),
        (lambda told: [told[0], b"[\n"], "line 2: this is no row"),
    ],
    ids=["cut", "a row less", "longer", "no head", "nothing", "another revision", "no table", "no columns", "no JSON"],
)  # fmt: skip
def test_what_is_no_whole_ledger_is_not_taken_in(change: object, says: str, used: Desk, tmp_path: Path) -> None:
    told = exported(used.engine).splitlines(keepends=True)
    engine = open_ledger(tmp_path / "other")
    empty = everything(engine)
    with pytest.raises(MovingError, match=says), engine.begin() as connection:
        take_in(connection, io.BytesIO(b"".join(change(told))), 0)  # type: ignore[operator]
    assert everything(engine) == empty
    engine.dispose()


def test_a_ledger_that_has_something_takes_nothing_in(used: Desk) -> None:
    told = exported(used.engine)
    with pytest.raises(MovingError, match="already"), used.engine.begin() as connection:
        take_in(connection, io.BytesIO(told), used.clock.now)


# By the command line.


def test_it_is_done_by_three_commands(postgres_url: str, file: Path, tmp_path: Path) -> None:
    desk = Desk(file, lambda: 1_795_262_400_000)  # type: ignore[arg-type]
    desk.closed(settle(desk.hold(90, key=desk.team(Budget("usd", "total", 100))), 70))
    desk.close()
    config = tmp_path / "server.yaml"
    config.write_text(f"ledger: {{url: '{postgres_url}'}}")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["ledger", *arguments, "--data", str(file.parent)])

    assert run("export", str(tmp_path / "all.jsonl")).exit_code == 0
    taken = run("import", str(tmp_path / "all.jsonl"), "--config", str(config))
    assert (taken.exit_code, taken.stderr) == (0, "1 submissions, 6 balances, 1 limits: right\n"), taken.output
    again = run("import", str(tmp_path / "all.jsonl"), "--config", str(config))
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert run("verify", "--config", str(config)).exit_code == 0
    engine = connect(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE balances SET held = 5"))
    engine.dispose()
    wrong = run("verify", "--json", "--config", str(config))
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["wrong"] == 6
    assert run("verify").exit_code == 0
    assert run("export", "-").stdout_bytes == (tmp_path / "all.jsonl").read_bytes()
    assert FILE in {path.name for path in file.parent.iterdir()}
