"""What is an object store's alone: addresses, credentials, presigned links, and a vendor that does not answer."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.contract import Format, Image
from proxy.events import Event, StoreFailed
from proxy.store import DiskStore, ObjectStore, Pictures, Stored
from tests.pictures import png
from tests.servers import Buckets


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def store(buckets: Buckets, told: list[Event]) -> ObjectStore:
    return ObjectStore(buckets.fresh(), buckets.options, told.append)


@pytest.fixture
def away(buckets: Buckets) -> Iterator[Buckets]:
    """It does not answer."""
    buckets.stop()
    yield buckets
    buckets.start()


@pytest.mark.parametrize(
    ("url", "options", "why"),
    [
        ("s3://bucket", {"nonsense": "1"}, "'nonsense' is not valid for store 'S3'"),
        ("file:///tmp", {}, "no object store"),
        ("bucket/prefix", {}, "no object store"),
        ("az://container", {}, "Account"),
    ],
)
def test_what_is_no_address_is_said_in_one_line(
    url: str, options: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match=why) as caught:
        ObjectStore(url, options, lambda _: None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://bucket/some/prefix", "gs://bucket/prefix", "az://container/prefix"])
def test_every_vendor_has_its_address(url: str) -> None:
    ObjectStore(url, {"account_name": "me"} if url.startswith("az") else {}, lambda _: None)


async def test_credentials_come_from_the_environment(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours-alone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    plain = {name: said for name, said in buckets.options.items() if not name.endswith(("key_id", "access_key"))}
    store = ObjectStore(buckets.fresh(), plain, lambda _: None)
    await store.put("a", b"x")
    assert "ours-alone" in (await store.presigned("a", 60) or "")
    assert await store.get("a") == b"x"


async def test_a_presigned_link_is_the_picture_with_its_type_and_works_without_us(store: ObjectStore) -> None:
    pictures = Pictures(store, "pictures", lambda _: None)
    stored = await pictures.put(Image(png()), "req_1")
    link = await pictures.presigned(stored, 60)
    assert link is not None
    with urllib.request.urlopen(link) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (png(), "image/png")
    assert "X-Amz-Expires=60" in link
    assert await pictures.presigned(Stored("00" * 32, Format.PNG), 60) is None


async def test_a_folder_has_no_links_of_its_own(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    pictures = Pictures(store, "pictures", lambda _: None)
    stored = await pictures.put(Image(png()))
    assert await pictures.presigned(stored, 60) is None
    store.close()


async def test_the_same_picture_is_sent_once_however_often_it_is_put(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    real = store._do.put_async

    async def counted(at: object, name: str, body: bytes, **more: object) -> object:
        sent.append(len(body))
        return await real(at, name, body, **more)

    monkeypatch.setattr(store._do, "put_async", counted)
    pictures = Pictures(store, "pictures", lambda _: None)
    for job in ("req_1", "req_2", "req_2"):
        await pictures.put(Image(png(300, 300)), job)
    assert sorted(sent) == [0, 0, 0, len(png(300, 300))]


async def test_a_vendor_that_does_not_answer_is_what_a_full_disk_is_and_is_told(
    store: ObjectStore, told: list[Event], away: Buckets
) -> None:
    pictures = Pictures(store, "pictures", lambda _: None)
    with pytest.raises(OSError, match="the object store failed"):
        await pictures.put(Image(png()), "req_1")
    with pytest.raises(OSError, match="the object store failed"):
        await store.get("a")
    with pytest.raises(OSError, match="the object store failed"):
        await store.drop("a")
    with pytest.raises(OSError, match="the object store failed"):
        await pictures.sweep(1)
    assert [event.what for event in told if isinstance(event, StoreFailed)][-2:] == ["drop", "list"]
    assert {event.what for event in told if isinstance(event, StoreFailed)} == {"put", "get", "drop", "list"}
    assert all("\n" not in event.why for event in told if isinstance(event, StoreFailed))


async def test_a_bucket_that_is_not_there_takes_nothing(buckets: Buckets, told: list[Event]) -> None:
    store = ObjectStore("s3://never-made", buckets.options, told.append)
    with pytest.raises(OSError, match="the object store failed"):
        await store.put("a", b"x")
    assert [type(event) for event in told] == [StoreFailed]
