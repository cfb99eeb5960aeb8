"""From a published message to the first byte on the terminal, beside a bare subscriber."""

from __future__ import annotations

import statistics
import sys
import time

from tests.bench.rig import (
    BARE,
    Publisher,
    Terminal,
    bridge,
    broker,
    percentile,
    program,
    verdict,
    wait_for,
)

ROUNDS = 1500
WARM_UP = 100
PAUSE = 0.004
"""Seconds between messages: each finds everything idle."""


def run() -> bool:
    """Measure both in turn on the same terminal and print the ratios."""
    with broker() as own, Terminal() as terminal:
        bare = [sys.executable, BARE, "subscriber", str(own.port), terminal.path]
        with bridge(own.url, terminal.path), program(bare):
            publisher = Publisher(own.port)
            targets = {"bridge": "chiplink/bench/kvm/type/set", "bare": "bare/type"}
            for topic in targets.values():
                _warm(publisher, terminal, topic)
            times = _measure(publisher, terminal, targets)
            publisher.close()
    return _report(times)


def _warm(publisher: Publisher, terminal: Terminal, topic: str) -> None:
    """Publish until the program behind `topic` acts."""
    start = terminal.reports

    def acts() -> bool:
        publisher.publish(topic, b"a")
        publisher.settle()
        time.sleep(0.05)
        return terminal.reports > start + 2

    wait_for(acts, f"nothing listens to {topic}")


def _measure(
    publisher: Publisher, terminal: Terminal, targets: dict[str, str]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(ROUNDS + WARM_UP):
        for name, topic in targets.items():
            terminal.seen.clear()
            begin = time.perf_counter_ns()
            publisher.publish(topic, b"ab"[number % 2 :][:1])
            wait_for(lambda: terminal.seen, "no byte came", 5)
            publisher.settle()
            if number >= WARM_UP:
                times[name].append((terminal.seen[0] - begin) / 1000)
            time.sleep(PAUSE)
    return times


def _report(times: dict[str, list[float]]) -> bool:
    print(f"latency: message to first byte on the terminal, {ROUNDS} each, in turn")
    for name, values in times.items():
        middle, high = statistics.median(values), percentile(values, 0.99)
        print(f"  {name}: median {middle:.0f} µs, 99th percentile {high:.0f} µs")
    middle = statistics.median(times["bridge"]) / statistics.median(times["bare"])
    high = percentile(times["bridge"], 0.99) / percentile(times["bare"], 0.99)
    return verdict("median, ratio", middle, 1.3) & verdict("99th percentile, ratio", high, 2.0)
