"""The dashboard shows what the server has: every name, label and variable in it is there, and nothing is left out.

A dashboard fails in silence: a renamed metric is an empty panel, found on the day it is needed.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.grafana.board import (
    BUILT_IN,
    FOLDER,
    SCRAPED,
    VOCABULARY,
    alerts,
    board,
    exposed,
    filled_in,
    metrics,
    panels,
    rules,
    series,
    targets,
    variables,
)
from tests.grafana.promql import Read
from tests.walk.running import running
from tests.walk.vendors import OpenAIVendor, at, serving

UNITS = {"none", "short", "s", "bytes", "ops", "reqpm", "percentunit", "currencyUSD", "suffix: /min"}
"""Grafana's names of those used here; it shows one it does not know behind every figure."""


def read(expression: str) -> Read:
    return Read(filled_in(expression, variables()), series(), VOCABULARY)


# What is asked for.


@pytest.mark.parametrize(
    ("title", "target"), list(targets()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_query_asks_for_what_there_is_and_its_legend_names_what_comes_back(
    title: str, target: dict[str, Any]
) -> None:
    made = read(target["expr"])
    assert made.wrong == []
    assert made.names
    assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"])) <= made.labels
    if target["legendFormat"] and not target["instant"]:  # several lines need several names
        assert made.labels == set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))


def test_every_metric_is_shown_somewhere() -> None:
    asked = set().union(*[read(target["expr"]).names for _, target in targets()])
    behind = set().union(
        *[Read(rules()[name], series(), VOCABULARY, plain=True).names for name in asked & set(rules())]
    )
    unseen = {metric for metric, names in metrics().items() if not names.keys() & (asked | behind)}
    assert unseen == set()
    assert set(rules()) <= asked


@pytest.mark.parametrize("record", list(rules()))
def test_a_rule_records_what_a_counter_grew_by_in_the_rules_own_interval(record: str) -> None:
    made = Read(rules()[record], series(), VOCABULARY, plain=True)
    assert made.wrong == []
    (group,) = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    (name,) = made.names
    assert record == f"{name.removesuffix('_total').replace('_', ':', 1)}:delta{group['interval']}"
    assert f"offset {group['interval']}" in rules()[record]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("sum(rate(darkroom_request_total[5m]))", "darkroom_request_total is no metric"),
        ("sum(rate(darkroom_requests[5m]))", "darkroom_requests is no metric"),
        ("rate(darkroom_spend_usd_total{tenant='a'}[5m])", "darkroom_spend_usd_total has no label tenant"),
        ("sum by (model) (rate(darkroom_requests_total[5m]))", "sum by model"),
        ("sum(rate(darkroom_requests_total[5m])) by (provider)", "sum by provider"),
        ("sum by (team) (sum by (status) (rate(darkroom_requests_total[5m])))", "sum by team"),
        ("topk by (nobody) (3, darkroom_breaker_state)", "topk by nobody"),
        ("histogram_quantile(0.9, sum by (dialect) (rate(darkroom_request_seconds_bucket[5m])))", "needs le"),
        ("histogram_quantile(0.9, rate(darkroom_request_seconds_count[5m]))", "needs le"),
        ("rate(darkroom_request_seconds[5m])", "darkroom_request_seconds is no metric"),
        ("rate(darkroom_breaker_state[5m])", "darkroom_breaker_state in rate"),
        ("sum(darkroom_spend_usd_total)", "darkroom_spend_usd_total in no function"),
        ("rate(darkroom_attempts_total{outcome='okay'}[5m])", "outcome is never okay"),
        ("rate(darkroom_attempts_total{outcome!~'ok|reject'}[5m])", "outcome is never reject"),
        (
            "sum by (team) (rate(darkroom_spend_usd_total[5m])) / sum(rate(darkroom_images_total[5m]))",
            "only one side has team",
        ),
        ("rate(darkroom_attempts_total[5m]) / rate(darkroom_attempt_seconds_count[5m])", "only one side has outcome"),
        ("sum_over_time(darkroom:spend:delta1m[1h])", "darkroom:spend:delta1m is no metric"),
        ("rate(darkroom:spend_usd:delta1m[1h])", "darkroom:spend_usd:delta1m in rate"),
        ("up{job='prometheus'}", "job is never prometheus"),
        ("{team='a'}", "a selector without a name is no metric"),
        ("up / on (job) up", "not understood"),
        ("rate(darkroom_requests_total)", "does not parse"),
        ("sum(darkroom_store_bytes", "does not parse"),
        ("frobnicate(darkroom_store_bytes)", "does not parse"),
    ],
)
def test_an_expression_that_is_wrong_is_found_out(expression: str, says: str) -> None:
    assert says in "; ".join(read(expression).wrong)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("darkroom_store_bytes", SCRAPED),
        ("-(darkroom_store_bytes)", SCRAPED),
        ("2 * sum without (instance, job) (rate(darkroom_refusals_total[5m]))", {"fault"}),
        ("max_over_time(darkroom_breaker_state[1h:1m])", {"provider", "model", *SCRAPED}),
        ("topk(3, sum by (team) (rate(darkroom_spend_usd_total[5m])))", {"team"}),
        ('label_replace(up, "host", "$1", "instance", "(.*):.*")', {"host", *SCRAPED}),
        ("sum(rate(darkroom_repeats_total[5m])) or vector(0)", set()),
        ("sum by (le) (rate(darkroom_request_seconds_bucket{dialect='a'}[5m]))", {"le"}),
        ("darkroom_breaker_state == 2 unless darkroom_breaker_state offset 1h == 2", {"provider", "model", *SCRAPED}),
    ],
)
def test_an_expression_that_is_right_is_left_alone(expression: str, labels: set[str]) -> None:
    made = Read(expression, series(), VOCABULARY)
    assert made.wrong == []
    assert made.labels == labels


