"""`chiplink trace`: what goes over a device's line, in words, without what is typed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chiplink.cli.printable import printable
from chiplink.config import DEFAULT_PATH
from chiplink.devices import make_device
from chiplink.doctor.tables_file import read_tables, table_of
from chiplink.driver.arming import ArmedMode
from chiplink.driver.ch392 import Ch392Settings
from chiplink.driver.ch9329 import Ch9329Settings
from chiplink.driver.modem import ModemSettings
from chiplink.driver.modem_models import MODELS
from chiplink.exceptions import ChiplinkError, ConfigError, UsageError
from chiplink.model import Availability
from chiplink.mqtt.topics import is_name
from chiplink.redaction import READERS
from chiplink.tables import nearest
from chiplink.trace import MAX_LINE, SYSTEM_FOLDER, Story, socket_folder, socket_path
from chiplink.transport.tap import Direction, Tap
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine

    from chiplink.devices import Settings
    from chiplink.driver.device import Emission
    from chiplink.transport.url import PortUrl

FOLDERS = (SYSTEM_FOLDER, Path("/var/lib/chiplink"))
"""Where a daemon run by systemd has its socket."""

SETTINGS: dict[str, Settings] = {
    "ch9329": Ch9329Settings(id="port", armed=ArmedMode.NEVER),
    "ch392": Ch392Settings(id="port"),
    **{chip: ModemSettings(id="port", chip=chip) for chip in MODELS},
}
"""For each chip, how it is looked after where no configuration says it."""

_ARROWS = {"out": ">", "in": "<"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `trace`."""
    parser.epilog = (
        "The running bridge tells what goes over the line of DEVICE; with --port, no bridge is"
        " needed: the port is opened and the chip on it looked after (a CH392 is reset first)."
        " Key presses, custom HID reports, USB strings and what sockets carry are left out."
    )
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="its name in the configuration")
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=Path(os.environ.get("CHIPLINK_CONFIG", DEFAULT_PATH)),
        metavar="FILE",
        help="configuration file of the bridge (default: %(default)s; CHIPLINK_CONFIG sets it)",
    )
    parser.add_argument("--port", metavar="PORT", help="a port that no bridge uses")
    parser.add_argument(
        "--chip",
        default="ch9329",
        help=f"what is on the port: {', '.join(SETTINGS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--raw", action="store_true", help="bytes too; the bridge must have log.trace_raw = true"
    )


def run(options: argparse.Namespace) -> int:
    """Print until Ctrl-C."""
    if (options.device is None) == (options.port is None):
        raise UsageError("name either a DEVICE of the configuration or a --port")
    if options.port is None:
        return asyncio.run(_until_told(trace_device(options.config, options.device, options.raw)))
    if options.chip not in READERS:
        raise UsageError(f"unknown chip {options.chip!r}{nearest(options.chip, list(READERS))}")
    url = parse_port(options.port)
    return asyncio.run(_until_told(trace_port(url, options.port, options.chip, options.raw)))


async def _until_told(work: Coroutine[Any, Any, None]) -> int:
    """Run until it ends or SIGINT or SIGTERM comes."""
    task = asyncio.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return 0


async def trace_port(url: PortUrl, text: str, chip: str, raw: bool) -> None:  # noqa: FBT001
    """Keep the chip on a port connected and print what is said; disarmed, it types nothing."""
    story = Story("port", chip, raw=raw)
    tap = Tap(lambda direction, data: _show_all(story, direction, data))
    await make_device(SETTINGS[chip], url, text, {}, tap).run(Complaints().take)


class Complaints:
    """Says why the chip is away, once until that changes."""

    def __init__(self) -> None:
        self._told = ""

    def take(self, emission: Emission) -> None:
        """Look at what the driver says."""
        if isinstance(emission, Availability) and emission.reason != self._told:
            self._told = emission.reason
            if not emission.online:
                print(f"chiplink: {printable(self._told)}", file=sys.stderr, flush=True)


def _show_all(story: Story, direction: Direction, data: bytes) -> None:
    for content in story.take(direction, data):
        show(content)


async def trace_device(config: Path, device: str, raw: bool) -> None:  # noqa: FBT001
    """Print what the running bridge tells of a device; raises ChiplinkError when it ends."""
    incoming, out = await _connect(_node(config))
    try:
        _check(await _next(incoming), device, raw)
        while True:
            content = await _next(incoming)
            if content.get("device", device) == device and (raw or "hex" not in content):
                show(content)
    finally:
        out.close()
        with contextlib.suppress(OSError):
            await out.wait_closed()


def _node(config: Path) -> str:
    node = table_of(read_tables(config), "node").get("id")
    if not isinstance(node, str) or not is_name(node):
        raise ConfigError([f"{config}: node.id: missing or no name"])
    return node


async def _connect(node: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for folder in dict.fromkeys((socket_folder(), *FOLDERS)):
        path = socket_path(node, folder)
        try:
            return await asyncio.open_unix_connection(path, limit=MAX_LINE)
        except PermissionError:
            raise ChiplinkError(
                f"{path}: belongs to the bridge's user; trace as that user: sudo -u chiplink …"
            ) from None
        except OSError:
            continue
    raise ChiplinkError(f"no bridge of the node {node!r} runs on this host; start it first")


async def _next(incoming: asyncio.StreamReader) -> dict[str, Any]:
    try:
        line = await incoming.readline()
        content = msgspec.json.decode(line, type=dict[str, Any]) if line else None
    except (OSError, ValueError):
        content = None
    if content is None:
        raise ChiplinkError("the bridge has ended")
    if "error" in content:
        raise ChiplinkError(printable(str(content["error"])))
    return content


def _check(hello: dict[str, Any], device: str, raw: bool) -> None:  # noqa: FBT001
    devices = hello.get("devices", {})
    if device not in devices:
        raise UsageError(f"the bridge has no device {device!r}{nearest(device, list(devices))}")
    if raw and not hello.get("raw"):
        raise ChiplinkError(
            "the bridge gives no bytes, which may hold what is typed;"
            " set trace_raw = true in [log] and restart it"
        )


def show(content: dict[str, Any]) -> None:
    """Print one line of a trace."""
    if "dropped" in content:
        print(f"… {content['dropped']} lines lost: they are not read fast enough", flush=True)
        return
    moment = float(content.get("t", 0))
    stamp = time.strftime("%H:%M:%S", time.localtime(moment)) + f"{moment % 1:.3f}"[1:]
    if "hex" in content:
        shown = " ".join(_pairs(str(content["hex"]).upper()))
        print(f"{stamp} {_ARROWS.get(str(content.get('dir')), '?')} {shown}", flush=True)
        return
    bad = "" if content.get("good") else "bad: "
    print(f"{stamp} {bad}{printable(str(content.get('words', '')), 400)}", flush=True)


def _pairs(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(0, len(text), 2)]
