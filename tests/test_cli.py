"""The command line: scriptable, helpful, and clear about what went wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result

import providers
from proxy.cli import COMMANDS, main
from proxy.ledger.engine import FILE, connect

ROOT = Path(__file__).parents[1]


def run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environ)


NO_KEY = "configured: is not available here: OPENAI_API_KEY is not set"


def config() -> list[str]:
    return ["--config", str(ROOT / "config.yaml")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    told = run(command, "--help")
    assert told.exit_code == 0
    assert told.output.startswith("Usage: ")
    assert len(told.output.splitlines()) > 3


def test_help_begins_with_how_to_start() -> None:
    assert "darkroom teams create acme --budget 100/month" in run("--help").output
    assert run("--version").output.startswith("darkroom ")


def test_a_team_and_a_key_are_made_and_the_key_alone_is_on_standard_output(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    made = run("teams", "create", "acme", "--budget", "100/month", "--budget", "5/day", "--images", "500/day", *data)
    assert made.exit_code == 0
    assert made.stdout == ""
    live = run("keys", "create", "--team", "acme", *data)
    assert live.stdout.startswith("dk_live_")
    assert live.stdout.count("\n") == 1
    assert run("keys", "create", "--team", "acme", "--test", *data).stdout.startswith("dk_test_")
    teams = json.loads(run("teams", "list", "--json", *data).stdout)
    assert [limit["amount"] for limit in teams[0]["limits"]] == [500, 5_000_000, 100_000_000]
    keys = json.loads(run("keys", "list", "--json", *data).stdout)
    assert sorted(key["test"] for key in keys) == [False, True]
    assert live.stdout.strip() not in json.dumps(keys)
    assert live.stdout.strip().encode() not in (tmp_path / FILE).read_bytes()


def test_a_key_is_ended_by_what_it_begins_with(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    run("teams", "create", "acme", *data)
    key = run("keys", "create", "--team", "acme", *data).stdout.strip()
    assert run("keys", "revoke", key[:13], *data).exit_code == 0
    assert "revoked" in run("keys", "list", *data).stdout
    again = run("keys", "revoke", key[:13], *data)
    assert again.exit_code == 1
    assert "no working key" in again.stderr


def test_limits_are_changed_and_replaced(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    run("teams", "create", "acme", "--budget", "100/month", *data)
    run("teams", "limit", "acme", "--requests", "60", "--in-flight", "4", *data)
    assert "$100/month" in run("teams", "list", *data).stdout
    run("teams", "limit", "acme", "--budget", "7.5/day", "--replace", *data)
    assert run("teams", "list", *data).stdout.splitlines()[1] == "acme\t$7.5/day\tdefault"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["teams", "create", "Acme Inc"], "is no team name"),
        (["teams", "create", "acme", "--budget", "100"], "write USD"),
        (["teams", "create", "acme", "--budget", "1.1234567/day"], "write USD"),
        (["teams", "create", "acme", "--requests", "5/day"], "a window of minute"),
        (["keys", "create", "--team", "nobody"], "darkroom teams create nobody"),
        (["teams", "limit", "nobody", "--budget", "1/day"], "there is no team 'nobody'"),
        (["usage", "--team", "nobody"], "there is no team 'nobody'"),
        (["usage", "--since", "yesterday"], "write hours or days"),
        (["holds", "release", "nothing"], "darkroom holds list"),
        (["holds", "settle", "x", "much"], "is no amount"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    failed = run(*arguments, "--data", str(tmp_path))
    assert failed.exit_code != 0
    assert says in failed.output
    assert "Traceback" not in failed.output


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    run("teams", "create", "acme", *data)
    assert "there is a team 'acme' already" in run("teams", "create", "acme", *data).stderr


def test_check_says_what_would_run_and_why_the_rest_would_not() -> None:
    told = run("check", *config(), environ={"OPENAI_API_KEY": "", "BFL_API_KEY": "x"})
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert "sandbox\t9\tready" in lines
    assert any(re.fullmatch(r"openai\t\d+\tout: OPENAI_API_KEY is not set", line) for line in lines)
    assert "bfl/flux-pro-1.1\tgenerate (all)\t$0.04\tready" in lines
    edits = "generate (all), edit (general, inpaint, variation)"
    assert f"openai/gpt-image-2\t{edits}\tfrom $0.00447\tout: OPENAI_API_KEY is not set" in lines
    assert any(re.match(r"openai/gpt-image-2.6-flare\t.+\tunpriced: the vendor has not said", line) for line in lines)
    assert any(line.startswith("local/tiny-untrained\t") and "\t$0.006\tready" in line for line in lines)
    assert "configuration is fine" in told.stderr
    as_json = json.loads(run("check", "--json", *config(), environ={"BFL_API_KEY": "x"}).stdout)
    assert as_json["aliases"]["flux-1.1-pro"] == "flux-pro-1.1"


def test_check_tells_programs_of_every_vendor_and_every_offer() -> None:
    told = json.loads(run("check", "--json", *config(), environ={"OPENAI_API_KEY": "", "BFL_API_KEY": "x"}).stdout)
    vendors = {each["vendor"]: each for each in told["vendors"]}
    assert vendors.keys() == providers.NAMES
    assert vendors["openai"] == {
        "vendor": "openai",
        "title": "OpenAI",
        "out": "OPENAI_API_KEY is not set",
        "offers": sum(each["offer"].startswith("openai/") for each in told["offers"]),
    }
    assert vendors["bfl"]["out"] is None
    offers = {each["offer"]: each for each in told["offers"]}
    mini = offers["openai/gpt-image-1-mini"]
    assert (mini["from_usd"], mini["a_picture"], mini["out"]) == (
        *("0.005012", "from $0.005012"),
        "OPENAI_API_KEY is not set",
    )
    assert {"operations": ["generate"], "size": "1024x1024"}.items() <= mini["prices"][-2].items()
    assert mini["prices"][-2]["prices"][1] == {"quality": "medium", "usd": "0.011012"}
    unknown = offers["openai/gpt-image-2.6-flare"]
    assert unknown["from_usd"] is None
    assert unknown["prices"][0]["prices"][0]["unpriced"] == "the vendor has not said how many tokens a picture takes"
    assert offers["sandbox/sandbox"]["a_picture"] == "free"


def test_everything_is_ready_once_every_key_is_set(tmp_path: Path) -> None:
    everyone = {name: providers.load(name) for name in sorted(providers.NAMES)}
    written = tmp_path / "config.yaml"
    written.write_text("default_model: sandbox\nproviders:\n" + "".join(f"  {name}: {{}}\n" for name in everyone))
    keys = {provider.key_from: "a key" for provider in everyone.values() if provider.key_from}
    told = json.loads(run("check", "--json", "--config", str(written), environ=keys).stdout)
    assert {each["vendor"] for each in told["vendors"] if each["out"] is None} == {
        name for name, provider in everyone.items() if provider.models
    }
    assert {each["offer"] for each in told["offers"] if each["out"] is None} == {
        f"{name}/{model.name}" for name, provider in everyone.items() for model in provider.models
    }
    assert all(each["operations"] and each["prices"] for each in told["offers"])


def test_check_tells_of_prices_that_nobody_has_checked_for_long() -> None:
    with patch("proxy.cli.asking.STALE_DAYS", -100_000):
        told = run("check", *config())
    assert re.search(r"^price of openai/gpt-image-2 was last checked on 20\d\d-\d\d-\d\d$", told.stderr, re.MULTILINE)
    assert told.exit_code == 0


def test_vendors_that_are_not_configured_are_told_as_well(tmp_path: Path) -> None:
    written = tmp_path / "config.yaml"
    written.write_text("default_model: sandbox\nproviders: {sandbox: {}, local: {}, openai: {enabled: false}}\n")
    lines = run("check", "--config", str(written)).stdout.splitlines()
    assert "openai\t0\tout: it is switched off" in lines
    assert "bfl\t0\tout: it is not in the configuration" in lines
    assert "local\t0\tout: it has no models" in lines


def test_check_names_the_place_of_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "config.yaml"
    wrong.write_text("providers: {sandbox: {colour: red}}")
    told = run("check", "--config", str(wrong))
    assert told.exit_code == 1
    assert "colour" in told.stderr
    assert "$.providers" in told.stderr
    wrong.write_text("policy: {rules: [nonsense]}")
    told = run("check", "--config", str(wrong))
    assert (told.exit_code, "policy.rules: there is no rule 'nonsense'" in told.stderr) == (1, True)
    assert "No such file" in run("check", "--config", str(tmp_path / "none.yaml")).stderr


def test_an_estimate_needs_no_key() -> None:
    asked = ["--model", "gpt-image-2", "--size", "1024x1024", "--quality", "high", "-n", "2"]
    told = run("estimate", *asked, "--json", *config(), environ={"OPENAI_API_KEY": ""})
    offer = {"offer": "openai/gpt-image-2", "usd": "0.42151", "unpriced": None, "left_out": NO_KEY}
    assert json.loads(told.stdout) == [offer]
    longer = json.loads(run("estimate", *asked, "--prompt", "x" * 1001, "--json", *config()).stdout)
    assert longer[0]["usd"] == "0.43151"
    unknown = run("estimate", "--model", "gpt-image-2.6-flare", *config())
    assert "has not said how many tokens" in unknown.stdout
    assert run("estimate", "--model", "nobody", *config()).exit_code == 1
    assert run("estimate", "--size", "large", *config()).exit_code == 2


def test_a_plan_gives_a_reason_for_everything() -> None:
    told = run("plan", "--model", "auto", "--json", *config(), environ={"OPENAI_API_KEY": "x"})
    plan = json.loads(told.stdout)
    assert [choice["offer"] for choice in plan["choices"]] == ["openai/gpt-image-2"]
    nothing = run("plan", "--model", "gpt-image-2", *config(), environ={"OPENAI_API_KEY": ""})
    assert nothing.exit_code == 1
    assert "configured: is not available here: OPENAI_API_KEY is not set" in nothing.stdout


def test_usage_adds_up(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    run("teams", "create", "acme", "--budget", "1/month", *data)
    told = json.loads(run("usage", "--json", *data).stdout)
    assert told["total_usd"] == "0"
    assert told["budgets"][0]["left"] == 1_000_000
    assert "team:acme\tusd/month\t1\t0\t0\t1" in run("usage", *data).stdout
    assert "team\tmodel\trequests\timages\tUSD\ton the house" in run("usage", "--by", "model,team", *data).stdout
    assert "there is no colour" in run("usage", "--by", "team,colour", *data).output


def test_migrate_brings_an_empty_folder_to_this_version(tmp_path: Path) -> None:
    assert "empty -> 0003" in run("migrate", "--data", str(tmp_path)).stdout
    assert "0003 -> 0003" in run("migrate", "--data", str(tmp_path)).stdout


def test_a_ledger_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run("migrate", "--data", str(tmp_path))
    engine = connect(tmp_path / FILE)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    engine.dispose()
    refused = run("teams", "list", "--data", str(tmp_path))
    assert refused.exit_code == 1
    assert "darkroom migrate" in refused.stderr
