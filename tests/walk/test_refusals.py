"""What bad input gets: OpenAI's envelope, with a request id, before a cent is spent."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest

from tests.pictures import png
from tests.walk.running import Running, eventually
from tests.walk.test_official_client import mask
from tests.walk.vendors import OpenAIVendor

Ask = Callable[[openai.OpenAI], Any]


def bomb() -> bytes:
    """A PNG of some dozen bytes that claims 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))


def generating(**fields: Any) -> Ask:
    return lambda client: client.images.generate(**{"model": "photo", "prompt": "A boat", **fields})


def editing(**fields: Any) -> Ask:
    return lambda client: client.images.edit(
        **{"model": "photo", "prompt": "A boat", "image": png(64, 64, (1, 2, 3)), **fields}
    )


def keys(error: openai.APIStatusError) -> set[str]:
    assert isinstance(error.body, dict)
    return set(error.body)


REFUSED: dict[str, tuple[Ask, int, str | None, str | None]] = {
    "an unknown model": (generating(model="nobody-knows"), 404, "model_not_found", "model"),
    "no pictures": (generating(n=0), 400, "integer_below_min_value", "n"),
    "too many pictures": (generating(n=11), 400, "integer_above_max_value", "n"),
    "a size that is none": (generating(size="huge"), 400, "invalid_value", "size"),
    "a size the model does not draw": (generating(size="512x512"), 400, "invalid_value", "size"),
    "a quality that is none": (generating(quality="best"), 400, "invalid_value", "quality"),
    "a blank prompt": (generating(prompt=" "), 400, "missing_required_parameter", "prompt"),
    "a prompt too long": (generating(prompt="x" * 32_001), 400, "string_above_max_length", "prompt"),
    "a mask of another size": (editing(mask=mask(32, 64)), 400, "invalid_value", "mask"),
    "a file that is no picture": (editing(image=b"not a picture"), 400, "invalid_image", "image"),
    "a picture cut off": (editing(image=png(64, 64, (1, 2, 3))[:-30]), 400, "invalid_image", "image"),
    "an image bomb": (editing(image=bomb()), 400, "image_too_large", "image"),
    "a mask that is no picture": (editing(mask=b"\x89PNG\r\n\x1a\nno"), 400, "invalid_image", "mask"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_is_refused_with_its_parameter_and_nothing_is_spent(
    what: str, server: Running, vendor: OpenAIVendor, team: str
) -> None:
    ask, status, code, param = REFUSED[what]
    with pytest.raises(openai.APIStatusError) as caught:
        ask(server.client(server.key(team, "1/total")))
    error = caught.value
    assert (error.status_code, error.code, error.param) == (status, code, param)
    assert keys(error) == {"message", "type", "param", "code"}
    assert error.response.headers["x-request-id"].startswith("req_")
    assert error.response.headers["x-should-retry"] == "false"
    assert vendor.submits == []
    assert server.spent(team) == (0, 0)


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "invalid_api_key"), ({"authorization": "Bearer dk_live_wrong"}, "invalid_api_key")],
)
def test_a_wrong_or_missing_key_is_401_before_the_body_is_read(
    headers: dict[str, str], code: str, server: Running
) -> None:
    answer = httpx.post(f"{server.base}/images/generations", headers=headers, content=b"{not json")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]


