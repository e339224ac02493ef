from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.accounts import AccountError, Accounts, Budget, Key, KeyRing, What, parse_budget, parse_count
from proxy.ledger.engine import Place, connect
from tests.ledger.posted import ON_FILE, Desk, rows
from tests.properties import MANY

DAILY = Budget("usd", "day", 5_000_000)


@pytest.fixture
def accounts(desk: Desk) -> Accounts:
    desk.accounts.create_team("acme")
    return desk.accounts


# Keys.


@ON_FILE
@pytest.mark.parametrize("test", [False, True])
def test_the_text_of_a_key_is_nowhere_in_the_database(desk: Desk, accounts: Accounts, test: bool) -> None:
    made = [accounts.create_key("acme", name="web", test=test) for _ in range(20)]
    for _, secret in made:
        assert secret.startswith("dk_test_" if test else "dk_live_")
        assert len(secret) >= 8 + 43  # 256 random bits
    assert isinstance(desk.place, Path)
    before = b"".join(each.read_bytes() for each in desk.place.parent.glob(f"{desk.place.name}*"))
    desk.close()  # which moves what is in the log into the file
    after = desk.place.read_bytes()
    for key, secret in made:
        for kept in (before, after):
            assert secret.encode() not in kept
            assert secret.removeprefix(key.prefix).encode() not in kept
        assert hashlib.sha256(secret.encode()).digest() in after
        assert secret.startswith(key.prefix)
        assert len(key.prefix) == 13
    assert len({secret for _, secret in made}) == len({key.key for key, _ in made}) == 20


def test_a_key_is_found_by_its_whole_secret_and_by_nothing_else(accounts: Accounts) -> None:
    key, secret = accounts.create_key("acme", name="web", limits=(DAILY,))
    ring = KeyRing(accounts)
    assert ring.find(secret) is None  # nothing is known before the first refresh
    ring.refresh()
    found = ring.find(secret)
    assert found is not None
    assert (found.key, found.team, found.name, found.test) == (key.key, "acme", "web", False)
    for wrong in ("", secret[:-1], secret + "x", secret.swapcase(), f" {secret}", key.key, key.prefix):
        assert ring.find(wrong) is None
    (kept,) = rows_of_keys(accounts)
    assert ring.find(kept.hex()) is None


def rows_of_keys(accounts: Accounts) -> list[bytes]:
    return list(accounts.keys())


def test_a_key_carries_its_own_limits_and_then_those_of_its_team(accounts: Accounts) -> None:
    accounts.set_limits("team:acme", (Budget("requests", "minute", 60), DAILY))
    key, secret = accounts.create_key("acme", limits=(Budget("usd", "total", 7), Budget("in_flight", "now", 2)))
    _, other_secret = accounts.create_key("acme", test=True)
    ring = KeyRing(accounts)
    ring.refresh()
    found, found_other = ring.find(secret), ring.find(other_secret)
    assert found is not None
    assert found_other is not None
    own, teams = f"key:{key.key}", "team:acme"
    theirs = [(teams, Budget("requests", "minute", 60)), (teams, DAILY)]
    assert list(found.limits) == [(own, Budget("in_flight", "now", 2)), (own, Budget("usd", "total", 7)), *theirs]
    assert list(found_other.limits) == theirs
    assert (found.test, found_other.test) == (False, True)


@pytest.mark.parametrize(
    ("expires", "revoked", "now", "works"),
    [
        (None, None, 10**15, True),
        (1000, None, 999, True),
        (1000, None, 1000, False),
        (None, 500, 499, False),
        (1000, 500, 100, False),
    ],
)
def test_a_key_works_until_it_expires_or_is_revoked(
    expires: int | None, revoked: int | None, now: int, works: bool
) -> None:
    key = Key(
        key="k", team="acme", name="", prefix="", test=False, created=0, expires=expires, revoked=revoked
    )  # fmt: skip
    assert key.works(now) is works


def test_an_expiry_is_kept(accounts: Accounts, desk: Desk) -> None:
    _, secret = accounts.create_key("acme", expires=desk.clock.now + 10)
    ring = KeyRing(accounts)
    ring.refresh()
    found = ring.find(secret)
    assert found is not None
    assert found.works(desk.clock.now + 9)
    assert not found.works(desk.clock.now + 10)


