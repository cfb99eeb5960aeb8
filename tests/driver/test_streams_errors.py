"""Errors and addresses in asyncio's words."""

from __future__ import annotations

import errno
from ipaddress import IPv4Network

import pytest

from chiplink import exceptions
from chiplink.driver.stream_addresses import host_and_port, is_allowed, peer_of
from chiplink.driver.stream_errors import os_error
from chiplink.exceptions import CommandError


@pytest.mark.parametrize(
    ("error", "kind", "number"),
    [
        ("OfflineError", OSError, errno.ENETDOWN),
        ("DeadlineError", TimeoutError, errno.ETIMEDOUT),
        ("RefusedError", ConnectionRefusedError, errno.ECONNREFUSED),
        ("BusyError", OSError, errno.ENOBUFS),
        ("QueueFullError", OSError, errno.ENOBUFS),
        ("ClosedError", ConnectionResetError, errno.ECONNRESET),
        ("OutcomeUnknownError", ConnectionResetError, errno.ECONNRESET),
        ("CancelledCommandError", ConnectionAbortedError, errno.ECONNABORTED),
        ("TooLargeError", OSError, errno.EMSGSIZE),
        ("BadPayloadError", OSError, errno.EINVAL),
        ("NotAllowedError", PermissionError, errno.EACCES),
        ("ChipError", OSError, errno.EIO),
        ("InternalError", OSError, errno.EIO),
    ],
)
def test_an_error_keeps_its_words(error: str, kind: type[OSError], number: int) -> None:
    original = getattr(exceptions, error)("in these words")
    made = os_error(original)
    assert type(made) is kind
    assert (made.errno, made.strerror) == (number, "in these words")
    assert made.__cause__ is original


def test_an_error_derived_from_another_is_taken_for_it() -> None:
    class SocketGoneError(exceptions.ClosedError):
        pass

    assert isinstance(os_error(SocketGoneError("gone")), ConnectionResetError)
    assert os_error(CommandError("of no kind")).errno == errno.EIO


@pytest.mark.parametrize(
    ("peer", "address"),
    [("192.0.2.1:80", ("192.0.2.1", 80)), ("[2001:db8::1]:80", ("2001:db8::1", 80))],
)
def test_addresses_go_both_ways(peer: str, address: tuple[str, int]) -> None:
    assert host_and_port(peer) == address
    assert peer_of(address) == peer


def test_who_is_allowed() -> None:
    networks = (IPv4Network("192.0.2.0/24"), IPv4Network("10.1.0.0/16"))
    assert is_allowed("192.0.2.7:1", networks)
    assert is_allowed("10.1.255.1:1", networks)
    assert not is_allowed("10.2.0.1:1", networks)
    assert not is_allowed("[2001:db8::1]:1", networks)
    assert is_allowed("10.2.0.1:1", None)
    assert not is_allowed("192.0.2.7:1", ())
