"""Who holds a port, read from a /proc made by hand, and once from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from chiplink.transport.holders import (
    Holder,
    explain_holder,
    holders_of,
    modem_manager,
    scan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PORT = "/dev/ttyNONE0"
OTHER = "/dev/ttyNONE1"


class Proc:
    """A /proc with the processes it is told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "self").mkdir(parents=True)
        (root / "meminfo").write_text("MemTotal: 1 kB\n")

    def add(
        self,
        pid: int,
        comm: str,
        fds: Mapping[int, str] | None = None,
        *,
        cmdline: str = "",
        cgroup: str = "",
        terminal: int = 0,
    ) -> Path:
        entry = self.root / str(pid)
        (entry / "fd").mkdir(parents=True)
        (entry / "fdinfo").mkdir()
        (entry / "comm").write_text(f"{comm}\n")
        (entry / "cmdline").write_text(cmdline)
        (entry / "cgroup").write_text(cgroup)
        (entry / "stat").write_text(f"{pid} ({comm}) S 1 {pid} {pid} {terminal} -1 0 0\n")
        for number, target in (fds or {}).items():
            (entry / "fd" / str(number)).symlink_to(target)
            (entry / "fdinfo" / str(number)).write_text("pos:\t0\n")
        return entry


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


def test_nobody(proc: Proc) -> None:
    proc.add(10, "bash", {0: "/dev/null", 3: "socket:[7]", 4: f"{PORT}0"})
    assert holders_of(PORT, proc.root) == ()


def test_everybody_who_has_it_open_once_each(proc: Proc) -> None:
    proc.add(900, "minicom", {3: PORT, 4: PORT})
    proc.add(30, "cat", {0: PORT})
    proc.add(31, "cat", {0: OTHER})
    seen = scan([PORT, OTHER], proc.root)
    assert seen.holders == {
        PORT: (Holder(30, "cat"), Holder(900, "minicom")),
        OTHER: (Holder(31, "cat"),),
    }
    assert seen.hidden == 0


def test_a_link_is_followed(proc: Proc, tmp_path: Path) -> None:
    link = tmp_path / "kvm"
    link.symlink_to(PORT)
    proc.add(30, "cat", {0: PORT})
    assert scan([str(link)], proc.root).holders == {str(link): (Holder(30, "cat"),)}


def test_this_process_does_not_count(proc: Proc) -> None:
    proc.add(os.getpid(), "pytest", {5: PORT})
    assert holders_of(PORT, proc.root) == ()


