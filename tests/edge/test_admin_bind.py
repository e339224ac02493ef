"""The admin API at the main address, or at one that only operators reach."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.config import ConfigError, parse
from proxy.edge.admin import TABLE
from proxy.ledger.accounts import Accounts
from tests.edge.administering import administered
from tests.servers import free_port
from tests.walk.running import Running, running


def admin_key(server: Running) -> dict[str, str]:
    server.key("ops")
    engine = server.engine()
    secret = Accounts(engine).create_key("ops", grants=frozenset({"admin"}))[1]
    engine.dispose()
    return {"authorization": f"Bearer {secret}"}


async def test_with_an_address_of_its_own_it_is_not_at_the_main_one(tmp_path: Path) -> None:
    async with administered(tmp_path, admin={"bind": "127.0.0.1:1"}) as operator:
        home, headers = operator.home, {"authorization": f"Bearer {operator.key}"}
        for row in TABLE:
            path = row.path.replace("{", "").replace("}", "")
            answer = await home.http.request(row.method, f"http://darkroom.test/admin/v1{path}", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url"), row.name
        transport = httpx.ASGITransport(home.app.administer)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
            assert (await client.get("/admin/v1/teams", headers=headers)).status_code == 200
            assert (await client.get("/admin/v1/teams")).status_code == 401
            for path in ("/v1/models", "/metrics", "/health/live"):
                assert (await client.get(path, headers=headers)).status_code == 404


def test_a_server_listens_at_both_addresses(tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with running(tmp_path, {"providers": {"sandbox": {}}, "admin": {"bind": bind}}) as server:
        headers, there = admin_key(server), f"http://{bind}"
        told = httpx.get(f"{there}/admin/v1/teams", headers=headers)
        assert told.status_code == 200, told.text
        assert [each["team"] for each in told.json()["data"]] == ["ops"]
        usage = httpx.get(f"{there}/admin/v1/usage?format=csv", headers=headers)
        assert usage.text.startswith("team,requests")
        main_origin = server.base.removesuffix("/v1")
        assert httpx.get(f"{main_origin}/admin/v1/teams", headers=headers).status_code == 404
        assert httpx.get(f"{main_origin}/v1/models", headers=headers).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{there}/admin/v1/teams", headers=headers)


def test_by_default_it_is_at_the_main_address(tmp_path: Path) -> None:
    with running(tmp_path, {"providers": {"sandbox": {}}}) as server:
        headers, origin = admin_key(server), server.base.removesuffix("/v1")
        assert httpx.get(f"{origin}/admin/v1/teams", headers=headers).status_code == 200


def test_an_address_that_is_taken_is_said_at_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        config = tmp_path / "config.yaml"
        config.write_text(f"providers: {{sandbox: {{}}}}\nadmin: {{bind: '{bind}'}}\n")
        arguments = ["serve", "--port", "0", "--config", str(config), "--data", str(tmp_path / "data")]
        refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert f"admin.bind: nobody can listen at {bind}" in refused.output


@pytest.mark.parametrize("bind", ["9090", ":9090", "localhost", "localhost:http"])
def test_an_address_is_host_and_port(bind: str) -> None:
    with pytest.raises(ConfigError, match="write host:port"):
        parse(f"admin: {{bind: '{bind}'}}", {})
