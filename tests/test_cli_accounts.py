"""`darkroom orgs`, `teams` and `keys`, as an operator types them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from proxy.ledger.accounts import Accounts, KeyRing
from proxy.ledger.engine import open_ledger
from proxy.ledger.tables import audit
from tests.test_cli import run

DAY_MS = 86_400_000


class Shell:
    """A command line on a ledger of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> str:
        done = run(*arguments, "--data", str(self.folder))
        assert done.exit_code == 0, done.output
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = run(*arguments, "--data", str(self.folder))
        assert done.exit_code != 0
        assert "Traceback" not in done.output
        return done.output

    def told(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def key(self, secret: str) -> Any:
        """As a server would know it."""
        ring = KeyRing(Accounts(open_ledger(self.folder)))
        ring.refresh()
        return ring.find(secret.strip())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made("teams", "create", "acme", "--budget", "100/month")
    return made


def test_organisations_are_made_and_listed_with_their_teams(shell: Shell) -> None:
    shell("orgs", "create", "north", "--budget", "5000.000001/month")
    shell("teams", "create", "west", "--org", "north")
    shell("orgs", "limit", "north", "--images", "10/day")
    default, north = shell.told("orgs", "list")
    assert (default["org"], default["teams"]) == ("default", ["acme"])
    assert (north["org"], north["teams"]) == ("north", ["west"])
    assert "$5000.000001/month" in shell("orgs", "list")
    assert "already" in shell.refused("orgs", "create", "north")
    assert "darkroom orgs create south" in shell.refused("teams", "create", "x", "--org", "south")
    assert [team["team"] for team in shell.told("teams", "list", "--org", "north")] == ["west"]


def test_a_team_is_changed_and_what_is_not_named_stays(shell: Shell) -> None:
    shell("orgs", "create", "north")
    settings = ["--keep-days", "1.5", "--webhook", "https://a.example", "--webhook-key", "t0ken", "--weight", "3"]
    shell("teams", "update", "acme", *settings)
    shell("teams", "update", "acme", "--org", "north")
    told = shell.told("teams", "show", "acme")
    assert (told["org"], told["keep_s"], told["webhook"], told["weight"]) == ("north", 129_600, "https://a.example", 3)
    assert "t0ken" not in json.dumps(told)
    shell("teams", "update", "acme", "--keep-days", "default", "--webhook", "")
    told = shell.told("teams", "show", "acme")
    assert (told["keep_s"], told["webhook"], told["weight"]) == (None, None, 3)
    assert "$100/month" in shell("teams", "show", "acme")
    for refused, why in (
        ([], "say what"),
        (["--weight", "0"], "from 1 to"),
        (["--keep-days", "x"], "no number of days"),
    ):
        assert why in shell.refused("teams", "update", "acme", *refused)


def test_a_key_is_made_with_all_it_may_and_shows_it(shell: Shell) -> None:
    secret = shell(
        *("keys", "create", "--team", "acme", "--name", "web", "--expires-days", "90", "--dialect", "openai"),
        *("--may-dialect", "openai", "--may-model", "flux-*", "--may-model", "auto", "--may-operation", "generate"),
        *("--most-per-image", "0.05", "--origin", "https://studio.example.com", "--budget", "5/day"),
        *("--grant", "unfiltered", "--webhook", "https://a.example", "--webhook-key", "t0ken"),
    )
    found = shell.key(secret)
    assert (found.may.dialects, found.may.models, found.may.operations) == (
        ("openai",),
        ("flux-*", "auto"),
        ("generate",),
    )
    assert (found.may.most_micros, found.origins) == (50_000, ("https://studio.example.com",))
    assert abs(found.expires - (time.time() * 1000 + 90 * DAY_MS)) < 60_000
    (told,) = shell.told("keys", "list", "--team", "acme")
    assert told["may"]["models"] == ["flux-*", "auto"]
    assert "t0ken" not in json.dumps(told)
    assert secret.strip() not in json.dumps(told)
    table = shell("keys", "show", found.key)
    for shown in ("flux-*, auto", "$0.05", "https://studio.example.com", "works until", "$5/day"):
        assert shown in table


def test_a_key_is_changed_and_freed_again(shell: Shell) -> None:
    secret = shell("keys", "create", "--team", "acme", "--name", "web", "--may-model", "auto")
    key = shell.key(secret).key
    shell("keys", "update", key, "--most-per-image", "0.1", "--expires-days", "1", "--origin", "https://a.example")
    found = shell.key(secret)
    assert (found.name, found.may.models, found.may.most_micros) == ("web", ("auto",), 100_000)
    shell("keys", "update", secret[:13], "--may-model", "any", "--most-per-image", "any", "--expires-days", "0")
    shell("keys", "update", key, "--origin", "", "--name", "")
    found = shell.key(secret)
    assert (found.name, found.may.models, found.may.most_micros) == ("", None, None)
    assert (found.expires, found.origins) == (None, ())
    shell("keys", "limit", key, "--budget", "1/day")
    assert [scope for scope, _ in shell.key(secret).limits] == [f"key:{key}", "team:acme"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["--may-dialect", "french"], "there is no dialect 'french'"),
        (["--dialect", "french"], "there is no dialect 'french'"),
        (["--may-operation", "draw"], "there is no operation draw"),
        (["--most-per-image", "much"], "is no amount in USD"),
        (["--most-per-image", "0.0000001"], "is no amount in USD"),
        (["--origin", "studio.example.com"], "is no origin"),
        ([], "say what is to be changed"),
    ],
)
def test_what_a_key_cannot_be_is_said_in_a_sentence(shell: Shell, said: list[str], why: str) -> None:
    secret = shell("keys", "create", "--team", "acme")
    before = shell.key(secret)
    assert why in shell.refused("keys", "update", before.key, *said)
    assert shell.key(secret) == before
    if said:
        assert why in shell.refused("keys", "create", "--team", "acme", *said)
        assert len(shell.told("keys", "list")) == 1


