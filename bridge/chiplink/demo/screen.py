"""What the demonstration shows while it runs: topics as they change, and the simulated PC."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chiplink.demo.mosquitto import find
from chiplink.demo.stage import NODE

if TYPE_CHECKING:
    from chiplink.demo.stage import Stage
    from chiplink.mqtt.message import Incoming

FRESH = 1.5
"""Seconds a changed topic is bright."""

REFRESH = 0.1
MAX_TEXT = 400
MAX_PAYLOAD = 100


def invitation(stage: Stage) -> list[str]:
    """Return lines to try in another terminal."""
    port = stage.broker.port
    topic = f"chiplink/{NODE}/kvm"
    return [
        f"{_program('mosquitto_pub')} -p {port} -t {topic}/type/set -m 'Hello, world!'",
        f"{_program('chiplink')} type --broker {stage.url} 'Hello, world!'",
        f"{_program('chiplink')} keys --broker {stage.url} ctrl+alt+delete",
        f"{_program('mosquitto_sub')} -p {port} -v -t 'chiplink/#'",
    ]


def _program(name: str) -> str:
    """Return what to type for `name` in a shell that knows nothing of this environment."""
    if shutil.which(name) is not None:
        return name
    path = Path(find(name) or name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


class Screen:
    """Shows a stage on a terminal, or as plain lines where there is none."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._changed: dict[str, float] = {}
        self._console = Console()

    async def show(self) -> None:
        """Show until cancelled."""
        self._stage.watcher.on_message = self._note
        if self._console.is_terminal:
            await self._show_live()
        else:
            await self._show_lines()

    async def _show_live(self) -> None:
        with Live(self._picture(), console=self._console, auto_refresh=False, screen=True) as live:
            while True:
                live.update(self._picture(), refresh=True)
                await asyncio.sleep(REFRESH)

    async def _show_lines(self) -> None:
        print("try, in another terminal:", flush=True)
        for line in invitation(self._stage):
            print(f"  {line}", flush=True)
        for topic, payload in sorted(self._stage.watcher.values.items()):
            self._print(topic, payload)
        await asyncio.get_running_loop().create_future()

    def _note(self, message: Incoming) -> None:
        self._changed[message.topic] = time.monotonic()
        if not self._console.is_terminal:
            self._print(message.topic, message.payload.decode(errors="replace"))

    def _print(self, topic: str, payload: str) -> None:
        print(f"{topic} {_shorten(payload)}", flush=True)

    def _picture(self) -> Group:
        return Group(self._invitation(), self._pc(), self._topics())

    def _invitation(self) -> Panel:
        lines = Text("\n".join(invitation(self._stage)), style="cyan")
        return Panel(lines, title="try, in another terminal", subtitle="Ctrl-C ends the demo")

    def _pc(self) -> Panel:
        pc = self._stage.pc
        text = Text(pc.text[-MAX_TEXT:] + "▏")
        lights = "  ".join(
            f"[{'green' if lit else 'dim'}]●[/] {name}" for name, lit in pc.lights.items()
        )
        down = "something is pressed" if pc.anything_pressed else "nothing is pressed"
        return Panel(text, title="the simulated PC", subtitle=f"{lights}   {down}", height=9)

    def _topics(self) -> Panel:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for topic, payload in sorted(self._stage.watcher.values.items()):
            fresh = now - self._changed.get(topic, 0.0) < FRESH
            style = "bold yellow" if fresh else ""
            table.add_row(Text(topic, style=style), Text(_shorten(payload), style=style))
        return Panel(table, title="topics")


def _shorten(payload: str) -> str:
    line = payload.replace("\n", "⏎")
    return line if len(line) <= MAX_PAYLOAD else line[: MAX_PAYLOAD - 1] + "…"
