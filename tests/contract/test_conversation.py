from __future__ import annotations

from contextlib import suppress
from traceback import TracebackException
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from providers.contract import (
    Account,
    Conversation,
    Event,
    Failure,
    Fault,
    ImageRequest,
    Model,
    Provider,
    Reply,
    Secret,
)
from providers.contract.conversation import as_found, sign_bearer
from tests.properties import MANY

KEY = "sk-very-secret"
NOT_AS_DOCUMENTED = r"^malformed: the vendor's reply is not as documented: ."


class Task(Struct):
    """What a vendor might answer."""

    id: str
    cost: float = 0.0
    tags: list[str] = []


def test_a_secret_is_revealed_only_when_asked_to() -> None:
    assert Secret(KEY).reveal() == KEY
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) not in (Secret("other"), KEY)


def test_a_secret_does_not_show_in_any_kind_of_text() -> None:
    secret = Secret(KEY)
    account = Account(base="https://api.example", key=secret)
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret]  # noqa: UP031  every way
    texts += ["{}".format(*[secret]), repr(account), str(account), repr([secret]), repr({"key": secret})]
    for text in texts:
        assert KEY not in text
        assert "Secret(…)" in text


def test_a_secret_cannot_be_formatted_to_a_width() -> None:
    with pytest.raises(TypeError) as refused:
        format(Secret(KEY), ">20")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "encode", [msgspec.json.encode, msgspec.msgpack.encode, msgspec.yaml.encode, msgspec.to_builtins]
)
def test_a_secret_is_not_encoded(encode: Any) -> None:
    account = Account(base="https://api.example", key=Secret(KEY))
    for thing in (Secret(KEY), account):
        with pytest.raises(TypeError) as refused:
            encode(thing)
        assert KEY not in str(refused.value)
    assert KEY not in str(encode(account, enc_hook=str))


def test_a_secret_does_not_show_in_a_traceback_with_its_variables() -> None:
    def fails(account: Account, secret: Secret) -> None:
        held = [secret]
        raise RuntimeError(f"with {secret} in {held} of {account}")

    try:
        fails(Account(base="https://api.example", key=Secret(KEY)), Secret(KEY))
    except RuntimeError as error:
        text = "".join(TracebackException.from_exception(error, capture_locals=True).format())
    assert "held" in text
    assert KEY not in text


def test_a_secret_has_no_variables_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(KEY))


def test_a_secret_is_true_where_there_is_one() -> None:
    assert Secret(KEY)
    assert not Secret("")
    assert not Account(base="https://api.example").key


def test_the_usual_signature_carries_the_key_and_no_key_makes_none() -> None:
    assert sign_bearer(Account(base="", key=Secret(KEY))) == {"authorization": f"Bearer {KEY}"}
    assert sign_bearer(Account(base="")) == {}


def test_a_provider_signs_and_explains_in_the_usual_way_unless_it_says_otherwise() -> None:
    def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
        raise NotImplementedError

    provider = Provider(title="Acme", run=run)
    failure = Failure(Fault.UNAVAILABLE, "down")
    assert provider.sign(Account(base="", key=Secret(KEY))) == {"authorization": f"Bearer {KEY}"}
    assert provider.explain(Reply(status=503), failure) is failure
    assert provider.explain is as_found
    assert provider.resume is None
    assert not provider.here


def test_a_reply_is_read_in_the_shape_that_is_expected() -> None:
    assert Reply(body=b'{"id": "a", "cost": 2, "new": [1]}').read(Task) == Task(id="a", cost=2.0)
    assert Reply(body=bytearray(b"[1, 2]")).read(list[int]) == [1, 2]


def test_an_event_is_read_like_a_reply() -> None:
    assert Event(b'{"id": "a"}').read(Task) == Task(id="a")
    with pytest.raises(Failure, match=NOT_AS_DOCUMENTED):
        Event(b"[DONE]").read(Task)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"id"',
        b"{",
        b'{"id": 1}',
        b'{"cost": 1}',
        b'{"id": "a", "cost": "much"}',
        b'{"id": "a", "tags": [1]}',
        b'{"id": "a"} trailing',
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b"\xff\xfe",
        b"<html>Bad Gateway</html>",
        b'{"id": "a", "new": ' + b"[" * 100_000,
        b'{"id": "a", "new": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_reply_that_is_not_as_documented_is_the_vendors_fault(body: bytes) -> None:
    with pytest.raises(Failure, match=NOT_AS_DOCUMENTED) as caught:
        Reply(body=body).read(Task)
    assert caught.value.fault is Fault.MALFORMED
    assert caught.value.__cause__ is not None


@MANY
@given(st.binary(max_size=60), st.sampled_from([Task, list[int], dict[str, Any], str, bytes, int]))
def test_no_reply_fails_in_any_other_way(body: bytes, shape: Any) -> None:
    with suppress(Failure):
        Reply(body=body).read(shape)
