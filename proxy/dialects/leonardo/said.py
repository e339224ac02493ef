"""What is told of the fields of Leonardo's requests: words, for `documented.py`."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.documents import Told
from proxy.dialects.leonardo.models import DEFAULT, KONTEXT
from proxy.dialects.leonardo.notes import MODES, SETTINGS
from proxy.dialects.leonardo.pricing import ASIDE, FLAGS, UPSCALERS
from proxy.dialects.leonardo.table import GUIDANCE_MOST, HEIGHT, IMAGES, IMAGES_LARGE, LARGE, WIDTH
from proxy.dialects.leonardo.variations import CREATIVITY, MULTIPLIER

ID = "0b9d6c1e-3f5a-4c52-9a57-2f4d7c1f8e33"
"""An id like any other."""
PHOENIX = next(iter(FLAGS.values()))
GUIDE = {"initImageId": ID, "preprocessorId": 100}
STYLED = "debdf72a-91a4-467b-bf61-cc02bdeb69c6"
ULTRA = {"ultraUpscaleStyle": "REALISTIC"}


def _canvas(kind: str) -> dict[str, object]:
    return {"canvasRequest": True, "canvasRequestType": kind, "canvasInitId": ID}


GENERATED: Mapping[str, Told] = {
    "prompt": Told("What the picture shows.", ".prompt", required=True),
    "modelId": Told("The model, by its id or any name there is.", ".model", default=DEFAULT, sample=PHOENIX),
    "width": Told("Pixels, a multiple of 8.", ".width", default=WIDTH),
    "height": Told("Pixels, a multiple of 8.", ".height", default=HEIGHT),
    "num_images": Told(
        f"How many; at most {IMAGES_LARGE} where a side is over {LARGE}.", ".n", default=IMAGES, sample=2
    ),
    "negative_prompt": Told("What the picture must not show.", ".negative"),
    "seed": Told("The same seed draws the same picture, where a model can.", ".seed"),
    "guidance_scale": Told(
        f"How closely the prompt is followed; over {GUIDANCE_MOST:g} only with Alchemy, on the oldest models.",
        ".guidance",
    ),
    "num_inference_steps": Told("Steps of a diffusion model.", ".steps"),
    "scheduler": Told("How noise becomes a picture; the house's own is not here, and noted.", ".sampler"),
    "presetStyle": Told("The looks; DYNAMIC, GENERAL, NONE and UNPROCESSED ask for none.", ".style"),
    "styleUUID": Told("The looks, by id; goes before presetStyle.", ".style", sample=STYLED),
    "contrast": Told("How strong lights and shadows are.", ".contrast", sample=3.5),
    "alchemy": Told("On unless turned off; says which ranges hold.", "answer: the webhook repeats it", default=True),
    "ultra": Told("Finer and dearer; not together with alchemy.", ".quality", default=False, sample=True),
    "highResolution": Told("Finer and dearer.", ".quality", default=False, sample=True),
    "photoReal": Told("A photographic style.", ".style", default=False, sample=True),
    "photoRealVersion": Told(
        "v1 is refused beside a modelId.", "nothing: both are one style here", sample="v2", beside={"photoReal": True}
    ),
    "photoRealStrength": Told(
        "How photographic.", "note: photoReal is a photographic style here", beside={"photoReal": True}
    ),
    "transparency": Told("`foreground_only` leaves nothing behind the subject.", ".background", default="disabled"),
    "tiling": Told("Edges that meet when the picture is laid out as tiles.", ".tiling", default=False, sample=True),
    "enhancePrompt": Told("Write the prompt out in more detail first.", ".enhance", default=False, sample=True),
    "enhancePromptInstruction": Told(
        "How to write it out.", "note: the prompt is written out without it", beside={"enhancePrompt": True}
    ),
    "sd_version": Told("A base version; the model that stands for it is taken.", ".model", beside={"modelId": None}),
    "init_image_id": Told("A picture sent before, to start from.", ".references", sample=ID),
    "init_generation_image_id": Told("A picture drawn before, to start from.", ".references", sample=ID),
    "init_strength": Told("How closely it is kept.", ".strength", beside={"init_image_id": ID}),
    "imagePrompts": Told("Ids of pictures to lean on.", ".references", "array of strings", sample=[ID]),
    "imagePromptWeight": Told(
        "How closely they are kept; only 0 to 1 has a meaning.", ".strength", sample=0.3, beside={"imagePrompts": [ID]}
    ),
    "controlnets": Told(
        "Pictures that guide: one alone steers, one for style and one for content are joined.",
        "Control.picture, Control.kind",
        "array of objects",
        sample=[GUIDE],
    ),
    "controlNet": Told(
        "The picture to start from steers instead.", "Control.picture", sample=True, beside={"init_image_id": ID}
    ),
    "controlNetType": Told(
        "What of it steers: its structure, whichever is said.",
        "note: its structure is taken",
        sample="POSE",
        beside={"controlNet": True, "init_image_id": ID},
    ),
    "weighting": Told(
        "How strongly, from 0 to 1.", "Control.strength", sample=0.5, beside={"controlNet": True, "init_image_id": ID}
    ),
    "contextImages": Told(
        "Pictures to draw from, for edits by words; four at most.",
        "Edit.pictures",
        "array of objects",
        sample=[{"id": ID}],
        beside={"modelId": KONTEXT},
    ),
    "elements": Told("Elements laid over the model.", ".adapters", "array of objects", sample=[{"akUUID": ID}]),
    "userElements": Told("Such of your own.", ".adapters", "array of objects", sample=[{"userLoraId": 7}]),
    "canvasRequest": Told(
        "Work on a canvas.",
        "Edit.pictures",
        sample=True,
        beside=_canvas("IMG2IMG") | {"canvasRequestType": "OUTPAINT", "width": 1024},
    ),
    "canvasRequestType": Told(
        "Paint within a mask, go on around the picture, follow a sketch, or start from a picture.",
        "Edit.kind, Control.kind, Generate.references",
        beside=_canvas("") | {"canvasRequestType": None, "canvasMaskId": ID},
    ),
    "canvasInitId": Told("The canvas.", "Edit.pictures", sample=ID, beside=_canvas("INPAINT") | {"canvasMaskId": ID}),
    "canvasMaskId": Told("Its mask, white where it may change.", "Edit.mask", sample=ID, beside=_canvas("INPAINT")),
    "unzoom": Told(
        "Draw what lies around a picture.",
        "Edit.left",
        sample=True,
        beside={"unzoomAmount": 0.5, "init_image_id": ID},
    ),
    "unzoomAmount": Told(
        "The share of width and height that is added.", "Edit.left", beside={"unzoom": True, "init_image_id": ID}
    ),
    "promptMagic": Told("Prompt Magic.", f"note: {MODES['promptMagic']}", default=False, sample=True),
    "promptMagicStrength": Told("Its strength.", "answer: told again to whoever polls"),
    "promptMagicVersion": Told("Its version.", "answer: told again to whoever polls"),
    "highContrast": Told("Part of the same.", f"note: {MODES['highContrast']}", default=False, sample=True),
    "expandedDomain": Told("Part of Alchemy.", f"note: {MODES['expandedDomain']}", default=False, sample=True),
    "contrastRatio": Told("Part of Alchemy.", f"note: {SETTINGS['contrastRatio']}"),
    "fantasyAvatar": Told("Avatars.", f"note: {MODES['fantasyAvatar']}", default=False, sample=True),
    "upscaleRatio": Told("A larger picture.", f"note: {SETTINGS['upscaleRatio']}"),
    "public": Told("Show it to everybody.", "note: pictures are shown to their own team alone", default=False),
}
CONTROLLED: Mapping[str, Told] = {
    "initImageId": Told(
        "The picture.", "Control.picture", required=True, sample=ID, beside={"controlnets": [{"preprocessorId": 100}]}
    ),
    "initImageType": Told("Where it comes from.", "nothing: its id says so", beside={"controlnets": [GUIDE]}),
    "preprocessorId": Told(
        "What is taken from it: style, person or content; of any other, its structure.",
        "Control.kind",
        sample=67,
        beside={"controlnets": [{"initImageId": ID}]},
    ),
    "weight": Told("How strongly, from 0 to 1.", "Control.strength", sample=0.5, beside={"controlnets": [GUIDE]}),
    "strengthType": Told("The same in words; goes before.", "Control.strength", beside={"controlnets": [GUIDE]}),
    "influence": Told(
        "Its share among several.", "note: all pictures guide alike", sample=0.5, beside={"controlnets": [GUIDE]}
    ),
}
ELEMENTS: Mapping[str, Told] = {
    "akUUID": Told("The element.", ".adapters", required=True, sample=ID, beside={"elements": [{}]}),
    "weight": Told("How strongly.", ".adapters", default=1.0, sample=0.5, beside={"elements": [{"akUUID": ID}]}),
}
USER_ELEMENTS: Mapping[str, Told] = {
    "userLoraId": Told("The element.", ".adapters", required=True, sample=7, beside={"userElements": [{}]}),
    "weight": Told("How strongly.", ".adapters", default=1.0, sample=0.5, beside={"userElements": [{"userLoraId": 7}]}),
}
CONTEXTS: Mapping[str, Told] = {
    "id": Told("The picture.", "Edit.pictures", required=True, sample=ID, beside={"contextImages": [{}]}),
    "type": Told("Where it comes from.", "nothing: its id says so", beside={"contextImages": [{"id": ID}]}),
}
UPSCALED: Mapping[str, Told] = {
    "generatedImageId": Told(
        "A picture drawn before; one of the three ids has to be sent.",
        ".picture",
        sample=ID,
        beside={"initImageId": None},
    ),
    "initImageId": Told("A picture sent before.", ".picture", sample=ID, beside={"generatedImageId": None}),
    "variationId": Told("The picture of a variation.", ".picture", sample=ID, beside={"generatedImageId": None}),
    "upscalerStyle": Told("The looks of what is invented.", ".style", default="GENERAL"),
    "ultraUpscaleStyle": Told("The looks of the finer upscaler.", ".style"),
    "creativityStrength": Told("How much may be invented.", ".creativity", default=CREATIVITY, sample=8),
    "detailContrast": Told("How strongly detail is brought out, beside ultraUpscaleStyle.", ".detail", beside=ULTRA),
    "similarity": Told("How closely the picture is kept, beside ultraUpscaleStyle.", ".resemblance", beside=ULTRA),
    "upscaleMultiplier": Told("How much larger.", ".factor", default=MULTIPLIER, sample=2.0),
    "prompt": Told("What it shows.", ".prompt"),
}
_PRICED: Mapping[str, Told] = {
    "imageHeight": Told("Pixels, a multiple of 8.", ".height", default=HEIGHT),
    "imageWidth": Told("Pixels, a multiple of 8.", ".width", default=WIDTH),
    "numImages": Told("How many.", ".n", default=IMAGES),
    "inferenceSteps": Told("Steps of a diffusion model.", ".steps"),
    "highResolution": Told("Finer and dearer.", ".quality", sample=True),
    "isUltra": Told("Finer and dearer.", ".quality", sample=True),
    "isSDXLLightning": Told("It is that model, which is the default.", "nothing: it is the default"),
}
PRICED: Mapping[str, Told] = {
    **{name: Told("A setting of this API.", "nothing: it has no price here") for name in ASIDE},
    **{
        name: Told("A setting of this API.", "nothing: it has no price here")
        for name in ("promptMagicStrength", "promptMagicVersion", "photoRealStrength", "photoRealVersion")
    },
    **{name: Told("How many.", "nothing: they have no price here") for name in ("loraCount", "controlnetsCost")},
    **{name: Told("It is that model; the first that is true counts.", ".model", sample=True) for name in FLAGS},
    **_PRICED,
}
PRICED_UPSCALE: Mapping[str, Told] = {
    "megapixel": Told(
        "How large the result is, in millions of pixels.",
        ".picture",
        required=True,
        sample=4,
        beside={"service": UPSCALERS[0], "serviceParams": {UPSCALERS[0]: {}}},
    ),
}