@pytest.mark.parametrize("by", ["key", "prefix"])
def test_a_key_is_revoked_by_its_id_or_by_what_it_begins_with_and_only_once(
    accounts: Accounts, desk: Desk, by: str
) -> None:
    key, secret = accounts.create_key("acme")
    _, other_secret = accounts.create_key("acme")
    name = getattr(key, by)
    accounts.revoke_key(name)
    ring = KeyRing(accounts)
    ring.refresh()
    found, found_other = ring.find(secret), ring.find(other_secret)
    assert found is not None
    assert found_other is not None
    assert found.revoked == desk.clock.now
    assert not found.works(0)
    assert found_other.works(desk.clock.now)
    with pytest.raises(AccountError, match=f"no working key is '{name}'"):
        accounts.revoke_key(name)


def test_a_key_is_not_revoked_where_several_begin_the_same(accounts: Accounts, desk: Desk) -> None:
    for _ in range(2):
        accounts.create_key("acme")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE keys SET prefix = 'dk_live_aaaaa'")
    with pytest.raises(AccountError, match="several keys begin with 'dk_live_aaaaa'"):
        accounts.revoke_key("dk_live_aaaaa")
    assert all(key.revoked is None for key in accounts.keys().values())


def test_a_key_of_a_team_that_is_not_there_is_not_made(accounts: Accounts, desk: Desk) -> None:
    with pytest.raises(AccountError, match="darkroom teams create nobody"):
        accounts.create_key("nobody", limits=(DAILY,))
    assert accounts.keys() == {}
    assert rows(desk.place, "SELECT * FROM budgets") == []


# The ring.


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts, key: accounts.create_team("other"),
        lambda accounts, key: accounts.create_key("acme"),
        lambda accounts, key: accounts.revoke_key(key),
        lambda accounts, key: accounts.set_limits("team:acme", (DAILY,)),
        lambda accounts, key: accounts.set_limits(f"key:{key}", (), replace=True),
    ],
    ids=["a team", "a key", "a key less", "a limit", "no limit"],
)
def test_a_ring_reloads_when_another_process_changed_something_and_only_then(
    accounts: Accounts, place: Place, change: Callable[[Accounts, str], object]
) -> None:
    key, _ = accounts.create_key("acme")
    ring = KeyRing(accounts)
    assert ring.refresh()
    assert not ring.refresh()
    engine = connect(place)
    change(Accounts(engine), key.key)
    engine.dispose()
    assert ring.refresh()
    assert not ring.refresh()


def test_a_change_that_is_refused_is_no_change(accounts: Accounts) -> None:
    ring = KeyRing(accounts)
    ring.refresh()
    for refused in (
        lambda: accounts.create_team("acme", (DAILY,)),
        lambda: accounts.create_key("nobody"),
        lambda: accounts.revoke_key("k_none"),
        lambda: accounts.set_limits("team:nobody", (DAILY,)),
        lambda: accounts.set_limits("team:acme", (DAILY, Budget("usd", "year", 5))),
    ):
        with pytest.raises(AccountError):
            refused()
    assert not ring.refresh()
    assert [limits for _, limits in accounts.teams()] == [()]


def test_a_ring_does_not_wait_for_who_writes(accounts: Accounts, desk: Desk) -> None:
    _, secret = accounts.create_key("acme")
    ring = KeyRing(accounts)
    writes = connect(desk.place)
    with writes.begin() as writer:
        writer.exec_driver_sql("UPDATE keys SET revoked = 1")
        assert ring.refresh()
        found = ring.find(secret)
        assert found is not None
        assert found.revoked is None
        assert [team.team for team, _ in accounts.teams()] == ["acme"]
    writes.dispose()


# Teams and their limits.


