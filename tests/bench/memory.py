"""Resident memory beside bare paho with asyncio and TLS in the same Python."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.rig import BARE, Terminal, bridge, broker, program

LIMIT_MB = 8.0


def run() -> bool:
    """Hold both connected over TLS and print the difference."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _certificate(folder)
        port = _free_port()
        settings = (
            f"listener {port} 127.0.0.1",
            f"certfile {folder}/cert.pem",
            f"keyfile {folder}/key.pem",
            "allow_anonymous true",
        )
        ca_file = f"{folder}/cert.pem"
        with broker(settings), Terminal() as terminal:
            extra = f'ca_file = "{ca_file}"'
            bare = [sys.executable, BARE, "memory", str(port), ca_file]
            url = f"mqtts://localhost:{port}"
            with bridge(url, terminal.path, extra) as ours, program(bare) as theirs:
                time.sleep(3)
                used, least = _resident(ours), _resident(theirs)
    more = used - least
    print("memory: resident, connected over TLS")
    print(f"  bridge: {used:.1f} MB, bare paho with asyncio and TLS: {least:.1f} MB")
    good = more <= LIMIT_MB
    print(f"  more: {more:.1f} MB (at most {LIMIT_MB:g}) {'good' if good else 'TOO MUCH'}")
    return good


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _certificate(folder: Path) -> None:
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost -keyout {folder}/key.pem -out {folder}/cert.pem"
    )
    subprocess.run(command.split(), check=True, capture_output=True)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
