"""CPU time a character, from message to acknowledged report, beside a plain pyserial loop."""

from __future__ import annotations

import subprocess
import sys

from tests.bench.rig import BARE, Publisher, Terminal, bridge, broker, cpu_ns, wait_for

CHARACTERS = 1000
ROUNDS = 5
TEXT = (b"the quick brown fox jumps over the lazy dog " * 40)[:CHARACTERS]


def run() -> bool:
    """Type a long text both ways and print the CPU time of each."""
    with broker() as own, Terminal() as terminal, bridge(own.url, terminal.path) as pid:
        publisher = Publisher(own.port)
        topic = "chiplink/bench/kvm/type/set"
        ours, per_character = [], 0.0
        _type(publisher, terminal, topic)
        for _ in range(ROUNDS):
            before, reports = cpu_ns(pid), terminal.reports
            _type(publisher, terminal, topic)
            ours.append((cpu_ns(pid) - before) / CHARACTERS / 1000)
            per_character = (terminal.reports - reports) / CHARACTERS
        publisher.close()
    theirs = [_plain() for _ in range(ROUNDS)]
    best, plain = min(ours), min(theirs)
    print(f"cpu: {CHARACTERS} characters, the least of {ROUNDS} runs")
    print(f"  bridge: {best:.1f} µs a character, {per_character:.2f} reports a character")
    print(f"  plain pyserial loop: {plain:.1f} µs a character, 2.00 reports a character")
    print(f"  ratio: {best / plain:.2f}")
    return True


def _type(publisher: Publisher, terminal: Terminal, topic: str) -> None:
    """Type the text once and wait until it is out."""
    import time

    deadline = time.monotonic() + 20
    start = terminal.reports
    publisher.publish(topic, TEXT)
    publisher.settle()
    last = -1
    while terminal.reports != last or terminal.reports < start + CHARACTERS:
        last = terminal.reports
        if time.monotonic() > deadline:
            publisher.publish(topic, TEXT)
            deadline = time.monotonic() + 20
        time.sleep(0.1)


def _plain() -> float:
    with Terminal() as terminal:
        command = [sys.executable, BARE, "typist", terminal.path, str(CHARACTERS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / CHARACTERS / 1000


__all__ = ["run", "wait_for"]