def test_a_running_server_offers_what_the_board_was_checked_against(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with (
        serving(vendor),
        running(
            tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo", "limits": {"breaker_failures": 1}}
        ) as server,
    ):
        key = server.key("acme", "0.05/total")
        answered: list[int] = []
        boom = {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}}
        for model in ("spare", "photo", "photo", "nothing"):
            vendor.fail_next = [(500, {}, boom)] if model == "spare" else []
            body = {"model": model, "prompt": "A boat", "response_format": "b64_json"}
            sent = {"authorization": f"Bearer {key}"}
            answered.append(httpx.post(f"{server.base}/images/generations", json=body, headers=sent).status_code)
        assert answered == [503, 200, 429, 404]
        path = scrape()["metrics_path"]
        answer = httpx.get(f"{server.base.removesuffix('/v1')}{path}")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    there = exposed(answer.text)
    assert there.keys() == metrics().keys()
    happened = {metric: names for metric, names in there.items() if names}
    assert {"darkroom_breaker_state", "darkroom_budget_refusals", "darkroom_spend_usd"} <= happened.keys()
    for metric, names in happened.items():
        assert names == metrics()[metric]


# What wakes a person.


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(alert: dict[str, Any]) -> None:
    made = read(alert["expr"])
    assert made.wrong == []
    assert made.names
    assert alert["labels"]["severity"] in {"warning", "critical"}
    said = alert["annotations"]
    assert set(said) == {"summary", "description"}
    assert {name for text in said.values() for name in re.findall(r"\$labels\.(\w+)", text)} <= made.labels
    assert "`" in said["description"]  # a command, or a setting


def test_every_alert_is_tested_where_it_fires() -> None:
    tested = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    fires = {case["alertname"] for test in tested for case in test["alert_rule_test"] if case["exp_alerts"]}
    quiet = {case["alertname"] for test in tested for case in test["alert_rule_test"] if not case["exp_alerts"]}
    assert fires == quiet == {alert["alert"] for alert in alerts()}


# How it is shown.


def test_a_panel_says_what_it_is_in_which_unit_and_what_to_make_of_it() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(titles) > 30
    assert sorted(titles) == sorted(set(titles))
    for panel in panels():
        assert re.fullmatch(r"\S.{3,50}\S", panel["title"]), panel["title"]
        assert re.fullmatch(r"(?s).{40,400}[.]|.{40,400}`", panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        units = [
            each["value"]
            for over in panel["fieldConfig"]["overrides"]
            for each in over["properties"]
            if each["id"] == "unit"
        ]
        assert set(units) <= UNITS


def test_money_is_in_usd_time_in_seconds_and_a_share_in_percent() -> None:
    for panel in panels():
        unit = panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            asked = target["expr"]
            if panel["type"] == "table":
                continue
            assert ("_usd" in asked) == (unit == "currencyUSD"), panel["title"]
            timed = any(name in asked for name in ("_seconds_bucket", "offer_seconds", "renderer_wait_seconds"))
            assert timed == (unit == "s"), panel["title"]
            if unit in ("reqpm", "suffix: /min"):
                assert asked.startswith("60 * ") or "60 * rate" in asked, panel["title"]


def test_thresholds_go_up() -> None:
    for panel in panels():
        first, *rest = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert first is None
        assert rest == sorted(rest)


def test_panels_stand_beside_each_other_without_gaps_in_a_row() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board()["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    rows = max(y for _, y in taken) + 1
    assert len(taken) == 24 * rows
    ids = [panel["id"] for panel in board()["panels"]]
    assert len(ids) == len(set(ids))


def test_queries_of_a_panel_have_letters_of_their_own_and_its_table_names_them() -> None:
    for panel in panels():
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))
        text = str(panel.get("transformations", "")) + str(panel["options"].get("footer", ""))
        assert set(re.findall(r"Value #(\w)", text)) <= set(letters)


