"""The studio's work on finished pictures against a running server: free of charge, for every kind of file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.pictures import jpeg, png
from tests.retouch.pictures import exif, file, hole, noise, quarters, scene, skin
from tests.walk.running import Running, running

ROOT = "/api/image-studio"
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that needs nothing."""
    folder: Path = tmp_path_factory.mktemp("finished")
    config = {
        "providers": {"sandbox": {}},
        "models": {"standard": {"to": ["sandbox"]}},
        "default_model": "standard",
        "limits": {"body_bytes": 8_000_000, "picture_pixels": 2_000_000},
    }
    with running(folder, config) as made:
        yield made


class Caller:
    """Somebody, with a key or without."""

    def __init__(self, server: Running, key: str | None) -> None:
        self._base = server.base.removesuffix("/v1")
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def __call__(self, path: str, body: Any = None, *, method: str | None = None) -> httpx.Response:
        """The answer to a request: POST where there is a body, else GET."""
        method = method or ("GET" if body is None else "POST")
        return httpx.request(method, self._base + ROOT + path, json=body, headers=self._headers, timeout=60)

    def told(self, path: str, body: Any = None, **more: Any) -> JSON:
        """The body of an answer that is no failure."""
        answer = self(path, body, **more)
        assert answer.status_code == 200, answer.text
        found: JSON = answer.json()
        return found


@pytest.fixture
def call(server: Running, team: str) -> Caller:
    """A caller of a team without a dollar."""
    return Caller(server, server.key(team, "0/total"))


def url(body: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(body).decode()}"


def opened(text: str, kind: str) -> Image.Image:
    """The picture in a data URL of that kind."""
    head, _, rest = text.partition(",")
    assert head == f"data:image/{kind};base64"
    picture = Image.open(io.BytesIO(base64.b64decode(rest, validate=True)))
    assert picture.format == kind.upper()
    return picture


def test_the_documents_example(call: Caller, server: Running, team: str) -> None:
    told = call.told(
        "/social/optimize",
        {
            "image_base64": url(file(scene(800, 450, 680, 180))),
            "platforms": ["instagram", "facebook", "linkedin"],
            "format_names": {"instagram": "Feed Post (Square)", "facebook": "Feed Post", "linkedin": "Post"},
            "show_safe_zones": False,
            "crop_mode": "smart",
            "focal_point": None,
            "output_format": "png",
        },
    )
    assert (told["success"], told["total_optimized"]) == (True, 3)
    made = {(each["platform"], each["format"]): opened(each["image_base64"], "png") for each in told["results"]}
    assert {named: picture.size for named, picture in made.items()} == {
        ("instagram", "Feed Post (Square)"): (1080, 1080),
        ("facebook", "Feed Post"): (1200, 630),
        ("linkedin", "Feed Post"): (1200, 628),
    }
    assert skin(made["instagram", "Feed Post (Square)"]) > 50_000
    assert server.spent(team) == (0, 0)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_every_platform_at_once(call: Caller, kind: str) -> None:
    names = ["instagram", "facebook", "twitter", "linkedin", "youtube", "pinterest", "tiktok"]
    body = {"image_base64": url(jpeg(400, 300)), "platforms": names, "output_format": kind, "show_safe_zones": True}
    told = call.told("/social/optimize", {**body, "crop_mode": "fit"})
    assert [each["platform"] for each in told["results"]] == names
    for each in told["results"]:
        found = call.told(f"/social/platforms/{each['platform']}/formats")["formats"][0]
        assert [each[name] for name in ("width", "height", "ratio")] == [found[n] for n in ("width", "height", "ratio")]
        assert (each["format"], each["safe_zone"]) == (found["name"], found["safe_zone"])
        picture = opened(each["image_base64"], "jpeg" if kind == "jpg" else "png")
        assert picture.size == (each["width"], each["height"])


@pytest.mark.parametrize("path", ["/compress", "/compress/estimate", "/convert-format", "/social/optimize"])
@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ("@@@", "Invalid base64 image payload"),
        (url(b"no picture"), "Invalid image in 'image_base64': it is no picture in a format that is known"),
        (url(png(300, 300)[:200]), "Invalid image in 'image_base64': it is "),
        (url(png(2000, 1001)), "Invalid image in 'image_base64': it has 2000x1001 pixels; at most 2000000 are taken."),
    ],
)
def test_what_is_no_picture_is_refused_in_words(call: Caller, path: str, sent: str, detail: str) -> None:
    answer = call(path, {"image_base64": sent, "target_format": "png", "platforms": ["tiktok"]})
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]
    assert answer.json()["detail"].startswith(detail)


