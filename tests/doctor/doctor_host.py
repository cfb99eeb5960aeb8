"""A host in which everything is as it should be, until a test changes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from chiplink.doctor.context import Context, read_configuration
from chiplink.doctor.finding import Finding, Level
from chiplink.doctor.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = 1_800_000_000.0
DIALOUT = 20
STRANGER = 4711
"""A user's number that no file of a test belongs to."""

BY_ID = "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"

CONFIG = """
[node]
id = "cellar"
[mqtt]
url = "{url}"
{mqtt}
[device.kvm]
chip = "ch9329"
port = "{port}"
{more}
"""


class Host:
    """Files below `root`, commands by what they print, and a user."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.config = folder / "chiplink.toml"
        self.said: dict[str, str] = {}
        self.asked: list[list[str]] = []
        self.proc(1, "systemd")
        self.file("/proc/cmdline", "quiet console=tty1\n")
        self.device("/dev/ttyUSB0")
        self.link(BY_ID, "../../ttyUSB0")
        self.configure()

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def file(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        where = self.at(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
        where.chmod(mode)
        return where

    def device(self, path: str, mode: int = 0o666) -> Path:
        return self.file(path, mode=mode)

    def link(self, path: str, target: str) -> None:
        where = self.at(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)

    def proc(self, pid: int, name: str, *, holds: str = "", unit: str = "") -> None:
        folder = f"/proc/{pid}"
        self.file(f"{folder}/comm", f"{name}\n")
        self.file(f"{folder}/cgroup", f"0::/system.slice/{unit}.service\n" if unit else "")
        self.at(f"{folder}/fd").mkdir()
        if holds:
            self.link(f"{folder}/fd/3", os.path.realpath(self.at(holds)))

    def pi(self, config: str = "enable_uart=1\n") -> None:
        self.file("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
        self.file("/boot/firmware/config.txt", config)

    def configure(
        self,
        port: str = BY_ID,
        *,
        url: str = "mqtt://127.0.0.1",
        mqtt: str = "",
        more: str = "",
    ) -> None:
        self.config.write_text(CONFIG.format(url=url, port=port, mqtt=mqtt, more=more))

    def run(self, command: list[str]) -> str | None:
        self.asked.append(command)
        return next((said for start, said in self.said.items() if command[0] == start), None)

    def context(self, **changes: object) -> Context:
        context = Context(
            config_path=self.config,
            root=self.root,
            now=lambda: NOW,
            run=self.run,
            daemon=user(),
            group_name=lambda gid: {DIALOUT: "dialout"}.get(gid, f"group{gid}"),
            state_folder=self.at("/var/lib/chiplink"),
            built=NOW - 1000,
            listen=0.0,
            has_gpiod=True,
        )
        for name, value in changes.items():
            setattr(context, name, value)
        read_configuration(context)
        return context

    def find(self, check: Callable[[Context], list[Finding]], **changes: object) -> list[Finding]:
        return check(self.context(**changes))


def user(*groups: int, uid: int = STRANGER, listed: tuple[int, ...] = ()) -> Identity:
    return Identity("bridge", uid, frozenset(groups), frozenset((*groups, *listed)))


def the_one(findings: list[Finding], level: Level) -> Finding:
    """The only finding that is not ok; each names a way out."""
    wrong = [finding for finding in findings if finding.level is not Level.OK]
    assert len(wrong) == 1, findings
    assert wrong[0].level is level
    assert wrong[0].fix
    assert "\n" not in wrong[0].text + wrong[0].fix
    return wrong[0]


def all_well(findings: list[Finding]) -> bool:
    return all(finding.level is Level.OK for finding in findings)