def test_a_count_over_an_interval_is_not_asked_more_finely_than_it_is_recorded() -> None:
    for panel in panels():
        if any("$__interval" in target["expr"] for target in panel["targets"]):
            assert panel["interval"] == "5m", panel["title"]


# Variables.


def test_what_one_can_choose_is_used_and_what_is_used_can_be_chosen() -> None:
    text = str(board()["panels"]) + str(board()["templating"])
    used = {first or second for first, second in re.findall(r"\$(?:([a-z_]\w*)|\{(\w+)[^}]*\})", text)} - set(BUILT_IN)
    assert used - {"__all"} == variables() == {"datasource", "team", "provider"}


def test_a_variable_nobody_defines_is_found_out() -> None:
    for wrong in ("up{job='$env'}", "up{job='${env:regex}'}", "rate(x[$interval])"):
        with pytest.raises(KeyError):
            filled_in(wrong, variables())
    assert filled_in('x{a=~"${team:regex}"}[$__range]', variables()) == 'x{a=~".*"}[6h]'


def test_every_query_goes_to_the_chosen_data_source() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asking = [*panels(), *(target for _, target in targets())]
    asking += [variable for variable in board()["templating"]["list"] if variable["type"] == "query"]
    assert all(each["datasource"] == chosen for each in asking)


@pytest.mark.parametrize("name", ["team", "provider"])
def test_choices_come_from_a_label_and_all_of_them_includes_having_none(name: str) -> None:
    (variable,) = [each for each in board()["templating"]["list"] if each["name"] == name]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
    assert label == name
    assert label in series()[metric]
    assert variable["multi"]
    assert variable["allValue"] == ".*"  # what Grafana would list instead leaves out an empty team
    asked = [target["expr"] for _, target in targets()]
    assert sum(f'{name}=~"${name}"' in each for each in asked) > 8
    assert not any(re.search(rf'{name}(=|!=)"\$', each) for each in asked)  # several may be chosen


# The files around it.


def scrape() -> dict[str, Any]:
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    read: dict[str, Any] = job
    return read


def test_prometheus_scrapes_the_job_the_board_asks_for_and_reads_the_rules() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert {scrape()["job_name"]} == VOCABULARY["job"]
    assert all((FOLDER / name).is_file() for name in config["rule_files"])
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert [source["type"] for source in sources] == ["prometheus"]
    assert sources[0]["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_the_commented_token_is_valid_when_it_is_taken_in() -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    begin = text.index("    # From another machine")
    taken_in = text[:begin] + text[begin:].replace("    # ", "    ").replace("From another", "# From another")
    (job,) = yaml.safe_load(taken_in)["scrape_configs"]
    assert job["authorization"]["type"] == "Bearer"
    assert job["scheme"] == "https"


def test_what_compose_mounts_is_there_and_is_where_the_others_look() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    mounts: dict[str, str] = {}
    for service in services.values():
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])  # never `latest`
        for volume in service["volumes"]:
            source, inside, *mode = volume.split(":")
            if source.startswith("."):
                assert (FOLDER / source).exists()
                assert mode == ["ro"]
                mounts[inside] = source
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/darkroom.yaml").read_text())["providers"]
    assert mounts[provider["options"]["path"]] == "./dashboards"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / "dashboards" / Path(home).name).is_file()
    days = re.search(r"retention\.time=(\d+)d", " ".join(services["prometheus"]["command"]))
    assert days is not None
    assert int(days[1]) > 31


def test_every_file_the_readme_names_is_there() -> None:
    text = (FOLDER / "README.md").read_text()
    named = set(re.findall(r"`?grafana/([\w./]+\w)", text)) | set(re.findall(r"`(\w+\.ya?ml)`", text)) - {"config.yaml"}
    assert len(named) > 4
    assert [name for name in named if not (FOLDER / name).exists()] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
@pytest.mark.parametrize(
    "command",
    [
        "check config prometheus.yml",
        "check rules rules.yaml alerts.yaml",
        "test rules rules_test.yaml alerts_test.yaml",
    ],
)
def test_prometheus_own_tool_agrees(command: str) -> None:
    done = subprocess.run(["promtool", *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
