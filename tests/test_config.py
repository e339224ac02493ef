"""config.yaml: every mistake is refused with its place and a sentence; secrets do not show themselves."""

from __future__ import annotations

import copy
import re
import traceback
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pricing import Book, Quote
from providers.contract import Fit, Generate, fit
from proxy.catalogue import Catalogue
from proxy.config import AliasRow, CacheRow, Config, ConfigError, ProviderRow, ReuseRow, load, parse
from proxy.policy.engine import quote_at
from proxy.policy.rules import load as load_rules
from tests.properties import FEW

ROOT = Path(__file__).parents[1]
SHIPPED = (ROOT / "config.yaml").read_text()
KEY = "sk-live-very-secret"


def refusal(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(text, environ)
    return str(refused.value)


# What works.


def test_the_shipped_configuration_works_with_nothing_in_the_environment() -> None:
    config = load(ROOT / "config.yaml", {})
    catalogue = Catalogue(config, Book.load(), {})
    assert load_rules(config.policy.rules)
    assert catalogue.listing("").served_by == "sandbox"  # neither key nor network: the card drawer is what is left
    assert {name for name, line in catalogue.lines.items() if not line.provider.key_from} == {"sandbox", "local"}
    assert all(listing.available for listing in catalogue if listing.alias)


def taken_in(text: str) -> str:
    """The shipped configuration with every row that stands in a comment taken in."""
    rows = re.compile(r"^  # (?=[a-z]+:|  )", re.MULTILINE)
    begin, end = text.index("  # Any server that speaks"), text.index("# Other names.")
    return text[:begin] + rows.sub("  ", text[begin:end]) + text[end:]


def test_the_rows_shown_in_the_shipped_configuration_work_when_they_are_taken_in() -> None:
    names = {"vllm", "sglang", "studiolm", "yuhuan", "llmhub", "vendor", "sdwebui"}
    keys = dict.fromkeys(("STUDIOLM_API_KEY", "YUHUAN_API_KEY", "LLMHUB_API_KEY", "VENDOR_API_KEY"), KEY)
    config = parse(taken_in(SHIPPED), keys)
    assert config.providers.keys() == load(ROOT / "config.yaml", {}).providers.keys() | names
    catalogue = Catalogue(config, Book.load(), {})
    for name in names:
        found = [offer for offer in catalogue.every_offer() if offer.provider == name]
        assert found
        for offer in found:
            assert offer.out is None
            assert offer.prices[0].confidence == "operator"
            asked = fit(Generate(model=offer.model.name, prompt="a boat"), offer.model)
            assert isinstance(asked, Fit), (offer.name, asked)
            quoted = quote_at(offer, asked.request.billable(), date(2026, 11, 21))
            assert isinstance(quoted, Quote) or offer.ceiling is not None


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
def test_a_file_that_says_nothing_is_the_defaults(text: str) -> None:
    assert parse(text, {}) == Config() == load(None)


def test_the_defaults_work_alone() -> None:
    catalogue = Catalogue(Config(), Book.load(), {})
    assert catalogue.listing("").available
    assert load_rules(Config().policy.rules)


def test_the_defaults_of_the_policy_are_those_of_the_shipped_file() -> None:
    names = [name for name, _ in load_rules(load(ROOT / "config.yaml", {}).policy.rules)]
    assert [name for name, _ in load_rules(Config().policy.rules)] == names


def test_a_file_is_read_from_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("default_model: sandbox\nproviders: {sandbox: {options: {words: {bitte: ü}}}}", encoding="utf-8")
    assert load(path, {}).providers["sandbox"].options == {"words": {"bitte": "ü"}}


def test_amounts_of_money_are_exact_however_they_are_written() -> None:
    row = parse("providers: {openai: {ceilings: {a: 0.1, b: '0.1', c: 0}}}", {}).providers["openai"]
    assert row.ceilings == {"a": Decimal("0.1"), "b": Decimal("0.1"), "c": Decimal(0)}


# References to the environment.


@pytest.mark.parametrize(
    ("written", "environ", "read"),
    [
        ("${NAME}", {"NAME": "x"}, "x"),
        ("${NAME}", {}, ""),
        ("${NAME:-other}", {}, "other"),
        ("${NAME:-other}", {"NAME": ""}, "other"),
        ("${NAME:-other}", {"NAME": "x"}, "x"),
        ("${NAME:-}", {}, ""),
        ("${NAME:-http://a:1/b-c}", {}, "http://a:1/b-c"),
        ("a ${A} and ${B}", {"A": "1", "B": "2"}, "a 1 and 2"),
        ("${A}", {"A": "${B}", "B": "never"}, "${B}"),
        ("$NAME, ${}, ${A B}, {NAME}", {"NAME": "x", "A": "y"}, "$NAME, ${}, ${A B}, {NAME}"),
    ],
)
def test_references_are_taken_from_the_environment_wherever_text_stands(
    written: str, environ: dict[str, str], read: str
) -> None:
    text = yaml.safe_dump({"providers": {"sandbox": {"options": {"deep": [{"text": written}], "number": 5}}}})
    assert parse(text, environ).providers["sandbox"].options == {"deep": [{"text": read}], "number": 5}


def test_a_value_of_the_environment_never_becomes_anything_but_text() -> None:
    config = parse("default_model: ${M}", {"M": "x}\nlog: {prompts: true}"})
    assert config.default_model == "x}\nlog: {prompts: true}"
    assert not config.log.prompts


def test_a_variable_that_is_not_set_leaves_an_address_to_its_default() -> None:
    text = "providers: {openai: {base: '${BASE}'}}\nstore: {public_url: '${URL}'}\ndefault_model: gpt-image-2"
    line = Catalogue(parse(text, {}), Book.load(), {}).lines["openai"]
    assert line.account.base == line.provider.base


# Secrets.

SECRETS = f"providers: {{openai: {{key: '{KEY}'}}}}\nmetrics: {{token: '{KEY}'}}"


def test_secrets_mask_themselves() -> None:
    config = parse(SECRETS, {})
    key = config.providers["openai"].key
    assert key is not None
    assert key.reveal() == KEY
    for shown in (repr(config), str(config), f"{config.metrics}", f"{key!s} {key!r} {key}", repr(copy.copy(config))):
        assert KEY not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(config)


@pytest.mark.parametrize(
    "text",
    [
        f"{SECRETS}\ncolour: red",
        f"providers: {{openai: {{key: '{KEY}', colour: red}}}}",
        f"providers: {{openai: {{key: ['{KEY}']}}}}",
        f"providers: {{openai: {{key: {{'{KEY}': 1}}}}}}",
        f"metrics:\n  token: '{KEY}\nlog: {{}}",
        f'providers:\n  openai:\n    key: "{KEY}\n',
        f"providers:\n  openai:\n    key: {KEY}: {KEY}\n",
        f"providers:\n  openai:\n    key: {KEY}\n   base: x\n",
        f"providers: [{KEY}",
        f"providers: {{openai: {{key: @{KEY}}}}}",
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, {})
    assert KEY not in str(refused.value)
    assert KEY not in "".join(traceback.format_exception(refused.value))


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from([KEY, 5, None, [], {}, True, 1.5]), min_size=1))
@FEW
def test_whatever_stands_around_a_secret_is_refused_without_it(row: dict[str, Any]) -> None:
    tree = {"providers": {"openai": {"key": KEY, **row}}, "metrics": {"token": KEY}}
    assert KEY not in refusal(yaml.safe_dump(tree))


