"""Which policy decides, and what a team's own terms are."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault
from proxy.catalogue import rules_of
from proxy.config import ConfigError, parse
from proxy.ledger.accounts import Key
from proxy.policies import Policies, within
from proxy.policy.named import BUILT_IN, HOUSE
from proxy.policy.rules import ALWAYS, REQUIRED, load

RULES = [*REQUIRED, "cheapest"]
KEY = Key(key="k", team="acme", name="", prefix="", test=False, created=0)
OTHER = replace(KEY, team="other")


def policies(**config: Any) -> Policies:
    return Policies(parse(yaml.safe_dump(config), {}))


def test_the_built_in_ones_are_there_beside_the_house_and_those_of_the_configuration() -> None:
    made = policies(policies={"night": RULES})
    assert list(made) == sorted([*BUILT_IN, HOUSE, "night"])
    assert set(BUILT_IN) == {"cheapest", "fastest", "balanced", "best", "local-first"}
    assert [name for name, _ in made.rules("night")] == [*RULES, *ALWAYS]


def test_a_configuration_may_write_a_built_in_one_anew() -> None:
    made = policies(policies={"best": RULES})
    assert [name for name, _ in made.rules("best")] == [*RULES, *ALWAYS]


def test_without_a_word_the_rules_of_the_configuration_decide_as_they_always_did() -> None:
    made = policies(policy={"rules": RULES})
    assert made.decide(KEY, "photo").policy == HOUSE
    assert [name for name, _ in made.decide(KEY, "photo").rules] == [*RULES, *ALWAYS]
    assert made.default == HOUSE


def test_the_default_may_be_any_and_is_what_the_command_line_plans_by() -> None:
    config = parse(yaml.safe_dump({"policy": {"default": "fastest"}}), {})
    assert Policies(config).decide(KEY, "photo").policy == "fastest"
    assert [name for name, _ in rules_of(config)] == [name for name, _ in load(BUILT_IN["fastest"])]


def test_the_request_goes_before_the_class_and_that_before_the_team_and_that_before_the_default() -> None:
    made = policies(policy={"default": "balanced"}, teams={"acme": {"policy": "best"}})
    assert made.decide(OTHER, "photo").policy == "balanced"
    assert made.decide(KEY, "photo").policy == "best"
    assert made.decide(KEY, "photo", of_class="fastest").policy == "fastest"
    assert made.decide(KEY, "photo", of_class="fastest", asked="cheapest").policy == "cheapest"


def test_a_request_names_what_its_team_may_and_nothing_else() -> None:
    made = policies(
        policy={"may": ["cheapest"]}, teams={"acme": {"may": ["fastest", "best"]}, "mute": {"may": []}, "plain": {}}
    )
    assert made.decide(KEY, "photo", asked="best").policy == "best"
    assert made.decide(replace(KEY, team="plain"), "photo", asked="cheapest").policy == "cheapest"
    for key, asked, why in (
        (KEY, "cheapest", "'cheapest' is not among the policies this team may choose: fastest, best."),
        (OTHER, "best", "'best' is not among the policies this team may choose: cheapest."),
        (OTHER, "", "'' is not among"),
        (replace(KEY, team="mute"), "best", "This team may not choose the policy of its requests."),
    ):
        with pytest.raises(Failure) as caught:
            made.decide(key, "photo", asked=asked)
        assert (caught.value.fault, caught.value.code, caught.value.field) == (Fault.REJECTED, Code.INVALID, "policy")
        assert caught.value.detail.startswith(why)


def test_without_a_word_about_it_every_policy_may_be_named() -> None:
    made = policies(policies={"night": RULES})
    for name in made:
        assert made.decide(KEY, "photo", asked=name).policy == name
    with pytest.raises(Failure, match="'dear' is not among"):
        made.decide(KEY, "photo", asked="dear")


def test_a_teams_terms_hold_for_it_alone_and_never_for_its_test_keys() -> None:
    row = {"pins": {"photo": "bfl"}, "bans": ["fal", "sketch"], "regions": ["eu"]}
    made = policies(teams={"acme": row})
    decision = made.decide(KEY, "photo")
    assert (decision.pin, decision.bans, decision.regions) == ("bfl", frozenset({"fal", "sketch"}), frozenset({"eu"}))
    assert made.decide(KEY, "other").pin is None
    assert (made.pin(KEY, "photo"), made.bans(KEY)) == ("bfl", frozenset({"fal", "sketch"}))
    for key in (OTHER, replace(KEY, test=True)):
        decision = made.decide(key, "photo")
        assert (decision.pin, decision.bans, decision.regions) == (None, frozenset(), None)
        assert (made.pin(key, "photo"), made.bans(key)) == (None, frozenset())


@pytest.mark.parametrize(
    ("asked", "allowed", "both"),
    [
        (None, None, None),
        ({"eu"}, None, {"eu"}),
        (None, {"eu"}, {"eu"}),
        ({"eu"}, {"eu"}, {"eu"}),
        ({"eu"}, {"us"}, set()),
        ({"eu-west"}, {"eu"}, {"eu-west"}),
        ({"eu"}, {"eu-west", "us"}, {"eu-west"}),
        ({"eu", "us"}, {"eu-west", "us-east-1", "ch"}, {"eu-west", "us-east-1"}),
        ({"europe"}, {"eu"}, set()),
    ],
)
def test_regions_are_those_both_are_content_with(
    asked: set[str] | None, allowed: set[str] | None, both: set[str] | None
) -> None:
    found = within(None if asked is None else frozenset(asked), None if allowed is None else frozenset(allowed))
    assert found == both


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (
            {"policy": {"default": "dear"}},
            "policy.default: there is no policy 'dear'; there are balanced, best, cheapest",
        ),
        ({"policy": {"may": ["dear"]}}, "policy.may: there is no policy 'dear'"),
        ({"teams": {"acme": {"policy": "dear"}}}, "teams.acme.policy: there is no policy 'dear'"),
        ({"teams": {"acme": {"may": ["best", "dear"]}}}, "teams.acme.may: there is no policy 'dear'"),
        ({"classes": {"x": {"models": ["y"], "policy": "dear"}}}, "classes.x.policy: there is no policy 'dear'"),
        ({"policies": {"dear": ["cheapest"]}}, "policies.dear: a policy needs the rules configured"),
        ({"policy": {"rules": ["nonsense"]}}, "policy.rules: there is no rule 'nonsense'"),
        ({"policies": {"house": RULES}}, "policies.house: that is the one of policy.rules"),
    ],
)
def test_a_policy_that_is_none_is_refused_at_the_start_with_its_place(config: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policies(**config)
    assert str(caught.value).startswith(why)
