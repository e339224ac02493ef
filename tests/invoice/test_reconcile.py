"""`darkroom reconcile` and `darkroom drift`: what is told of a ledger, and that it is left as it was."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.cli.drift import trends
from proxy.ledger.charges import Compared
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.orders import Close, Held, HoldOrder, Outcome, Reserve
from proxy.ledger.posting import Posting
from proxy.ledger.recall import Memory
from proxy.ledger.statements import Statements
from tests.ledger.posted import HOUR, moment, record

NOON = moment("2026-11-20 12:00")
CONFIG = "providers:\n  bfl: {}\n  fal: {}\n  sandbox: {}\n"


class Books:
    """A ledger in a folder, its entries posted one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = open_ledger(folder)
        self.statements = Statements(self.engine.dialect)
        (folder / "config.yaml").write_text(CONFIG)

    def post(self, at: int, *orders: Any) -> list[Any]:
        with self.engine.begin() as connection:
            return Posting(connection, self.statements, Memory(), at).post(orders)

    def buy(self, paid: int | None, *, held: int = 40_000, offer: str = "bfl/flux-pro-1.1", **about: Any) -> str:
        """A submission that ended; at None it was given up. Returns its hold."""
        at, asked, came = about.get("at", NOON), about.get("asked", 1), about.get("came", 1)
        provider, _, model = offer.partition("/")
        order = HoldOrder(provider=provider, model=model, micros=held, images=asked, facts="{}")
        (answer,) = self.post(at, Reserve(job=record(), orders=(order,)))
        assert isinstance(answer, Held)
        hold = answer.holds[0].hold
        end = Outcome(
            hold=hold,
            kind="settle" if paid is not None else "release",
            micros=paid or 0,
            images=came,
            detail=about.get("detail", ""),
            vendor_id=about.get("id"),
        )
        self.post(at, Close(outcomes=(end,)))
        return hold

    def invoice(self, text: str) -> Path:
        path = self.folder / "invoice.csv"
        path.write_text(text)
        return path

    def run(self, *arguments: str, **more: Any) -> Result:
        config = ["--config", str(self.folder / "config.yaml")] if arguments[0] == "reconcile" else []
        return CliRunner().invoke(main, [*arguments, "--data", str(self.folder), *config], **more)

    def reconcile(self, text: str, *arguments: str, vendor: str = "bfl") -> Result:
        return self.run("reconcile", vendor, str(self.invoice(text)), *arguments)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.engine.dispose()


def told(result: Result) -> Any:
    return json.loads(result.stdout)


# Invoices.


def test_an_invoice_that_agrees_exits_with_nothing_and_one_that_does_not_with_one(books: Books) -> None:
    books.buy(40_000, id="a")
    good = books.reconcile("id,amount\na,0.04\n")
    assert good.exit_code == 0
    assert "0 cents are unexplained; 1 matched by id" in good.stderr
    bad = books.reconcile("id,amount\na,0.04\nx,0.0412\n")
    assert bad.exit_code == 1
    assert "4.12 cents are unexplained" in bad.stderr
    assert books.reconcile("id,amount\na,0.04\nx,0.0412\n", "--tolerance", "0.0412").exit_code == 0
    assert books.reconcile("id,amount\na,0.04\nx,0.0412\n", "--tolerance", "0.04119").exit_code == 1


def test_everything_is_told_in_a_table_and_in_full_to_programs(books: Books) -> None:
    books.buy(40_000, id="a")
    books.buy(40_000, id="b")
    books.buy(40_000, id="c", at=NOON + HOUR)
    books.buy(None, id="failed")
    text = "id,time,amount\na,2026-11-20T12:00:00Z,0.04\nb,2026-11-20T12:00:01Z,0.05\nfailed,,0.02\nx,2026-11-20,0.01\n"
    known = told(books.reconcile(text, "--json"))
    assert known["unexplained_usd"] == "0.04"
    assert (known["ours_usd"], known["theirs_usd"]) == ("0.12", "0.12")
    assert [known[kind]["count"] for kind in ("agreeing", "differing", "only_theirs", "only_ours")] == [1, 2, 1, 1]
    assert {pair["id"]: (pair["ours_usd"], pair["theirs_usd"]) for pair in known["differing"]["first"]} == {
        "failed": ("0", "0.02"),
        "b": ("0.04", "0.05"),
    }
    assert known["only_theirs"]["first"][0]["line"] == 5
    assert known["only_ours"]["first"][0]["time"] == "2026-11-20T13:00:00Z"
    shown = books.reconcile(text).stdout.splitlines()
    assert shown[0] == "\tcount\tours USD\ttheirs USD\ttheirs - ours"
    assert shown[1:6] == [
        "agrees\t1\t0.04\t0.04\t0",
        "differs\t2\t0.04\t0.07\t0.03",
        "only theirs\t1\t0\t0.01\t0.01",
        "only ours\t1\t0.04\t0\t-0.04",
        "total\t\t0.12\t0.12\t0",
    ]
    assert shown[7].split("\t")[:3] == ["differs", "4", "failed"]


