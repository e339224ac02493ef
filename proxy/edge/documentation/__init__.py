"""What the server tells of itself: an OpenAPI description, a page to read, a table of fields. All of the same data.

Pure: from the dialects' `documents`, our own routes (`own.py`) and the shapes of answers that the tests have seen
(`answers.json`). `python -m proxy.edge.documentation` writes `docs/fields.md`.
"""

from proxy.edge.documentation.openapi import openapi
from proxy.edge.documentation.page import CONTENT_POLICY, page
from proxy.edge.documentation.table import table

__all__ = ["CONTENT_POLICY", "openapi", "page", "table"]
