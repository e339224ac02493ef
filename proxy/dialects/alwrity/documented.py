"""What is told of the Image Studio's routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from proxy.dialects.alwrity import said
from proxy.dialects.alwrity.catalogue import CATEGORIES, PLATFORMS
from proxy.dialects.alwrity.compress import COMPRESS, ESTIMATE
from proxy.dialects.alwrity.control import CONTROL
from proxy.dialects.alwrity.convert import CONVERT, TARGETS
from proxy.dialects.alwrity.cost import COST
from proxy.dialects.alwrity.create import CREATE
from proxy.dialects.alwrity.edit import EDIT
from proxy.dialects.alwrity.library import SAVE
from proxy.dialects.alwrity.models import PREFERENCES, RECOMMEND, RESOLUTION, TIERS
from proxy.dialects.alwrity.operations import EDITS
from proxy.dialects.alwrity.personas import TABLE
from proxy.dialects.alwrity.platforms import PLACES
from proxy.dialects.alwrity.social import OPTIMIZE
from proxy.dialects.alwrity.upscale import UPSCALE
from proxy.dialects.documents import BOAT, SKY, Document, Earlier, Example, Field, Told, more, placed, told
from proxy.dialects.fields import Table

BASE = "/api/image-studio"
SAVING, PERSONA = f"POST {BASE}/save-to-library", f"{BASE}/personas/{{id:str}}"
ASSET = Earlier(shown="ASSET_ID", route=SAVING, path=("asset_id",))
PICTURE = {"image_base64": BOAT}


def _query(
    name: str, text: str, what: str, sample: str, choices: Iterable[str] = (), *, required: bool = False
) -> Field:
    return Field(
        name=name,
        kind="string",
        place="query",
        text=text,
        becomes=f"answer: {what}",
        choices=tuple(choices),
        sample=sample,
        required=required,
    )


def _path(name: str, text: str, becomes: str, sample: str, choices: Iterable[str] = ()) -> Field:
    return Field(
        name=name,
        kind="string",
        place="path",
        required=True,
        text=text,
        becomes=becomes,
        choices=tuple(choices),
        sample=sample,
    )


def _one(title: str = "", **body: Any) -> Example:
    return Example(title=title, json=body)


def _many(table: Table, words: Mapping[str, Told], least: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields of each picture of a batch; `least` is what each needs beside the picture."""
    each = {
        name: replace(word, beside={"images": [{**PICTURE, **least, **word.beside}]}) for name, word in words.items()
    }
    return (*more(said.MANY), *placed(told(table, each, at="images[].")))


PLATFORM = _query("platform", "Only those for that place.", "the templates listed", "instagram", PLATFORMS)
CATEGORY = _query("category", "Only those of that kind.", "the templates listed", "product", CATEGORIES)
OPERATION = _query("operation", "Only models that do it.", "the models listed", "outpaint", EDITS)
TIER = _query("tier", "Only models of that class of price.", "the models listed", "premium", TIERS)
QUERY = _query("query", "Words; with none, all are listed.", "the templates listed", "story", required=True)
USE = _query("use_case", "What the picture is for.", "the templates listed", "product launch", required=True)
SOURCE = _query("source_format", "What you have.", "what is advised", "bmp", TARGETS, required=True)
KEPT = "The id it was kept under."
WHICH = "The persona's name: letters, digits, dots, dashes, underscores."

