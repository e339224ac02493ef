"""The sandbox is there to fail: every fault a vendor can have can be had for free."""

from __future__ import annotations

import pytest

import providers
from providers.contract import Failure, Fault, Generate
from tests.providers.recording import account


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.QUOTA}))
def test_every_fault_of_a_vendor_can_be_asked_for_by_name_and_by_words(fault: Fault) -> None:
    provider = providers.load("sandbox")
    models = {model.name: model for model in provider.models}
    by_name = provider.run(Generate(model="x", prompt="a boat"), models[f"sandbox/{fault}"], account(provider))
    words = account(provider, options={"words": {"Boat": str(fault)}})
    by_words = provider.run(Generate(model="x", prompt="a boat"), models["sandbox"], words)
    for conversation in (by_name, by_words):
        with pytest.raises(Failure) as failed:
            next(conversation)
        assert failed.value.fault is fault
