"""Asking for a balance: free calls, to where the key may go, and a figure in USD or a failure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import providers
from providers.contract import Account, Call, Failure, Fault, Provider, Reply, Secret
from proxy.transport.home import at_home

TELLING = sorted(name for name in providers.NAMES if providers.load(name).balance is not None)


def asked(provider: Provider, *replies: str) -> tuple[list[Call], Decimal]:
    assert provider.balance is not None
    account = Account(base=provider.base, key=Secret("k"), realm=provider.realm)
    talk, said = provider.balance(account), None
    calls: list[Call] = []
    for body in (*replies, ""):
        try:
            step: Any = talk.send(said)
        except StopIteration as end:
            return calls, end.value
        assert isinstance(step, Call)
        assert at_home(step.url, account)
        calls.append(step)
        said = Reply(body=body.encode())
    raise AssertionError("it asks for more than was said")


@pytest.mark.parametrize(
    ("name", "body", "usd"),
    [
        ("bfl", '{"credits": 1234.5}', "12.345"),
        ("stability", '{"credits": 0.6336}', "0.006336"),
        ("wavespeed", '{"code": 200, "message": "success", "data": {"balance": 10.25}}', "10.25"),
        ("wavespeed", '{"code": 200, "data": {"balance": -0.5}}', "-0.5"),
    ],
)
def test_what_an_account_holds_is_told_in_usd_to_the_last_digit(name: str, body: str, usd: str) -> None:
    calls, told = asked(providers.load(name), body)
    assert told == Decimal(usd)
    assert [(call.method, call.pays, call.json, call.form) for call in calls] == [("GET", False, None, ())]


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize("body", ["", "[]", "<html>", "{}", '{"credits": "many", "data": {"balance": null}}'])
def test_what_is_no_figure_is_a_vendor_that_broke_its_word(name: str, body: str) -> None:
    with pytest.raises(Failure) as caught:
        asked(providers.load(name), body)
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize(("code", "fault"), [(401, Fault.CREDENTIAL), (429, Fault.THROTTLED), (500, Fault.UNAVAILABLE)])
def test_wavespeeds_own_code_counts(code: int, fault: Fault) -> None:
    with pytest.raises(Failure) as caught:
        asked(providers.load("wavespeed"), f'{{"code": {code}, "message": "no", "data": null}}')
    assert caught.value.fault is fault


def test_those_tell_whose_documents_say_how() -> None:
    assert TELLING == ["bfl", "stability", "wavespeed"]
