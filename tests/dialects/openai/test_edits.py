from __future__ import annotations

import base64
import io
from typing import Any

import msgspec
import pytest
from PIL import Image as Pillow

from providers.contract import Code, Edit, EditKind, Failure, Fidelity, Image, Mask, Note, Polarity, Quality
from proxy.dialects.contract import Incoming, Source
from proxy.dialects.openai.parse import parse_edit
from proxy.dialects.openai.pictures import DATA_URL_MOST, IMAGE_BYTES, IMAGES_MOST
from proxy.pictures import Studio, check_mask
from tests.dialects.openai.asking import CUT, OTHER, PHOTO, Part, carrying, composed, edit, form, refusal
from tests.pictures import jpeg, png

PNG_URL = "data:image/png;base64," + base64.b64encode(PHOTO).decode()
CUT_URL = "data:image/png;base64," + base64.b64encode(CUT).decode()
LINK = "https://pictures.example/photo.png"


def in_json(**fields: Any) -> Incoming:
    """A JSON body that edits: a prompt and a picture, and what else is given."""
    return carrying(msgspec.json.encode({"prompt": "A boat", "images": [{"image_url": PNG_URL}], **fields}))


def edited(incoming: Incoming) -> Edit:
    request = composed(parse_edit(incoming))
    assert isinstance(request, Edit)
    return request


# As a form.


def test_a_form_becomes_an_edit_of_its_picture() -> None:
    request = edited(edit(("model", "gpt-image-2")))
    assert (request.kind, request.model, request.prompt, request.mask) == (
        EditKind.GENERAL,
        "gpt-image-2",
        "A boat",
        None,
    )
    assert [picture.body for picture in request.pictures] == [PHOTO]


@pytest.mark.parametrize(
    "names",
    [["image", "image"], ["image[]", "image[]"], ["image[0]", "image[1]"], ["image", "image[]"]],
)
def test_pictures_come_in_their_order_however_their_list_is_written(names: list[str]) -> None:
    files = [(name, ("f.png", body)) for name, body in zip(names, [PHOTO, OTHER], strict=True)]
    ask = parse_edit(form(("prompt", "A boat"), *files))
    assert [source.field for source in ask.sources] == ["image[0]", "image[1]"]
    request = composed(ask)
    assert [picture.body for picture in request.images] == [PHOTO, OTHER]


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]"])
@pytest.mark.parametrize("mime", [None, "application/octet-stream", "text/plain", "image/png"])
@pytest.mark.parametrize("filename", ["upload", "blob", "photo.txt"])
def test_a_picture_is_taken_under_any_name_and_any_type(name: str, mime: str | None, filename: str) -> None:
    value = (filename, PHOTO) if mime is None else (filename, PHOTO, mime)
    ask = parse_edit(form(("prompt", "A boat"), (name, value)))
    assert ask.sources == (Source(field="image", body=PHOTO),)


@pytest.mark.parametrize("name", ["mask", "mask[]"])
def test_a_mask_marks_by_transparency_what_may_change(name: str) -> None:
    ask = parse_edit(edit((name, ("m.png", CUT))))
    assert [source.field for source in ask.sources] == ["image", "mask"]
    request = composed(ask)
    assert isinstance(request, Edit)
    assert (request.kind, len(request.pictures)) == (EditKind.INPAINT, 1)
    assert request.mask is not None
    assert (request.mask.image.body, request.mask.changes) == (CUT, Polarity.TRANSPARENT)


def test_a_mask_stays_the_mask_among_several_pictures_wherever_it_stands() -> None:
    request = edited(
        form(
            ("mask", ("m.png", CUT)),
            ("image[]", ("a.png", PHOTO)),
            ("prompt", "A boat"),
            ("image[]", ("b.png", OTHER)),
        )
    )
    assert [picture.body for picture in request.pictures] == [PHOTO, OTHER]
    assert request.mask is not None
    assert request.mask.image.body == CUT


