"""sd_notify against a real datagram socket, as systemd listens."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from chiplink.sd_notify import MAX_STATUS, Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(5)
        yield receiver


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with listening(str(tmp_path / "notify")) as receiver:
        yield receiver


@pytest.fixture
def notifier(tmp_path: Path) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})


def test_each_word_arrives(systemd: socket.socket, notifier: Notifier) -> None:
    words = {
        notifier.ready: b"READY=1",
        notifier.watchdog: b"WATCHDOG=1",
        notifier.stopping: b"STOPPING=1",
        lambda: notifier.status("2 devices, broker there"): b"STATUS=2 devices, broker there",
    }
    for say, expected in words.items():
        assert say()
        assert systemd.recv(1024) == expected


def test_reloading_tells_the_time_as_notify_reload_wants(
    systemd: socket.socket, notifier: Notifier
) -> None:
    assert notifier.reloading()
    first, second = systemd.recv(1024).decode().split("\n")
    assert first == "RELOADING=1"
    name, _, number = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert int(number) > 0


def test_a_status_is_one_line_of_bounded_length(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.status("a\nREADY=1\x1b[31m\tb ü")
    assert systemd.recv(4096).decode() == "STATUS=a READY=1 [31m b ü"
    notifier.status("x" * 10_000)
    assert systemd.recv(65536) == b"STATUS=" + b"x" * MAX_STATUS
    notifier.status("\ud800 half")
    assert systemd.recv(4096) == b"STATUS=half"


def test_the_abstract_namespace() -> None:
    name = f"chiplink-test-{os.getpid()}"
    with listening("\0" + name) as receiver:
        assert Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert receiver.recv(64) == b"READY=1"


@pytest.mark.parametrize("address", ["", "@", "relative", "vsock:2:1234", "/nowhere/notify"])
def test_where_nobody_listens_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert not notifier.ready()
    assert not notifier.status("x")
    assert not notifier.watchdog()
    assert not notifier.reloading()
    assert not notifier.stopping()


def test_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    assert notifier.interval is None
    assert not notifier.ready()


def test_a_receiver_that_takes_nothing_holds_up_only_so_long(
    systemd: socket.socket, notifier: Notifier
) -> None:
    sent = 0
    while notifier.watchdog():
        sent += 1
        assert sent < 100_000
    assert systemd.recv(64) == b"WATCHDOG=1"
    assert notifier.watchdog(), "it must go on once there is room"


@pytest.mark.parametrize(
    ("given", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_USEC": "18446744073709551615"}, 43200.0),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
    ],
)
def test_the_watchdog_interval(given: dict[str, str], interval: float | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **given}).interval == interval


def test_no_socket_no_watchdog() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}).interval is None