def test_fewer_bytes(call: Caller) -> None:
    sent = {"image_base64": url(file(noise(400, 300)))}
    told = call.told("/compress", {**sent, "target_size_kb": 60, "format": "webp"})
    assert told["compressed_size_kb"] <= 60
    assert opened(told["image_base64"], "webp").size == (400, 300)
    estimated = call.told("/compress/estimate", {**sent, "format": "webp", "quality": told["quality_used"]})
    assert estimated["estimated_size_kb"] == told["compressed_size_kb"]
    batch = call.told("/compress/batch", {"images": [sent, {"image_base64": url(b"no picture")}]})
    assert (batch["success"], batch["successful"], batch["failed"]) == (False, 1, 1)
    opened(batch["results"][0]["image_base64"], "jpeg")


@pytest.mark.parametrize("word", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
def test_another_format_upright_and_with_its_metadata(call: Caller, word: str) -> None:
    lying = file(quarters().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(6))
    told = call.told("/convert-format", {"image_base64": url(lying), "target_format": word})
    picture = opened(told["image_base64"], word)
    assert picture.size == (80, 60)
    assert (told["original_format"], told["metadata_preserved"]) == ("jpeg", word not in ("gif", "bmp"))
    clear = call.told("/convert-format", {"image_base64": url(file(hole())), "target_format": word})
    assert clear["transparency_preserved"] is (word not in ("jpeg", "bmp"))


def test_what_is_public_and_what_is_not(server: Running, call: Caller) -> None:
    nobody = Caller(server, None)
    public = ("/compress/formats", "/compress/presets", "/convert-format/supported")
    for path in (*public, "/convert-format/recommendations?source_format=png"):
        assert nobody.told(path) == call.told(path)
    for path in ("/social/platforms/tiktok/formats", "/platform-specs/tiktok", "/library/a1"):
        assert nobody(path).status_code == 401
    for path in ("/compress", "/convert-format", "/social/optimize", "/save-to-library"):
        assert nobody(path, {"image_base64": url(png())}).status_code == 401


def test_what_is_told_of_platforms(call: Caller) -> None:
    assert call.told("/platform-specs/Instagram")["max_file_size"] == "30MB"
    assert call("/platform-specs/blog").status_code == 404
    assert call.told("/social/platforms/blog/formats") == {"formats": []}
    answer = call("/social/platforms/myspace/formats")
    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid platform: myspace"})


def test_a_picture_is_kept_found_fetched_and_deleted(call: Caller, server: Running, team: str) -> None:
    body = file(quarters())
    told = call.told("/save-to-library", {"image_base64": url(body), "prompt": "Four colors", "cost": 0.5})
    assert told["success"] is True
    assert told["file_size"] == len(body)
    assert told["filename"].endswith(".png")
    assert httpx.get(told["file_url"]).content == body
    one = f"/library/{told['asset_id']}"
    found = call.told(one)
    assert (found["prompt"], found["cost"], found["file_size"]) == ("Four colors", 0.5, len(body))
    stranger = Caller(server, server.key(f"{team}-other"))
    assert stranger(one).status_code == 404
    assert stranger(one, method="DELETE").status_code == 404
    assert call.told(one, method="DELETE") == {"success": True, "asset_id": told["asset_id"]}
    assert (call(one).status_code, call(one).json()) == (404, {"detail": f"Asset not found: {told['asset_id']}"})


def test_what_cannot_be_kept_is_refused(call: Caller) -> None:
    for sent in ("@@@", url(b"no picture")):
        answer = call("/save-to-library", {"image_base64": sent})
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("Invalid base64 image data")


def test_a_dialect_of_that_name_may_be_pinned(server: Running, team: str) -> None:
    base = server.base.removesuffix("/v1")
    answer = httpx.get(f"{base}/alwrity{ROOT}/compress/formats", timeout=60)
    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()["formats"]] == ["jpeg", "png", "webp"]
