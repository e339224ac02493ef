"""The models of this API and what follows from their ids: a base version, a family, limits. Facts in rows.

https://docs.leonardo.ai/docs/commonly-used-api-values
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

DEFAULT = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
"""Used where a request names neither a model nor a version."""
KONTEXT = "28aeddf8-bd19-4803-80fc-79602d1a9989"
"""The one that edits by instruction."""
VERSIONS = (
    *("v1_5", "v2", "v3", "SDXL_0_8", "SDXL_0_9", "SDXL_1_0", "SDXL_LIGHTNING"),
    *("PHOENIX", "FLUX", "FLUX_DEV", "KINO_2_0"),
)


class Known(Struct, frozen=True):
    """A model: how it is called, its base version where that is known, and its family."""

    name: str
    version: str | None
    family: str = ""


MODELS: Mapping[str, Known] = {
    "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3": Known("Leonardo Phoenix 1.0", "PHOENIX", "phoenix"),
    "6b645e3a-d64f-4341-a6d8-7a3690fbf042": Known("Leonardo Phoenix 0.9", "PHOENIX", "phoenix"),
    "b2614463-296c-462a-9586-aafdb8f00e36": Known("Flux Dev", "FLUX_DEV", "flux"),
    "1dd50843-d653-4516-a8e3-f0238ee453ff": Known("Flux Schnell", "FLUX", "flux"),
    KONTEXT: Known("FLUX.1 Kontext", None, "flux"),
    "7b592283-e8a7-4c5a-9ba6-d18c31f258b9": Known("Lucid Origin", None, "lucid"),
    "05ce0082-2d80-4a2d-8653-4d1c85e2418e": Known("Lucid Realism", "KINO_2_0", "lucid"),
    DEFAULT: Known("Leonardo Lightning XL", "SDXL_LIGHTNING", "sdxl"),
    "e71a1c2f-4f80-4800-934f-2c68979d8cc8": Known("Leonardo Anime XL", "SDXL_LIGHTNING", "sdxl"),
    "16e7060a-803e-4df3-97ee-edcfa5dc9cc8": Known("SDXL 1.0", "SDXL_1_0", "sdxl"),
    "aa77f04e-3eec-4034-9c07-d0f619684628": Known("Leonardo Kino XL", "SDXL_1_0", "sdxl"),
    "5c232a9e-9061-4777-980a-ddc8e65647c6": Known("Leonardo Vision XL", "SDXL_1_0", "sdxl"),
    "1e60896f-3c26-4296-8ecc-53e2afecc132": Known("Leonardo Diffusion XL", "SDXL_1_0", "sdxl"),
    "2067ae52-33fd-4a82-bb92-c2c55e7d2786": Known("AlbedoBase XL", "SDXL_1_0", "sdxl"),
    "b63f7119-31dc-4540-969b-2a9df997e173": Known("SDXL 0.9", "SDXL_0_9", "sdxl"),
    "ac614f96-1082-45bf-be9d-757f2d31c174": Known("DreamShaper v7", "v1_5", "sd"),
    "f1929ea3-b169-4c18-a16c-5d58b4292c69": Known("RPG v5", "v1_5", "sd"),
    "d69c8273-6b17-4a30-a13e-d6637ae1c644": Known("3D Animation Style", "v1_5", "sd"),
    "e316348f-7773-490e-adcd-46757c738eb7": Known("Absolute Reality v1.6", "v1_5", "sd"),
    "1aa0f478-51be-4efd-94e8-76bfc8f533af": Known("Anime Pastel Dream", "v1_5", "sd"),
    "b7aa9939-abed-4d4e-96c4-140b8c65dd92": Known("DreamShaper v6", "v1_5", "sd"),
    "d2fb9cf9-7999-4ae5-8bfe-f0df2d32abf8": Known("DreamShaper v5", "v1_5", "sd"),
    "b820ea11-02bf-4652-97ae-9ac0cc00593d": Known("Leonardo Diffusion", "v1_5", "sd"),
    "a097c2df-8f0c-4029-ae0f-8fd349055e61": Known("RPG 4.0", "v1_5", "sd"),
    "458ecfff-f76c-402c-8b85-f09f6fb198de": Known("Deliberate 1.1", "v1_5", "sd"),
    "17e4edbf-690b-425d-a466-53c816f0de8a": Known("Vintage Style Photography", "v1_5", "sd"),
    "f3296a34-9aef-4370-ad18-88daf26862c3": Known("DreamShaper 3.2", "v1_5", "sd"),
    "6bef9f1b-29cb-40c7-b9df-32b51c1f67d3": Known("Leonardo Creative", "v2", "sd"),
    "e5a291b6-3990-495a-b1fa-7bd1864510a6": Known("Pixel Art", "v1_5", "sd"),
    "6c95de60-a0bc-4f90-b637-ee8971caf3b0": Known("Character Portraits", "v1_5", "sd"),
    "50c4f43b-f086-4838-bcac-820406244cec": Known("Cute Characters", None),
    "291be633-cb24-434f-898f-e662799936ad": Known("Leonardo Signature", None),
    "dd29ac47-ea88-4720-8678-b8633245c09c": Known("Concept Art", None),
    "9d4ace10-25dd-42fd-a6be-a301a7ac614f": Known("Graphic Design", None),
}
"""The first of a version is the one that stands for it."""

_BY_VERSION: Mapping[str, str] = {
    row.version: model_id for model_id, row in reversed(list(MODELS.items())) if row.version
}
_UNKNOWN = Known("", None)


def known(model_id: str) -> Known:
    """What is known of a model; nothing, for an operator's own name."""
    return MODELS.get(model_id, _UNKNOWN)


def of_version(version: str | None) -> str:
    """The model that stands for a base version; the default one where none does."""
    return _BY_VERSION.get(version or "", DEFAULT)
