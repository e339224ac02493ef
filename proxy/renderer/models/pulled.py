"""What was pulled from the hub: where it lies on this machine, and whether it still is what it was.

Pulled files lie in the Hugging Face cache, where every other program finds them too; beside them lies a record of what
was pulled for each name, with the checksum of every file. Nothing here talks to a network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

_CHUNK = 4 << 20


class PulledFile(Struct, frozen=True):
    """A file as it was when it was pulled."""

    path: str
    """In its repository."""
    bytes: int
    sha256: str


class Pulled(Struct, frozen=True):
    """What is on this machine of a repository's revision."""

    repo: str
    revision: str
    """As it was asked for: a branch, a tag, a commit."""
    commit: str
    """What that was when it was pulled."""
    files: tuple[PulledFile, ...]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the hub's files lie, by the variables that every program of the hub goes by."""
    if "HF_HUB_CACHE" in environ:
        return Path(environ["HF_HUB_CACHE"]).expanduser()
    caches = environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(environ.get("HF_HOME", f"{caches}/huggingface")).expanduser() / "hub"


def folder_of(pulled: Pulled, cache: Path) -> Path:
    """Where its files lie."""
    return _repo_folder(pulled.repo, cache) / "snapshots" / pulled.commit


def record_of(repo: str, revision: str, cache: Path) -> Pulled | None:
    """What was pulled by that name, None where nothing was. What its record cannot tell counts as not pulled."""
    try:
        return msgspec.json.decode(_record(repo, revision, cache).read_bytes(), type=Pulled)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(pulled: Pulled, cache: Path) -> None:
    """Keep what was pulled; it takes the place of what was pulled by that name before."""
    place = _record(pulled.repo, pulled.revision, cache)
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(f".{os.getpid()}.new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(pulled), indent=1))
    beside.replace(place)


def damage(pulled: Pulled, cache: Path, *, whole: bool, tell: Callable[[int], None] = lambda _: None) -> list[str]:
    """What is not as it was pulled, in words, a file each: by its size alone or, if `whole`, by its checksum.

    `tell` hears of the bytes read.
    """
    found = []
    for file in pulled.files:
        place = folder_of(pulled, cache) / file.path
        if not place.is_file():
            found.append(f"{file.path} is missing")
        elif (size := place.stat().st_size) != file.bytes:
            found.append(f"{file.path} has {size} bytes instead of {file.bytes}")
        elif whole and digest(place, tell) != file.sha256:
            found.append(f"{file.path} has another checksum than when it was pulled")
    return found


def digest(file: Path, tell: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a file."""
    hashed = sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            hashed.update(chunk)
            tell(len(chunk))
    return hashed.hexdigest()


def _repo_folder(repo: str, cache: Path) -> Path:
    return cache / f"models--{repo.replace('/', '--')}"


def _record(repo: str, revision: str, cache: Path) -> Path:
    return _repo_folder(repo, cache) / "darkroom" / f"{revision.replace('/', '--')}.json"
