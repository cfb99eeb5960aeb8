"""How the CH392's blocks are shared out among links, as the chip is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.ch392_layout import lay_out
from chiplink.driver.ch392_uart_bus import UartBusPort
from chiplink.exceptions import UsageError
from chiplink.protocol.ch392_profile import DEFAULT
from chiplink.transport.memory import MemoryPort
from driver.ch392_bench import (
    CLIENT,
    IPRAW,
    SERVER_LINK,
    SERVER_LINK_3,
    UDP,
    UDP_SERVER,
    PaperBench,
)
from driver.ch392_paper import PaperChip
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from chiplink.driver.links import LinkSettings

BIG = replace(CLIENT, receive_blocks=5, send_blocks=1)
FOUR = (
    "52 00 00 01, 53 00 01 01, 52 01 02 01, 53 01 03 01,"
    " 52 02 04 01, 53 02 05 01, 52 03 06 01, 53 03 07 01"
)


@pytest.mark.parametrize(
    ("links", "told"),
    [
        # Section 5.34: socket, first block, number of blocks; eight blocks in all.
        (
            (),
            FOUR,
        ),
        ((CLIENT,), "52 00 00 04, 53 00 04 04"),
        ((CLIENT, UDP), "52 00 00 02, 53 00 02 02, 52 01 04 02, 53 01 06 02"),
        (
            (CLIENT, UDP, IPRAW),
            "52 00 00 02, 53 00 02 01, 52 01 03 02, 53 01 05 01, 52 02 06 01, 53 02 07 01",
        ),
        (
            (SERVER_LINK_3,),
            FOUR,
        ),
        ((BIG, UDP), "52 00 00 05, 53 00 05 01, 52 01 06 01, 53 01 07 01"),
        ((UDP, BIG), "52 00 00 01, 53 00 01 01, 52 01 02 05, 53 01 07 01"),
        (
            (replace(CLIENT, receive_blocks=3), replace(UDP, send_blocks=2), SERVER_LINK),
            "52 00 00 03, 53 00 03 01, 52 01 04 01, 53 01 05 02, 52 02 07 01, 53 02 08 01",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "+".join(each.id for each in value),
)
@virtual
async def test_what_the_chip_is_told(links: tuple[LinkSettings, ...], told: str) -> None:
    if told.endswith("08 01"):
        with pytest.raises(UsageError, match="they need 9 blocks"):
            lay_out(links, DEFAULT, 4)
        return
    bench = PaperBench(*links)
    async with bench.running():
        said = list(dict.fromkeys(bench.paper.of(0x52, 0x53)))
        assert ", ".join(said) == told
        at = bench.paper.said.index(said[-1])
        assert bench.paper.said.index("27") < bench.paper.said.index(said[0])
        assert not {each[:2] for each in bench.paper.said[:at]} & {"35", "37", "36"}


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ((CLIENT, UDP, UDP_SERVER, IPRAW, SERVER_LINK), "the links need 5 sockets"),
        ((SERVER_LINK_3, CLIENT), r"the links need 5 sockets \(srv 4, plc 1\), the chip has 4"),
        ((replace(CLIENT, receive_blocks=5, send_blocks=4),), "they need 9 blocks of 536 bytes"),
    ],
)
@virtual
async def test_what_does_not_fit(links: tuple[LinkSettings, ...], words: str) -> None:
    settings = Ch392Settings(id="lan", links=links)
    port = UartBusPort(MemoryPort(PaperChip()), DEFAULT)
    with pytest.raises(UsageError, match=words):
        Ch392(settings, port)


@virtual
async def test_a_message_is_cut_to_the_send_buffer() -> None:
    bench = PaperBench(BIG, UDP)
    async with bench.running():
        await bench.until(lambda: bench.paper.of(0x37))
        bench.paper.connect(0)
        await bench.opened("plc")
        await bench.send("plc", bytes(1300))
        assert [len(data) for data in bench.paper.sockets[0].written] == [536, 536, 228]
