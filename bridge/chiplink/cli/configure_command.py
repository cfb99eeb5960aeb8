"""`chiplink configure`: what a CH9329 stores, read, changed and brought back."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chiplink.cli.ch9329_view import as_json, show
from chiplink.cli.configure_changes import (
    UNREADABLE,
    add_change_arguments,
    changed,
    read_changes,
    read_number,
)
from chiplink.driver import ch9329_backup
from chiplink.driver.ch9329_setup import Ch9329Setup, Found, Settings
from chiplink.exceptions import ChiplinkError, UsageError
from chiplink.ports import make_port
from chiplink.protocol.ch9329_parameters import BAUDS, check_address
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    import argparse

WARNING = (
    "Finding the baud rate writes to the port: a chip in ASCII mode types what it is sent on"
    " the computer. Pull its SET pin low first. In ASCII and transparent mode that pin is the"
    " only documented way back."
)

PINS = "set by pins so far, set by software from now on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `configure`."""
    parser.epilog = WARNING
    parser.add_argument("--port", required=True, metavar="PORT", help="where the CH9329 is")
    parser.add_argument(
        "--current-address", default="0", metavar="N", help="the chip's address now (default: 0)"
    )
    parser.add_argument("--show", action="store_true", help="only show what the chip stores")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_change_arguments(parser)
    parser.add_argument("--factory-default", action="store_true", help="bring back the factory's")
    parser.add_argument("--restore", type=Path, metavar="FILE", help="bring back a backup")
    parser.add_argument("--backup", type=Path, metavar="FILE", help="where to keep the way back")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--force", action="store_true", help="even into ASCII or transparent mode")


def run(options: argparse.Namespace) -> int:
    """Show the chip, or change it; 1 if it did not take the changes."""
    return _Configuring(options).run()


