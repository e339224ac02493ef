"""Writes `docs/fields.md`, or another file that is named."""

from __future__ import annotations

import sys
from pathlib import Path

from proxy.dialects import NAMES, load
from proxy.edge.documentation.table import table

DEFAULT = Path("docs/fields.md")

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    target.write_text(table([load(name) for name in sorted(NAMES)]))
