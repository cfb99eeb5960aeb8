"""`chiplink sim`: a simulated chip for any program."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from chiplink.exceptions import UsageError
from chiplink.sim import faults_of, precise_loop, run_sim

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `sim`."""
    parser.add_argument("chip", metavar="CHIP", help="ch9329, ch392, sim7028, gseries or sim800")
    parser.add_argument("--link", metavar="PATH", help="make PATH point to the pseudo-terminal")
    parser.add_argument(
        "--spi",
        metavar="PATH",
        help="a ch392 over SPI: a Unix socket at PATH, INT# at PATH.int, for spi+unix://PATH",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=ARG]",
        help="switch a fault on; `--fault list` lists them",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FROM=TO",
        help="lead an address of the chip's network, or one port of it, to a real one:"
        " 203.0.113.5=127.0.0.1 or 203.0.113.5:80=127.0.0.1:8080",
    )
    parser.add_argument(
        "--rtt", type=float, default=0.0, metavar="SECONDS", help="the network's round trip"
    )
    parser.add_argument("--pace", action="store_true", help="run the line at its baud rate")
    parser.add_argument(
        "--log", choices=("json",), help="one JSON line for each thing that happens"
    )


def run(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    try:
        if "list" in options.fault:
            for fault in faults_of(options.chip).values():
                print(f"{fault.name:20} {fault.describe}")
        else:
            with asyncio.Runner(loop_factory=precise_loop) as runner:
                runner.run(_serve(options))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return 0


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    task: asyncio.Future[None]

    def say(line: str) -> None:
        """Print a line; whoever read it and went away ends the simulator."""
        try:
            print(line, flush=True)
        except BrokenPipeError:
            task.cancel()

    task = asyncio.ensure_future(
        run_sim(
            options.chip,
            link=options.link,
            spi=options.spi,
            faults=options.fault,
            log=say if options.log else None,
            pace=options.pace,
            maps=options.map,
            rtt=options.rtt,
            on_ready=say,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