def test_what_came_after_the_last_line_is_not_billed_yet_and_open_holds_are_told_of(books: Books) -> None:
    books.buy(40_000, id="a")
    books.buy(40_000, id="b", at=NOON + HOUR)
    books.post(
        NOON, Reserve(job=record(), orders=(HoldOrder(provider="bfl", model="m", micros=7, images=1, facts="{}"),))
    )
    told_ = books.reconcile(
        "id,time,amount\na,2026-11-20 12:00,0.04\n", "--until", "2026-12-01", "--since", "2026-11-01"
    )
    assert told_.exit_code == 0
    assert "1 of ours came after the last line: 0.04 USD not billed yet" in told_.stderr
    assert "1 submissions have no answer (0.000007 USD; see: darkroom holds list)" in told_.stderr


def test_credits_are_worth_what_the_price_book_says_and_models_have_the_vendors_names(books: Books) -> None:
    books.buy(40_000)
    found = books.reconcile("created_at;model;credits\n2026-11-20 12:03;FLUX-pro-1.1;4\n")
    assert found.exit_code == 0, found.output
    dearer = books.reconcile(
        "created_at;model;credits\n2026-11-20 12:03;flux-pro-1.1;4\n", "--rate", "credits=0.02", "--json"
    )
    assert told(dearer)["theirs_usd"] == "0.08"


@pytest.mark.parametrize(
    ("text", "arguments", "vendor", "says"),
    [
        ("id,amount\na,four\n", [], "bfl", "invoice.csv: line 2: 'four' is no amount"),
        ("id,cost of it\na,4\n", [], "bfl", "no column is known as the amount"),
        ("id,credits\na,4\n", [], "fal", "the price book does not say what a credit of fal is"),
        ("id,amount,unit\na,4,GBP\n", [], "bfl", "nobody has said what one 'gbp' is in USD: say --rate gbp=…"),
        ("id,amount\na,4\n", [], "openai", "the ledger has nothing of 'openai'; it has bfl, fal"),
        ("id,amount\na,4\n", ["--window", "soon"], "bfl", "write seconds, minutes or hours"),
        ("id,amount\na,4\n", ["--since", "yesterday"], "bfl", "write a day or a time in UTC"),
        ("id,amount\na,4\n", ["--tolerance", "-1"], "bfl", "is no amount in USD"),
        ("id,amount\na,4\n", ["--rate", "credits=x"], "bfl", "is no amount in USD"),
        ("id,amount\na,4\n", ["--map", "id"], "bfl", "write NAME=VALUE"),
        ("", [], "bfl", "no column is known as the amount"),
    ],
)
def test_what_is_not_certain_is_refused_with_two(
    books: Books, text: str, arguments: list[str], vendor: str, says: str
) -> None:
    books.buy(40_000)
    books.buy(40_000, offer="fal/flux-dev")
    refused = books.reconcile(text, *arguments, vendor=vendor)
    assert refused.exit_code == 2
    assert says in " ".join(refused.stderr.replace("│", "").split())


def test_a_file_that_is_no_text_is_refused(books: Books) -> None:
    books.buy(40_000)
    path = books.invoice("")
    path.write_bytes(b"id,amount\n\xff\xfe,1\n")
    assert books.run("reconcile", "bfl", str(path)).exit_code == 2