def test_a_body_over_the_limit_is_413(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    with pytest.raises(openai.APIStatusError) as caught:
        server.client(key).images.edit(model="photo", prompt="A boat", image=b"x" * 5_000_000)
    assert caught.value.status_code == 413
    assert caught.value.code == "request_too_large"

    def endless() -> Any:
        for _ in range(80):
            yield b"x" * 65_536

    sent = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    answer = httpx.post(f"{server.base}/images/generations", headers=sent, content=endless())
    assert answer.status_code == 413
    assert vendor.submits == []


def test_over_budget_is_429_insufficient_quota_and_not_retried(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    client = server.client(server.key(team, "0.05/total"), max_retries=3)
    client.images.generate(model="photo", prompt="A boat")
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(model="photo", prompt="A boat")
    assert caught.value.code == "insufficient_quota"
    assert caught.value.type == "insufficient_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in caught.value.response.headers
    assert len(vendor.submits) == 1
    assert server.spent(team) == (40_000, 0)
    assert [job["state"] for job in server.rows("jobs") if job["team"] == team] == ["done"]


def test_a_budget_of_a_key_holds_within_that_of_its_team(server: Running, team: str) -> None:
    from proxy.ledger.accounts import parse_budget

    client = server.client(server.key(team, "1/total", key_limits=(parse_budget("0.05/day"),)))
    client.images.generate(model="photo", prompt="A boat")
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(model="photo", prompt="A boat")
    assert "this key" in caught.value.message


def test_pictures_a_day_are_counted(server: Running, team: str) -> None:
    client = server.client(server.key(team, "images:2/day"))
    client.images.generate(model="photo", prompt="A boat")
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(model="photo", prompt="A boat", n=2)
    assert caught.value.code == "insufficient_quota"
    client.images.generate(model="photo", prompt="A boat")


def test_over_rate_is_429_with_retry_after(server: Running, vendor: OpenAIVendor, team: str) -> None:
    client = server.client(server.key(team, "1/total", "requests:2"))
    for _ in range(2):
        raw = client.images.with_raw_response.generate(model="photo", prompt="A boat")
    assert raw.headers["x-ratelimit-remaining-requests"] == "0"
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(model="photo", prompt="A boat")
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert "x-should-retry" not in caught.value.response.headers
    assert len(vendor.submits) == 2


def test_every_provider_down_is_503(server: Running, vendor: OpenAIVendor, team: str) -> None:
    vendor.fails["photo"] = (
        500,
        {},
        {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}},
    )
    client = server.client(server.key(team, "1/total"))
    for _ in range(7):  # the last ones find the breaker open
        with pytest.raises(openai.InternalServerError) as caught:
            client.images.generate(model="photo", prompt="A boat")
        assert caught.value.status_code == 503
        assert keys(caught.value) == {"message", "type", "param", "code"}
    assert len(vendor.submits) == 5
    assert caught.value.response.headers["retry-after"] == "1"
    assert server.spent(team) == (0, 0)
    vendor.fails.clear()
    eventually(lambda: served(client))


def served(client: openai.OpenAI) -> bool:
    with suppress(openai.InternalServerError):
        return bool(client.images.generate(model="photo", prompt="A boat").data)
    return False


def test_a_vendor_that_moderates_is_final(server: Running, vendor: OpenAIVendor, team: str) -> None:
    refusal = {"message": "Your request was rejected by the safety system.", "type": "image_generation_user_error"}
    vendor.fails["photo"] = (400, {}, {"error": {**refusal, "param": None, "code": "moderation_blocked"}})
    with pytest.raises(openai.BadRequestError) as caught:
        server.client(server.key(team, "1/total"), max_retries=2).images.generate(model="photo", prompt="A boat")
    assert caught.value.code == "moderation_blocked"
    assert len(vendor.submits) == 1
    assert server.spent(team) == (0, 0)


def test_the_words_of_a_vendor_about_our_key_stay_with_us(server: Running, vendor: OpenAIVendor, team: str) -> None:
    told = {"message": "Incorrect API key provided: sk-very-secret", "type": "invalid_request_error"}
    vendor.fail_next.append((401, {}, {"error": {**told, "param": None, "code": "invalid_api_key"}}))
    with pytest.raises(openai.InternalServerError) as caught:
        server.client(server.key(team, "1/total")).images.generate(model="spare", prompt="A boat")
    assert "sk-very-secret" not in str(caught.value)
    assert "sk-very-secret" not in (server.folder / "server.log").read_text()


@pytest.mark.parametrize("fault", ["throttled", "unavailable", "moderated", "rejected", "malformed", "credential"])
def test_the_sandbox_fails_as_it_is_told(fault: str, server: Running, team: str) -> None:
    status = {"throttled": 429, "unavailable": 503, "moderated": 400, "rejected": 400, "malformed": 502}
    with pytest.raises(openai.APIStatusError) as caught:
        server.client(server.key(team)).images.generate(model=f"sandbox/{fault}", prompt="A boat")
    assert caught.value.status_code == status.get(fault, 503)


def test_an_unknown_route_and_a_wrong_method_get_the_envelope_too(server: Running) -> None:
    unknown = httpx.get(f"{server.base}/nothing/here")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_url")
    wrong = httpx.get(f"{server.base}/images/generations")
    assert wrong.status_code == 405
    also_wrong = httpx.delete(f"{server.base}/models")
    assert also_wrong.status_code == 405
    for answer in (unknown, wrong, also_wrong):
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"]


def test_a_link_in_an_edit_is_followed_only_to_where_it_may_lead(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total")

    def edit(url: str) -> httpx.Response:
        body = {"model": "photo", "prompt": "A boat", "images": [{"image_url": url}]}
        return httpx.post(f"{server.base}/images/edits", json=body, headers={"authorization": f"Bearer {key}"})

    assert edit(f"{vendor.origin}/pictures/one.png").status_code == 200  # allowed by config
    inline = base64.b64encode(png(64, 64, (1, 2, 3))).decode()
    assert edit(f"data:image/png;base64,{inline}").status_code == 200
    vendor.submits.clear()
    for url in (
        "http://127.0.0.1:1/x.png",
        "https://127.0.0.1/x.png",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x.png",
        "https://[::1]/x.png",
        "file:///etc/passwd",
    ):
        refused = edit(url)
        assert refused.status_code == 400, url
        assert refused.json()["error"]["code"] == "failed_to_download_image"
        assert refused.json()["error"]["param"] == "images[0]"
    assert vendor.submits == []
