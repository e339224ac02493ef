"""What a key may, rotation, revocation, use, the first key; organisations and teams; and the audit log of it all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from proxy.ledger.accounts import (
    ANYTHING,
    AccountError,
    Accounts,
    Budget,
    Key,
    KeyChange,
    KeyRing,
    May,
    NoSuchError,
    TakenError,
    TeamChange,
    Used,
)
from proxy.ledger.engine import Place, connect
from proxy.ledger.tables import audit
from tests.ledger.posted import Desk, record, reserve

DAY_S = 86_400
DAILY = Budget("usd", "day", 5_000_000)
NARROW = May(
    dialects=("openai",), models=("flux-*", "auto"), operations=("generate", "edit.inpaint"), most_micros=40_000
)


@pytest.fixture
def accounts(desk: Desk) -> Accounts:
    desk.accounts.create_team("acme")
    return desk.accounts


def ring_of(accounts: Accounts) -> KeyRing:
    ring = KeyRing(accounts)
    ring.refresh()
    return ring


def presented(accounts: Accounts, secret: str) -> Key:
    found = ring_of(accounts).find(secret)
    assert found is not None
    return found


def changes(desk: Desk) -> list[dict[str, Any]]:
    with desk.engine.connect().execution_options(reads=True) as connection:
        rows = [dict(row) for row in connection.execute(select(audit).order_by(audit.c.audit)).mappings()]
    return [row | {name: json.loads(row[name] or "null") for name in ("before", "after")} for row in rows]


# What a key may.


@pytest.mark.parametrize(
    ("model", "yes"),
    [("flux-dev", True), ("flux-", True), ("auto", True), ("flux", False), ("auto2", False), ("Flux-dev", False),
     ("gpt-image-2", False), ("my-flux-dev", False), ("flux-\n", True), ("", False)],
)  # fmt: skip
def test_models_are_named_as_they_are_asked_for_and_a_star_stands_for_anything(model: str, yes: bool) -> None:
    assert NARROW.name(model) is yes
    assert ANYTHING.name(model)


@pytest.mark.parametrize("pattern", ["a?c", "a[bx]c", "a.c"])
def test_only_a_star_stands_for_anything(pattern: str) -> None:
    assert not May(models=(pattern,)).name("abc")
    assert May(models=(pattern,)).name(pattern)


@pytest.mark.parametrize(
    ("operation", "yes"),
    [("generate", True), ("generate.reference", True), ("edit.inpaint", True), ("edit.erase", False), ("edit", False),
     ("upscale.fast", False)],
)  # fmt: skip
def test_an_operation_is_a_whole_kind_or_one_alone(operation: str, yes: bool) -> None:
    assert NARROW.do(operation) is yes
    assert ANYTHING.do(operation)


def test_what_a_key_may_and_its_pages_are_kept(accounts: Accounts) -> None:
    pages = ("https://studio.example.com", "http://[::1]:3000")
    key, secret = accounts.create_key("acme", may=NARROW, origins=pages)
    plain, plain_secret = accounts.create_key("acme")
    assert (key.may, key.origins, key.org) == (NARROW, pages, "default")
    assert presented(accounts, secret) == accounts.key(key.key) == key
    assert presented(accounts, plain_secret) == plain
    assert plain.may == ANYTHING
    assert ring_of(accounts).origins == set(pages)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"grants": frozenset({"root"})}, "there is no grant root"),
        ({"grants": frozenset({"admin"}), "test": True}, "a test key cannot be an admin key"),
        ({"name": "x" * 129}, "at most 128"),
        ({"origins": ("https://a.example/",)}, "is no origin"),
        ({"origins": ("studio.example.com",)}, "is no origin"),
        ({"origins": ("https://A.example",)}, "is no origin"),
        ({"origins": ("null",)}, "is no origin"),
        ({"may": May(operations=("draw",))}, "there is no operation draw"),
        ({"may": May(models=("",))}, "empty"),
        ({"may": May(most_micros=-1)}, "0 or more"),
    ],
)
def test_what_a_key_cannot_be_is_refused_when_it_is_made_and_when_it_is_changed(
    accounts: Accounts, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(AccountError, match=why):
        accounts.create_key("acme", **said)
    assert accounts.keys() == {}
    key, _ = accounts.create_key("acme", test=said.get("test", False))
    with pytest.raises(AccountError, match=why):
        accounts.update_key(key.key, KeyChange(**{name: value for name, value in said.items() if name != "test"}))
    assert accounts.key(key.key) == key


def test_a_key_is_changed_and_what_is_not_said_stays(accounts: Accounts) -> None:
    key, secret = accounts.create_key("acme", name="web", may=NARROW, webhook="https://a.example", webhook_key="t0ken")
    after = accounts.update_key(key.key, KeyChange(origins=("https://b.example",), expires=7, webhook_key=None))
    assert after == presented(accounts, secret)
    assert (after.name, after.may, after.webhook) == ("web", NARROW, "https://a.example")
    assert (after.origins, after.expires, after.webhook_key) == (("https://b.example",), 7, None)
    assert accounts.update_key(key.key, KeyChange(may=ANYTHING, expires=None)).expires is None
    assert presented(accounts, secret).may == ANYTHING
    with pytest.raises(NoSuchError, match="there is no key 'k_none'"):
        accounts.update_key("k_none", KeyChange(name="x"))


# Rotation.


def test_a_rotated_key_is_the_same_key_under_two_secrets_until_the_overlap_ends(accounts: Accounts, desk: Desk) -> None:
    key, old = accounts.create_key("acme", name="web", may=NARROW, limits=(DAILY,), grants=frozenset({"unfiltered"}))
    now = desk.clock.now
    after, new = accounts.rotate_key(key.key, 3600)
    assert new != old
    first, second = presented(accounts, old), presented(accounts, new)
    for found in (first, second):
        assert (found.key, found.name, found.may, found.grants) == (key.key, "web", NARROW, key.grants)
        assert found.limits == ((f"key:{key.key}", DAILY),)
        assert found.works(now + 3600 * 1000 - 1)
    assert (after.prefix, second.prefix, first.prefix) == (new[:13], new[:13], old[:13])
    assert not first.works(now + 3600 * 1000)
    assert second.works(now + 10**12)
    earlier, current = sorted(accounts.keys_of("acme"), key=lambda each: each.successor is None)
    assert (earlier.successor, earlier.expires, current.key) == (key.key, now + 3600 * 1000, key.key)
    assert first.row == earlier.key


def test_rotation_never_doubles_a_budget(accounts: Accounts, desk: Desk) -> None:
    """Whichever secret pays, it is one key: its balance is one, and its limit holds for both together."""
    key, old = accounts.create_key("acme", limits=(Budget("usd", "total", 100),))
    desk.clerk.post([reserve(60, job=record(key=presented(accounts, old).key))])
    _, new = accounts.rotate_key(key.key, DAY_S)
    (refused,) = desk.clerk.post([reserve(60, job=record(key=presented(accounts, new).key))])
    (also,) = desk.clerk.post([reserve(60, job=record(key=presented(accounts, old).key))])
    (fits,) = desk.clerk.post([reserve(40, job=record(key=presented(accounts, new).key))])
    assert [type(each).__name__ for each in (refused, also, fits)] == ["Refused", "Refused", "Held"]


def test_a_change_of_a_key_holds_for_its_earlier_secret_as_well(accounts: Accounts) -> None:
    key, old = accounts.create_key("acme")
    _, new = accounts.rotate_key(key.key, DAY_S)
    accounts.update_key(key.key, KeyChange(may=NARROW))
    accounts.set_limits(f"key:{key.key}", (DAILY,))
    for secret in (old, new):
        found = presented(accounts, secret)
        assert (found.may, found.limits) == (NARROW, ((f"key:{key.key}", DAILY),))
    earlier = presented(accounts, old).row
    for refused in (
        lambda: accounts.update_key(earlier, KeyChange(name="x")),
        lambda: accounts.rotate_key(earlier, 0),
        lambda: accounts.set_limits(f"key:{earlier}", (DAILY,)),
    ):
        with pytest.raises(AccountError):
            refused()


def test_a_key_is_rotated_again_and_again(accounts: Accounts, desk: Desk) -> None:
    key, first = accounts.create_key("acme")
    _, second = accounts.rotate_key(key.key, 10)
    _, third = accounts.rotate_key(key.key, 20)
    now = desk.clock.now
    found = [presented(accounts, secret) for secret in (first, second, third)]
    assert {each.key for each in found} == {key.key}
    assert [each.expires for each in found] == [now + 10_000, now + 20_000, None]


def test_an_expiry_stays_unless_another_is_said_and_no_overlap_outlives_it(accounts: Accounts, desk: Desk) -> None:
    ends = desk.clock.now + 5000
    key, old = accounts.create_key("acme", expires=ends)
    after, new = accounts.rotate_key(key.key, 3600)
    assert (after.expires, presented(accounts, old).expires, presented(accounts, new).expires) == (ends, ends, ends)
    assert [each.expires for each in accounts.keys_of()] == [ends, ends]
    assert accounts.rotate_key(key.key, 3600, expires=None)[0].expires is None
    accounts.update_key(key.key, KeyChange(expires=desk.clock.now + 1))
    assert presented(accounts, old).expires == desk.clock.now + 1


@pytest.mark.parametrize("overlap", [-1, 90 * DAY_S + 1])
def test_an_overlap_has_its_bounds(accounts: Accounts, overlap: int) -> None:
    key, secret = accounts.create_key("acme")
    with pytest.raises(AccountError, match="goes on for 0 to"):
        accounts.rotate_key(key.key, overlap)
    assert presented(accounts, secret) == key


def test_what_does_not_work_any_more_is_not_rotated(accounts: Accounts, desk: Desk) -> None:
    ended, _ = accounts.create_key("acme", expires=desk.clock.now)
    revoked, _ = accounts.create_key("acme")
    accounts.revoke_key(revoked.key)
    for key in (ended, revoked):
        with pytest.raises(AccountError, match="does not work any more"):
            accounts.rotate_key(key.key, 0)
    with pytest.raises(NoSuchError):
        accounts.rotate_key("k_none", 0)


def test_revoking_a_key_ends_every_secret_of_it_and_revoking_an_earlier_one_that_alone(
    accounts: Accounts, desk: Desk
) -> None:
    key, old = accounts.create_key("acme")
    _, new = accounts.rotate_key(key.key, DAY_S)
    accounts.revoke_key(old[:13])
    assert not presented(accounts, old).works(desk.clock.now)
    assert presented(accounts, new).works(desk.clock.now)
    _, newest = accounts.rotate_key(key.key, DAY_S)
    accounts.revoke_key(key.key)
    assert not any(presented(accounts, secret).works(desk.clock.now) for secret in (old, new, newest))
    assert all(each.revoked == desk.clock.now for each in accounts.keys_of())  # and a list says so of each


# Two servers on one ledger.


def test_what_one_server_changes_another_goes_by_after_its_next_look(accounts: Accounts, place: Place) -> None:
    key, secret = accounts.create_key("acme")
    engine = connect(place)
    there = ring_of(Accounts(engine))
    now = key.created

    def known() -> Key:
        there.refresh()
        found = there.find(secret)
        assert found is not None
        return found

    assert known().limits == ()
    accounts.set_limits("team:acme", (DAILY,))
    assert known().limits == (("team:acme", DAILY),)
    accounts.update_key(key.key, KeyChange(may=NARROW, expires=now + 5))
    assert (known().may, known().expires) == (NARROW, now + 5)
    accounts.create_org("north")
    accounts.update_team("acme", TeamChange(org="north"))
    assert known().org == "north"
    accounts.revoke_key(key.key)
    assert not known().works(now)
    engine.dispose()


# Last used.


def test_when_keys_were_used_is_written_once_by_the_secret_and_never_back_in_time(accounts: Accounts) -> None:
    key, old = accounts.create_key("acme")
    other, _ = accounts.create_key("acme")
    accounts.rotate_key(key.key, DAY_S)
    used = Used()
    used.note(presented(accounts, old), 1000)
    used.note(presented(accounts, old), 2000)
    used.note(other, 1500)
    version = accounts.version()
    accounts.write_used(used.take())
    accounts.write_used({other.key: 1400})
    accounts.write_used(used.take())  # nothing
    found = {each.key: each.used for each in accounts.keys_of()}
    assert found.pop(key.key) is None  # its new secret was not used yet
    assert found.pop(other.key) == 1500
    assert list(found.values()) == [2000]
    assert accounts.version() == version  # nobody has to read the keys again for that


# The first key.


def test_an_empty_ledger_gets_one_admin_key_and_no_other(desk: Desk, place: Place) -> None:
    made = desk.accounts.create_first_key(who="bootstrap")
    assert made is not None
    key, secret = made
    assert (key.team, set(key.grants), key.test) == ("admin", {"admin"}, False)
    assert presented(desk.accounts, secret) == key
    engine = connect(place)
    assert Accounts(engine).create_first_key() is None
    engine.dispose()
    desk.accounts.revoke_key(key.key)
    assert desk.accounts.create_first_key() is None  # whoever revoked it meant to


def test_a_ledger_with_any_key_gets_none(accounts: Accounts) -> None:
    accounts.create_key("acme")
    assert accounts.create_first_key() is None
    assert [team.team for team, _ in accounts.teams()] == ["acme"]


# Organisations and teams.


def test_a_team_belongs_to_an_organisation_and_moves_to_another(accounts: Accounts) -> None:
    made = accounts.create_org("north", (DAILY,), who="cli:jo")
    assert [(each.org, limits) for each, limits in accounts.orgs()] == [("default", ()), ("north", (DAILY,))]
    assert accounts.org("north") == made
    team = accounts.create_team("west", org="north", keep_s=60, webhook="https://a.example", webhook_key="t", weight=3)
    assert accounts.team("west") == team
    assert (team.org, team.keep_s, team.weight) == ("north", 60, 3)
    assert accounts.team("acme").org == "default"
    key, secret = accounts.create_key("west")
    assert key.org == presented(accounts, secret).org == "north"
    moved = accounts.update_team("west", TeamChange(org="default", webhook=None))
    assert (moved.org, moved.webhook, moved.keep_s) == ("default", None, 60)
    assert presented(accounts, secret).org == "default"


@pytest.mark.parametrize(
    ("refused", "kind", "why"),
    [
        (lambda a: a.create_org("default"), TakenError, "already"),
        (lambda a: a.create_org("No"), AccountError, "no organisation name"),
        (lambda a: a.org("south"), NoSuchError, "darkroom orgs create south"),
        (lambda a: a.create_team("west", org="south"), NoSuchError, "darkroom orgs create south"),
        (lambda a: a.create_team("acme"), TakenError, "already"),
        (lambda a: a.create_team("west", weight=0), AccountError, "from 1 to"),
        (lambda a: a.create_team("west", keep_s=-1), AccountError, "0 or more"),
        (lambda a: a.update_team("acme", TeamChange(org="south")), NoSuchError, "darkroom orgs create south"),
        (lambda a: a.update_team("acme", TeamChange(weight=1001)), AccountError, "from 1 to"),
        (lambda a: a.update_team("west", TeamChange()), NoSuchError, "darkroom teams create west"),
        (lambda a: a.set_limits("org:south", ()), NoSuchError, "there is no org 'south'"),
    ],
)
def test_what_cannot_be_changes_nothing(
    accounts: Accounts, desk: Desk, refused: Any, kind: type[AccountError], why: str
) -> None:
    before = (accounts.orgs(), accounts.teams(), accounts.version(), changes(desk))
    with pytest.raises(kind, match=why):
        refused(accounts)
    assert (accounts.orgs(), accounts.teams(), accounts.version(), changes(desk)) == before


# The audit log.


def test_every_change_is_written_down_with_who_and_how_it_was_and_without_a_secret(desk: Desk, place: Place) -> None:
    accounts, who = desk.accounts, "cli:jo"
    accounts.create_org("north", who=who)
    accounts.create_team("acme", (DAILY,), org="north", webhook_key="t0p-secret", who=who)
    accounts.update_team("acme", TeamChange(weight=2), who=who)
    key, secret = accounts.create_key("acme", webhook_key="t0p-secret", who=who)
    accounts.update_key(key.key, KeyChange(name="web"), who=who)
    _, new = accounts.rotate_key(key.key, 60, who=who)
    accounts.set_limits(f"key:{key.key}", (DAILY,), who=who)
    accounts.revoke_key(key.key, who=who)
    told = changes(desk)
    assert [(row["action"], row["what"]) for row in told] == [
        ("org.create", "org:north"),
        ("team.create", "team:acme"),
        ("team.update", "team:acme"),
        ("key.create", f"key:{key.key}"),
        ("key.update", f"key:{key.key}"),
        ("key.rotate", f"key:{key.key}"),
        ("budget.set", f"key:{key.key}"),
        ("key.revoke", f"key:{key.key}"),
    ]
    assert {(row["who"], row["at"]) for row in told} == {(who, desk.clock.now)}
    changed = told[2]
    assert (changed["before"]["weight"], changed["after"]["weight"]) == (1, 2)
    assert (told[4]["before"]["name"], told[4]["after"]["name"]) == ("", "web")
    assert (told[7]["before"]["revoked"], told[7]["after"]["revoked"]) == (None, desk.clock.now)
    written = json.dumps(told)
    for hidden in (secret, new, secret[13:], new[13:], "t0p-secret"):
        assert hidden not in written
    assert all(each.hex() not in written for each in dict(accounts.keys()))


def test_a_change_that_is_broken_off_leaves_no_trace(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row in the audit log is in the same transaction: without it there is no change."""

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    desk.accounts.create_team("acme")
    key, secret = desk.accounts.create_key("acme")
    before = changes(desk)
    monkeypatch.setattr("proxy.ledger.accounts.desk.record", breaks)
    for change in (
        lambda: desk.accounts.create_org("north"),
        lambda: desk.accounts.create_team("west"),
        lambda: desk.accounts.update_team("acme", TeamChange(weight=9)),
        lambda: desk.accounts.create_key("acme"),
        lambda: desk.accounts.update_key(key.key, KeyChange(name="x")),
        lambda: desk.accounts.rotate_key(key.key, 0),
        lambda: desk.accounts.revoke_key(key.key),
        lambda: desk.accounts.set_limits("team:acme", (DAILY,)),
    ):
        with pytest.raises(RuntimeError):
            change()
    assert [team.team for team, _ in desk.accounts.teams()] == ["acme"]
    assert desk.accounts.team("acme").weight == 1
    assert list(desk.accounts.keys().values()) == [key]
    assert presented(desk.accounts, secret) == key
    assert changes(desk) == before
