"""Writing a prompt out in more detail, where the caller lets us. Pure: the same words always give the same words.

It adds what a short prompt leaves open and image models ask for: how the light falls, how sharp and how finished the
picture is, in the terms of the style asked for. What the caller wrote stays as it is, in front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from providers.contract import ImageRequest
from proxy.enhance.contract import Written
from proxy.transport import Lease

LONG = 60
"""Words from which on a prompt has said enough."""
PLAIN = ("clear composition", "balanced light", "fine detail")
STYLES: Mapping[str, tuple[str, ...]] = {
    "photo": ("natural light", "sharp focus", "realistic texture"),
    "cinematic": ("cinematic light", "shallow depth of field", "film grain"),
    "vivid": ("saturated color", "strong contrast", "dramatic light"),
    "natural": ("soft daylight", "true color", "unforced pose"),
    "illustration": ("clean line work", "flat shading", "considered palette"),
    "anime": ("cel shading", "expressive line", "bright palette"),
    "sketch": ("pencil strokes", "paper texture", "open background"),
    "3d": ("soft global light", "smooth material", "studio background"),
    "digital": ("crisp edge", "layered depth", "polished finish"),
    "minimal": ("empty space", "few shapes", "muted palette"),
}
"""What to add, by a word of the style."""


class Words:
    """Writes prompts out by the words above. Free, and done before anything is priced."""

    model = "words"

    def prepared(self, request: ImageRequest) -> ImageRequest:
        """The request with its prompt written out already."""
        return replace(request, prompt=enhanced(request.prompt, request.style), enhance=False)

    def quote(self, prompt: str) -> int:
        """Nothing."""
        return 0

    async def write(self, request: ImageRequest, lease: Lease) -> Written:
        """The prompt in more detail."""
        return Written(enhanced(request.prompt, request.style), 0)


def enhanced(prompt: str, style: str | None) -> str:
    """The prompt, and after it what it leaves open; the prompt alone, where it is long or says all of that already."""
    words = set(re.findall(r"\w+", prompt.lower()))
    if not words or len(prompt.split()) >= LONG:
        return prompt
    asked = (style or "").lower()
    wanted = next((added for name, added in STYLES.items() if name in asked or name in words), PLAIN)
    missing = [phrase for phrase in wanted if words.isdisjoint(phrase.split())]
    return ", ".join([prompt.rstrip(" ,."), *missing]) if missing else prompt
