"""A load: `python -m tests.bench.load URL KEY MODEL CONCURRENCY REQUESTS`. Prints what it measured as JSON.

Raw sockets and a prepared request: the load has to cost less than what it measures.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from urllib.parse import urlsplit

import uvloop

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def main(url: str, key: str, model: str, concurrency: int, requests: int) -> None:
    """Send, measure, print."""
    parts = urlsplit(url)
    body = json.dumps({"model": model, "prompt": "a boat on a lake", "response_format": "b64_json"}).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    left = requests
    took: list[float] = []

    async def one() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 23)
        while left > 0:
            left -= 1
            began = time.perf_counter()
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode() + (await reader.read(2000)).decode())
            found = LENGTH.search(answer)
            assert found
            await reader.readexactly(int(found[1]))
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*[one() for _ in range(concurrency)])
    seconds = time.perf_counter() - began
    took.sort()
    print(
        json.dumps(
            {
                "per_second": len(took) / seconds,
                "p50_ms": took[len(took) // 2] * 1000,
                "p99_ms": took[int(len(took) * 0.99)] * 1000,
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