FORM_FIELDS: list[tuple[str, str, str, Any]] = [
    ("n", "2", "n", 2),
    ("n", "2.0", "n", 2),
    ("n", "0", "n", 1),  # what a client writes that always writes it
    ("n", "", "n", 1),
    ("size", "1024x1536", "height", 1536),
    ("size", "", "height", None),
    ("size", "auto", "height", None),
    ("quality", "high", "quality", Quality.HIGH),
    ("input_fidelity", "high", "fidelity", Fidelity.HIGH),
    ("input_fidelity", "low", "fidelity", Fidelity.LOW),
    ("output_compression", "100", "compression", None),
    ("svg[model]", "v3", "vector_model", "v3"),
    ("svg[reasoning][effort]", "high", "vector_effort", "high"),
    ("frame_count", "9", "frames", 9),
    ("seed", "7", "seed", 7),
    ("guidance_scale", "3.5", "guidance", 3.5),
]


@pytest.mark.parametrize(("field", "value", "ours", "meaning"), FORM_FIELDS)
def test_a_text_of_a_form_is_read_like_json(field: str, value: str, ours: str, meaning: Any) -> None:
    found = getattr(edited(edit((field, value))), ours)
    assert found == meaning
    assert type(found) is type(meaning)


@pytest.mark.parametrize(("stream", "streams"), [("true", True), ("false", False), ("", False)])
def test_a_stream_is_asked_for_in_words(stream: str, streams: bool) -> None:
    ask = parse_edit(edit(("stream", stream), ("partial_images", "2")))
    assert ask.streams is streams
    assert composed(ask).previews == (2 if streams else 0)


@pytest.mark.parametrize(
    ("model", "said", "answers"),
    [
        ("gpt-image-1", "", (False, True)),
        ("flux-dev", "", (True, True)),
        ("", "", (True, True)),
        ("flux-dev", "url", (True, False)),
        ("flux-dev", "b64_json", (False, True)),
        ("gpt-image-1", "url", (True, False)),
    ],
)
def test_an_edit_answers_as_said_and_else_so_that_every_client_can_read_it(
    model: str, said: str, answers: tuple[bool, bool]
) -> None:
    ask = parse_edit(edit(("model", model), ("response_format", said)))
    assert (ask.links, ask.base64) == answers


FORMS_REFUSED: list[tuple[tuple[Part, ...], str, str]] = [
    ((("prompt", "A boat"),), "missing_required_parameter", "image"),
    ((("image", ("f", PHOTO)),), "missing_required_parameter", "prompt"),
    ((("prompt", " "), ("image", ("f", PHOTO))), "missing_required_parameter", "prompt"),
    ((("prompt", "A boat"), ("images", ("f", PHOTO))), "missing_required_parameter", "image"),
    ((("prompt", "A boat"), ("image", LINK)), "invalid_type", "image"),
    ((("prompt", "A boat"), ("image[]", PNG_URL)), "invalid_type", "image"),
    ((("prompt", "A boat"), ("image", ("f", b""))), "invalid_image", "image"),
    ((("prompt", "A boat"), ("image[]", ("f", PHOTO)), ("image[]", ("g", b""))), "invalid_image", "image[1]"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("mask", ("m", b""))), "invalid_image", "mask"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("mask", PNG_URL)), "invalid_type", "mask"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("mask[]", PNG_URL)), "invalid_type", "mask"),
    (
        (("prompt", "A boat"), ("image", ("f", PHOTO)), ("mask", ("m", CUT)), ("mask", ("m", CUT))),
        "invalid_value",
        "mask",
    ),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("n", "11")), "integer_above_max_value", "n"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("n", "-1")), "integer_below_min_value", "n"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("n", "two")), "invalid_type", "n"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("input_fidelity", "max")), "invalid_value", "input_fidelity"),
    ((("prompt", "A boat"), ("image", ("f", PHOTO)), ("svg", "v3")), "invalid_type", "svg"),
]


