"""The programs of a house, each a process of its own: broker, simulated chip, bridge."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
CHIPLINK = [str(ROOT / ".venv/bin/python"), "-m", "chiplink"]

DEADLINE = 60.0
"""Seconds after which something that does not come is a failure."""

GRACE = 15.0
"""Seconds for a program to end by itself."""


def free_port() -> int:
    """Return a port of this host that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def until(
    condition: Callable[[], Any | Awaitable[Any]], what: Callable[[], object] | str = ""
) -> Any:
    """Return the first true value of `condition`; `what` says more when there is none."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > end:
            more = what() if callable(what) else what
            raise AssertionError(f"it did not come to that in {DEADLINE:g} s; {more}")
        await asyncio.sleep(0.05)


class Program:
    """A program with its output in a file; it can be started again."""

    def __init__(self, name: str, command: list[str], folder: Path, **environment: str) -> None:
        self.log = folder / f"{name}.log"
        self._command = command
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    async def stop(self, number: int = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            await asyncio.to_thread(process.wait, GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    async def says(self, words: str, after: int = 0) -> None:
        """Wait until it has said `words`, behind its first `after` characters."""
        await until(
            lambda: words in self.said[after:],
            lambda: f"{self.log.name} ends with {self.said[-800:]!r}",
        )


class Broker(Program):
    """mosquitto on a port of this host; it keeps nothing."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        found = subprocess.run(
            [CHIPLINK[0], "-m", "chiplink.demo.mosquitto"], capture_output=True, check=True
        )
        user = "user root" if os.getuid() == 0 else ""
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            f"log_dest stdout\n{user}\n"
        )
        super().__init__("mosquitto", [found.stdout.decode().strip(), "-c", str(config)], folder)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def listens(self) -> None:
        async def answers() -> bool:
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return True
            return False

        await until(answers)


class Simulator(Program):
    """A simulated chip with what is behind it, told by the lines it logs."""

    def __init__(self, folder: Path, chip: str = "ch9329", device: str = "kvm") -> None:
        self.port = folder / device
        self._chip = chip
        self._folder = folder
        self.fault: list[str] = []
        self.options: list[str] = []
        super().__init__(f"sim-{device}", [], folder)

    def start(self) -> None:
        faults = [item for fault in self.fault for item in ("--fault", fault)]
        self._command = [
            *CHIPLINK, "sim", self._chip, "--link", str(self.port), "--log", "json",
            *faults, *self.options,
        ]  # fmt: skip
        super().start()

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = [line for line in self.said.splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    @property
    def text(self) -> str:
        """What was typed since the beginning; only what nothing was removed from."""
        return "".join(event["added"] for event in self.events("text"))

    def down(self) -> set[int]:
        """Return the usages of the keys that are down."""
        held: set[int] = set()
        for line in self.said.splitlines():
            event = json.loads(line) if line.startswith("{") else {"event": ""}
            if event["event"] == "key_down":
                held.add(event["usage"])
            elif event["event"] == "key_up":
                held.discard(event["usage"])
        return held


class Bridge(Program):
    """`chiplink run` with a configuration that can change between two starts."""

    def __init__(self, folder: Path, url: str, port: Path) -> None:
        self.config = folder / "chiplink.toml"
        self.name = "Desk"
        self.device = "kvm"
        self.more = ""
        self._url = url
        self._port = port
        state = folder / "state"
        state.mkdir()
        super().__init__(
            "bridge",
            [*CHIPLINK, "run", "-c", str(self.config)],
            folder,
            STATE_DIRECTORY=str(state),
            CHIPLINK_DOOR="Sesame7",
        )

    def start(self) -> None:
        self.config.write_text(
            f"""
[node]
id = "cellar"
[mqtt]
url = "{self._url}"
[homeassistant]
typing = true
[secrets]
door = {{ env = "CHIPLINK_DOOR" }}
[device.{self.device}]
chip = "ch9329"
port = "serial://{self._port}?baud=9600"
name = "{self.name}"
armed = "always"
{self.more}
"""
        )
        super().start()


async def chiplink(*arguments: str) -> None:
    """Run a command of chiplink that must succeed."""
    process = await asyncio.create_subprocess_exec(
        *CHIPLINK,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _nothing = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0, out.decode()
