"""Fetching models from the Hugging Face hub: what `darkroom models pull` does, and nothing else ever calls.

Of a repository only what is used is fetched, at one commit, into the cache that all programs of the hub share. Every
file is held against the checksum that the hub states, and what there is then is recorded. Needs `huggingface_hub`,
which comes with darkroom[local]; a token for models with terms to accept is read from HF_TOKEN, as everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from proxy.renderer.models.choosing import INDEX, ModelError, choose, choose_file, choose_part
from proxy.renderer.models.pulled import Pulled, PulledFile, digest, folder_of, record_of, write_record
from proxy.renderer.models.sources import Source

Tell = Callable[[str, int], None]
"""Hears of progress: the file at work, and the bytes that are there of all that is fetched."""


class Remote(Struct, frozen=True):
    """A file as the hub states it."""

    path: str
    bytes: int
    blob: str
    """Its checksum in git, for a file that lies there."""
    sha256: str | None
    """Its checksum, for a large one, which lies elsewhere."""


class Wanted(Struct, frozen=True):
    """What has to be here of a source."""

    source: Source
    commit: str
    files: tuple[Remote, ...]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)


def look_up(source: Source, cache: Path) -> Wanted:
    """Ask the hub what there is, and choose. Raises ModelError."""
    with _hub(source) as hub:
        told = hub.HfApi(endpoint=_endpoint()).model_info(source.repo, revision=source.revision, files_metadata=True)
        files = {
            each.rfilename: Remote(
                each.rfilename, each.size or 0, each.blob_id or "", each.lfs.sha256 if each.lfs else None
            )
            for each in told.siblings or ()
        }
        names = _chosen(hub, source, told.sha, list(files), cache)
        return Wanted(source, told.sha, tuple(files[name] for name in names))


def fetch(wanted: Wanted, cache: Path, tell: Tell) -> Pulled:
    """Fetch what is not here yet, check all of it, and record it. Raises ModelError; what was fetched stays then."""
    source, done, here = wanted.source, 0, []
    for file in wanted.files:
        tell(file.path, done)
        here.append(_fetched(wanted, file, cache, _watching(file.path, done, tell)))
        done += file.bytes
        tell(file.path, done)
    earlier = record_of(source.repo, source.revision, cache)
    if earlier is not None and earlier.commit == wanted.commit:  # of another variant, or another file of LoRAs
        named = {file.path for file in here}
        kept = [file for file in earlier.files if file.path not in named]
        here += [file for file in kept if (folder_of(earlier, cache) / file.path).is_file()]
    pulled = Pulled(source.repo, source.revision, wanted.commit, tuple(sorted(here, key=lambda file: file.path)))
    write_record(pulled, cache)
    return pulled


def _chosen(hub: Any, source: Source, commit: str, files: list[str], cache: Path) -> tuple[str, ...]:
    if source.what == "lora":
        return (choose_file(files, source.file),)
    if source.what == "controlnet":
        if "config.json" not in files:
            raise ModelError(f"{source} is no ControlNet: it has no config.json")
        part = choose_part("", source.repo, files)
        return (*part.others, *part.weights)
    if INDEX not in files:
        raise ModelError(f"{source} is no diffusers pipeline: it has no {INDEX}")
    index = hub.hf_hub_download(source.repo, INDEX, revision=commit, cache_dir=cache, endpoint=_endpoint())
    try:
        return choose(msgspec.json.decode(Path(index).read_bytes(), type=dict[str, Any]), files, source.variant).files
    except msgspec.DecodeError as error:
        raise ModelError(f"the {INDEX} of {source} cannot be read: {error}") from error


def _fetched(wanted: Wanted, file: Remote, cache: Path, bar: type) -> PulledFile:
    """The file, fetched where it is not here, and once more where what is here is not what the hub states.

    Raises ModelError where it still is not; then it is not here any more.
    """
    source = wanted.source
    for _ in range(2):
        with _hub(source) as hub:
            place = Path(
                hub.hf_hub_download(
                    *(source.repo, file.path),
                    revision=wanted.commit,
                    cache_dir=cache,
                    endpoint=_endpoint(),
                    tqdm_class=bar,
                )
            )
        found = digest(place)
        if found == file.sha256 or (file.sha256 is None and _git_blob(place) == file.blob):
            return PulledFile(file.path, place.stat().st_size, found)
        place.resolve().unlink()
        place.unlink(missing_ok=True)
    raise ModelError(f"{file.path} of {source} has another checksum than the hub states, and was removed")


def _git_blob(place: Path) -> str:
    """What git calls a file of that content. The hub states no other checksum of a small one."""
    body = place.read_bytes()
    return sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _endpoint() -> str | None:
    """The hub, or what stands in for it; None is the library's own."""
    return os.environ.get("HF_ENDPOINT") or None


def _watching(path: str, done: int, tell: Tell) -> type:
    """A progress bar as the library wants it: a class. It shows nothing, and tells what it is told."""
    from tqdm.auto import tqdm

    class Told(tqdm):  # type: ignore[misc]
        at = 0

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.at += int(n or 0)
            tell(path, done + self.at)

    return Told


@contextmanager
def _hub(source: Source) -> Iterator[Any]:
    """The library; what goes wrong with it, in words. Raises ModelError."""
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise ModelError("pulling models needs the packages of darkroom[local], which are not installed") from error
    disable_progress_bars()  # they would be drawn over ours
    try:
        yield hub
    except ModelError:
        raise
    except errors.GatedRepoError as error:
        where = f"{_endpoint() or hub.constants.ENDPOINT}/{source.repo}"
        raise ModelError(f"{source} has terms to accept: do so at {where}, and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"the hub has no {source.repo}, or HF_TOKEN may not see it") from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{source.repo} has no revision {source.revision!r}") from error
    except Exception as error:  # of the disk, of the network, of the library's own HTTP client
        said = str(error).strip().splitlines()
        raise ModelError(f"{source} cannot be pulled: {type(error).__name__}: {said[0] if said else ''}") from error