@pytest.mark.parametrize(("parts", "code", "param"), FORMS_REFUSED)
def test_a_form_that_would_buy_the_wrong_picture_is_refused(parts: tuple[Part, ...], code: str, param: str) -> None:
    found = refusal(parse_edit, form(*parts))
    assert (found.status, found.code, found.param) == (400, code, param)


def test_as_many_pictures_as_the_limit_are_taken_and_no_more() -> None:
    def of(count: int) -> Incoming:
        return form(("prompt", "A boat"), *[("image[]", ("f", PHOTO))] * count)

    assert len(parse_edit(of(IMAGES_MOST)).sources) == IMAGES_MOST
    assert refusal(parse_edit, of(IMAGES_MOST + 1)).param == "image"


@pytest.mark.parametrize("name", ["image", "mask"])
def test_a_file_over_50_megabytes_is_refused_before_anything_looks_at_it(name: str) -> None:
    parts: list[Part] = [("image", ("f", PHOTO)), (name, ("f", bytes(IMAGE_BYTES + 1)))]
    found = refusal(parse_edit, form(("prompt", "A boat"), *parts[name == "image" :]))
    assert (found.code, found.param) == ("image_too_large", name)


def test_files_and_texts_that_are_not_known_are_noted() -> None:
    ask = parse_edit(edit(("markup", ("m.png", CUT)), ("layers", "3"), ("references[]", ("r.png", OTHER))))
    assert [note.field for note in ask.notes] == ["layers", "markup", "references[]"]
    assert not any(note.lossy for note in ask.notes)
    assert len(ask.sources) == 1


def test_an_edit_asks_for_nothing_that_was_not_sent() -> None:
    request = edited(edit())
    bare = Edit(kind=EditKind.GENERAL, model="", prompt="A boat", pictures=request.pictures)
    assert request == bare


# As JSON.


def test_json_carries_pictures_as_data_urls_or_as_links() -> None:
    ask = parse_edit(in_json(images=[{"image_url": PNG_URL}, {"image_url": LINK}], mask={"image_url": CUT_URL}))
    assert ask.sources == (
        Source(field="images[0]", body=PHOTO),
        Source(field="images[1]", url=LINK),
        Source(field="mask", body=CUT),
    )
    request = ask.compose([Image(PHOTO), Image(OTHER), Image(CUT)])
    assert isinstance(request, Edit)
    assert isinstance(request.mask, Mask)
    assert request.mask.changes is Polarity.TRANSPARENT
    assert [picture.body for picture in request.pictures] == [PHOTO, OTHER]


@pytest.mark.parametrize("url", [PNG_URL, PNG_URL.replace("image/png", ""), PNG_URL.replace("png", "jpeg")])
def test_a_data_url_is_its_bytes_whatever_type_it_claims(url: str) -> None:
    assert parse_edit(in_json(images=[{"image_url": url, "file_id": None}])).sources[0].body == PHOTO


@pytest.mark.parametrize("mask", [None, ""])
def test_no_mask_is_no_mask(mask: object) -> None:
    assert edited(in_json(mask=mask)).kind is EditKind.GENERAL


