"""What a modem sends, scanned, beside memchr, memcpy and pyserial's LineReader."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from serial.threaded import LineReader

from chiplink.framing import AtFramer

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
READ = 256
LARGE = 4096
ROUNDS = 20
LINES = (
    "OK",
    "ERROR",
    "SEND OK",
    "0, CONNECT OK",
    "+CSQ: {a},0",
    "+CREG: 0,{b}",
    "+CIPRXGET: 1,{b}",
    "+CIPOPEN: {b},0",
    "+CIPSEND: {b},{a}00,{a}00",
    "+CIPACK: {a}12,{a}12,0",
    "4600012345678{a:02}",
    '+COPS: 0,0,"CHINA MOBILE"',
    '+CIPSTATUS: {b},0,"TCP","116.228.221.{a}","8500","CONNECTED"',
)
LINE_SHARE, PAYLOAD_SHARE, LINE_READER_TIMES = 1 / 3, 0.8, 5.0


class _Reader(LineReader):  # type: ignore[misc]
    """Keeps its lines, as a caller of AtFramer.feed gets them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def handle_line(self, line: str) -> None:
        self.lines.append(line)


def run() -> bool:
    """Print the ratios and the CPU time of a megabyte; whether those of the C core hold."""
    source = random.Random(7)  # noqa: S311 (the same stream every time)
    lines = _lines(source, 20000)
    payload = _payload(source, 5600)
    print(f"at: lines of {len(lines) // 20000} bytes, payloads of 1460; the least of {ROUNDS}")
    with tempfile.TemporaryDirectory() as folder:
        program = _compiled(Path(folder))
        held = [
            _against(program, Path(folder), "lines", lines, READ, LINE_SHARE),
            _against(program, Path(folder), "lines", lines, LARGE, LINE_SHARE),
            _against(program, Path(folder), "payload", payload, LARGE, PAYLOAD_SHARE),
        ]
        _against(program, Path(folder), "payload", payload, READ, None)
    return _python(lines, payload[: 1 << 20]) and all(held)


def _lines(source: random.Random, count: int) -> bytes:
    texts = (
        source.choice(LINES).format(a=source.randrange(1, 32), b=source.randrange(6))
        for _ in range(count)
    )
    return b"".join(b"\r\n" + text.encode() + b"\r\n" for text in texts)


def _payload(source: random.Random, count: int) -> bytes:
    data = source.randbytes(1460)
    return (b"\r\n+RECEIVE,0,1460:\r\n" + data) * count


def _compiled(folder: Path) -> Path:
    program = folder / "at_scanner"
    sources = [ROOT / "tests/bench/at_scanner.c", ROOT / "native/src/at.c"]
    options = ["-std=gnu11", "-O2", f"-I{ROOT / 'native/include'}"]
    subprocess.run(["cc", *options, *sources, "-o", program], check=True)
    return program


def _against(
    program: Path, folder: Path, kind: str, stream: bytes, chunk: int, share: float | None
) -> bool:
    """Run the C program; print its ratio, and whether it is the share it must be, if any."""
    file = folder / kind
    file.write_bytes(stream)
    command = [program, file, kind, str(chunk), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours, theirs = map(float, done.stdout.split())
    other = "memchr line splitting" if kind == "lines" else "memcpy"
    print(
        f"  {kind}, {chunk} bytes a call: {ours / 1000:.0f} µs a MB, {theirs / ours:.2f} of the"
        f" throughput of {other}",
        end="\n" if share is None else " ",
    )
    if share is None:
        return True
    good = theirs / ours >= share
    print(f"(at least {share:.2f}) {'good' if good else 'TOO LITTLE'}")
    return good


def _python(lines: bytes, payload: bytes) -> bool:
    chunks = [lines[at : at + READ] for at in range(0, len(lines), READ)]
    ours, theirs = _cpu(lambda: _frames(chunks)), _cpu(lambda: _read(chunks))
    megabyte = len(lines) / 1e6
    good = theirs / ours >= LINE_READER_TIMES
    print(
        f"  Python, {READ} bytes a read: {ours / megabyte:.1f} ms of CPU a MB of lines, LineReader"
        f" {theirs / megabyte:.1f}: {theirs / ours:.1f} times"
        f" (at least {LINE_READER_TIMES:g}) {'good' if good else 'TOO LITTLE'}"
    )
    chunks = [payload[at : at + READ] for at in range(0, len(payload), READ)]
    print(f"  the same of payload: {_cpu(lambda: _frames(chunks)) / len(payload) * 1e6:.1f} ms")
    return good


def _frames(chunks: list[bytes]) -> None:
    framer = AtFramer()
    for chunk in chunks:
        framer.feed(chunk)


def _read(chunks: list[bytes]) -> None:
    reader = _Reader()
    for chunk in chunks:
        reader.data_received(chunk)


def _cpu(action: Callable[[], object]) -> float:
    """The least CPU time of many runs, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time_ns()
        action()
        times.append(time.process_time_ns() - begin)
    return min(times) / 1e6
