"""`python -m tests.bench [NAME…]`: run the benchmarks and print their ratios."""

from __future__ import annotations

import sys

from tests.bench import at, cpu, frames, latency, links, memory, modems, spi

BENCHES = {
    "frames": frames.run,
    "at": at.run,
    "latency": latency.run,
    "cpu": cpu.run,
    "memory": memory.run,
    "spi": spi.run,
    "links": links.run,
    "modems": modems.run,
}


def main() -> int:
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; known: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    held = [BENCHES[name]() for name in wanted]
    return 0 if all(held) else 1


sys.exit(main())
