"""HTTP as clients really speak it: bodies in every shape, lies about their length, methods nobody serves."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from tests.edge.conftest import LIMIT
from tests.edge.house import BODY, GENERATIONS, Wire
from tests.walk.running import Running, eventually
from tests.walk.vendors import PICTURE, OpenAIVendor

TEXT = json.dumps(BODY).encode()
ROUTES = [GENERATIONS, "/images/edits", "/images/variations"]


def envelope(body: bytes) -> dict[str, str]:
    error: dict[str, str] = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


# Bodies.


def test_a_chunked_body_is_one_body_however_it_is_cut(server: Running, vendor: OpenAIVendor, key: str) -> None:
    with Wire(server) as wire:
        wire.head(key, "transfer-encoding: chunked")
        for piece in (TEXT[:1], TEXT[1:30], TEXT[30:]):
            wire.chunk(piece)
        wire.send(b"0\r\nx-trailer: ignored\r\n\r\n")
        status, headers, body = wire.answer()
    assert status == 200, body
    assert headers["x-request-id"].startswith("req_")
    assert [submit["prompt"] for submit in vendor.submits] == ["A boat"]


def test_a_body_that_drips_in_is_served_and_holds_nobody_up(server: Running, vendor: OpenAIVendor, key: str) -> None:
    with Wire(server) as slow, Wire(server) as fast:
        slow.head(key, f"content-length: {len(TEXT)}")
        for at in range(0, len(TEXT) - 1, 7):
            slow.send(TEXT[at : at + 7])
            if at == 21:
                fast.head(key, f"content-length: {len(TEXT)}").send(TEXT)
                assert fast.answer()[0] == 200
        assert slow.answer()[0] == 200
    assert len(vendor.submits) == 2


def test_a_body_announced_too_large_is_refused_before_any_of_it_comes(server: Running, key: str) -> None:
    with Wire(server) as wire:
        status, headers, body = wire.head(key, f"content-length: {LIMIT + 1}").answer()
    assert (status, envelope(body)["code"]) == (413, "request_too_large")
    assert headers["x-should-retry"] == "false"


def test_a_body_that_grows_too_large_is_refused_while_it_still_comes(server: Running, key: str) -> None:
    with Wire(server) as wire:
        wire.head(key, "transfer-encoding: chunked")
        for _ in range(LIMIT // 50_000 + 1):
            wire.chunk(b"x" * 50_000)
        assert wire.answer()[0] == 413  # its end was never sent


def test_a_body_of_exactly_the_limit_is_read(server: Running, vendor: OpenAIVendor, key: str) -> None:
    padded = TEXT[:-1] + b" " * (LIMIT - len(TEXT)) + b"}"
    answer = httpx.post(
        f"{server.base}{GENERATIONS}",
        content=padded,
        headers={"authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200
    assert [submit["prompt"] for submit in vendor.submits] == ["A boat"]


def test_a_client_that_breaks_off_while_sending_is_noted_and_costs_nothing(
    server: Running, vendor: OpenAIVendor, team: str
) -> None:
    key = server.key(team, "1/total", "in_flight:1")
    with Wire(server) as wire:
        wire.head(key, f"content-length: {len(TEXT) + 100}").send(TEXT)
        assert wire.silent(0.1)  # it still waits for the rest
    (line,) = eventually(lambda: [line for line in server.log() if line.get("team") == team])
    assert (line["status"], line["delivered"]) == (499, False)
    assert vendor.submits == []
    assert server.spent(team) == (0, 0)
    with Wire(server) as wire:  # and it is in flight no longer
        assert wire.head(key, f"content-length: {len(TEXT)}").send(TEXT).answer()[0] == 200


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        ((f"content-length: {len(TEXT)}", "transfer-encoding: chunked"), b"0\r\n\r\n" + TEXT),
        ((f"content-length: {len(TEXT)}", f"content-length: {len(TEXT) + 1}"), TEXT),
        ((f"content-length: -{len(TEXT)}",), TEXT),
        ((f"content-length: {len(TEXT)}, 0",), TEXT),
        (("transfer-encoding: chunked",), b"zz\r\n" + TEXT),
    ],
)
def test_a_head_that_contradicts_itself_is_refused_and_nothing_is_bought(
    lines: tuple[str, ...], sent: bytes, server: Running, vendor: OpenAIVendor, key: str
) -> None:
    with Wire(server) as wire:
        assert wire.head(key, *lines).send(sent).answer()[0] == 400
    assert vendor.submits == []


def test_what_follows_a_body_is_no_part_of_it_and_no_second_request(
    server: Running, vendor: OpenAIVendor, key: str
) -> None:
    with Wire(server) as wire:
        wire.head(key, f"content-length: {len(TEXT)}").send(TEXT)
        assert wire.answer()[0] == 200
        assert wire.send(TEXT).answer()[0] == 400
        assert wire.closed()
    assert len(vendor.submits) == 1


def test_two_requests_sent_in_one_breath_are_answered_in_order(server: Running, vendor: OpenAIVendor, key: str) -> None:
    with Wire(server) as wire:
        for _ in range(2):
            wire.head(key, f"content-length: {len(TEXT)}").send(TEXT)
        first, second = wire.answer(), wire.answer()
    assert (first[0], second[0]) == (200, 200)
    assert first[1]["x-request-id"] < second[1]["x-request-id"]


# Who is it: before the body is read.


def test_a_client_that_waits_to_be_told_is_told_to_go_on_only_if_it_may(server: Running, key: str) -> None:
    with Wire(server) as wire:
        wire.head(key, f"content-length: {len(TEXT)}", "expect: 100-continue")
        assert wire.answer()[0] == 100
        assert wire.send(TEXT).answer()[0] == 200
    for bad, length, status in (("dk_live_wrong", len(TEXT), 401), (key, LIMIT + 1, 413)):
        with Wire(server) as wire:
            assert wire.head(bad, f"content-length: {length}", "expect: 100-continue").answer()[0] == status


def test_a_wrong_key_is_refused_while_its_body_is_still_to_come_and_the_connection_goes_on(
    server: Running, vendor: OpenAIVendor, key: str
) -> None:
    with Wire(server) as wire:
        status, headers, body = wire.head("dk_live_wrong", f"content-length: {len(TEXT)}").answer()
        assert (status, envelope(body)["code"]) == (401, "invalid_api_key")
        assert headers["x-request-id"].startswith("req_")
        wire.send(TEXT)  # late, and for nobody
        assert wire.head(key, f"content-length: {len(TEXT)}").send(TEXT).answer()[0] == 200
    assert len(vendor.submits) == 1


@pytest.mark.parametrize(
    "said", ["", "Bearer", "Basic ZGs6bGl2ZQ==", "Token dk_live_x", "Bearer \xff\xfe", "bearer dk_live_ a"]
)
def test_what_is_no_key_is_401_and_never_repeated(said: str, server: Running) -> None:
    answer = httpx.post(f"{server.base}{GENERATIONS}", headers={b"authorization": said.encode("latin-1")}, content=TEXT)
    assert answer.status_code == 401
    assert envelope(answer.content)["code"] == "invalid_api_key"


# Bodies that are none.


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", TEXT[:-1]),
        ("application/json", b'{"prompt": "\xff\xfe"}'),
        ("application/json", b"[" * 50_000),
        ("application/x-www-form-urlencoded", b"prompt=A+boat&model=photo"),
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b"--y\r\ncontent-disposition: form-data; name=prompt\r\n\r\nA boat\r\n--y--",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n\x89',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nno header at all\r\n\r\nA boat\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: attachment\r\n\r\nA boat\r\n--x--\r\n"),
    ],
)
def test_a_body_that_makes_no_sense_is_400_in_the_dialects_words(
    path: str, media: str, body: bytes, server: Running, vendor: OpenAIVendor, key: str
) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": media}
    answer = httpx.post(f"{server.base}{path}", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert envelope(answer.content)["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert vendor.submits == []


def test_a_compressed_body_is_refused_and_not_guessed_at(server: Running, vendor: OpenAIVendor, key: str) -> None:
    headers = {"authorization": f"Bearer {key}", "content-encoding": "gzip"}
    answer = httpx.post(f"{server.base}{GENERATIONS}", content=gzip.compress(TEXT), headers=headers)
    assert answer.status_code == 400
    assert envelope(answer.content)["type"] == "invalid_request_error"
    assert vendor.submits == []


def test_a_content_type_may_say_boundary_and_mean_nothing_by_it(
    server: Running, vendor: OpenAIVendor, key: str
) -> None:
    for media in ("application/json; boundary=", 'application/json; boundary=""', "text/plain", ""):
        headers = {"authorization": f"Bearer {key}", "content-type": media}
        answer = httpx.post(f"{server.base}{GENERATIONS}", content=TEXT, headers=headers)
        assert answer.status_code == 200, (media, answer.text)


# Methods and paths.


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_a_generating_route_takes_post_alone(method: str, path: str, server: Running) -> None:
    answer = httpx.request(method, f"{server.base}{path}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.headers["x-request-id"].startswith("req_")
    if method != "HEAD":
        assert envelope(answer.content)["code"] == "method_not_supported"


def test_an_upgrade_is_not_taken(server: Running) -> None:
    with Wire(server) as wire:
        lines = ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: eA==")
        assert wire.head("x", *lines, method="GET").answer()[0] == 405


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/images", "/v1/images/generations/more", "/images/generations", "//"])
def test_any_other_path_is_404_in_the_dialects_words(path: str, server: Running) -> None:
    origin = server.base.removesuffix("/v1")
    answer = httpx.post(f"{origin}{path}", content=TEXT)
    assert (answer.status_code, envelope(answer.content)["code"]) == (404, "unknown_url")
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "name",
    ["x.png", "..%2F..%2Fledger.sqlite3", "%00.png", ".png", "A" * 2000 + ".png", "AAAA=.png", "\u00e9.png"],
)
def test_a_link_that_was_never_made_is_404(name: str, server: Running) -> None:
    answer = httpx.get(f"{server.base}/temp-images/{name}")
    assert answer.status_code == 404
    assert PICTURE not in answer.content
    assert envelope(answer.content)["code"] == "unknown_url"
