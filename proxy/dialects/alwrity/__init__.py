"""ALwrity's Image Studio: templates, generation, edits, upscaling, control, and the work on finished pictures.

https://github.com/ALwrity/ALwrity/blob/main/docs-site/docs/features/image-studio/api-reference.md
"""

from proxy.dialects.alwrity import (
    browse,
    compress,
    control,
    convert,
    cost,
    create,
    edit,
    health,
    library,
    listing,
    models,
    operations,
    personas,
    platforms,
    social,
    upscale,
)
from proxy.dialects.alwrity.documented import DOCUMENTS
from proxy.dialects.alwrity.errors import render_error
from proxy.dialects.contract import Dialect

DIALECT = Dialect(
    name="alwrity",
    base="/api/image-studio",
    says="ALwrity's Image Studio: pictures by template, edits, control, and work on finished pictures.",
    documents=DOCUMENTS,
    routes=(
        *create.ROUTES,
        *browse.ROUTES,
        *listing.ROUTES,
        *cost.ROUTES,
        *edit.ROUTES,
        *operations.ROUTES,
        *models.ROUTES,
        *upscale.ROUTES,
        *control.ROUTES,
        *personas.ROUTES,
        *health.ROUTES,
        *social.ROUTES,
        *platforms.ROUTES,
        *compress.ROUTES,
        *convert.ROUTES,
        *library.ROUTES,
    ),
    render_error=render_error,
)
