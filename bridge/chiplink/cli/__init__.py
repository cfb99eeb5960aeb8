"""The command line: `chiplink COMMAND …`; a module a command."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

from chiplink import __version__
from chiplink.cli.printable import printable
from chiplink.exceptions import ChiplinkError, ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD, FAILED, WRONG = 0, 1, 2
"""Exit codes: all held; it failed; usage or configuration is wrong."""

MAX_LINE = 4000
"""Characters of an error's line."""

COMMANDS = {
    "demo": "simulated chips, a broker of its own and the bridge, to watch and to try",
    "run": "the bridge, as the configuration says",
    "sim": "a simulated chip on a pseudo-terminal, for any program",
    "type": "type text on the computer behind a CH9329",
    "keys": "press keys on the computer behind a CH9329",
    "ports": "the ports of this host, what they are and who holds them",
    "probe": "which chip answers on a port",
    "configure": "read and change what a CH9329 stores",
    "monitor": "a live view of every bridge on a broker",
    "trace": "what goes over a device's line, in words",
    "doctor": "what keeps it from working, and the line that fixes it",
    "forget": "clear what a node left on a broker",
    "app-config": "the configuration of the Home Assistant app, from its options",
    "decode": "frames in words",
    "describe": "what a chip offers",
}


_MODULES = {"app-config": "app"}
"""Commands whose module has another name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments[0] if arguments else "")
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except BrokenPipeError:
        raise
    except (ConfigError, UsageError) as error:
        print(_lines(error), file=sys.stderr)
        return WRONG
    except (ChiplinkError, OSError) as error:
        print(_lines(error), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return code


def _parser(wanted: str) -> argparse.ArgumentParser:
    """Build the parser; only the wanted command's module is imported."""
    parser = argparse.ArgumentParser(
        prog="chiplink", description="A bridge from chips to MQTT and Home Assistant."
    )
    parser.add_argument("--version", action="version", version=f"chiplink {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{name}: {summary}")
        if name == wanted:
            module = importlib.import_module(f"chiplink.cli.{_MODULES.get(name, name)}_command")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _lines(error: Exception) -> str:
    """Return what went wrong; chips, brokers and files have a word in it."""
    lines = error.problems if isinstance(error, ConfigError) else [_words(error)]
    return "\n".join(f"chiplink: {printable(line, MAX_LINE)}" for line in lines)


def _words(error: Exception) -> str:
    words = str(error)
    if isinstance(error, OSError) and error.strerror:
        words = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(words.split())


def program() -> None:
    """Be the program `chiplink`: a closed pipe ends it quietly."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)