def test_a_test_key_cannot_administer(shell: Shell) -> None:
    assert "cannot be an admin key" in shell.refused("keys", "create", "--team", "acme", "--test", "--grant", "admin")


def test_a_key_is_rotated_and_its_earlier_secret_shown_until_it_ends(shell: Shell) -> None:
    old = shell("keys", "create", "--team", "acme", "--budget", "5/day")
    key = shell.key(old).key
    new = shell("keys", "rotate", key, "--overlap", "2h", "--expires-days", "90")
    assert new.count("\n") == 1
    assert new.startswith("dk_live_")
    assert shell.key(old).key == shell.key(new).key == key
    assert abs(shell.key(old).expires - (time.time() + 7200) * 1000) < 60_000
    assert shell.key(new).expires > time.time() * 1000 + 89 * DAY_MS
    assert f"earlier secret of {key}, until" in shell("keys", "list")
    shell("keys", "rotate", new[:13], "--overlap", "0s")
    assert "expired" in shell("keys", "list")
    for overlap in ("soon", "1w", "-1h", "91d"):
        assert "of time" in (said := shell.refused("keys", "rotate", key, "--overlap", overlap)) or "goes on" in said
    shell("keys", "revoke", key)
    assert not shell.key(old).works(int(time.time() * 1000))
    assert "does not work any more" in shell.refused("keys", "rotate", key)


def test_whoever_types_is_written_down(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "jo")
    shell("orgs", "create", "north")
    shell("teams", "update", "acme", "--weight", "2")
    secret = shell("keys", "create", "--team", "acme")
    shell("keys", "update", secret[:13], "--name", "web")
    shell("keys", "rotate", secret[:13])
    shell("keys", "revoke", shell.key(secret).key)
    with open_ledger(shell.folder).connect().execution_options(reads=True) as connection:
        told = connection.execute(select(audit.c.who, audit.c.action).order_by(audit.c.audit)).all()
    changed = ["org.create", "team.update", "key.create", "key.update", "key.rotate", "key.revoke"]
    assert [tuple(row) for row in told[1:]] == [("cli:jo", action) for action in changed]