MEASURED = """
import pathlib, re, sys
from proxy.cli import main
try:
    main(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


def measured(books: Books, invoice: Path) -> tuple[Any, float]:
    """What is told of an invoice by a process of its own, and the most memory that it had, in MiB."""
    config = str(books.folder / "config.yaml")
    command = ["reconcile", "bfl", str(invoice), "--json", "--data", str(books.folder), "--config", config]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout), int(done.stderr.split()[-1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this is where Linux tells of memory")
def test_a_month_is_read_as_a_stream_and_the_ledger_stays_as_it_was(books: Books) -> None:
    """A hundred thousand lines against as many submissions, in the memory that ten lines take."""
    lines = 100_000
    place = ("acme", "k", "bfl", "flux-pro-1.1", 40_000, 1)
    with books.engine.begin() as connection:
        connection.connection.executemany(
            "INSERT INTO entries (at, kind, job, hold, team, key, provider, model, micros, images, vendor_id)"
            " VALUES (?, 'settle', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((NOON + n * 1000, f"j{n}", f"j{n}/0", *place, f"{n:032x}") for n in range(lines)),
        )
    few, many = books.folder / "few.csv", books.folder / "many.csv"
    for path, count in ((few, 10), (many, lines)):
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "created_at", "model", "amount"])
            out.writerows((f"{n:032x}", NOON // 1000 + n, "flux-pro-1.1", "0.04") for n in range(count) if n % 1000)
            out.writerows((f"x{n}", NOON // 1000 + n, "flux-pro-1.1", "0.04") for n in range(count // 200 + 1))
    books.engine.dispose()
    before = hashlib.sha256((books.folder / FILE).read_bytes()).digest()
    _, usual = measured(books, few)
    began = time.perf_counter()
    found, most = measured(books, many)
    print(f"{lines} lines in {time.perf_counter() - began:.1f} s, {most - usual:.0f} MiB more than for ten")
    assert found["agreeing"]["count"] == lines - 100
    assert (found["only_theirs"]["count"], found["only_ours"]["count"]) == (501, 100)
    assert found["unexplained_usd"] == "20.04"
    assert most - usual < 4
    assert hashlib.sha256((books.folder / FILE).read_bytes()).digest() == before


# Drift.


def said(**usage: Any) -> str:
    return json.dumps({name: str(each) if name != "images" else each for name, each in usage.items()})


def test_quotes_are_held_against_vendors_own_figures_by_offer_and_day(books: Books) -> None:
    now = time.time_ns() // 1_000_000
    day = 24 * HOUR
    figure = said(images=1, usd="0.05")
    for ago, paid in ((3, 40_000), (2, 40_000), (1, 50_000), (0, 50_000)):
        books.buy(paid, at=now - ago * day, detail=figure)
    books.buy(40_000, at=now, detail=said(images=1))  # no figure of the vendor's
    books.buy(40_000, at=now, detail="ended by hand")
    books.buy(40_000, at=now - 40 * day, detail=figure)  # before
    books.buy(10_000, held=40_000, asked=4, came=1, at=now, detail=figure, offer="fal/flux-dev")  # a quarter of it came
    found = told(books.run("drift", "--json"))["offers"]
    assert [(each["provider"], each["samples"], each["ratio"], each["trend"]) for each in found] == [
        ("bfl", 4, "1.125", "0.25"),
        ("fal", 1, "1", None),
    ]
    assert [each["ratio"] for each in found[0]["days"]] == ["1", "1", "1.25", "1.25"]
    assert (found[0]["quoted_usd"], found[0]["settled_usd"]) == ("0.16", "0.18")
    shown = books.run("drift", "--provider", "bfl", "--since", "30d").stdout.splitlines()
    assert shown[1] == "bfl/flux-pro-1.1\t4\t0.16\t0.18\t1.125\t+0.25"
    assert len(shown) == 2 + 1 + 4


def test_what_was_overrun_is_part_of_what_the_vendor_took(books: Books) -> None:
    now = time.time_ns() // 1_000_000
    hold = books.buy(50_000, at=now, detail=said(images=1, usd="0.05"))
    with books.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO entries (at, kind, job, hold, team, key, provider, model, micros, images)"
            " SELECT at, 'overrun', job, hold, team, key, provider, model, 30000, 0 FROM entries"
            " WHERE hold = ? AND kind = 'settle'",
            (hold,),
        )
    assert told(books.run("drift", "--json"))["offers"][0]["ratio"] == "2"


def test_a_trend_is_the_later_half_less_the_earlier() -> None:
    days = [
        Compared(provider="p", model="m", day=f"2026-11-{n}", samples=1, held=100, cost=cost)
        for n, cost in ((10, 100), (11, 500), (12, 110))
    ]
    (found,) = trends(days)
    assert found.trend == Decimal("0.1")
    assert trends(days[:1])[0].trend is None
    assert trends([]) == []
