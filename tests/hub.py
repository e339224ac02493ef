"""A stand-in for the Hugging Face hub, as far as fetching a model goes: on this machine, over plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


def tensors(*, halves: int = 8, kind: str = "F16") -> bytes:
    """A safetensors file with so many numbers of two bytes."""
    header = json.dumps({"weight": {"dtype": kind, "shape": [halves], "data_offsets": [0, 2 * halves]}}).encode()
    return pack("<Q", len(header)) + header + bytes(range(256)) * (2 * halves // 256) + bytes(2 * halves % 256)


class Hub:
    """Repositories by their names. What is large is stored as such: LFS."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.commits: dict[str, str] = {}
        self.gated: set[str] = set()
        self.lies: dict[str, bytes] = {}
        """What is sent instead of a file, whatever is stated of it."""
        self.fetched: list[str] = []
        self.url = ""

    def put(self, repo: str, files: dict[str, bytes]) -> str:
        """Its files from now on; the commit."""
        self.repos[repo] = files
        self.commits[repo] = sha1(repr(sorted(files.items())).encode()).hexdigest()
        return self.commits[repo]

    def told(self, repo: str) -> dict[str, Any]:
        """What the API tells of a repository."""
        siblings = []
        for name, body in self.repos[repo].items():
            blob = sha1(b"blob %d\0" % len(body) + body).hexdigest()
            told: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": blob}
            if name.endswith((".safetensors", ".bin")):
                told["lfs"] = {"sha256": sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
            siblings.append(told)
        return {"id": repo, "sha": self.commits[repo], "siblings": siblings, "tags": [], "private": False}

    def etag(self, name: str, body: bytes) -> str:
        """What the hub calls a file's content."""
        large = name.endswith((".safetensors", ".bin"))
        return sha256(body).hexdigest() if large else sha1(b"blob %d\0" % len(body) + body).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub for a while."""
    hub = Hub()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path).removeprefix("/")
            if path.startswith("api/models/"):
                repo, _, revision = path.removeprefix("api/models/").partition("/revision/")
                if self.found(repo, revision):
                    self.send(json.dumps(hub.told(repo)).encode(), {"Content-Type": "application/json"})
                return
            repo, _, rest = path.partition("/resolve/")
            commit, _, name = rest.partition("/")
            if not self.found(repo, commit):
                return
            body = hub.repos[repo][name]
            headers = {"ETag": f'"{hub.etag(name, body)}"', "X-Repo-Commit": hub.commits[repo]}
            if with_body:
                hub.fetched.append(name)
                body = hub.lies.get(name, body)
            self.send(body, headers, with_body=with_body)

        def found(self, repo: str, revision: str) -> bool:
            if repo in hub.gated:
                self.send(b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}, status=403)
            elif repo not in hub.repos:
                self.send(b"", {"X-Error-Code": "RepoNotFound"}, status=404)
            elif revision not in ("main", hub.commits[repo]):
                self.send(b"", {"X-Error-Code": "RevisionNotFound"}, status=404)
            else:
                return True
            return False

        def send(self, body: bytes, headers: dict[str, str], *, status: int = 200, with_body: bool = True) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
