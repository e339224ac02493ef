"""Slots for pictures of a caller's own."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Incoming, Outgoing, Talking
from proxy.dialects.leonardo import DIALECT, uploads
from proxy.dialects.leonardo.shapes import user_id
from proxy.dialects.wants import Asset, Drop, Fill, Find, Money, Offer, Purse, Slot
from tests.dialects.leonardo.asking import ONE, PHOTO, TWO, conversing, getting, posting, read, refused

PURSE = Purse(team="team", left=None, settled=0)  # type: ignore[arg-type]
USER = user_id("team")


def slot(id_: str, token: str) -> Slot:
    return Slot(id=id_, token=token, origin="https://here.test")


@pytest.mark.parametrize(
    ("extension", "mime"), [("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
def test_a_slot_is_offered_as_a_presigned_form(extension: str, mime: str) -> None:
    outgoing, wants = conversing(uploads.offer, posting({"extension": extension}), PURSE, slot(ONE, "t"))
    assert wants == [Money(), Offer(kind="init-image", suffix=extension, seconds=120)]
    told = read(outgoing)["uploadInitImage"]
    key = f"users/{USER}/initImages/{ONE}.{extension}"
    assert json.loads(told.pop("fields")) == {"Content-Type": mime, "key": key}
    assert told == {"id": ONE, "key": key, "url": "https://here.test/api/rest/v1/uploads/t"}


@pytest.mark.parametrize("body", [{}, {"extension": "gif"}, {"extension": "PNG"}, {"extension": 1}, {"x": "png"}, b"["])
def test_a_slot_is_for_what_can_be_read(body: Any) -> None:
    assert refused(lambda: conversing(uploads.offer, posting(body))).status == 400


def test_a_canvas_has_a_slot_for_its_mask_too() -> None:
    incoming = posting({"initExtension": "jpg", "maskExtension": "png"})
    outgoing, wants = conversing(uploads.offer_canvas, incoming, PURSE, slot(ONE, "t"), PURSE, slot(TWO, "u"))
    offers = [want for want in wants if isinstance(want, Offer)]
    assert [(offer.kind, offer.suffix) for offer in offers] == [("canvas-init", "jpg"), ("canvas-mask", "png")]
    told = read(outgoing)["uploadCanvasInitImage"]
    assert json.loads(told.pop("initFields"))["Content-Type"] == "image/jpeg"
    assert json.loads(told.pop("maskFields"))["key"] == told["maskKey"]
    assert told == {
        "initImageId": ONE,
        "initKey": f"users/{USER}/initImages/{ONE}.jpg",
        "initUrl": "https://here.test/api/rest/v1/uploads/t",
        "maskImageId": TWO,
        "maskKey": f"users/{USER}/initImages/{TWO}.png",
        "maskUrl": "https://here.test/api/rest/v1/uploads/u",
    }


@pytest.mark.parametrize("body", [{}, {"initExtension": "png"}, {"maskExtension": "png"}, {"extension": "png"}])
def test_a_canvas_needs_both(body: Any) -> None:
    assert refused(lambda: conversing(uploads.offer_canvas, posting(body))).status == 400


# Putting a picture in.


def sending(*files: tuple[str, bytes], fields: dict[str, str] | None = None, key: str = "") -> Incoming:
    request = httpx.Request(
        "POST", "http://here/", data=fields or {}, files=[(name, ("f.png", b)) for name, b in files]
    )
    told = {"content-type": request.headers["content-type"], **({"authorization": key} if key else {})}
    return Incoming(method="POST", path="/", headers=told, parts={"token": "t"}, body=request.read())


def xml(outgoing: Outgoing) -> tuple[int, str]:
    assert outgoing.headers["content-type"] == "application/xml"
    return outgoing.status, b"".join(outgoing.body).decode()


def test_a_picture_is_put_in_once() -> None:
    incoming = sending(("file", PHOTO), fields={"key": "users/x", "Content-Type": "image/png"})
    outgoing, wants = conversing(uploads.fill, incoming, True)
    assert wants == [Fill(token="t", body=PHOTO)]
    assert (outgoing.status, outgoing.body) == (204, ())


def test_a_slot_that_is_none_any_more_says_so() -> None:
    outgoing, _ = conversing(uploads.fill, sending(("file", PHOTO)), False)
    status, body = xml(outgoing)
    assert status == 403
    assert "<Code>AccessDenied</Code>" in body


def test_an_upload_with_a_key_is_refused_before_anything_is_wanted() -> None:
    outgoing, wants = conversing(uploads.fill, sending(("file", PHOTO), key="Bearer k"))
    assert (xml(outgoing)[0], wants) == (403, [])


def test_what_is_no_picture_says_so_and_stays_readable() -> None:
    failure = Failure(Fault.REJECTED, "<no> picture & such", code=Code.NOT_AN_IMAGE)
    outgoing, _ = conversing(uploads.fill, sending(("file", b"x")), failure)
    status, body = xml(outgoing)
    assert status == 400
    assert "&lt;no&gt; picture &amp; such" in body


@pytest.mark.parametrize(
    "incoming",
    [
        sending(("picture", PHOTO)),
        sending(("file", PHOTO), ("file", PHOTO)),
        Incoming(method="POST", path="/", headers={}, parts={"token": "t"}, body=PHOTO),
        Incoming(method="POST", path="/", headers={"content-type": "multipart/form-data; boundary=b"}, body=b"--b"),
    ],
)
def test_an_upload_is_a_form_with_one_file(incoming: Incoming) -> None:
    outgoing, wants = conversing(uploads.fill, incoming)
    assert (xml(outgoing)[0], wants) == (400, [])


def test_only_the_way_in_is_public() -> None:
    public = [route.path for route in DIALECT.routes if isinstance(route, Talking) and route.public]
    assert public == ["/api/rest/v1/uploads/{token:str}"]


# Looking at it, and taking it away.


@pytest.mark.parametrize("link", ["https://here.test/a.png", None])
def test_an_init_image_is_shown(link: str | None) -> None:
    asset = Asset(id=ONE, kind="init-image", created=1_732_012_979_533, link=link)
    outgoing, wants = conversing(uploads.show, getting(id=ONE.upper()), asset)
    assert wants == [Find("init-image", ONE)]
    shown = {"id": ONE, "createdAt": "2024-11-19T10:42:59.533"}
    assert read(outgoing) == {"init_images_by_pk": shown | ({"url": link} if link else {})}


def test_an_init_image_that_is_none_is_null() -> None:
    outgoing, _ = conversing(uploads.show, getting(id="x"), None)
    assert read(outgoing) == {"init_images_by_pk": None}


@pytest.mark.parametrize("gone", [True, False])
def test_an_init_image_is_taken_away(gone: bool) -> None:
    outgoing, wants = conversing(uploads.remove, getting(id=ONE), gone)
    assert wants == [Drop("init-image", ONE)]
    assert read(outgoing) == {"delete_init_images_by_pk": {"id": ONE} if gone else None}
