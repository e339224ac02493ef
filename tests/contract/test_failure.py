from __future__ import annotations

import pytest

from providers.contract import Code, Failure, Fault, Note


def test_a_failure_says_whose_fault_it_is_and_what_was_wrong() -> None:
    failure = Failure(Fault.REJECTED, "no such size", code=Code.INVALID, field="size", retry_after=2.5)
    assert str(failure) == "rejected: no such size"
    assert failure.fault is Fault.REJECTED
    assert failure.detail == "no such size"
    assert (failure.code, failure.field, failure.retry_after) == (Code.INVALID, "size", 2.5)


def test_what_a_failure_does_not_know_is_none() -> None:
    failure = Failure(Fault.UNAVAILABLE, "down")
    assert (failure.code, failure.field, failure.retry_after) == (None, None, None)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_can_be_raised_and_caught(fault: Fault) -> None:
    with pytest.raises(Failure, match=f"^{fault}: why$") as caught:
        raise Failure(fault, "why")
    assert caught.value.fault is fault


def test_a_note_is_of_a_loss_unless_it_says_otherwise() -> None:
    assert Note("seed", "not taken").lossy
    assert not Note("user", "not taken", lossy=False).lossy
