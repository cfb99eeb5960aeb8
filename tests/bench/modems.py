"""Bulk over a simulated SIM800 on a line of 115,200 baud, beside what such a line can carry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.rig import program, wait_for

from chiplink.chips import sim800
from chiplink.driver.sockets import Endpoint, Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

BAUD = 115_200
BYTES_A_SECOND = BAUD / 10
TOTAL = 128 * 1024
RTT = 0.6
SEND_BUFFER = 14_600
"""Bytes that a SIM800 holds until the peer has acknowledged them."""

SHARE, FAR_SHARE = 0.85, 0.70
PEER = str(Path(__file__).with_name("modem_peer.py"))


@dataclass(frozen=True, slots=True)
class Case:
    """How it is sent: messages of so many KB, so many at once; a share of 0 is only printed."""

    name: str
    rtt: float = 0.0
    quick: bool = False
    kilobytes: int = 64
    at_once: int = 1
    share: float = 0.0

    @property
    def limit(self) -> float:
        """Bytes a second that line and window allow: the window empties once a round trip."""
        window = SEND_BUFFER / self.rtt if self.rtt else BYTES_A_SECOND
        return min(BYTES_A_SECOND, window)


CASES = (
    Case("near, SEND OK", share=SHARE),
    Case("near, quick send", quick=True, share=SHARE),
    Case("far, quick send", RTT, quick=True, share=FAR_SHARE),
    Case("far, quick send", RTT, quick=True, kilobytes=16, at_once=2, share=FAR_SHARE),
    Case("far, quick send", RTT, quick=True, kilobytes=16),
)


def run() -> bool:
    """Send near and far, by SEND OK and quickly; whether the shares hold."""
    print(
        f"modems: {TOTAL // 1024} KB to a SIM800 at {BAUD} baud, with receipts (CIPACK);"
        f" far is a round trip of {RTT:g} s"
    )
    held = [_measure(case) for case in CASES]
    return all(held)


def _measure(case: Case) -> bool:
    with _peer() as port, _modem(case.rtt, port) as path:
        seconds, cpu = asyncio.run(_bulk(path, port, case))
    share = TOTAL / seconds / case.limit
    good = share >= case.share
    wanted = f" (at least {case.share:.2f}) {'good' if good else 'TOO LITTLE'}"
    print(
        f"  {case.name}, {case.at_once} x {case.kilobytes} KB at once: {TOTAL / seconds:.0f}"
        f" bytes a second of payload, {share:.2f} of the {case.limit:.0f} that line and window"
        f" allow{wanted if case.share else ''}; {cpu / TOTAL * 1e9:.0f} ms of CPU a MB"
    )
    return good


@contextlib.contextmanager
def _peer() -> Iterator[int]:
    """Run a peer that swallows all, and yield its port."""
    with subprocess.Popen([sys.executable, PEER], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline()) if process.stdout else 0
        finally:
            process.terminate()


@contextlib.contextmanager
def _modem(rtt: float, port: int) -> Iterator[str]:
    """Run a simulator in a process of its own, and yield its port's path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell"
        command = [sys.executable, "-m", "chiplink", "sim", "sim800", "--link", str(path)]
        mapped = ["--map", f"203.0.113.5:{port}=127.0.0.1:{port}"]
        with program([*command, *mapped, "--pace", "--rtt", str(rtt)]):
            wait_for(path.exists, "the simulator does not start")
            yield str(path)


async def _bulk(path: str, port: int, case: Case) -> tuple[float, float]:
    """Send it all and return the seconds and the CPU seconds that it took."""
    endpoint = Endpoint(kind=Kind.TCP_CLIENT, host="203.0.113.5", port=port)
    async with sim800(f"{path}?baud={BAUD}", apn="internet", quick_send=case.quick) as chip:
        await chip.ready(60)
        socket = await chip._device.stack.connect(endpoint)
        message = os.urandom(case.kilobytes * 1024)
        left = TOTAL // len(message)

        async def sender() -> None:
            nonlocal left
            while left:
                left -= 1
                level = await socket.send(message)
                if level is not Level.ACKED:
                    raise RuntimeError(f"no receipt came: {level}")

        begin, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(sender() for _ in range(case.at_once)))
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        await socket.close()
    return seconds, cpu
