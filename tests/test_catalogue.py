"""The catalogue: what a configuration offers, under which names, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml

import providers
from pricing import Billable, Book, Quote
from providers.contract import Code, Failure, Fault
from proxy.catalogue import Catalogue
from proxy.config import ConfigError, parse
from proxy.policy.engine import quote_at

Rows = Mapping[str, Any]
CENT = {"per": {"type": "image", "rows": [{"price": "0.01"}]}}
NO_KEYS = "the keys of providers.openai.accounts are empty"
TODAY = datetime.now(UTC).date()
BOOK = Book.load()


def catalogue(
    rows: Rows, models: Rows | None = None, *, default: str, environ: Mapping[str, str] | None = None
) -> Catalogue:
    text = yaml.safe_dump({"providers": dict(rows), "models": dict(models or {}), "default_model": default})
    return Catalogue(parse(text, environ or {}), BOOK, environ or {})


def studio(*names: str, **more: Any) -> dict[str, Any]:
    """A server of ours that speaks OpenAI."""
    models = [{"name": name, "price": CENT} for name in names]
    return {"speaks": "openai", "base": "http://gpu-1:8000/v1", "models": models, **more}


def offers(made: Catalogue, name: str) -> list[str]:
    return [offer.name for offer in made.listing(name).offers]


def out(made: Catalogue, name: str) -> str | None:
    offer = made.offer(name)
    assert offer is not None
    return offer.out


# Offers.


def test_every_model_of_every_configured_provider_is_an_offer_whatever_it_lacks() -> None:
    made = catalogue({name: {} for name in providers.NAMES}, default="sandbox")
    for name in providers.NAMES:
        for model in providers.load(name).models:
            assert f"{name}/{model.name}" in offers(made, model.name)


def test_a_model_that_two_providers_have_is_one_name_with_two_offers() -> None:
    made = catalogue({"a": studio("photo"), "b": studio("photo", "sketch")}, default="photo")
    assert offers(made, "photo") == ["a/photo", "b/photo"]
    assert [listing.name for listing in made] == ["photo", "sketch"]


def test_a_disabled_provider_is_not_there() -> None:
    made = catalogue({"a": studio("photo", enabled=False), "b": studio("photo")}, default="photo")
    assert offers(made, "photo") == ["b/photo"]
    assert list(made.lines) == ["b"]
    assert made.offer("a/photo") is None


def test_a_row_with_a_model_of_the_providers_own_name_stands_instead_of_it() -> None:
    own = providers.load("openai").models[0].name
    row = {"models": [{"name": own, "title": "Ours", "price": CENT}, {"name": "another"}]}
    made = catalogue({"openai": row}, default=own, environ={"OPENAI_API_KEY": "x"})
    assert made.listing(own).model.title == "Ours"
    assert offers(made, own) == [f"openai/{own}"]
    assert offers(made, "another") == ["openai/another"]
    assert len(offers(made, providers.load("openai").models[1].name)) == 1


def test_a_row_that_speaks_anothers_protocol_has_only_its_own_models() -> None:
    made = catalogue({"studio": studio("photo")}, default="photo")
    assert [listing.name for listing in made] == ["photo"]


# Prices.


def test_a_price_of_the_book_holds_for_its_vendor_alone() -> None:
    model = "gpt-image-2"
    made = catalogue({"openai": {}, "cheap": studio(model) | {"models": [{"name": model}]}}, default=model)
    ours, theirs = made.offer(f"openai/{model}"), made.offer(f"cheap/{model}")
    assert ours is not None
    assert theirs is not None
    assert ours.prices
    assert theirs.prices == ()


def test_every_price_the_book_ever_had_is_kept_in_order() -> None:
    made = catalogue({name: {} for name in ("openai", "bfl", "sandbox")}, default="sandbox")
    kept = 0
    for listing in made:
        for offer in listing.offers:
            since = [price.since for price in offer.prices]
            assert since == sorted(since)
            assert since == [
                price.since
                for vendor, model, price in BOOK
                if (vendor, model) == (offer.provider, offer.model.vendor_name)
            ]
            kept += len(since)
    assert kept > len(list(made)) / 2


def test_a_price_the_operator_states_goes_before_the_book_and_holds_on_every_day() -> None:
    made = catalogue({"bfl": {"models": [{"name": "flux-pro-1.1", "price": CENT}]}}, default="flux-pro-1.1")
    offer = made.offer("bfl/flux-pro-1.1")
    assert offer is not None
    for day in (date(2001, 1, 1), TODAY):
        quoted = quote_at(offer, Billable(n=2, width=1024, height=1024), day)
        assert isinstance(quoted, Quote)
        assert quoted.usd == Decimal("0.02")
    assert offer.prices[0].source == "config.yaml"
    assert offer.prices[0].confidence == "operator"


def test_a_ceiling_holds_for_its_model_alone() -> None:
    made = catalogue({"a": studio("x", "y", ceilings={"x": "0.2"})}, default="x")
    assert [made.listing(name).offers[0].ceiling for name in ("x", "y")] == [Decimal("0.2"), None]


# How a provider is reached.


def test_a_vendors_key_comes_from_its_usual_variable_and_travels_in_its_own_domain() -> None:
    line = catalogue({"openai": {}}, default="gpt-image-2", environ={"OPENAI_API_KEY": "sk-1"}).lines["openai"]
    assert line.account.key.reveal() == "sk-1"
    assert line.account.realm == line.provider.realm
    assert line.account.base == line.provider.base


def test_a_key_of_the_row_goes_before_the_variable() -> None:
    row = {"openai": {"key": "${MINE}"}}
    made = catalogue(row, default="gpt-image-2", environ={"OPENAI_API_KEY": "sk-1", "MINE": "sk-2"})
    assert made.lines["openai"].account.key.reveal() == "sk-2"


def test_a_key_for_another_address_stays_at_that_address() -> None:
    row = {"openai": {"base": "https://gateway.example.com/openai/", "key": "k"}}
    account = catalogue(row, default="gpt-image-2").lines["openai"].account
    assert (account.base, account.realm) == ("https://gateway.example.com/openai", "")


def test_a_vendors_key_is_never_sent_to_who_only_speaks_like_it() -> None:
    line = catalogue({"studio": studio("photo")}, default="photo", environ={"OPENAI_API_KEY": "sk-1"}).lines["studio"]
    assert not line.account.key
    assert line.account.realm == ""


def test_an_offer_is_where_its_accounts_are_and_an_account_without_a_key_is_nowhere() -> None:
    rows = [{"key": "a"}, {"key": "b", "region": "eu-west"}, {"key": "${NONE}", "region": "asia"}]
    for region, places in (("us", {"us", "eu-west"}), (None, {"eu-west"})):
        made = catalogue({"bfl": {"accounts": rows, "region": region}}, default="flux-dev")
        assert [lane.region for lane in made.lines["bfl"].lanes] == [region, "eu-west"]
        offer = made.offer("bfl/flux-dev")
        assert offer is not None
        assert offer.regions == places


def test_a_line_knows_the_limits_of_its_models_and_a_row_may_state_others() -> None:
    made = catalogue({"bfl": {"key": "k"}}, default="flux-dev").lines["bfl"]
    assert made.models["flux-kontext-max"] == 6
    assert {most for name, most in made.models.items() if name != "flux-kontext-max"} == {None}
    row = {"key": "k", "concurrencies": {"flux-kontext-max": 60, "flux-dev": 2}}
    stated = catalogue({"bfl": row}, default="flux-dev").lines["bfl"].models
    assert (stated["flux-kontext-max"], stated["flux-dev"], stated["flux-2-pro"]) == (60, 2, None)
    assert made.offers("flux-dev")
    assert not made.offers("photo")
    own = catalogue({"a": studio("photo", concurrencies={"photo": 3})}, default="photo").lines["a"]
    assert own.models == {"photo": 3}
    with pytest.raises(ConfigError, match=r"providers\.a\.concurrencies: it has no model poster"):
        catalogue({"a": studio("photo", concurrencies={"poster": 1})}, default="photo")


def test_a_row_says_how_long_an_attempt_may_take_and_what_else_the_protocol_takes() -> None:
    line = catalogue({"s": studio("x", deadline_s=7, options={"a": 1})}, default="x").lines["s"]
    assert (line.deadline, line.account.options) == (7.0, {"a": 1})


def lanes(made: Catalogue, name: str) -> list[tuple[str, str, int, int | None]]:
    return [(lane.name, lane.account.key.reveal(), lane.weight, lane.concurrency) for lane in made.lines[name].lanes]


def test_several_accounts_are_called_by_their_names_or_places_and_share_what_the_row_says() -> None:
    rows = [{"key": "a", "weight": 3}, {"key": "${B}", "name": "eu", "concurrency": 6}, {"key": "c"}]
    row = {"accounts": rows, "base": "https://gateway.example.com", "options": {"a": 1}, "concurrency": 9}
    made = catalogue({"bfl": row}, default="flux-dev", environ={"B": "b", "BFL_API_KEY": "never"})
    assert lanes(made, "bfl") == [("1", "a", 3, 9), ("eu", "b", 1, 6), ("3", "c", 1, 9)]
    assert {(lane.account.base, lane.account.realm) for lane in made.lines["bfl"].lanes} == {(row["base"], "")}
    assert all(lane.account.options == {"a": 1} for lane in made.lines["bfl"].lanes)
    assert made.keyless == []


def test_what_a_vendor_states_is_an_accounts_limit_unless_the_row_says_otherwise() -> None:
    keyed = {"key": "k"}
    made = catalogue({"bfl": keyed, "ideogram": keyed, "openai": keyed}, default="flux-dev")
    assert [lanes(made, name)[0][3] for name in ("bfl", "ideogram", "openai")] == [24, 10, None]
    assert lanes(catalogue({"bfl": {**keyed, "concurrency": 100}}, default="flux-dev"), "bfl")[0][3] == 100


def test_an_account_without_a_key_is_left_out_and_keeps_the_others_places() -> None:
    row = {"accounts": [{"key": "${NONE}"}, {"key": "b"}]}
    made = catalogue({"bfl": row}, default="flux-dev")
    assert [lane[:2] for lane in lanes(made, "bfl")] == [("2", "b")]
    assert made.keyless == ["providers.bfl.accounts.1"]
    assert out(made, "bfl/flux-dev") is None


@pytest.mark.parametrize(
    ("row", "environ", "lacks"),
    [
        ({"openai": {}}, {}, "OPENAI_API_KEY is not set"),
        ({"openai": {}}, {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY is not set"),
        ({"openai": {}}, {"OPENAI_API_KEY": "x"}, None),
        ({"openai": {"key": "${MINE}"}}, {"OPENAI_API_KEY": "x"}, "the key of providers.openai is empty"),
        ({"openai": {"key": "x"}}, {}, None),
        ({"openai": {"base": "http://here/v1"}}, {}, "OPENAI_API_KEY is not set"),
        ({"openai": studio("gpt-image-2", key="${MINE}")}, {}, "the key of providers.openai is empty"),
        ({"openai": studio("gpt-image-2")}, {}, None),
        ({"openai": {"accounts": [{"key": "${A}"}]}}, {"A": "x"}, None),
        ({"openai": {"accounts": [{"key": "${A}"}]}}, {"OPENAI_API_KEY": "x"}, NO_KEYS),
        ({"openai": studio("gpt-image-2", accounts=[{"key": "${A}"}])}, {}, NO_KEYS),
    ],
)
def test_an_offer_says_what_it_lacks(row: Rows, environ: dict[str, str], lacks: str | None) -> None:
    made = catalogue(row, default="gpt-image-2", environ=environ)
    assert out(made, "openai/gpt-image-2") == lacks
    assert made.listing("gpt-image-2").available is (lacks is None)


def test_what_is_drawn_on_this_machine_needs_no_key_and_says_so() -> None:
    rows = {"sandbox": {}, "local": {"models": [{"name": "tiny", "load": {"type": "untrained"}, "price": CENT}]}}
    made = catalogue(rows, default="tiny", environ={"": "never"})
    for name in ("sandbox/sandbox", "local/tiny"):
        offer = made.offer(name)
        assert offer is not None
        assert offer.here
        assert offer.out is None


def test_a_second_gpu_is_a_row_that_speaks_local_without_an_address() -> None:
    made = catalogue({"upstairs": {"speaks": "local", "models": [{"name": "tiny", "price": CENT}]}}, default="tiny")
    assert out(made, "upstairs/tiny") is None


# Names.

MISSING: Rows = {"openai": {}, "sandbox": {}}


def test_the_name_of_a_model_stands_for_itself() -> None:
    listing = catalogue(MISSING, default="sandbox").listing("gpt-image-2")
    assert not listing.alias
    assert listing.served_by == "gpt-image-2"


def test_an_empty_name_is_the_defaults() -> None:
    assert catalogue(MISSING, {"auto": {"to": ["sandbox"]}}, default="auto").listing("").name == "auto"


def test_an_unknown_name_is_refused_with_where_to_look() -> None:
    with pytest.raises(Failure) as refused:
        catalogue(MISSING, default="sandbox").listing("dall-e-9")
    failure = refused.value
    assert (failure.fault, failure.code, failure.field) == (Fault.REJECTED, Code.UNKNOWN_MODEL, "model")
    assert "'dall-e-9'" in failure.detail
    assert "/v1/models" in failure.detail


@pytest.mark.parametrize(
    ("to", "environ", "serves"),
    [
        (["gpt-image-2", "sandbox"], {"OPENAI_API_KEY": "x"}, "gpt-image-2"),
        (["gpt-image-2", "sandbox"], {}, "sandbox"),
        (["nothing", "gpt-image-2", "sandbox"], {}, "sandbox"),
        (["sandbox", "gpt-image-2"], {"OPENAI_API_KEY": "x"}, "sandbox"),
        (["gpt-image-2"], {}, "gpt-image-2"),
    ],
)
def test_another_name_is_served_by_the_first_that_can_be_used(
    to: list[str], environ: dict[str, str], serves: str
) -> None:
    listing = catalogue(MISSING, {"old": {"to": to, "retired": True}}, default="old", environ=environ).listing("old")
    assert (listing.served_by, listing.alias, listing.retired) == (serves, True, True)
    assert [offer.model.name for offer in listing.offers] == [serves]
    assert listing.model is listing.offers[0].model


def test_a_real_offer_of_a_name_goes_before_every_successor() -> None:
    models = {"gpt-image-2": {"to": ["sandbox"], "retired": True}}
    real = catalogue(MISSING, models, default="sandbox", environ={"OPENAI_API_KEY": "x"}).listing("gpt-image-2")
    assert (real.served_by, real.retired) == ("gpt-image-2", False)
    without = catalogue(MISSING, models, default="sandbox")
    assert without.listing("gpt-image-2").served_by == "sandbox"
    assert out(without, "openai/gpt-image-2") == "OPENAI_API_KEY is not set"  # still there, for whoever asks why


def test_a_name_of_a_name_is_served_by_the_model_at_the_end() -> None:
    made = catalogue(MISSING, {"new": {"to": ["sandbox"]}, "old": {"to": ["new"]}}, default="old")
    assert made.listing("old").served_by == "sandbox"


# Test keys.


def test_a_test_key_gets_the_sandbox_whatever_it_asks_for() -> None:
    made = catalogue({**MISSING, "a": studio("sandbox")}, default="sandbox", environ={"OPENAI_API_KEY": "x"})
    for name in ("gpt-image-2", "sandbox"):
        named = made.offers(made.listing(name), test=True)
        assert [offer.name for offer in named] == ["sandbox/sandbox"]
    assert len(made.offers(made.listing("sandbox"), test=False)) == 2


def test_a_test_key_may_ask_for_every_way_the_sandbox_can_fail() -> None:
    made = catalogue(MISSING, default="sandbox")
    named = made.offers(made.listing("sandbox/throttled"), test=True)
    assert [offer.name for offer in named] == ["sandbox/sandbox/throttled"]


def test_without_a_sandbox_a_test_key_gets_nothing_and_never_a_vendor() -> None:
    made = catalogue({"a": studio("photo")}, {"sandbox": {"to": ["photo"]}}, default="photo")
    assert made.offers(made.listing("photo"), test=True) == ()
    assert made.offers(made.listing("sandbox"), test=True) == ()
    assert catalogue({"a": studio("photo")}, default="photo").offers(made.listing("photo"), test=True) == ()


# Mistakes.


@pytest.mark.parametrize(
    ("rows", "models", "says"),
    [
        ({"opnai": {}}, {}, "providers.opnai: nothing here speaks 'opnai'; say `speaks:` one of bfl, "),
        ({"contract": {}}, {}, "nothing here speaks 'contract'"),
        ({"x": {"speaks": "klingon"}}, {}, "providers.x: nothing here speaks 'klingon'"),
        ({"x": {"speaks": "openai", "models": [{"name": "a"}]}}, {}, "providers.x: a row that speaks 'openai' needs"),
        ({"x": {"speaks": "openai", "base": "http://x"}}, {}, "providers.x: a row that speaks 'openai' needs"),
        ({"x": studio("a", ceilings={"b": 1})}, {}, "providers.x.ceilings: it has no model b"),
        ({"sandbox": {}}, {"old": {"to": ["new", "newer"]}}, "models.old: no provider offers new or newer"),
        ({"sandbox": {}}, {"old": {"to": []}}, "models.old: no provider offers anything"),
        ({"sandbox": {}}, {"old": {"to": ["old"]}}, "models.old: no provider offers old"),
        ({"x": studio("a")}, {}, "default_model is 'sandbox', and no provider or alias has that name"),
        ({}, {}, "default_model is 'sandbox'"),
    ],
)
def test_a_mistake_is_refused_with_its_place(rows: Rows, models: Rows, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        catalogue(rows, models, default="sandbox")
    assert says in str(refused.value)


def test_what_a_vendor_calls_its_model_is_a_name_of_its_own_that_nobody_is_told() -> None:
    made = catalogue({"fal": {"key": "k"}, "replicate": {"key": "k"}}, default="flux-dev")
    both = made.listing("flux-dev")
    assert {offer.provider for offer in both.offers} == {"fal", "replicate"}
    for name, provider in (("fal-ai/flux/dev", "fal"), ("black-forest-labs/flux-dev", "replicate")):
        found = made.listing(name)
        assert [offer.name for offer in found.offers] == [f"{provider}/flux-dev"]
        assert (found.listed, found.alias, found.available) == (False, False, True)


def test_an_alias_of_a_vendors_own_name_lends_it_its_words_where_the_vendor_can_be_asked() -> None:
    phoenix = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
    rows = {phoenix: {"to": ["sandbox"], "dialect": "leonardo", "title": "Phoenix"}}
    with_key = catalogue({"sandbox": {}, "leonardo": {"key": "k"}}, rows, default="sandbox").listing(phoenix)
    assert (with_key.title, with_key.dialect, with_key.listed) == ("Phoenix", "leonardo", True)
    assert with_key.offers[0].provider == "leonardo"
    without = catalogue({"sandbox": {}, "leonardo": {}}, rows, default="sandbox").listing(phoenix)
    assert (without.title, without.served_by) == ("Phoenix", "sandbox")


# Classes, tiers, names that end, and what a team pins and bans.


def made_of(**config: Any) -> Catalogue:
    """Two servers of ours: `a` draws photo and sketch, `b` draws photo and poster."""
    rows = {"a": studio("photo", "sketch"), "b": studio("photo", "poster")}
    text = yaml.safe_dump({"providers": rows, "default_model": "photo", **config})
    return Catalogue(parse(text, {}), BOOK, {})


def test_a_class_has_the_offers_of_all_its_models() -> None:
    made = made_of(classes={"art.premium": ["poster", "photo", "gone"]})
    listing = made.serving("art.premium", "generate")
    assert [offer.name for offer in listing.offers] == ["b/poster", "a/photo", "b/photo"]
    assert (listing.tier, listing.alias, listing.said, listing.policy) == ("premium", False, None, None)


@pytest.mark.parametrize(
    ("name", "row", "tier", "grade"),
    [
        ("art.draft", {"models": ["photo"]}, "draft", 1),
        ("art", {"models": ["photo"]}, "standard", 2),
        ("draft", {"models": ["photo"]}, "draft", 1),
        ("art.draft", {"models": ["photo"], "tier": "premium"}, "premium", 3),
    ],
)
def test_the_tier_of_a_class_is_the_grade_of_its_offers(name: str, row: Rows, tier: str, grade: int) -> None:
    made = made_of(classes={name: row})
    assert made.listing(name).tier == tier
    assert [offer.grade for offer in made.listing("photo").offers] == [grade, grade]
    assert made.listing("poster").offers[0].grade == 2


def test_a_class_may_have_a_policy_and_words_of_its_own() -> None:
    row = {"models": ["photo"], "policy": "best", "title": "Photos", "description": "Of things."}
    listing = made_of(classes={"art": row}).listing("art")
    assert (listing.policy, listing.title, listing.description) == ("best", "Photos", "Of things.")


def test_another_name_may_lead_to_a_class_and_has_its_policy() -> None:
    classes = {"art": {"models": ["poster", "photo"], "policy": "best"}}
    made = made_of(classes=classes, models={"pretty": {"to": ["art", "sketch"]}})
    listing = made.serving("pretty", "generate")
    assert (listing.served_by, listing.policy) == ("art", "best")
    assert len(listing.offers) == 3
    assert made.serving("pretty", "generate", frozenset({"a"})).served_by == "art"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"classes": {"art": ["gone", "lost"]}}, "classes.art: no provider offers gone or lost"),
        ({"classes": {"photo": ["sketch"]}}, "classes.photo: that is the name of a model already"),
        ({"classes": {"old": ["photo"]}, "models": {"old": {"to": ["photo"]}}}, "classes.old: that is the name"),
        ({"classes": {"a.draft": ["photo"], "b.premium": ["photo"]}}, "classes: photo is in a.draft and in b.premium"),
        ({"classes": {"one": ["photo"], "two": ["one"]}}, "classes.two: no provider offers one"),
        ({"teams": {"acme": {"bans": ["nobody"]}}}, "teams.acme.bans: there is no provider, model or offer 'nobody'"),
        ({"teams": {"acme": {"pins": {"gone": "a"}}}}, "teams.acme.pins: there is no model 'gone'"),
        ({"teams": {"acme": {"pins": {"photo": "c"}}}}, "teams.acme.pins.photo: there is no provider and no offer 'c'"),
    ],
)
def test_a_class_a_pin_or_a_ban_that_means_nothing_is_refused(config: Rows, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made_of(**config)
    assert str(caught.value).startswith(why)


def test_pins_and_bans_may_name_providers_models_and_offers() -> None:
    row = {"bans": ["a", "photo", "b/poster"], "pins": {"photo": "a", "sketch": "a/sketch"}}
    assert made_of(teams={"acme": row}).offer("a/photo") is not None


DAY = date(2026, 6, 1)


def test_a_retired_name_says_since_when_and_who_serves_it() -> None:
    listing = made_of(models={"old": {"to": ["photo"], "ends": "2026-05-12"}}).serving("old", "generate", day=DAY)
    assert (listing.retired, listing.ends) == (True, date(2026, 5, 12))
    assert listing.said == "old is retired as of 2026-05-12: photo serves it"


@pytest.mark.parametrize(
    ("ends", "serves"), [("2026-06-02", "sketch"), ("2026-06-01", "photo"), ("2026-05-01", "photo")]
)
def test_a_name_that_ends_is_served_by_its_successor_from_that_day_on(ends: str, serves: str) -> None:
    made = made_of(models={"sketch": {"to": ["photo"], "ends": ends}})
    listing = made.serving("sketch", "generate", day=DAY)
    assert (listing.served_by, listing.offers[0].model.name) == (serves, serves)
    assert listing.retired is (serves == "photo")
    said = f"ends on {ends}: photo serves it from then on" if serves == "sketch" else f"is retired as of {ends}: photo"
    assert listing.said is not None
    assert said in listing.said


def test_a_name_without_an_end_says_nothing_and_another_name_says_whose() -> None:
    made = made_of(models={"other": {"to": ["photo"]}, "gone": {"to": ["photo"], "retired": True}})
    assert made.listing("photo").said is None
    assert made.listing("other").said == "other is another name: photo serves it"
    assert made.listing("gone").said == "gone is retired: photo serves it"


def test_a_pin_to_a_provider_chooses_among_successors_what_that_one_has() -> None:
    made = made_of(models={"any": {"to": ["sketch", "poster"]}})
    assert made.serving("any", "generate").served_by == "sketch"
    assert made.serving("any", "generate", pin="b").served_by == "poster"


def test_a_pinned_offer_stands_first_even_where_the_name_would_not_lead_to_it() -> None:
    made = made_of(models={"any": {"to": ["sketch", "poster"]}})
    listing = made.serving("any", "generate", pin="b/photo")
    assert ([offer.name for offer in listing.offers], listing.served_by) == (["b/photo", "a/sketch"], "photo")
    assert [offer.name for offer in made.serving("photo", "generate", pin="b/photo").offers] == ["a/photo", "b/photo"]


def test_an_offer_has_the_region_and_the_seconds_of_its_row() -> None:
    rows = {"a": studio("photo", "sketch", region="eu-west", seconds={"photo": 4.5})}
    made = catalogue(rows, default="photo")
    found = [(offer.regions, offer.seconds) for offer in made.every_offer()]
    assert found == [(frozenset({"eu-west"}), 4.5), (frozenset({"eu-west"}), None)]
    with pytest.raises(ConfigError, match=r"providers\.a\.seconds: it has no model poster"):
        catalogue({"a": studio("photo", seconds={"poster": 1})}, default="photo")