def test_a_key_is_written_as_text() -> None:
    told = refusal("providers: {openai: {key: 123456}}")
    assert told == "config.yaml: a key is text: put it in quotes - at `$.providers.openai.key`"


def test_a_token_that_came_out_empty_does_not_open_what_it_was_to_close() -> None:
    text = "metrics: {token: '${METRICS_TOKEN}'}"
    assert "`token` is empty: set the variable it names" in refusal(text)
    assert parse(text, {"METRICS_TOKEN": "x"}).metrics.token


# Mistakes.


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("colour: red", "", "`colour`"),
        ("log: {colour: red}", "$.log", "`colour`"),
        ("limits: {pictures: 10}", "$.limits", "`pictures`"),
        ("limits: {breaker_rate: 1.5}", "$.limits.breaker_rate", "<= 1.0"),
        ("balances: {low_usd: -1}", "$.balances", "zero or more"),
        ("providers: {bfl: {key: a, accounts: [{key: b}]}}", "$.providers.bfl", "put the key among the accounts"),
        ("providers: {bfl: {accounts: [{key: a, name: '2'}, {key: b}]}}", "$.providers.bfl", "`accounts` has 2 twice"),
        ("providers: {bfl: {accounts: [{key: a, name: a b}]}}", "$.providers.bfl.accounts[0].name", "regex"),
        ("providers: {bfl: {accounts: [{key: a, weight: 0}]}}", "$.providers.bfl.accounts[0].weight", ">= 1"),
        ("providers: {sandbox: {}, openai: {colour: red}}", "$.providers.openai", "`colour`"),
        ("providers: {sandbox: {models: [{name: a}, {name: b, sise: 1}]}}", "$.providers.sandbox.models[1]", "`sise`"),
        ("models: {a: {to: [b]}, dall-e-3: {too: [b]}}", "$.models.dall-e-3", "`too`"),
        ("policy: {rules: [cheapest, {prefer_local: 1}]}", "$.policy.rules[1].prefer_local", "Expected `object`"),
        ("policy: {rules: cheapest}", "$.policy.rules", "Expected `array`"),
        ("providers: [openai]", "$.providers", "Expected `object`"),
        ("providers: {openai: }", "$.providers.openai", "Expected `object`, got `null`"),
        ("providers: {1: {}}", "`key` in `$.providers", "Expected `str`, got `int`"),
        ("- providers", "", "Expected `object`, got `array`"),
        ("[]", "", "Expected `object`, got `array`"),
        ("false", "", "Expected `object`, got `bool`"),
        ("just words", "", "Expected `object`, got `str`"),
        ("default_model: 5", "$.default_model", "Expected `str`"),
        ("log: {prompts: 1}", "$.log.prompts", "Expected `bool`"),
        ("log: {level: loud}", "$.log", "write debug, info, warning or error"),
        ("limits: {body_bytes: 64M}", "$.limits.body_bytes", "Expected `int`"),
        ("limits: {body_bytes: 0}", "$.limits.body_bytes", ">= 1"),
        ("limits: {picture_pixels: -1}", "$.limits.picture_pixels", ">= 1"),
        ("limits: {breaker_failures: 0}", "$.limits.breaker_failures", ">= 1"),
        ("limits: {request_s: 0}", "$.limits.request_s", "> 0"),
        ("limits: {request_s: .nan}", "$.limits.request_s", "> 0"),
        ("limits: {bodies_bytes: 1000}", "$.limits", "the largest request could never be read"),
        ("providers: {openai: {deadline_s: -4}}", "$.providers.openai.deadline_s", "> 0"),
        ("store: {link_s: 1.5}", "$.store.link_s", "Expected `int`"),
        ("repeats: {retry_s: -1}", "$.repeats.retry_s", ">= 0"),
        ("ledger: {ambiguous_s: -1}", "$.ledger.ambiguous_s", ">= 0"),
        ("links: {allow: host}", "$.links.allow", "Expected `array`"),
        ("metrics: {bind: here}", "$.metrics", "write host:port"),
        ("metrics: {bind: 'here:'}", "$.metrics", "write host:port"),
        ("store: {public_url: images.example.com}", "$.store", "write it with https://"),
        ("providers: {a: {}, b: {base: 'gpu-1:8000'}}", "$.providers.b", "write it with https://"),
        ("providers: {b: {ceilings: {x: cheap}}}", "$.providers.b.ceilings.x", "Invalid decimal"),
        ("providers: {b: {ceilings: {x: -0.01}}}", "$.providers.b", "the ceiling of x is -0.01"),
        ("providers: {b: {ceilings: {x: nan}}}", "$.providers.b", "the ceiling of x is"),
        ("providers: {b: {models: [{name: x}, {name: y}, {name: x}]}}", "$.providers.b", "`models` has x twice"),
        (
            "providers: {b: {models: [{name: x, price: {per: {type: image, rows: [{price: dear}]}}}]}}",
            "$.providers.b.models[0].price.per.rows[0].price",
            "Invalid decimal",
        ),
        (
            "providers: {b: {models: [{name: x, load: {type: magic}}]}}",
            "$.providers.b.models[0].load.type",
            "Invalid value 'magic'",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_a_sentence(text: str, place: str, says: str) -> None:
    told = refusal(text)
    assert told.startswith("config.yaml: ")
    assert told.endswith(f"{place}`") if place else "- at" not in told
    assert says in told
    assert "[...]" not in told


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("log: {}\nproviders: [", 2, "expected the node content"),
        ("log:\n\tlevel: info", 2, "cannot start any token"),
        ("metrics:\n  token: ${T}\n  bind: {${B}}", 3, "expected ',' or '}'"),
        ("providers: {openai: {}}\nlog: {}\nproviders: {bfl: {}}", 3, "'providers' stands here twice"),
        ("providers:\n  openai: {key: a}\n  bfl: {}\n  openai: {}", 4, "'openai' stands here twice"),
        ("default_model: !!python/object:os.system {}", 1, "could not determine a constructor"),
        ("default_model: *nothing", 1, "found undefined alias"),
        ("providers: {? {a: 1} : {}}", 1, "found unhashable key"),
        ("a: 1\n--- \nb: 1", 2, "but found another document"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    told = refusal(text)
    assert told.startswith(f"config.yaml, line {line}: ")
    assert says in told


@pytest.mark.parametrize(("text", "says"), [("x: 2026-13-01", "month must be"), ("x: \x01", "not allowed")])
def test_what_yaml_itself_cannot_place_is_still_a_sentence(text: str, says: str) -> None:
    told = refusal(text)
    assert told.startswith("config.yaml is not YAML: ")
    assert says in told


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file or directory\. Give the right path with --config"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("log: {level: größer}".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml is not UTF-8 text"):
        load(tmp_path / "latin.yaml")
    (tmp_path / "wrong.yaml").write_text("colour: red")
    with pytest.raises(ConfigError, match=r"wrong\.yaml: "):
        load(tmp_path / "wrong.yaml")


def test_a_setting_has_one_default_whether_its_section_is_there_or_not() -> None:
    names = ["policy", "limits", "links", "store", "repeats", "ledger", "drift", "metrics", "log", "models"]
    assert parse(yaml.safe_dump({name: {} for name in names}), {}) == Config()


def test_every_setting_is_read_somewhere() -> None:
    """A setting that nothing reads is a promise nobody keeps."""
    shape = ROOT / "proxy" / "config"
    sources = "\n".join(path.read_text() for path in (ROOT / "proxy").rglob("*.py") if shape not in path.parents)
    sections: dict[str, type[Any]] = {
        name: type(default) for name, default in msgspec.structs.asdict(Config()).items() if isinstance(default, Struct)
    }
    assert {"limits", "store", "metrics", "repeats"} <= sections.keys()
    settings = [
        (f"config\\.{section}", setting) for section, row in sections.items() for setting in row.__struct_fields__
    ]
    settings += [("row", setting) for row in (ProviderRow, AliasRow) for setting in row.__struct_fields__]
    unread = [
        f"{place}.{name}"
        for place, name in settings
        if not re.search(rf"\b({place}|_?row(\(\))?)\.{name}\b", sources)  # `row()`: the one that holds now
    ]
    assert unread == []


# Pictures given again.


def test_nobody_is_given_kept_pictures_unless_a_line_says_so() -> None:
    assert parse("cache: {default: off, teams: {acme: {age_s: 60}, other: off}}", {}).cache == CacheRow(
        default=False, teams={"acme": ReuseRow(age_s=60), "other": False}
    )
    assert Config().cache.longest_s == 0


@pytest.mark.parametrize(
    ("cache", "says"),
    [
        ("{default: on}", "`default` is on: write for how long, {age_s: 86400}, or off"),
        ("{teams: {acme: yes}}", "`acme` is on"),
        ("{teams: {acme: {age_s: 0}}}", ">= 1"),
        ("{teams: {acme: {age_s: 90000}}}", "up to 90000 s old, `store` keeps them 86400 s"),
        ("{default: {age_s: 90000}}", "up to 90000 s old, `store` keeps them 86400 s"),
    ],
)
def test_a_cache_that_promises_what_it_cannot_keep_is_refused(cache: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(f"cache: {cache}", {})


def test_a_cache_lives_as_long_as_pictures_are_kept() -> None:
    parse("{cache: {default: {age_s: 90000}}, store: {keep_s: 90000}}", {})
    parse("{cache: {default: {age_s: 90000}}, store: {link_s: 90000}}", {})
