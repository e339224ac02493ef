"""What repeats an earlier request is not paid twice: a client's own retry, the same key, the same job after a crash."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.walk.running import Running, eventually, running
from tests.walk.vendors import PICTURE, OpenAIVendor, PollingVendor, serving

BODY = {"model": "photo", "prompt": "A boat", "response_format": "b64_json"}


def post(server: Running, key: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{server.base}/images/generations", json=body or BODY, headers=sent, timeout=30)


def hung_up_on(server: Running, key: str, body: dict[str, Any] | None = None) -> None:
    with pytest.raises(httpx.HTTPError):
        post(server, key, body)


def test_a_retry_of_a_request_that_was_answered_costs_nothing_more(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total")
    first = post(server, key)
    again = post(server, key, x_stainless_retry_count="1")
    assert again.json() == first.json()
    assert again.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
    assert len(vendor.submits) == 1
    assert server.spent(team) == (40_000, 0)


def test_the_same_request_without_a_retry_count_is_another_request(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total")
    post(server, key)
    post(server, key)
    assert len(vendor.submits) == 2


def test_a_retry_joins_the_request_while_it_runs(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    vendor.gate.clear()
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(server, key))),
        threading.Thread(target=lambda: answers.append(post(server, key, x_stainless_retry_count="1"))),
    ]
    threads[0].start()
    eventually(lambda: vendor.submits)
    threads[1].start()
    threads[1].join(0.2)
    vendor.gate.set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(vendor.submits) == 1
    assert server.spent(team) == (40_000, 0)


def test_a_retry_of_a_request_that_failed_is_tried_anew(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    vendor.fail_next = [(500, {}, {})]
    assert post(server, key).status_code == 503
    assert post(server, key, x_stainless_retry_count="1").status_code == 200
    assert len(vendor.submits) == 2
    assert server.spent(team) == (40_000, 0)


def test_a_retried_form_is_the_same_whatever_its_boundary(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")

    def edit(boundary: str, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{server.base}/images/edits",
            data={"model": "photo", "prompt": "A boat"},
            files={"image": ("a.png", PICTURE, "image/png")},
            headers={
                "authorization": f"Bearer {key}",
                "content-type": f"multipart/form-data; boundary={boundary}",
                **headers,
            },
        )

    first, again = edit("one1one1"), edit("two2two2", **{"x-stainless-retry-count": "1"})
    assert first.status_code == again.status_code == 200
    assert len(vendor.submits) == 1


def test_the_same_idempotency_key_and_body_get_the_first_answer(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total")
    first = post(server, key, idempotency_key="order-1")
    again = post(server, key, idempotency_key="order-1")
    assert again.json() == first.json()
    assert len(vendor.submits) == 1
    assert server.spent(team) == (40_000, 0)
    other = post(server, key, {**BODY, "prompt": "A house"}, idempotency_key="order-1")
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency_key_in_use"
    stranger = post(server, server.key(f"{team}-b", "1/total"), idempotency_key="order-1")
    assert stranger.status_code == 200
    assert len(vendor.submits) == 2


def test_a_repeated_idempotency_key_joins_while_the_first_runs(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total")
    vendor.gate.clear()
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(server, key, idempotency_key="order-2"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: vendor.submits)
    vendor.gate.set()
    for thread in threads:
        thread.join(20)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(vendor.submits) == 1


def test_an_idempotency_key_of_a_failed_request_is_free_again(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    vendor.fail_next = [(500, {}, {})]
    assert post(server, key, idempotency_key="order-3").status_code == 503
    assert post(server, key, idempotency_key="order-3").status_code == 200


def test_what_a_caller_paid_for_and_did_not_wait_for_is_kept(server: Running, vendor: OpenAIVendor, team: str) -> None:
    key = server.key(team, "1/total")
    vendor.gate.clear()
    host, _, port = server.base.removeprefix("http://").removesuffix("/v1").partition(":")
    body = b'{"model":"photo","prompt":"left behind","response_format":"b64_json"}'
    with socket.create_connection((host, int(port))) as caller:
        head = f"POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        caller.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        eventually(lambda: vendor.submits)
    vendor.gate.set()
    (job,) = eventually(lambda: [job for job in server.rows("jobs") if job["team"] == team and job["answer"]])
    assert job["state"] == "done"
    assert server.spent(team) == (40_000, 0)
    state = httpx.get(f"{server.base}/darkroom/requests/{job['job']}", headers={"authorization": f"Bearer {key}"})
    assert httpx.get(state.json()["images"][0]["url"]).content == PICTURE
    sent = {"authorization": f"Bearer {key}", "x-stainless-retry-count": "1"}
    again = httpx.post(f"{server.base}/images/generations", content=body, headers=sent)
    assert again.status_code == 200
    assert len(vendor.submits) == 1
    stranger = {"authorization": f"Bearer {server.key(f'{team}-b')}"}
    assert httpx.get(f"{server.base}/darkroom/requests/{job['job']}", headers=stranger).status_code == 404


@pytest.fixture
def polling(tmp_path: Path) -> Any:
    """A server whose vendor is polled."""
    vendor = PollingVendor()
    with serving(vendor):
        config = {
            "providers": {"bfl": {"base": vendor.origin, "key": "bfl-key"}},
            "default_model": "flux-pro-1.1",
            "links": {"allow": [f"127.0.0.1:{vendor.port}"]},
        }
        with running(tmp_path, config) as server:
            yield server, vendor


FLUX = {"model": "flux-pro-1.1", "prompt": "A boat", "response_format": "b64_json"}


def test_a_job_killed_between_acceptance_and_result_is_completed_by_its_ticket(polling: Any) -> None:
    server, vendor = polling
    key = server.key("acme", "1/total")
    vendor.gate.clear()
    caller = threading.Thread(target=lambda: hung_up_on(server, key, FLUX))
    caller.start()
    eventually(lambda: vendor.polls >= 2)
    server.kill()
    caller.join(10)
    assert server.spent("acme") == (0, 40_000)  # the hold outlives the process
    server.start()
    joined: list[httpx.Response] = []
    retry = threading.Thread(target=lambda: joined.append(post(server, key, FLUX, x_stainless_retry_count="1")))
    retry.start()
    vendor.gate.set()
    retry.join(30)
    assert joined[0].status_code == 200
    (job,) = eventually(lambda: [job for job in server.rows("jobs") if job["state"] == "done"])
    assert job["answer"]
    assert len(vendor.submits) == 1
    assert server.spent("acme") == (40_000, 0)
    assert [entry["kind"] for entry in server.rows("entries")] == ["hold", "settle"]
    assert server.rows("holds") == []
    state = httpx.get(f"{server.base}/darkroom/requests/{job['job']}", headers={"authorization": f"Bearer {key}"})
    assert httpx.get(state.json()["images"][0]["url"]).content == PICTURE
    assert vendor.headers[0]["x-key"] == "bfl-key"
    assert any(event["event"] == "HoldEnded" and event["how"] == "resumed" for event in server.log())


def test_a_job_killed_before_any_answer_keeps_its_hold_and_is_reported(
    tmp_path: Path,
) -> None:
    from tests.walk.vendors import at

    vendor = OpenAIVendor()
    with serving(vendor), running(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as server:
        key = server.key("acme", "1/total")
        vendor.gate.clear()
        caller = threading.Thread(target=lambda: hung_up_on(server, key))
        caller.start()
        eventually(lambda: vendor.submits)
        server.kill()
        caller.join(10)
        vendor.gate.set()
        server.start()
        assert server.spent("acme") == (0, 40_000)
        (hold,) = server.rows("holds")
        assert hold["state"] == "ambiguous"
        eventually(lambda: any(event["event"] == "HoldLeft" for event in server.log()))
        refused = post(server, key, x_stainless_retry_count="1")
        assert refused.status_code == 409  # it may have been paid for: it is not sent again
        assert refused.json()["error"]["code"] == "request_pending"
        assert len(vendor.submits) == 1


def test_what_was_drawn_here_by_a_dead_process_is_released(tmp_path: Path) -> None:
    config = {"providers": {"sandbox": {"options": {"delay_s": 30}}}, "default_model": "sandbox"}
    with running(tmp_path, config) as server:
        key = server.key("acme", "1/total")
        slow = {"model": "sandbox/slow", "prompt": "A boat"}
        caller = threading.Thread(target=lambda: hung_up_on(server, key, slow))
        caller.start()
        eventually(lambda: server.rows("holds"))
        server.kill()
        caller.join(10)
        server.start()
        assert server.rows("holds") == []
        assert [job["state"] for job in server.rows("jobs")] == ["failed"]
