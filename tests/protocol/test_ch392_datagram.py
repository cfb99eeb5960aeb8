"""A UDP server's header, in both readings of its length."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.protocol.ch392_datagram import Datagram, Datagrams, read_datagrams
from chiplink.protocol.ch392_profile import HeaderLength
from chiplink.protocol.ch392_replies import Peer

DATA, WHOLE, EITHER = HeaderLength.DATA, HeaderLength.WHOLE, HeaderLength.EITHER
PEER = Peer(IPv4Address("192.168.1.50"), 5000)
PORT_AND_IP = "88 13 C0 A8 01 32"


@pytest.mark.parametrize(
    ("length", "reading"), [("03 00", DATA), ("0B 00", WHOLE)], ids=["data", "whole"]
)
def test_one_datagram_in_either_reading(length: str, reading: HeaderLength) -> None:
    buffer = bytes.fromhex(f"{length} {PORT_AND_IP} 61 62 63")
    expected = Datagrams((Datagram(PEER, b"abc"),), reading, b"")
    assert read_datagrams(buffer) == expected
    assert read_datagrams(buffer, reading) == expected


def test_the_wrong_reading_says_what_it_could_not_read() -> None:
    data = bytes.fromhex(f"03 00 {PORT_AND_IP} 61 62 63")
    assert read_datagrams(data, WHOLE) == Datagrams((), None, data)
    whole = bytes.fromhex(f"0B 00 {PORT_AND_IP} 61 62 63")
    assert read_datagrams(whole, DATA) == Datagrams((), None, whole)


@pytest.mark.parametrize(("length", "reading"), [("00 00", DATA), ("08 00", WHOLE)])
def test_an_empty_datagram(length: str, reading: HeaderLength) -> None:
    buffer = bytes.fromhex(f"{length} {PORT_AND_IP}")
    assert read_datagrams(buffer) == Datagrams((Datagram(PEER, b""),), reading, b"")


def test_several_datagrams() -> None:
    first = bytes.fromhex(f"0A 00 {PORT_AND_IP} 61 62")
    second = bytes.fromhex("09 00 35 00 08 08 08 08 63")
    assert read_datagrams(first + second) == Datagrams(
        (Datagram(PEER, b"ab"), Datagram(Peer(IPv4Address("8.8.8.8"), 53), b"c")), WHOLE, b""
    )


@pytest.mark.parametrize("size", range(1, 10))
def test_what_is_cut_off_is_left_over(size: int) -> None:
    buffer = bytes.fromhex(f"02 00 {PORT_AND_IP} 61 62")[:size]
    assert read_datagrams(buffer) == Datagrams((), None, buffer)


def test_good_datagrams_before_a_torn_one_are_kept() -> None:
    buffer = bytes.fromhex(f"01 00 {PORT_AND_IP} 61 63 00")
    assert read_datagrams(buffer) == Datagrams((Datagram(PEER, b"a"),), None, b"\x63\x00")


def test_nothing() -> None:
    assert read_datagrams(b"") == Datagrams((), DATA, b"")


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.sampled_from([DATA, WHOLE]))
def test_any_datagrams_are_read_back(payloads: list[bytes], reading: HeaderLength) -> None:
    extra = 8 if reading is WHOLE else 0
    head = bytes.fromhex(PORT_AND_IP)
    buffer = b"".join((len(p) + extra).to_bytes(2, "little") + head + p for p in payloads)
    expected = Datagrams(tuple(Datagram(PEER, p) for p in payloads), reading, b"")
    assert read_datagrams(buffer, reading) == expected
    if len(payloads) == 1:
        assert read_datagrams(buffer, EITHER) == expected


@given(st.binary(max_size=60), st.sampled_from(HeaderLength))
def test_anything_is_taken_apart_without_an_error(data: bytes, reading: HeaderLength) -> None:
    result = read_datagrams(data, reading)
    assert (result.reading is None) == bool(result.rest)
    assert sum(8 + len(item.data) for item in result.items) + len(result.rest) == len(data)


def test_only_one_fitting_reading_is_sure() -> None:
    one = bytes.fromhex(f"0B 00 {PORT_AND_IP} 61 62 63")
    assert read_datagrams(one).sure
    # Two behind whole headers; the data of the second makes the other reading fit, too.
    tricky = bytes.fromhex(f"11 00 {PORT_AND_IP}" + "61" * 9 + f"10 00 {PORT_AND_IP}" + "00" * 8)
    assert read_datagrams(tricky, WHOLE).reading is WHOLE
    found = read_datagrams(tricky)
    assert (found.reading, found.sure) == (DATA, False)
    assert not read_datagrams(tricky[:-1]).sure
