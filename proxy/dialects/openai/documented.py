"""What is told of OpenAI's routes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from proxy.dialects.documents import BOAT, Document, Example, Field, File, Told, more, placed, told
from proxy.dialects.openai.models import TYPES
from proxy.dialects.openai.parse import EDIT, SHARED
from proxy.dialects.openai.pictures import IMAGES_MOST

DATA_URL = f"data:image/png;base64,{BOAT}"
MODELS, GENERATIONS = "GET /v1/models", "POST /v1/images/generations"
EDITS, VARIATIONS = "POST /v1/images/edits", "POST /v1/images/variations"
FORM_ONLY = ("svg[model]", "svg[reasoning][effort]")
"""How a form spells what is within `svg`."""
IN_FORM = {name: entry for name, entry in SHARED.items() if name != "svg"}
IN_JSON = {name: entry for name, entry in SHARED.items() if name not in FORM_ONLY}

SAID: Mapping[str, Told] = {
    "model": Told("Whose hand draws it: a name of `GET /v1/models`; retired ones have successors.", ".model"),
    "prompt": Told("What the picture shows.", ".prompt", required=True),
    "n": Told("How many pictures; more than a model draws at once are asked for in several calls.", ".n", default=1),
    "size": Told(
        "`auto`, or width and height in pixels with an x between them.", ".width, .height", "string", sample="512x768"
    ),
    "quality": Told("How much effort to spend; `standard` and `hd` are words of retired models.", ".quality"),
    "style": Told("How dramatic the picture is.", ".style"),
    "background": Told("What lies behind the subject; `transparent` wants png or webp.", ".background"),
    "output_format": Told("The file that comes back.", ".format"),
    "output_compression": Told(
        "The encoder's quality in percent, for jpeg and webp.",
        ".compression",
        default=100,
        sample=50,
        beside={"output_format": "jpeg"},
    ),
    "moderation": Told("How strictly content is filtered.", ".moderation"),
    "complexity": Told("How much there is in the scene.", ".complexity"),
    "frame_count": Told("Pictures of an animation.", ".frames"),
    "frame_duration_ms": Told("Milliseconds each of them is shown.", ".frame_ms"),
    "svg": Told("For drawings: `model`, and `reasoning.effort`.", ".vector_model", sample={"model": "arrow"}),
    "svg[model]": Told("The model for drawings.", ".vector_model", place="form"),
    "svg[reasoning][effort]": Told("How hard it thinks.", ".vector_effort", place="form"),
    "user": Told("Your own end user, passed on for the vendor's abuse reports.", ".user"),
    "safety_identifier": Told("The same under its newer name; the answer repeats it.", ".user"),
    "stream": Told("Answer event by event, with base64 in the events.", "Ask.streams", default=False, sample=True),
    "partial_images": Told(
        "Unfinished pictures to see on the way, where it is streamed.",
        ".previews",
        default=0,
        sample=2,
        beside={"stream": True},
    ),
    "response_format": Told(
        "A link, or the picture itself. Unsaid, the name decides: gpt-image and chatgpt-image answer in base64.",
        "Ask.links, Ask.base64",
    ),
    "seed": Told("The same seed draws the same picture, where a model can. Not OpenAI's own.", ".seed"),
    "negative_prompt": Told("What the picture must not show. Not OpenAI's own.", ".negative"),
    "num_inference_steps": Told("Steps of a diffusion model. Not OpenAI's own.", ".steps"),
    "guidance_scale": Told("How closely the prompt is followed. Not OpenAI's own.", ".guidance"),
    "input_fidelity": Told("How closely what was sent is kept.", ".fidelity"),
}
EDITED: Mapping[str, Told] = {**SAID, "svg": replace(SAID["svg"], place="json")}
VARIED: Mapping[str, Told] = {
    **SAID,
    "prompt": Told("What to change on the way; a variation needs none.", ".prompt"),
    "stream": Told("This route cannot stream, and says so.", "Ask.streams", default=False, sample=True),
}
SENT: Mapping[str, Told] = {
    "image": Told(
        f"The picture to change as a file, or up to {IMAGES_MOST} of them as `image[]`: the first is changed.",
        "Edit.pictures",
        "file or array of files",
        required=True,
        place="form",
        sample=File("mask.png"),
    ),
    "mask": Told(
        "A PNG of the same size, transparent where the picture may change.",
        "Edit.mask, Edit.kind",
        "file",
        place="form",
        sample=File("mask.png"),
    ),
}
WRITTEN: Mapping[str, Told] = {
    "images": Told(
        f"The same in JSON: 1 to {IMAGES_MOST} objects with an `image_url`, a link or a data URL.",
        "Edit.pictures",
        "array of objects",
        required=True,
        place="json",
        sample=[{"image_url": "https://pictures.example.com/boat.png"}],
    ),
    "images[].image_url": Told(
        "A link that can be fetched, or a data URL with base64.",
        "Edit.pictures",
        required=True,
        place="json",
        sample="https://pictures.example.com/boat.png",
    ),
    "mask": Told(
        "The mask in JSON, with an `image_url` too.",
        "Edit.mask, Edit.kind",
        "object",
        place="json",
        sample={"image_url": DATA_URL},
    ),
}
VARIED_FILES: Mapping[str, Told] = {
    "image": Told(
        "The picture to vary.", "Edit.pictures", "file", required=True, place="form", sample=File("mask.png")
    ),
    "mask": Told(
        "No variation takes one.",
        "note: is not known here and was ignored",
        "file",
        place="form",
        sample=File("mask.png"),
    ),
}
TYPE = Field(
    name="type",
    kind="string",
    place="query",
    text="Only models of that kind; every model here makes images, so any other word finds none.",
    becomes="answer: the models listed",
    choices=tuple(sorted(TYPES)),
    sample="video",
)
NAME = Field(
    name="model",
    kind="string",
    place="path",
    required=True,
    text="The model's name; a slash in it may be written as it is or as %2F.",
    becomes="answer: the model shown",
    sample="standard",
)

DOCUMENTS: Mapping[str, Document] = {
    GENERATIONS: Document(
        says="Draws pictures from words.",
        fields=placed(told(IN_JSON, SAID, of="Generate")),
        examples=(
            Example(json={"model": "sandbox", "prompt": "A boat on a lake", "size": "1024x1024"}),
            Example(
                title="Event by event",
                json={"model": "sandbox", "prompt": "A boat on a lake", "stream": True, "partial_images": 1},
            ),
        ),
    ),
    EDITS: Document(
        says="Changes a picture as the prompt says: all of it, or what a mask leaves open.",
        fields=placed([*more(SENT), *more(WRITTEN), *told(EDIT, EDITED, of="Edit")]),
        examples=(
            Example(
                form={
                    "model": "sandbox",
                    "prompt": "A sky at night",
                    "image": File("picture.png"),
                    "response_format": "url",
                }
            ),
            Example(
                title="Within a mask",
                form={
                    "model": "sandbox",
                    "prompt": "A sky at night",
                    "image": File("picture.png"),
                    "mask": File("mask.png"),
                    "response_format": "url",
                },
            ),
            Example(
                title="As JSON",
                json={
                    "model": "sandbox",
                    "prompt": "A sky at night",
                    "images": [{"image_url": DATA_URL}],
                    "response_format": "url",
                },
            ),
        ),
    ),
    VARIATIONS: Document(
        says="Draws another picture much like the one sent; no prompt is needed.",
        fields=placed(
            [
                *more(VARIED_FILES),
                *told(IN_FORM, VARIED, of="Edit", place="form"),
            ]
        ),
        examples=(Example(form={"model": "sandbox", "image": File("picture.png"), "response_format": "url"}),),
    ),
    MODELS: Document(says="Lists the models this key can ask for, and what each can do.", fields=(TYPE,)),
    "GET /v1/models/{model:path}": Document(
        says="Tells of one model.", fields=(NAME,), examples=(Example(parts={"model": "sandbox"}),)
    ),
}
