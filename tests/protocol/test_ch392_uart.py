"""Commands out, answers in: one dialogue however the line cuts it."""

from __future__ import annotations

import pytest

from chiplink.framing import CH392_REPLIES
from chiplink.protocol.ch392_commands import (
    get_cmd_status,
    get_ip_inf,
    get_phy_status,
    get_recv_len_sn,
    init_ch392,
    read_recv_buf_sn,
    set_ip_addr,
)
from chiplink.protocol.ch392_uart import Answer, Ch392Uart, Event, NoAnswer, Stray


def received(uart: Ch392Uart, data: bytes, size: int) -> list[Event]:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [event for piece in pieces for event in uart.receive(piece)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_dialogue(size: int) -> None:
    uart = Ch392Uart()
    sent = uart.send(set_ip_addr("192.168.1.2"), init_ch392(), get_cmd_status())
    assert sent == bytes.fromhex("57AB22C0A80102 57AB27 57AB2C")
    assert uart.pending == 1
    assert received(uart, b"\x10", size) == [Answer(0x2C, b"\x10")]
    assert uart.send(get_recv_len_sn(2), read_recv_buf_sn(2, 5)) == bytes.fromhex(
        "57AB3B02 57AB3C020500"
    )
    assert received(uart, b"\x05\x00hello", size) == [
        Answer(0x3B, b"\x05\x00"),
        Answer(0x3C, b"hello"),
    ]
    assert uart.pending == 0


def test_stray_bytes_and_what_did_not_come() -> None:
    uart = Ch392Uart()
    assert uart.receive(b"\x04") == [Stray(b"\x04")]
    uart.send(get_ip_inf(), get_phy_status())
    assert uart.receive(bytes(6)) == []
    assert uart.give_up() == [NoAnswer(0x43, bytes(6)), NoAnswer(0x26, b"")]
    assert uart.give_up() == []
    uart.send(get_phy_status())
    assert uart.receive(b"\x02\x99") == [Answer(0x26, b"\x02"), Stray(b"\x99")]


def test_misuse_expects_nothing() -> None:
    uart = Ch392Uart()
    with pytest.raises(ValueError, match="range"):
        uart.send(get_phy_status(), b"\x99")
    with pytest.raises(ValueError, match="at most 16 replies"):
        uart.send(*[get_phy_status()] * (CH392_REPLIES + 1))
    assert uart.pending == 0
    uart.send(*[get_phy_status()] * CH392_REPLIES)
    with pytest.raises(ValueError, match="at most 16 replies"):
        uart.send(get_phy_status())
    assert len(uart.receive(bytes(4))) == 4
    uart.send(*[get_phy_status()] * 4)
    assert uart.pending == CH392_REPLIES
    uart.give_up()
    uart.send(*[get_phy_status()] * CH392_REPLIES)
    assert uart.pending == CH392_REPLIES
