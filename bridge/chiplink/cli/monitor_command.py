"""`chiplink monitor`: a live view of every bridge on a broker."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from chiplink.cli.monitor_tree import FILTERS, DeviceState, NodeState, Tree
from chiplink.cli.printable import printable
from chiplink.cli.remote import DEFAULT_BROKER
from chiplink.exceptions import ChiplinkError
from chiplink.mqtt.connection_events import Connected, Disconnected
from chiplink.mqtt.message import Incoming, Subscription
from chiplink.mqtt.url import parse_broker
from chiplink.mqtt.visit import Visitor

if TYPE_CHECKING:
    import argparse

    from chiplink.mqtt.connection_events import Event
    from chiplink.mqtt.url import Broker

FIND_DEADLINE = 3.0
"""Seconds to the first node."""

SETTLED = 0.3
"""Seconds without a message after which what was retained is taken to be complete."""

REFRESH = 0.25

_STYLES = {"online": "green", "open": "green", "listening": "green", "offline": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `monitor`."""
    parser.add_argument(
        "--broker",
        metavar="URL",
        default=DEFAULT_BROKER,
        help="default: %(default)s; CHIPLINK_BROKER sets it",
    )
    parser.add_argument(
        "--once", action="store_true", help="print what there is and exit; 1 if there is no node"
    )


def run(options: argparse.Namespace) -> int:
    """Show until Ctrl-C, or once."""
    return asyncio.run(_monitor(parse_broker(options.broker), once=options.once))


async def _monitor(broker: Broker, *, once: bool) -> int:
    console = Console()
    async with _Visit(broker) as visit:
        if once:
            await visit.find()
            for line in snapshot(visit.tree):
                print(line)
            return 0
        task = asyncio.current_task()
        if task is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await (visit.show(console) if console.is_terminal else visit.tell())
        except asyncio.CancelledError:
            return 0
    return 0


class _Visit(Visitor):
    """A connection to a broker and what it told; it comes back by itself when it is lost."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker, "monitor")
        self.tree = Tree()
        self._trouble = ""
        self._changed = asyncio.Event()
        self._telling = False

    async def find(self) -> None:
        """Return when a node is there and nothing more comes; raises ChiplinkError."""
        try:
            async with asyncio.timeout(FIND_DEADLINE):
                while not self.tree.nodes:
                    await self._wait()
                while await self._comes_more():
                    pass
        except TimeoutError:
            if not self.tree.nodes:
                raise ChiplinkError(f"no bridge on the broker {self._broker}") from None

    async def show(self, console: Console) -> None:
        """Show a picture until cancelled."""
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while True:
                live.update(picture(self.tree, self._trouble), refresh=True)
                await asyncio.sleep(REFRESH)
                await self._wait()

    async def tell(self) -> None:
        """Print a line a change until cancelled."""
        for line in snapshot(self.tree):
            print(line, flush=True)
        self._telling = True
        await asyncio.get_running_loop().create_future()

    async def _wait(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _comes_more(self) -> bool:
        try:
            await asyncio.wait_for(self._wait(), SETTLED)
        except TimeoutError:
            return False
        return True

    def _heard(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._trouble = ""
            self.tree = Tree()
            self._connection.subscribe([Subscription(one, replay=True) for one in FILTERS])
        elif isinstance(event, Disconnected):
            self._trouble = printable(event.reason)
            self._tell(self._trouble)
        elif isinstance(event, Incoming):
            self._tell(self.tree.take(event))
        self._changed.set()

    def _tell(self, line: str) -> None:
        if line and self._telling:
            print(line, flush=True)


def snapshot(tree: Tree) -> list[str]:
    """Return all there is, as lines."""
    lines = []
    for name, node in sorted(tree.nodes.items()):
        lines.append(f"{name}: {_node_words(node)}")
        for device_name, device in sorted(node.devices.items()):
            lines.append(f"  {device_name}: {_device_words(device)}")
            lines += [f"    {key:14} {value}" for key, value in _rows(device)]
    if tree.ignored:
        lines.append(f"{tree.ignored} messages beyond what is shown were ignored")
    return lines


def picture(tree: Tree, trouble: str) -> Group:
    """Return all there is, for a terminal; nothing in it is read as markup."""
    parts = [Text(trouble, style="bold red")] if trouble else []
    if not tree.nodes:
        parts.append(Text("no bridge on this broker yet", style="dim"))
    for name, node in sorted(tree.nodes.items()):
        parts.append(_line(f"{name}: ", _node_words(node), node.status, "bold"))
        for device_name, device in sorted(node.devices.items()):
            words = _device_words(device)
            parts.append(_line(f"  {device_name}: ", words, device.availability, "cyan"))
            for key, value in _rows(device):
                parts.append(_line(f"    {key:14} ", value, value.partition(" ")[0], "dim"))
    if tree.ignored:
        parts.append(Text(f"{tree.ignored} messages beyond what is shown were ignored", "dim"))
    return Group(*parts)


def _line(name: str, words: str, state: str, style: str) -> Text:
    return Text.assemble((name, style), (words, _STYLES.get(state, "")))


def _node_words(node: NodeState) -> str:
    return f"{node.status}, chiplink {node.version}" if node.version else node.status


def _device_words(device: DeviceState) -> str:
    model = f", {device.model}" if device.model else ""
    return f"{device.availability}{model}"


def _rows(device: DeviceState) -> list[tuple[str, str]]:
    rows = device.shown()
    rows += [
        (f"link {name}", f"{link.state} {link.info}".rstrip())
        for name, link in sorted(device.links.items())
    ]
    return [*rows, ("last result", device.result)] if device.result else rows