JSON_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": None}, "missing_required_parameter", "prompt"),
    ({"images": None}, "missing_required_parameter", "images"),
    ({"images": ""}, "missing_required_parameter", "images"),
    ({"images": []}, "invalid_value", "images"),
    ({"images": [{"image_url": LINK}] * 17}, "invalid_value", "images"),
    ({"images": {"image_url": LINK}}, "invalid_type", "images"),
    ({"images": [LINK]}, "invalid_type", "images[0]"),
    ({"images": [None]}, "invalid_type", "images[0]"),
    ({"images": [{}]}, "missing_required_parameter", "images[0].image_url"),
    ({"images": [{"image_url": ""}]}, "missing_required_parameter", "images[0].image_url"),
    ({"images": [{"image_url": None}]}, "missing_required_parameter", "images[0].image_url"),
    ({"images": [{"image_url": 5}]}, "missing_required_parameter", "images[0].image_url"),
    ({"images": [{"image_url": LINK}, {"url": LINK}]}, "unknown_parameter", "images[1].url"),
    ({"images": [{"image_url": LINK, "detail": "high"}]}, "unknown_parameter", "images[0].detail"),
    ({"images": [{"file_id": "file-1"}]}, "invalid_value", "images[0].file_id"),
    ({"images": [{"image_url": "data:image/png;base64,!!!"}]}, "invalid_image", "images[0].image_url"),
    ({"images": [{"image_url": "data:image/png;base64,ü"}]}, "invalid_image", "images[0].image_url"),
    ({"images": [{"image_url": "data:image/png;base64,AAA"}]}, "invalid_image", "images[0].image_url"),
    ({"images": [{"image_url": "data:image/png;base64,"}]}, "invalid_image", "images[0]"),
    ({"images": [{"image_url": "data:"}]}, "invalid_image", "images[0]"),
    ({"mask": LINK}, "invalid_type", "mask"),
    ({"mask": []}, "invalid_type", "mask"),
    ({"mask": {}}, "missing_required_parameter", "mask.image_url"),
    ({"mask": {"file_id": "file-1"}}, "invalid_value", "mask.file_id"),
    ({"input_fidelity": "medium"}, "invalid_value", "input_fidelity"),
]


@pytest.mark.parametrize(("fields", "code", "param"), JSON_REFUSED)
def test_json_that_would_buy_the_wrong_picture_is_refused(fields: dict[str, Any], code: str, param: str) -> None:
    found = refusal(parse_edit, in_json(**fields))
    assert (found.status, found.code, found.param) == (400, code, param)


def test_a_data_url_is_no_longer_than_its_limit() -> None:
    head = "data:image/a;base64,"
    long = head + "A" * (DATA_URL_MOST - len(head))
    assert parse_edit(in_json(images=[{"image_url": long}])).sources[0].body is not None
    found = refusal(parse_edit, in_json(images=[{"image_url": long + "AAAA"}]))
    assert (found.code, found.param) == ("string_above_max_length", "images[0].image_url")


def test_unknown_fields_of_json_are_noted() -> None:
    ask = parse_edit(in_json(image=PNG_URL))
    assert ask.notes == (Note("image", "is not known here and was ignored", lossy=False),)


@pytest.mark.parametrize("content_type", ["multipart/mixed; boundary=b", "application/octet-stream", ""])
def test_a_body_that_is_neither_a_form_nor_json_is_refused(content_type: str) -> None:
    found = refusal(parse_edit, carrying(b"--b\r\n", content_type))
    assert (found.status, found.code, found.param) == (400, None, None)


# As the proxy goes on with it.


async def test_what_is_transparent_in_the_mask_is_what_may_change() -> None:
    half = Pillow.new("RGBA", (40, 30), (0, 0, 0, 255))
    half.paste((0, 0, 0, 0), (0, 0, 20, 30))
    body = io.BytesIO()
    half.save(body, "PNG")
    request = edited(edit(("mask", ("m.png", body.getvalue()))))
    studio = Studio(1_000_000)
    try:
        turned = await studio.turn_mask(request, Polarity.WHITE)
    finally:
        studio.close()
    assert isinstance(turned, Edit)
    assert turned.mask is not None
    grey = Pillow.open(io.BytesIO(turned.mask.image.body)).convert("L")
    assert (grey.getpixel((5, 15)), grey.getpixel((35, 15))) == (255, 0)


@pytest.mark.parametrize("body", [png(41, 30, (0, 0, 0, 0)), png(30, 40, (0, 0, 0, 0)), jpeg(40, 30)])
def test_a_mask_of_another_size_or_without_transparency_is_refused(body: bytes) -> None:
    request = edited(edit(("mask", ("m.png", body))))
    assert request.mask is not None
    with pytest.raises(Failure) as caught:
        check_mask(request.pictures[0], request.mask.image, request.mask.changes)
    assert (caught.value.code, caught.value.field) == (Code.INVALID, "mask")
