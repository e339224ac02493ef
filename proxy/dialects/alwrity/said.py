"""What is told of the fields of the Image Studio's requests: words, for `documented.py`."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.alwrity.compress import QUALITY as COMPRESSED
from proxy.dialects.alwrity.convert import TARGETS
from proxy.dialects.alwrity.finished import BATCH_MOST
from proxy.dialects.alwrity.finished import FORMATS as FILE_FORMATS
from proxy.dialects.alwrity.sizes import LONG
from proxy.dialects.documents import BOAT, SKY, Told

TEMPLATE = "instagram_feed_square"
RATIO = "A shape such as 16:9 or 1.91:1"
BASE64 = "base64, bare or as a data URL"

SHARED: Mapping[str, Told] = {
    "model": Told("A model by its name, in the place of the one that usually does it.", ".model"),
    "provider": Told("The only provider that may serve it; `auto` for any.", "Ask.providers"),
    "negative_prompt": Told("What the picture must not show.", ".negative"),
    "style_preset": Told("The looks, in a word.", ".style"),
    "guidance_scale": Told("How closely the prompt is followed.", ".guidance"),
    "steps": Told("Steps of a diffusion model.", ".steps"),
    "seed": Told("The same seed draws the same picture; -1 is any.", ".seed", sample=7),
}
CREATED: Mapping[str, Told] = {
    **SHARED,
    "prompt": Told("What the picture shows.", ".prompt", required=True),
    "template_id": Told(
        "A template: size, looks and quality for a place.",
        ".width, .style, .model",
        sample=TEMPLATE,
        beside={"aspect_ratio": None, "quality": None},
    ),
    "width": Told(
        "Pixels; with a height, or a shape beside it.",
        ".width",
        sample=640,
        beside={"height": 480, "aspect_ratio": None},
    ),
    "height": Told(
        "Pixels; with a width, or a shape beside it.",
        ".height",
        sample=480,
        beside={"width": 640, "aspect_ratio": None},
    ),
    "aspect_ratio": Told(
        f"{RATIO}; where no side is said, the longer has {LONG} pixels.", ".width, .height", "string", sample="16:9"
    ),
    "quality": Told(
        "Which model by its role; of a model that is named, how much effort.", ".model", default="standard"
    ),
    "num_variations": Told("How many pictures.", ".n", default=1),
    "enhance_prompt": Told("Write the prompt out in more detail first.", ".enhance", default=True, sample=False),
    "use_persona": Told(
        "Put a persona before the prompt.", "Ask.prefix", default=False, beside={"persona_id": "brand"}
    ),
    "persona_id": Told("Which one.", "Ask.prefix", beside={"use_persona": True}),
}
EDITED: Mapping[str, Told] = {
    **SHARED,
    "image_base64": Told(f"The picture to change, {BASE64}.", ".pictures", "string", required=True, sample=SKY),
    "operation": Told("What to do to it.", ".kind", required=True, sample="remove_background"),
    "prompt": Told(
        "What the result shows; some edits need it.", ".prompt", beside={"operation": "outpaint", "expand_left": 8}
    ),
    "search_prompt": Told("What is replaced, for search_replace.", ".search", beside={"operation": "search_replace"}),
    "select_prompt": Told(
        "What gets other colors, for search_recolor.", ".search", beside={"operation": "search_recolor"}
    ),
    "mask_base64": Told("A mask, white where it may change.", ".mask, .kind", "string", sample=SKY),
    "background_image_base64": Told(
        "What the subject is put before, for relight.",
        ".pictures",
        "string",
        sample=SKY,
        beside={"operation": "relight"},
    ),
    "lighting_image_base64": Told(
        "Whose light falls on it, beside a background.",
        ".pictures",
        "string",
        sample=SKY,
        beside={"operation": "relight", "background_image_base64": BOAT},
    ),
    **{
        f"expand_{side}": Told(
            "Pixels added there, for outpaint.",
            f".{side}",
            "integer",
            lowest=0,
            highest=4096,
            default=0,
            sample=64,
            beside={"operation": "outpaint"},
        )
        for side in ("left", "right", "up", "down")
    },
    "output_format": Told("The file that comes back.", ".format", default="png", sample="webp"),
    "options": Told("Settings of one vendor.", "note: is not passed on", "object", sample={"fast": True}),
}
STEERED: Mapping[str, Told] = {
    **SHARED,
    "control_image_base64": Told(
        f"The picture that steers, {BASE64}.", ".picture", "string", required=True, sample=SKY
    ),
    "operation": Told("What of it steers.", ".kind", required=True, sample="structure"),
    "prompt": Told("What the new picture shows; style_transfer needs none.", ".prompt", required=True),
    "style_image_base64": Told(
        "The picture whose looks are taken, for style_transfer.",
        ".looks",
        "string",
        sample=SKY,
        beside={"operation": "style_transfer"},
    ),
    "control_strength": Told("How strongly it steers, for sketch and structure.", ".strength"),
    "fidelity": Told("How closely its style is kept, for style.", ".fidelity", beside={"operation": "style"}),
    **{
        name: Told(text, f".{name}", beside={"operation": "style_transfer", "style_image_base64": SKY})
        for name, text in (
            ("style_strength", "How strongly the looks count, for style_transfer."),
            ("composition_fidelity", "How closely the composition is kept, for style_transfer."),
            ("change_strength", "How much may change, for style_transfer."),
        )
    },
    "aspect_ratio": Told(
        f"{RATIO}, for style; about a megapixel is drawn.",
        ".width, .height",
        "string",
        sample="16:9",
        beside={"operation": "style"},
    ),
    "output_format": Told("The file that comes back.", ".format", default="png", sample="webp"),
}
LARGER: Mapping[str, Told] = {
    "image_base64": Told(f"The picture, {BASE64}.", ".picture", "string", required=True, sample=SKY),
    "mode": Told("How much may be invented; `auto` is careful with large ones.", ".kind", default="auto"),
    "target_width": Told("Pixels; the height follows.", ".width", sample=256),
    "target_height": Told("Pixels; the width follows.", ".height", sample=256),
    "preset": Told("The longest side by a purpose.", ".width, .height", beside={"target_width": None}),
    "prompt": Told("What the picture shows; for all modes but `fast`.", ".prompt", beside={"mode": "creative"}),
}
COST: Mapping[str, Told] = {
    "provider": Told(
        "Whose price; `auto` for whoever would serve it.", "answer: whose price it is", required=True, sample="sandbox"
    ),
    "model": Told("A model by its name.", ".model"),
    "operation": Told("What would be done.", ".operation", default="generate"),
    "num_images": Told("How many.", ".n", default=1),
    "width": Told("Pixels, beside a height.", ".width", beside={"height": 512}),
    "height": Told("Pixels, beside a width.", ".height", beside={"width": 512}),
    "quality": Told("Which model by its role, where none is named.", ".model", default="standard"),
}
ADVISED: Mapping[str, Told] = {
    "operation": Told("What is to be done.", "answer: the model advised", required=True, sample="outpaint"),
    "image_resolution": Told(
        "`width` and `height` of the picture.", "answer: the reason", "object", sample={"width": 900}
    ),
    "user_tier": Told(
        "`budget`, `mid` or `premium`.", "answer: the model advised", choices=("budget", "mid", "premium")
    ),
    "preferences": Told(
        "`prioritize_cost` or `prioritize_quality`.",
        "answer: the reason",
        "object",
        sample={"prioritize_quality": True},
    ),
}
SIZES: Mapping[str, Told] = {
    "width": Told("Pixels.", "answer: the reason", beside={"image_resolution": {}}),
    "height": Told("Pixels.", "answer: the reason", beside={"image_resolution": {}}),
}
WISHES: Mapping[str, Told] = {
    "prioritize_cost": Told(
        "The cheapest, which is usual.", "answer: the reason", beside={"preferences": {"prioritize_quality": True}}
    ),
    "prioritize_quality": Told("The dearest, taken for the best.", "answer: the reason", beside={"preferences": {}}),
}
PUBLISHED: Mapping[str, Told] = {
    "image_base64": Told(f"A finished picture, {BASE64}.", "Retouch.body", "string", required=True, sample=SKY),
    "platforms": Told(
        "Where it will be published.",
        "Retouch.shape.height",
        "array of strings",
        required=True,
        sample=["youtube"],
    ),
    "format_names": Told(
        "By platform, which of its formats.", "Retouch.shape.height", "object", sample={"instagram": "Story"}
    ),
    "show_safe_zones": Told("Draw the frame that nothing covers there.", "Retouch.shape.zone", default=False),
    "crop_mode": Told(
        "Cut where the subject is not, around the middle, or not at all.", "Retouch.shape.how", default="smart"
    ),
    "focal_point": Told(
        "Where the subject is: `x` and `y`, in shares of width and height.",
        "Retouch.shape.focal",
        "object",
        sample={"x": 0.5, "y": 0.3},
    ),
    "output_format": Told("The files that come back.", "Retouch.encoding.format", default="png"),
}
COMPRESSED_TOO: Mapping[str, Told] = {
    "image_base64": Told(f"A finished picture, {BASE64}.", "Retouch.body", "string", required=True, sample=SKY),
    "format": Told("The file that comes back.", "Retouch.encoding.format", choices=tuple(FILE_FORMATS), default="jpeg"),
    "quality": Told("In percent.", "Retouch.encoding.quality", default=COMPRESSED),
    "target_size_kb": Told("The size to come down to, in KiB.", "Retouch.encoding.bytes_most"),
    "strip_metadata": Told("Leave out what the camera wrote.", "Retouch.encoding.strip", default=True),
    "progressive": Told("A JPEG that sharpens while it loads.", "Retouch.encoding.progressive", default=True),
    "optimize": Told("Look longer for the smallest file.", "Retouch.encoding.optimize", default=True),
}
CONVERTED: Mapping[str, Told] = {
    "image_base64": Told(f"A finished picture, {BASE64}.", "Retouch.body", "string", required=True, sample=SKY),
    "target_format": Told(
        "The file that comes back.", "Retouch.encoding.format", required=True, choices=tuple(TARGETS), sample="gif"
    ),
    "preserve_transparency": Told("Else it stands on white.", "Retouch.encoding.opaque", default=True),
    "quality": Told("In percent, for jpeg and webp.", "Retouch.encoding.quality", beside={"target_format": "webp"}),
    "color_space": Told("`sRGB`, the one there is.", "Retouch.encoding.srgb", choices=("sRGB",)),
    "strip_metadata": Told("Leave out what the camera wrote.", "Retouch.encoding.strip", default=False),
    "optimize": Told("Look longer for the smallest file.", "Retouch.encoding.optimize", default=True),
    "progressive": Told("A JPEG that sharpens while it loads.", "Retouch.encoding.progressive", default=True),
}
MANY: Mapping[str, Told] = {
    "images": Told(
        f"Up to {BATCH_MOST} objects, each as for one picture alone.",
        "Retouch.body",
        "array of objects",
        required=True,
        sample=[{"image_base64": SKY, "target_format": "png"}],
    ),
}
SAVED: Mapping[str, Told] = {
    "image_base64": Told(f"The picture to keep, {BASE64}.", "Keep.body", "string", required=True, sample=SKY),
    "prompt": Told("What it was drawn from.", "Keep.facts"),
    "provider": Told("Who drew it.", "Keep.facts"),
    "model": Told("With which model.", "Keep.facts"),
    "cost": Told("What it cost, in whatever you count.", "Keep.facts"),
    "operation": Told("What was done.", "Keep.facts", default="image-generation"),
    "output_format": Told("Said of a file that says it itself.", "answer: a note where it is not that", sample="webp"),
}
PERSONA: Mapping[str, Told] = {
    "description": Told("The brand's looks in words, put before prompts.", "Keep.facts", required=True),
}
