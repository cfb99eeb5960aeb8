"""What the demonstration shows while it runs: topics as they change, and the simulated PC."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
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
MAX_VALUE = 40
"""Characters of a payload on a line of its own, and beside others."""

NAME_WIDTH = 20
TAKEN_ROWS = 17
MIN_ROWS = 5
"""Rows of the terminal that are not for topics, and that topics get at least."""

EVENTUAL = ("result", "urc", "hid_in")
"""What comes last in a row: it is long."""


class _Info(msgspec.Struct):
    """What is shown of a link's `info`."""

    tx_bytes: int = 0
    rx_bytes: int = 0


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
        rows = self._rows(max(MIN_ROWS, self._console.height - TAKEN_ROWS))
        return Panel(Group(*rows), title=f"topics below chiplink/{NODE}/")

    def _rows(self, room: int) -> list[Text]:
        """Return a row for each device and each link, the newest of them if not all have room."""
        groups: dict[str, list[str]] = {}
        for topic in self._stage.watcher.values:
            if (group := _group(topic)) is not None:
                groups.setdefault(group, []).append(topic)
        names = sorted(groups)
        hidden = max(0, len(names) - room)
        if hidden:
            newest = sorted(names, key=lambda name: self._newest(groups[name]), reverse=True)
            names = sorted(newest[: room - 1])
            hidden += 1
        rows = [self._row(name, sorted(groups[name], key=self._place)) for name in names]
        return [*rows, Text(f"… and {hidden} more", style="dim")] if hidden else rows

    def _newest(self, topics: list[str]) -> float:
        return max(self._changed.get(topic, 0.0) for topic in topics)

    def _fresh(self, topic: str) -> bool:
        return time.monotonic() - self._changed.get(topic, 0.0) < FRESH

    def _place(self, topic: str) -> tuple[bool, bool, bool, str]:
        """Return where a topic stands in its row: whether all is well, what is new, the rest."""
        key = topic.rpartition("/")[2]
        main = key in ("availability", "state")
        return not main, not self._fresh(topic), key in EVENTUAL, key

    def _row(self, name: str, topics: list[str]) -> Text:
        """Return what is below a name in one line, bright where it has just changed."""
        row = Text(f"{name:<{NAME_WIDTH}}", style="cyan", no_wrap=True, overflow="ellipsis")
        for topic in topics:
            value = _value(topic, self._stage.watcher.values[topic])
            if value:
                row.append(f" {value}", style="bold yellow" if self._fresh(topic) else "default")
        return row


def _group(topic: str) -> str | None:
    """Return the row that a topic belongs to: its device or its link; None for others."""
    match topic.split("/")[2:]:
        case ["response", _]:
            return None
        case [device, _key]:
            return device
        case [device, "link", link, "state" | "info"]:
            return f"{device}/link/{link}"
        case _:
            return None


def _value(topic: str, payload: str) -> str:
    """Return a topic's last word and its payload, empty for what says nothing."""
    key = topic.rpartition("/")[2]
    if key == "info":
        return _counts(payload)
    if key in ("availability", "state"):
        return payload
    words = payload.replace("\n", "⏎")
    return f"{key}={words[:MAX_VALUE]}" if words else ""


def _counts(info: str) -> str:
    """Return what a link has carried; empty for what is none of its JSON."""
    try:
        told = msgspec.json.decode(info, type=_Info)
    except (ValueError, RecursionError):
        return ""
    return f"{told.tx_bytes} bytes out, {told.rx_bytes} in"


def _shorten(payload: str) -> str:
    line = payload.replace("\n", "⏎")
    return line if len(line) <= MAX_PAYLOAD else line[: MAX_PAYLOAD - 1] + "…"