MAKING: Mapping[str, Document] = {
    f"POST {BASE}/create": Document(
        says="Draws pictures from words, in the size and the looks of a template where one is named.",
        fields=placed(told(CREATE, said.CREATED, of="Generate")),
        examples=(
            _one(prompt="A boat on a lake", quality="draft", aspect_ratio="16:9", enhance_prompt=False),
            _one("By a template", prompt="A boat on a lake", template_id=said.TEMPLATE, num_variations=2),
        ),
    ),
    f"POST {BASE}/edit/process": Document(
        says="Changes a picture: cuts out, paints within a mask, adds around it, replaces, recolors, relights.",
        fields=placed(told(EDIT, said.EDITED, of="Edit")),
        examples=(
            _one("By words", operation="general_edit", prompt="A sky at night", **PICTURE),
            _one("The subject alone", operation="remove_background", **PICTURE),
            _one("Within a mask", operation="inpaint", prompt="A sky at night", mask_base64=SKY, **PICTURE),
            _one("Around the picture", operation="outpaint", expand_left=32, expand_right=32, **PICTURE),
            _one(
                "Another thing in its place",
                operation="search_replace",
                search_prompt="the boat",
                prompt="a swan",
                **PICTURE,
            ),
            _one("Other colors", operation="search_recolor", select_prompt="the boat", prompt="red", **PICTURE),
            _one("Before another background", operation="relight", background_image_base64=BOAT, **PICTURE),
        ),
    ),
    f"POST {BASE}/control/process": Document(
        says="Draws a picture from words, steered by another.",
        fields=placed(told(CONTROL, said.STEERED, of="Control")),
        examples=(
            Example(json={"operation": "sketch", "prompt": "A boat in oil", "control_image_base64": BOAT}),
            Example(
                title="The looks of another",
                json={
                    "operation": "style_transfer",
                    "prompt": "A boat",
                    "control_image_base64": BOAT,
                    "style_image_base64": BOAT,
                    "style_strength": 0.7,
                },
            ),
        ),
    ),
    f"POST {BASE}/upscale": Document(
        says="Makes a picture larger: to a size, for a purpose, or by as much as the model does.",
        fields=placed(told(UPSCALE, said.LARGER, of="Upscale")),
        examples=(_one(mode="conservative", target_width=128, **PICTURE),),
    ),
}
TELLING: Mapping[str, Document] = {
    f"GET {BASE}/templates": Document(says="Lists the templates.", fields=(PLATFORM, CATEGORY)),
    f"GET {BASE}/templates/search": Document(
        says="Finds templates by words, the best first.",
        fields=(QUERY,),
        examples=(Example(query={"query": "linkedin cover"}),),
    ),
    f"GET {BASE}/templates/recommend": Document(
        says="Finds templates by what the picture is for, in your own words.",
        fields=(USE, replace(PLATFORM, sample="linkedin")),
        examples=(Example(query={"use_case": "announce a launch on instagram"}),),
    ),
    f"GET {BASE}/providers": Document(says="Lists who is configured, what each does and for how much."),
    f"POST {BASE}/estimate-cost": Document(
        says="Tells what a request would cost, in credits or in USD as the operator chose.",
        fields=placed(told(COST, said.COST, of="Price.request")),
        examples=(_one(provider="auto", operation="generate", num_images=2, width=1024, height=1024),),
    ),
    f"GET {BASE}/edit/operations": Document(says="Lists the edits that a configured model does, and their fields."),
    f"GET {BASE}/control/operations": Document(says="The same for pictures that steer."),
    f"GET {BASE}/edit/models": Document(
        says="Lists models that change pictures, cheapest first.", fields=(OPERATION, TIER)
    ),
    f"POST {BASE}/edit/recommend": Document(
        says="Names a model for an edit: one that draws the size, the cheapest unless quality is preferred.",
        fields=placed(
            [
                *told(RECOMMEND, said.ADVISED),
                *told(RESOLUTION, said.SIZES, at="image_resolution."),
                *told(PREFERENCES, said.WISHES, at="preferences."),
            ]
        ),
        examples=(_one(operation="general_edit", image_resolution={"width": 1024, "height": 1024}),),
    ),
    f"GET {BASE}/health": Document(says="Tells whether every studio has a model to work with; no key is needed."),
    f"GET {BASE}/social/platforms/{{platform:str}}/formats": Document(
        says="Lists the formats of a platform, with the frame that nothing covers.",
        fields=(_path("platform", "The platform.", "answer: the formats listed", "tiktok", PLATFORMS),),
        examples=(Example(parts={"platform": "instagram"}),),
    ),
    f"GET {BASE}/platform-specs/{{platform:str}}": Document(
        says="Tells what a platform takes.",
        fields=(_path("platform", "The platform.", "answer: what is told", "tiktok", PLACES),),
        examples=(Example(parts={"platform": "instagram"}),),
    ),
}
FINISHING: Mapping[str, Document] = {
    f"POST {BASE}/social/optimize": Document(
        says="Brings a finished picture into the sizes of platforms.",
        fields=placed(told(OPTIMIZE, said.PUBLISHED)),
        examples=(_one(platforms=["instagram", "twitter"], output_format="jpg", **PICTURE),),
    ),
    f"POST {BASE}/compress": Document(
        says="Writes a finished picture in fewer bytes.",
        fields=placed(told(COMPRESS, said.COMPRESSED_TOO)),
        examples=(_one(format="webp", quality=80, **PICTURE),),
    ),
    f"POST {BASE}/compress/batch": Document(
        says="The same for many, each with settings of its own; one that is no picture fails alone.",
        fields=_many(COMPRESS, said.COMPRESSED_TOO, {}),
        examples=(_one(images=[{**PICTURE, "format": "webp"}, {**PICTURE, "quality": 60}]),),
    ),
    f"POST {BASE}/compress/estimate": Document(
        says="Tells how small it would become, by doing it.",
        fields=placed(told(ESTIMATE, said.COMPRESSED_TOO)),
        examples=(_one(format="jpeg", quality=70, **PICTURE),),
    ),
    f"GET {BASE}/compress/formats": Document(says="Lists the formats to compress into; no key is needed."),
    f"GET {BASE}/compress/presets": Document(says="Lists settings by purpose; no key is needed."),
    f"POST {BASE}/convert-format": Document(
        says="Writes a finished picture in another format.",
        fields=placed(told(CONVERT, said.CONVERTED)),
        examples=(_one(target_format="jpeg", quality=90, **PICTURE),),
    ),
    f"POST {BASE}/convert-format/batch": Document(
        says="The same for many, each to a format of its own; one that is no picture fails alone.",
        fields=_many(CONVERT, said.CONVERTED, {"target_format": "jpeg"}),
        examples=(_one(images=[{**PICTURE, "target_format": "jpeg"}, {**PICTURE, "target_format": "gif"}]),),
    ),
    f"GET {BASE}/convert-format/supported": Document(says="Lists the formats to convert to; no key is needed."),
    f"GET {BASE}/convert-format/recommendations": Document(
        says="Advises what to convert to; no key is needed.",
        fields=(SOURCE,),
        examples=(Example(query={"source_format": "png"}),),
    ),
}
KEEPING: Mapping[str, Document] = {
    SAVING: Document(
        says="Keeps a finished picture for the team, under an id of its own.",
        fields=placed(told(SAVE, said.SAVED)),
        examples=(_one(prompt="A boat on a lake", provider="sandbox", **PICTURE),),
    ),
    f"GET {BASE}/library/{{asset:str}}": Document(
        says="Tells of a picture that is kept, with a link that works again.",
        fields=(_path("asset", KEPT, "Find.id", "another"),),
        examples=(Example(parts={"asset": ASSET}),),
    ),
    f"DELETE {BASE}/library/{{asset:str}}": Document(
        says="Deletes a picture that is kept.",
        fields=(_path("asset", KEPT, "Drop.id", "another"),),
        examples=(Example(parts={"asset": ASSET}),),
    ),
    f"PUT {PERSONA}": Document(
        says="Keeps a persona: words that go before the prompts of whoever says `use_persona`.",
        fields=(_path("id", WHICH, "Keep.name", "another"), *told(TABLE, said.PERSONA)),
        examples=(Example(parts={"id": "brand"}, json={"description": "Warm light, muted colors, much empty room."}),),
    ),
    f"GET {PERSONA}": Document(
        says="Tells of a persona.",
        fields=(_path("id", WHICH, "Find.id", "another"),),
        examples=(Example(parts={"id": "brand"}, after=(f"PUT {PERSONA}",)),),
    ),
    f"DELETE {PERSONA}": Document(
        says="Forgets a persona.",
        fields=(_path("id", WHICH, "Drop.id", "another"),),
        examples=(Example(parts={"id": "brand"}, after=(f"PUT {PERSONA}",)),),
    ),
}
DOCUMENTS: Mapping[str, Document] = {**MAKING, **TELLING, **FINISHING, **KEEPING}
