"""Leonardo's styles by our words for them. Facts in rows: words for older models, ids for newer ones.

https://docs.leonardo.ai/docs/commonly-used-api-values
"""

from __future__ import annotations

from collections.abc import Mapping

PRESETS: Mapping[str, str] = {
    "anime": "ANIME",
    "bokeh": "BOKEH",
    "cinematic": "CINEMATIC",
    "cinematic-closeup": "CINEMATIC_CLOSEUP",
    "creative": "CREATIVE",
    "dynamic": "DYNAMIC",
    "environment": "ENVIRONMENT",
    "fashion": "FASHION",
    "film": "FILM",
    "analog-film": "FILM",
    "food": "FOOD",
    "hdr": "HDR",
    "illustration": "ILLUSTRATION",
    "long-exposure": "LONG_EXPOSURE",
    "macro": "MACRO",
    "minimalist": "MINIMALISTIC",
    "minimalistic": "MINIMALISTIC",
    "monochrome": "MONOCHROME",
    "moody": "MOODY",
    "neutral": "NEUTRAL",
    "natural": "NEUTRAL",
    "none": "NONE",
    "photo": "PHOTOGRAPHY",
    "photographic": "PHOTOGRAPHY",
    "photography": "PHOTOGRAPHY",
    "photorealistic": "PHOTOGRAPHY",
    "portrait": "PORTRAIT",
    "ray-traced": "RAYTRACED",
    "raytraced": "RAYTRACED",
    "3d": "RENDER_3D",
    "3d-model": "RENDER_3D",
    "3d-render": "RENDER_3D",
    "retro": "RETRO",
    "sketch": "SKETCH_BW",
    "sketch-bw": "SKETCH_BW",
    "sketch-color": "SKETCH_COLOR",
    "stock-photo": "STOCK_PHOTO",
    "vibrant": "VIBRANT",
    "vivid": "VIBRANT",
}
"""`presetStyle`, for the models that follow Stable Diffusion."""

_RENDER = "debdf72a-91a4-467b-bf61-cc02bdeb69c6"
_PHOTO = "7c3f932b-a572-47cb-9b9b-f20211e63b5b"
_FILM = "581ba6d6-5aac-4492-bebe-54c424a0d46e"
_RAYS = "b504f83c-3326-4947-82e1-7fe9e839ec0f"
_STOCK = "5bdc3f2a-1be6-4d1c-8e77-992a30824a2c"
_SKETCH = "be8c6b58-739c-4d44-b9c1-b032ed308b61"
_VIBRANT = "dee282d3-891f-4f73-ba02-7f8131e5541b"

_BOTH: Mapping[str, str] = {
    "3d": _RENDER,
    "3d-model": _RENDER,
    "3d-render": _RENDER,
    "creative": "6fedbf1f-4a17-45ec-84fb-92fe524a29ef",
    "dynamic": "111dc692-d470-4eec-b791-3475abac4c46",
    "fashion": "594c4a08-a522-4e0e-b7ff-e4dac4b6b622",
    "illustration": "645e4195-f63d-4715-a3f2-3fb1e6eb8c70",
    "none": "556c1ee5-ec38-42e8-955a-1e82dad0ffa1",
    "portrait": "8e2bc543-6ee2-45f9-bcd9-594b6ce84dcd",
    "ray-traced": _RAYS,
    "raytraced": _RAYS,
    "stock-photo": _STOCK,
}

OWN_STYLES: Mapping[str, str] = {
    **_BOTH,
    "bokeh": "9fdc5e8c-4d13-49b4-9ce6-5a74cbb19177",
    "cinematic": "a5632c7c-ddbb-4e2f-ba34-8456ab3ac436",
    "cinematic-concept": "33abbb99-03b9-4dd7-9761-ee98650b2c88",
    "pop-art": "2e74ec31-f3a4-4825-b08b-2894f6d13941",
    "vector": "1fbb6a68-9319-44d2-8d56-2957ca0ece6a",
    "hdr": "97c20e5c-1af6-4d42-b227-54d03d8f0727",
    "macro": "30c1d34f-e3a9-479a-b56f-c018bbc9c02a",
    "minimalist": "cadc8cd6-7838-4c99-b645-df76be8ba8d8",
    "moody": "621e1c9a-6319-4bee-a12d-ae40659162fa",
    "photographic-bw": "22a9a7d2-2166-4d86-80ff-22e2643adbcf",
    "monochrome": "22a9a7d2-2166-4d86-80ff-22e2643adbcf",
    "photo": _PHOTO,
    "photographic": _PHOTO,
    "photography": _PHOTO,
    "photorealistic": _PHOTO,
    "film": _FILM,
    "analog-film": _FILM,
    "portrait-fashion": "0d34f8e1-46d4-428f-8ddd-4b11811fa7c9",
    "sketch": _SKETCH,
    "sketch-bw": _SKETCH,
    "sketch-color": "093accc3-7633-4ffd-82da-d34000dfc0d6",
    "vibrant": _VIBRANT,
    "vivid": _VIBRANT,
}
"""`styleUUID`, for Leonardo's own models."""

FLUX_STYLES: Mapping[str, str] = {
    **_BOTH,
    "acrylic": "3cbb655a-7ca4-463f-b697-8a03ad67327c",
    "anime": "b2a54a51-230b-4d4f-ad4e-8409bf58645f",
    "game-concept": "09d2b5b5-d7c5-4c02-905d-9f84051640f4",
    "cinematic": "4edb03c9-8a26-4041-9d01-f85b5d4abd71",
    "portrait-cinematic": "4edb03c9-8a26-4041-9d01-f85b5d4abd71",
    "photo": _STOCK,
    "photographic": _STOCK,
    "photorealistic": _STOCK,
}
"""`styleUUID`, for FLUX. https://docs.leonardo.ai/docs/generate-images-using-flux"""

UPSCALER_STYLES: Mapping[str, str] = {
    "general": "GENERAL",
    "cinematic": "CINEMATIC",
    "illustration": "2D ART & ILLUSTRATION",
    "anime": "2D ART & ILLUSTRATION",
    "3d": "CG ART & GAME ASSETS",
    "3d-model": "CG ART & GAME ASSETS",
    "game-concept": "CG ART & GAME ASSETS",
}
"""`upscalerStyle`."""

ULTRA_STYLES: Mapping[str, str] = {
    "realistic": "REALISTIC",
    "photo": "REALISTIC",
    "photographic": "REALISTIC",
    "photorealistic": "REALISTIC",
    "artistic": "ARTISTIC",
    "illustration": "ARTISTIC",
    "anime": "ARTISTIC",
}
"""`ultraUpscaleStyle`."""
