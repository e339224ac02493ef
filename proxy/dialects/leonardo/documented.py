"""What is told of Leonardo's routes."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.documents import Document, Earlier, Example, Field, File, Told, more, placed, told
from proxy.dialects.leonardo.generations import LIMIT, LIMIT_MOST, OFFSET_MOST
from proxy.dialects.leonardo.models import DEFAULT
from proxy.dialects.leonardo.pricing import IMAGE, IMAGE_PARAMS, MEGAPIXELS, SERVICES, UPSCALERS
from proxy.dialects.leonardo.said import (
    CONTEXTS,
    CONTROLLED,
    ELEMENTS,
    GENERATED,
    PRICED,
    PRICED_UPSCALE,
    UPSCALED,
    USER_ELEMENTS,
)
from proxy.dialects.leonardo.table import CONTEXT, CONTROL, ELEMENT, GENERATION, USER_ELEMENT
from proxy.dialects.leonardo.uploads import ONE, TWO
from proxy.dialects.leonardo.variations import UNIVERSAL, VARIABLE

BASE = "/api/rest/v1"
GENERATE, INIT, UPLOAD = f"POST {BASE}/generations", f"POST {BASE}/init-image", f"POST {BASE}/uploads/{{token:str}}"
CANVAS = f"POST {BASE}/canvas-init-image"
GENERATION_ID = Earlier(shown="GENERATION_ID", route=GENERATE, path=("sdGenerationJob", "generationId"))
IMAGE_ID = Earlier(
    shown="IMAGE_ID",
    route=f"GET {BASE}/generations/{{id:str}}",
    path=("generations_by_pk", "generated_images", 0, "id"),
)
INIT_ID = Earlier(shown="INIT_IMAGE_ID", route=INIT, path=("uploadInitImage", "id"))
TOKEN = Earlier(shown="UPLOAD_TOKEN", route=INIT, path=("uploadInitImage", "url"))
VARIATION_ID = Earlier(shown="VARIATION_ID", route=f"POST {BASE}/variations/nobg", path=("sdNobgJob", "id"))
OTHER = "0b9d6c1e-3f5a-4c52-9a57-2f4d7c1f8e22"
"""An id like any other."""


def _id(becomes: str, text: str, name: str = "id") -> Field:
    return Field(name=name, kind="string", place="path", required=True, text=text, becomes=becomes, sample=OTHER)


def _count(name: str, text: str, most: int, default: int) -> Field:
    return Field(
        name=name,
        kind="integer",
        place="query",
        text=text,
        becomes="answer: the requests listed",
        lowest=0,
        highest=most,
        default=default,
        sample=1,
    )


def _varied(request: str, **beside: Told) -> tuple[Field, ...]:
    picture = f"{request}.picture" if request == "Upscale" else f"{request}.pictures"
    words = {
        "id": Told("The picture: one that was drawn, or sent before.", picture, required=True, sample=OTHER),
        "isVariation": Told("The id is that of a variation, and its picture is meant.", picture, default=False),
    }
    table = {"id": VARIABLE["id"]} if request == "Upscale" else VARIABLE
    return placed(told(table, words))


NOBODY = "A key shows what belongs to its own team, whatever user is named."
USER = Field(
    name="user",
    kind="string",
    place="path",
    required=True,
    text=NOBODY,
    becomes="nothing: the key says whose they are",
    sample=OTHER,
)
EXTENSION = {"extension": Told("What kind of file will be sent.", "Offer.suffix", required=True, sample="webp")}
EXTENSIONS = {
    "initExtension": Told("The picture's kind of file.", "Offer.suffix", required=True, sample="webp"),
    "maskExtension": Told("The mask's kind of file.", "Offer.suffix", required=True, sample="webp"),
}
SENT: Mapping[str, Told] = {
    "file": Told("The picture.", "Fill.body", "file", required=True, place="form", sample=File("mask.png")),
    "Content-Type": Told("As the slot said it.", "nothing: the picture says itself what it is", place="form"),
    "key": Told("As the slot said it.", "nothing: the token says which slot it is", place="form"),
}
SERVICE: Mapping[str, Told] = {
    "service": Told(
        "What is to be priced; of those that are not drawn here, there is no price.",
        "Price.request.operation",
        required=True,
        choices=SERVICES,
        sample=UPSCALERS[0],
        beside={"serviceParams": {UPSCALERS[0]: {"megapixel": 4}}},
    ),
    "serviceParams": Told(
        "Its settings, in an object under the service's own name.",
        "Price.request.width",
        "object",
        required=True,
        sample={IMAGE: {"imageWidth": 512}},
    ),
}

DOCUMENTS: Mapping[str, Document] = {
    GENERATE: Document(
        says="Takes a request for pictures and answers with its id and what it costs at most; ask for them by that id.",
        fields=placed(
            [
                *told(GENERATION, GENERATED, of="Generate"),
                *told(CONTROL, CONTROLLED, at="controlnets[]."),
                *told(ELEMENT, ELEMENTS, of="Generate", at="elements[]."),
                *told(USER_ELEMENT, USER_ELEMENTS, of="Generate", at="userElements[]."),
                *told(CONTEXT, CONTEXTS, at="contextImages[]."),
            ]
        ),
        examples=(
            Example(
                json={"prompt": "A boat on a lake", "modelId": DEFAULT, "width": 512, "height": 512, "num_images": 1}
            ),
            Example(
                title="From a picture sent before",
                json={
                    "prompt": "The same lake in winter",
                    "width": 512,
                    "height": 512,
                    "num_images": 1,
                    "init_image_id": INIT_ID,
                    "init_strength": 0.4,
                },
                after=(UPLOAD,),
            ),
        ),
    ),
    f"POST {BASE}/variations/upscale": Document(
        says="Takes a request to make a picture larger, as the model does it.",
        fields=_varied("Upscale"),
        examples=(Example(json={"id": IMAGE_ID}),),
    ),
    f"POST {BASE}/variations/unzoom": Document(
        says="Takes a request to draw what lies around a picture.",
        fields=_varied("Edit"),
        examples=(Example(json={"id": IMAGE_ID}),),
    ),
    f"POST {BASE}/variations/nobg": Document(
        says="Takes a request to cut the subject of a picture out.",
        fields=_varied("Edit"),
        examples=(Example(json={"id": IMAGE_ID}),),
    ),
    f"POST {BASE}/variations/universal-upscaler": Document(
        says="Takes a request to make a picture larger and to invent detail in it.",
        fields=placed(told(UNIVERSAL, UPSCALED, of="Upscale")),
        examples=(Example(json={"generatedImageId": IMAGE_ID, "upscaleMultiplier": 2.0, "creativityStrength": 4}),),
    ),
    f"GET {BASE}/generations/{{id:str}}": Document(
        says="Tells of a generation: PENDING, COMPLETE with its pictures, or FAILED; null for one this team has not.",
        fields=(_id("Look.id", "The generation."),),
        examples=(Example(parts={"id": GENERATION_ID}),),
    ),
    f"DELETE {BASE}/generations/{{id:str}}": Document(
        says="Forgets a generation and its pictures.",
        fields=(_id("Look.id", "The generation."),),
        examples=(Example(parts={"id": GENERATION_ID}),),
    ),
    f"GET {BASE}/generations/user/{{user:str}}": Document(
        says="Lists the team's generations, newest first.",
        fields=(
            USER,
            _count("offset", "How many of the newest to pass over.", OFFSET_MOST, 0),
            _count("limit", "How many to list.", LIMIT_MOST, LIMIT),
        ),
        examples=(Example(parts={"user": OTHER}, query={"limit": "2"}, after=(GENERATE,)),),
    ),
    f"GET {BASE}/variations/{{id:str}}": Document(
        says="Tells of a variation, in a list of one; the list is empty for one this team has not.",
        fields=(_id("Look.id", "The variation."),),
        examples=(Example(parts={"id": VARIATION_ID}),),
    ),
    INIT: Document(
        says="Opens a slot for a picture, for two minutes: where to send it, and the id it will have.",
        fields=placed(told(ONE, EXTENSION)),
        examples=(Example(json={"extension": "png"}),),
    ),
    f"GET {BASE}/init-image/{{id:str}}": Document(
        says="Tells of a picture sent before, with a link to it.",
        fields=(_id("Find.id", "The picture."),),
        examples=(Example(parts={"id": INIT_ID}, after=(UPLOAD,)),),
    ),
    f"DELETE {BASE}/init-image/{{id:str}}": Document(
        says="Deletes a picture sent before.",
        fields=(_id("Drop.id", "The picture."),),
        examples=(Example(parts={"id": INIT_ID}),),
    ),
    CANVAS: Document(
        says="Opens two slots, for a picture and for its mask.",
        fields=placed(told(TWO, EXTENSIONS)),
        examples=(Example(json={"initExtension": "png", "maskExtension": "png"}),),
    ),
    UPLOAD: Document(
        says="Fills a slot, once, from anybody who has its address; no key is sent along.",
        fields=(_id("Fill.token", "What the slot's address ends in.", "token"), *more(SENT)),
        examples=(Example(parts={"token": TOKEN}, form={"Content-Type": "image/png", "file": File("picture.png")}),),
        status=204,
        media="application/xml",
    ),
    f"GET {BASE}/me": Document(says="Tells whose key it is, and how many credits the budget still buys."),
    f"GET {BASE}/platformModels": Document(says="Lists the models that are known by an id."),
    f"GET {BASE}/models/{{id:str}}": Document(
        says="Tells of one model; null for one that cannot be asked for.",
        fields=(
            Field(
                name="id",
                kind="string",
                place="path",
                required=True,
                text="The model's id.",
                becomes="answer: the model shown",
                sample="standard",
            ),
        ),
        examples=(Example(parts={"id": DEFAULT}),),
    ),
    f"GET {BASE}/models/user/{{user:str}}": Document(
        says="Lists the models a user has trained: none.",
        fields=(USER,),
        examples=(Example(parts={"user": OTHER}),),
    ),
    f"GET {BASE}/elements": Document(says="Lists elements: none, though those a provider has can be named."),
    f"GET {BASE}/elements/user/{{user:str}}": Document(
        says="Lists the elements a user has trained: none.",
        fields=(USER,),
        examples=(Example(parts={"user": OTHER}),),
    ),
    f"POST {BASE}/pricing-calculator": Document(
        says="Tells what a request would cost in credits, by this server's own prices; null where none is known.",
        fields=placed(
            [
                *more(SERVICE),
                *told(IMAGE_PARAMS, PRICED, of="Price.request", at=f"serviceParams.{IMAGE}."),
                *told(MEGAPIXELS, PRICED_UPSCALE, of="Price.request", at=f"serviceParams.{UPSCALERS[0]}."),
            ]
        ),
        examples=(
            Example(
                json={
                    "service": IMAGE,
                    "serviceParams": {IMAGE: {"imageWidth": 1024, "imageHeight": 768, "numImages": 2}},
                }
            ),
        ),
    ),
}