def test_a_process_that_ends_meanwhile_or_is_not_ours(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    (proc.root / "77").mkdir()
    proc.add(78, "secret", {0: PORT})
    proc.add(79, "cat", {0: PORT})
    refuse(monkeypatch, proc.root / "78" / "fd")
    seen = scan([PORT], proc.root)
    assert seen.holders[PORT] == (Holder(79, "cat"),)
    assert seen.hidden == 1


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Root may look everywhere, so the refusal is played."""
    iterdir = type(folder).iterdir

    def look(path: Path) -> object:
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(type(folder), "iterdir", look)


def test_no_proc_at_all(tmp_path: Path) -> None:
    assert holders_of(PORT, tmp_path / "none") == ()
    assert modem_manager(tmp_path / "none") is None


# Names


@pytest.mark.parametrize(
    ("comm", "cmdline", "name"),
    [
        ("python3", "python3\0-m\0chiplink\0run\0", "chiplink"),
        ("python3.11", "/usr/bin/python3\0/opt/tools/reader.py\0-v\0", "reader.py"),
        ("python3", "python3\0-c\0pass\0", "python3"),
        ("python3", "", "python3"),
        ("chiplink", "python3\0/usr/bin/chiplink\0", "chiplink"),
        ("evil\x1b[2Jname", "", "evil�[2Jname"),
        ("", "", "a program without a name"),
    ],
)
def test_programs_have_names_that_people_know(
    proc: Proc, comm: str, cmdline: str, name: str
) -> None:
    proc.add(30, comm, {0: PORT}, cmdline=cmdline)
    assert holders_of(PORT, proc.root) == (Holder(30, name),)


def test_a_name_is_bounded(proc: Proc) -> None:
    proc.add(30, "python", {0: PORT}, cmdline=f"python\0{'x' * 1000}\0")
    (holder,) = holders_of(PORT, proc.root)
    assert holder.program == "x" * 40


def test_the_systemd_unit(proc: Proc) -> None:
    proc.add(30, "mosquitto", {0: PORT}, cgroup="0::/system.slice/mosquitto.service\n")
    assert holders_of(PORT, proc.root) == (Holder(30, "mosquitto", "mosquitto"),)


# The way out


def test_a_login_console_is_named_by_its_unit(proc: Proc) -> None:
    cgroup = "0::/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyNONE0.service\n"
    proc.add(412, "agetty", {0: PORT, 1: PORT, 2: PORT}, cgroup=cgroup)
    (holder,) = holders_of(PORT, proc.root)
    assert holder.is_console
    assert explain_holder(PORT, holder) == (
        "held by a login console (serial-getty@ttyNONE0):"
        " sudo systemctl disable --now serial-getty@ttyNONE0"
    )


def test_a_login_console_without_its_unit_is_named_by_the_port(proc: Proc) -> None:
    proc.add(412, "login", {0: PORT}, cgroup="0::/user.slice/session-1.scope\n")
    (holder,) = holders_of(PORT, proc.root)
    assert "serial-getty@ttyNONE0" in explain_holder(PORT, holder)


def test_a_login_console_of_root_is_seen_by_its_terminal(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    # /dev/null stands for a port: its number is 1, 3 everywhere, as 1 << 8 | 3.
    proc.add(412, "agetty", {}, terminal=(1 << 8) | 3)
    proc.add(413, "bash", {}, terminal=(1 << 8) | 3)
    proc.add(414, "agetty", {}, terminal=(1 << 8) | 5)
    for pid in (412, 413, 414):
        refuse(monkeypatch, proc.root / str(pid) / "fd")
    (holder,) = holders_of("/dev/null", proc.root)
    assert (holder.pid, holder.unit) == (412, "serial-getty@null")


def test_modem_manager_is_told_how_to_keep_away(proc: Proc) -> None:
    proc.add(812, "ModemManager", {9: PORT}, cgroup="0::/system.slice/ModemManager.service\n")
    (holder,) = holders_of(PORT, proc.root)
    assert explain_holder(PORT, holder) == (
        "held by ModemManager (pid 812); stop it or mark the port with ID_MM_PORT_IGNORE"
    )
    assert modem_manager(proc.root) == Holder(812, "ModemManager")


def test_another_program_is_named_with_its_pid() -> None:
    told = explain_holder(PORT, Holder(31, "minicom"))
    assert told == "held by another program, minicom (pid 31); stop it first"


def test_no_modem_manager(proc: Proc) -> None:
    proc.add(30, "ModemManagement")
    assert modem_manager(proc.root) is None


# Pseudo-terminals


def test_the_other_end_of_a_pseudo_terminal_does_not_count(proc: Proc) -> None:
    port = "/dev/pts/77"
    entry = proc.add(30, "sim", {3: "/dev/ptmx", 4: port})
    (entry / "fdinfo" / "3").write_text("pos:\t0\nflags:\t02\ntty-index:\t77\n")
    proc.add(31, "minicom", {3: port})
    assert holders_of(port, proc.root) == (Holder(31, "minicom"),)
    (entry / "fd" / "5").symlink_to(port)
    assert [holder.pid for holder in holders_of(port, proc.root)] == [30, 31]


def test_the_real_proc() -> None:
    master, slave = os.openpty()
    port = os.ttyname(slave)
    program = "import sys; open(sys.argv[1], 'rb', 0); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program.replace("open(", "file = open("), port]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            assert [found.pid for found in holders_of(port)] == [holder.pid]
            holder.communicate()
        assert holders_of(port) == ()
    finally:
        os.close(master)
        os.close(slave)