class _Configuring:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._url = parse_port(options.port)
        self._address = read_number("--current-address", options.current_address)
        check_address(self._address)
        self._changes = read_changes(options)
        self._restored = ch9329_backup.load(options.restore) if options.restore else None
        self._say = partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
        self._backup = options.backup or ch9329_backup.default_path(datetime.now(UTC))

    def run(self) -> int:
        self._check_usage()
        before = asyncio.run(self._read())
        if not self._is_change:
            self._report(before)
            return 0
        wanted = self._wanted(before)
        rows = [] if wanted is None else changed(before.settings, wanted)
        if wanted is not None and not rows:
            self._say(f"{self._options.port}: nothing to change, the chip has it already")
            self._json({"before": as_json(before), "changes": []})
            return 0
        self._announce(before, wanted, rows)
        if self._options.dry_run:
            self._json({"before": as_json(before), "changes": _json_rows(rows)})
            return 0
        if not self._options.yes and not _confirmed():
            self._say("nothing was written")
            return 1
        return self._carry_out(before, wanted)

    # What is wanted

    @property
    def _is_change(self) -> bool:
        options = self._options
        return bool(self._changes or options.factory_default or options.restore)

    def _check_usage(self) -> None:
        options = self._options
        ways = [bool(self._changes), options.factory_default, options.restore is not None]
        if sum(ways) > 1:
            raise UsageError("settings, --factory-default and --restore go one at a time")
        if options.show and self._is_change:
            raise UsageError("--show changes nothing; use --dry-run to see what would change")
        if self._is_change and not options.dry_run:
            ch9329_backup.check_new(self._backup)
            if not options.yes and not sys.stdin.isatty():
                raise UsageError("there is no terminal to ask on; add --yes, or --dry-run to look")

    def _wanted(self, before: Found) -> Settings | None:
        """Return what the chip is to store; None for what only the factory knows."""
        if self._options.factory_default:
            return None
        wanted = self._restored or self._changes.apply(before.settings)
        wanted.parameters.for_writing()
        silent = before.settings.parameters.answers and not wanted.parameters.answers
        if silent and not self._options.force:
            raise UsageError(
                "in that serial mode the chip answers no commands, and its SET pin is the only"
                " documented way back; add --force if you can reach the pin"
            )
        return wanted

    # What is done

    def _carry_out(self, before: Found, wanted: Settings | None) -> int:
        ch9329_backup.save(self._backup, before, self._options.port, datetime.now(UTC))
        self._say(f"backup: {self._backup}")
        try:
            after = asyncio.run(self._write(before, wanted))
        except ChiplinkError as error:
            raise ChiplinkError(f"{error}; the way back: {self._way_back(before)}") from error
        problems = _problems(after, wanted)
        self._json(
            {
                "before": as_json(before),
                "after": None if after is None else as_json(after),
                "changes": []
                if after is None
                else _json_rows(changed(before.settings, after.settings)),
                "backup": str(self._backup),
                "verified": after is not None and not problems,
            }
        )
        if problems:
            raise ChiplinkError(
                f"{self._options.port}: the chip has not taken it: {'; '.join(problems)};"
                f" the way back: {self._way_back(after or before)}"
            )
        self._conclude(before, after)
        return 0

    async def _read(self) -> Found:
        async with self._chip(()) as chip:
            return await chip.read()

    async def _write(self, before: Found, wanted: Settings | None) -> Found | None:
        async with self._chip((before.baud,)) as chip:
            if (await chip.read()).settings != before.settings:
                raise ChiplinkError(f"{self._options.port}: the chip changed meanwhile; try again")
            if wanted is None:
                return await chip.factory_default(self._say)
            return await chip.write(before.settings, wanted, self._say)

    def _chip(self, likely: tuple[int, ...]) -> Ch9329Setup:
        port = make_port(self._url, "ch9329", self._options.port)
        return Ch9329Setup(port, self._address, likely)

    # What is said

    def _report(self, found: Found) -> None:
        if self._options.json:
            self._json({"port": self._options.port, **as_json(found)})
        else:
            self._say(f"{self._options.port}: CH9329")
            for line in show(found):
                self._say(line)

    def _announce(
        self, before: Found, wanted: Settings | None, rows: list[tuple[str, str, str]]
    ) -> None:
        if wanted is None:
            self._say(f"{self._options.port}: everything back to what the factory set;")
            self._say("  9600 baud, address 0, modes by pins, the maker's ids and strings")
            return
        self._say(f"{self._options.port}: what changes")
        for name, old, new in rows:
            self._say(f"  {name:22} {old} → {new}")
        pins = before.settings.parameters.pin_set
        if pins and not before.settings.parameters.same_settings(wanted.parameters):
            self._say(f"  note: {' and '.join(pins)}: {PINS}")
        if wanted.parameters.baud != before.settings.parameters.baud:
            if wanted.parameters.baud == max(BAUDS):
                self._say("  note: 115200 baud does not work at a supply of 3.3 V")
            self._say("  note: some boards fall back to the old rate when plugged in again;")
            self._say(f"        look with: chiplink configure --port {self._options.port}")

    def _conclude(self, before: Found, after: Found | None) -> None:
        if after is None:
            self._say("not verified: the chip answers no commands in this mode")
            self._say(f"the way back: pull SET low, then {self._way_back(before)}")
            return
        if self._options.factory_default:
            for name, old, new in changed(before.settings, after.settings):
                self._say(f"  {name:22} {old} → {new}")
        self._say(f"verified: read back at {after.baud} baud")
        self._say(f"the way back: {self._way_back(after)}")

    def _way_back(self, now: Found) -> str:
        command = ["chiplink", "configure", "--port", self._options.port]
        if now.address:
            command += ["--current-address", str(now.address)]
        return shlex.join([*command, "--restore", str(self._backup)])

    def _json(self, content: dict[str, Any]) -> None:
        if self._options.json:
            print(json.dumps(content, indent=2))


def _confirmed() -> bool:
    print("write this to the chip? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _problems(after: Found | None, wanted: Settings | None) -> list[str]:
    """Return how what was read back differs from what was wanted."""
    if after is None or wanted is None:
        return []
    rows = changed(after.settings, wanted)
    told = [f"{name} is {found}, not {asked}" for name, found, asked in rows if found != UNREADABLE]
    if not told and after.baud != wanted.parameters.baud:
        told.append(f"it answers at {after.baud} baud, not {wanted.parameters.baud}")
    return told


def _json_rows(rows: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "before": old, "after": new} for name, old, new in rows]
