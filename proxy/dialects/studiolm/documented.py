"""What is told of StudioLM's routes."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.documents import BOAT, Document, Example, Told, more, placed, told
from proxy.dialects.studiolm.parse import FIELDS, FORMATS, SETTLED, STRENGTH

SAID: Mapping[str, Told] = {
    "prompt": Told("What the picture shows.", ".prompt", required=True),
    "style": Told(
        "`preview` draws a draft, `upscaled` makes the picture larger afterwards, `normal` is `natural`.",
        ".style, .model, .quality, Ask.finish",
        default="vivid",
    ),
    "aspect_ratio": Told("1024x1024, 832x1216 or 1216x832 pixels.", ".width, .height", default="square"),
    "response_format": Told(
        "One, or a list of several: a link, the picture itself, its pixels in hexadecimal.",
        "Ask.links, Ask.base64, Ask.pixels",
        "string or array",
        default="url",
        choices=FORMATS,
    ),
    "user_selected_model": Told("A name of the model list; `auto` leaves it to the style.", ".model", default="auto"),
    "model": Told("The same, where nothing stands in user_selected_model.", ".model", "string"),
    "negative_prompt": Told("What the picture must not show.", ".negative"),
    "seed": Told(
        "The same seed draws the same picture; below 0, any.",
        ".seed",
        "integer",
        lowest=-(2**63),
        highest=2**63 - 1,
        sample=7,
    ),
    "disable_safety_checker": Told(
        "No safety filter: for keys that have the grant `unfiltered`.", ".moderation, Ask.unfiltered", default=False
    ),
    "force_prompt_enhancement": Told("Write the prompt out in more detail first.", ".enhance", default=False),
    "reference_image": Told(
        "A picture to start from: base64, a data URL or a link.", ".references", sample=f"data:image/png;base64,{BOAT}"
    ),
    "reference_image_url": Told(
        "A link to such a picture, or a data URL.", ".references", sample="https://pictures.example.com/boat.png"
    ),
    "denoising_strength": Told(
        "How far the result may move from it.", ".strength", default=STRENGTH, beside={"reference_image": BOAT}
    ),
}
NOT_TAKEN: Mapping[str, Told] = {
    "n": Told("Only ever one picture.", f"note: {SETTLED['n']}", "integer", sample=2),
    "size": Told("Not a field of this dialect.", f"note: {SETTLED['size']}", sample="512x512"),
    "quality": Told("Not a field of this dialect.", f"note: {SETTLED['quality']}", sample="high"),
}
DOCUMENTS: Mapping[str, Document] = {
    "POST /v1/images/generations": Document(
        says="Draws one picture from words, perhaps leaning on another.",
        fields=placed([*told(FIELDS, SAID, of="Generate"), *more(NOT_TAKEN)]),
        examples=(
            Example(json={"prompt": "A boat on a lake", "style": "natural", "aspect_ratio": "landscape"}),
            Example(
                title="From a picture",
                json={
                    "prompt": "The same lake in winter",
                    "aspect_ratio": "square",
                    "reference_image": BOAT,
                    "denoising_strength": 0.6,
                    "response_format": ["url", "b64_json"],
                },
            ),
        ),
    ),
    "GET /v1/images/available-models": Document(says="Lists the models a request may select, as a bare array."),
}
