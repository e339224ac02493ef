"""The real compiler: the same pictures, and what it takes. Minutes on a busy machine, so it is no part of every run.

`tests/renderer/engine/test_speed.py` has the same with a stand-in for the compiler.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from proxy.renderer.engine import speed as speeds
from proxy.renderer.engine.speed import hasten
from proxy.renderer.loads import Speed
from tests.renderer.engine.studio import EQUAL
from tests.renderer.engine.test_speed import drawn, model, same

pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler"),
]


@pytest.mark.parametrize(("family", "how"), [("flux", "blocks"), ("sd3", "blocks")])
def test_compiled_in_earnest(family: Any, how: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(speeds.CACHE_FOLDER, raising=False)
    torch._dynamo.reset()
    of = model(family, Speed(compile=how, compile_cache=str(tmp_path)))
    hasten(of)
    began, cpu = time.perf_counter(), time.process_time()
    pictures = drawn(of, 2)
    print(
        f"{family}, {how}: {time.perf_counter() - began:.1f} s to the first pictures, "
        f"{time.process_time() - cpu:.1f} s of CPU in this process",
        file=sys.stderr,
    )
    assert same(pictures, drawn(model(family), 2)) < EQUAL
    assert any(tmp_path.rglob("*.so")) or any(tmp_path.rglob("*.py")), "what was compiled is kept where it was said"
    torch._dynamo.reset()
