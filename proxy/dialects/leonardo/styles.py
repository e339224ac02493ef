"""Styles: this API's words and ids for them, and the words everybody else knows.

https://docs.leonardo.ai/docs/commonly-used-api-values
"""

from __future__ import annotations

from collections.abc import Mapping

PRESETS: Mapping[str, str | None] = {
    "ANIME": "anime",
    "BOKEH": "bokeh",
    "CINEMATIC": "cinematic",
    "CINEMATIC_CLOSEUP": "cinematic-closeup",
    "CREATIVE": "creative",
    "DYNAMIC": None,  # what official clients send where nothing was chosen
    "ENVIRONMENT": "environment",
    "FASHION": "fashion",
    "FILM": "analog-film",
    "FOOD": "food",
    "GENERAL": None,
    "HDR": "hdr",
    "ILLUSTRATION": "illustration",
    "LEONARDO": None,
    "LONG_EXPOSURE": "long-exposure",
    "MACRO": "macro",
    "MINIMALISTIC": "minimalist",
    "MONOCHROME": "monochrome",
    "MOODY": "moody",
    "NONE": None,
    "NEUTRAL": "neutral",
    "PHOTOGRAPHY": "photographic",
    "PORTRAIT": "portrait",
    "RAYTRACED": "ray-traced",
    "RENDER_3D": "3d-model",
    "RETRO": "retro",
    "SKETCH_BW": "sketch-bw",
    "SKETCH_COLOR": "sketch-color",
    "STOCK_PHOTO": "stock-photo",
    "VIBRANT": "vibrant",
    "UNPROCESSED": None,
}
"""Every word of `presetStyle`, and the style it stands for; None where it asks for none in particular."""

BY_UUID: Mapping[str, str | None] = {
    "debdf72a-91a4-467b-bf61-cc02bdeb69c6": "3d-model",
    "9fdc5e8c-4d13-49b4-9ce6-5a74cbb19177": "bokeh",
    "a5632c7c-ddbb-4e2f-ba34-8456ab3ac436": "cinematic",
    "33abbb99-03b9-4dd7-9761-ee98650b2c88": "cinematic-concept",
    "6fedbf1f-4a17-45ec-84fb-92fe524a29ef": "creative",
    "111dc692-d470-4eec-b791-3475abac4c46": "dynamic",
    "594c4a08-a522-4e0e-b7ff-e4dac4b6b622": "fashion",
    "2e74ec31-f3a4-4825-b08b-2894f6d13941": "pop-art",
    "1fbb6a68-9319-44d2-8d56-2957ca0ece6a": "vector",
    "97c20e5c-1af6-4d42-b227-54d03d8f0727": "hdr",
    "645e4195-f63d-4715-a3f2-3fb1e6eb8c70": "illustration",
    "30c1d34f-e3a9-479a-b56f-c018bbc9c02a": "macro",
    "cadc8cd6-7838-4c99-b645-df76be8ba8d8": "minimalist",
    "621e1c9a-6319-4bee-a12d-ae40659162fa": "moody",
    "556c1ee5-ec38-42e8-955a-1e82dad0ffa1": None,
    "8e2bc543-6ee2-45f9-bcd9-594b6ce84dcd": "portrait",
    "ab5a4220-7c42-41e5-a578-eddb9fed3d75": "portrait",
    "22a9a7d2-2166-4d86-80ff-22e2643adbcf": "photographic-bw",
    "7c3f932b-a572-47cb-9b9b-f20211e63b5b": "photographic",
    "581ba6d6-5aac-4492-bebe-54c424a0d46e": "analog-film",
    "0d34f8e1-46d4-428f-8ddd-4b11811fa7c9": "portrait-fashion",
    "b504f83c-3326-4947-82e1-7fe9e839ec0f": "ray-traced",
    "be8c6b58-739c-4d44-b9c1-b032ed308b61": "sketch-bw",
    "093accc3-7633-4ffd-82da-d34000dfc0d6": "sketch-color",
    "5bdc3f2a-1be6-4d1c-8e77-992a30824a2c": "stock-photo",
    "dee282d3-891f-4f73-ba02-7f8131e5541b": "vibrant",
}
"""The ids of `styleUUID`."""
PHOTO = "photographic"
