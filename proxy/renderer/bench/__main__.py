"""The measuring process: an `Ask` on its standard input, a `Line` of JSON on its standard output for each figure."""

from __future__ import annotations

import sys
import warnings

import msgspec

from proxy.renderer.bench.sheet import Ask
from proxy.renderer.worker import take_channel


def _tell(doing: str) -> None:
    sys.stderr.write(f"{doing}\n")


def main() -> None:
    """Measure what is asked for. What is being done is told on standard error."""
    source, sink = take_channel()
    warnings.simplefilter("ignore")  # the libraries warn about their own insides
    sys.stdout = sys.stderr
    ask = msgspec.json.decode(source.read(), type=Ask)
    try:
        from proxy.renderer.bench.rounds import measured
    except ImportError as error:
        sys.exit(f"local models need the packages of darkroom[local], which are not installed: {error}")
    for line in measured(ask, _tell):
        sink.write(msgspec.json.encode(line) + b"\n")
        sink.flush()


if __name__ == "__main__":
    main()