@pytest.mark.parametrize("name", ["acme", "a", "7", "team-a.b_c", "x" * 64])
def test_a_team_may_be_called(desk: Desk, name: str) -> None:
    made = desk.accounts.create_team(name, (DAILY,))
    assert (made.team, made.created) == (name, desk.clock.now)
    assert desk.accounts.teams() == [(made, (DAILY,))]


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", ".a", "a:b", "a/b", "é", "a\n", "x" * 65])
def test_a_team_may_not_be_called(desk: Desk, name: str) -> None:
    with pytest.raises(AccountError, match="is no team name"):
        desk.accounts.create_team(name)
    assert desk.accounts.teams() == []


def test_limits_are_added_changed_and_replaced(accounts: Accounts) -> None:
    def limits() -> tuple[Budget, ...]:
        ((_, found),) = accounts.teams()
        return found

    monthly, pictures = Budget("usd", "month", 1), Budget("images", "day", 3)
    accounts.set_limits("team:acme", (DAILY,))
    accounts.set_limits("team:acme", (monthly, pictures))
    assert set(limits()) == {DAILY, monthly, pictures}
    accounts.set_limits("team:acme", (Budget("usd", "day", 9),))
    assert set(limits()) == {Budget("usd", "day", 9), monthly, pictures}
    accounts.set_limits("team:acme", (pictures,), replace=True)
    assert limits() == (pictures,)
    accounts.set_limits("team:acme", (), replace=True)
    assert limits() == ()


@pytest.mark.parametrize("scope", ["team:nobody", "key:k_none", "acme", "pet:acme", "key:acme"])
def test_what_is_not_there_gets_no_limits(accounts: Accounts, desk: Desk, scope: str) -> None:
    with pytest.raises(AccountError, match=r"there is no|is no scope"):
        accounts.set_limits(scope, (DAILY,))
    assert rows(desk.place, "SELECT * FROM budgets") == []


@pytest.mark.parametrize(
    ("what", "window"), [("usd", "fortnight"), ("usd", "year"), ("images", "now"), ("requests", "day")]
)
def test_a_window_that_nobody_counts_is_refused(accounts: Accounts, what: What, window: str) -> None:
    with pytest.raises(AccountError, match=f"no limit of {what} a {window}"):
        accounts.set_limits("team:acme", (Budget(what, window, 5),))


# How limits are written.


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("100/month", Budget("usd", "month", 100_000_000)),
        ("$2.50/day", Budget("usd", "day", 2_500_000)),
        (" 0.000001/total ", Budget("usd", "total", 1)),
        ("0/total", Budget("usd", "total", 0)),
        ("999999999999/total", Budget("usd", "total", 999_999_999_999_000_000)),
    ],
)
def test_a_budget_is_read_to_the_micro_dollar(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@MANY
@given(st.integers(0, 10**18 - 1), st.sampled_from(["day", "month", "total"]))
def test_a_budget_is_never_rounded(micros: int, window: str) -> None:
    written = f"{Decimal(micros).scaleb(-6):f}/{window}"
    assert parse_budget(written) == Budget("usd", window, micros)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5/", "/day", "5/year", "-5/day", "1e3/day", "5,00/day", "0.0000001/day", "5./day", ".5/day",
     "nan/day", "5/day/day", "9999999999999/day"],
)  # fmt: skip
def test_what_is_no_budget_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(AccountError, match="such as 100/month"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("what", "text", "budget"),
    [
        ("images", "500/day", Budget("images", "day", 500)),
        ("images", "500", Budget("images", "day", 500)),
        ("images", "500/total", Budget("images", "total", 500)),
        ("requests", "60", Budget("requests", "minute", 60)),
        ("requests", "60/minute", Budget("requests", "minute", 60)),
        ("in_flight", " 8 ", Budget("in_flight", "now", 8)),
    ],
)
def test_a_count_has_the_window_that_is_written_or_the_usual_one(what: What, text: str, budget: Budget) -> None:
    assert parse_count(what, text) == budget


@pytest.mark.parametrize(
    ("what", "text"),
    [("images", "500/year"), ("requests", "60/day"), ("in_flight", "8/day"), ("images", "1.5/day"), ("images", "-1"),
     ("requests", ""), ("images", "x"), ("images", "9999999999999")],
)  # fmt: skip
def test_what_is_no_count_is_refused_with_its_windows(what: What, text: str) -> None:
    with pytest.raises(AccountError, match="with a window of"):
        parse_count(what, text)
