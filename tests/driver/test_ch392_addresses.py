"""The CH392's cable, its fixed addresses and DHCP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from chiplink.exceptions import Code
from chiplink.model import CommandRequest, LinkPhase, Phase
from chiplink.sim import Lease
from driver.ch392_bench import CLIENT, SERVER_LINK, STATIC, UDP, Ch392Bench, PaperBench
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from chiplink.model import Outcome

DHCP = 0x08
OTHER = Lease("192.168.1.77", "192.168.1.254", "255.255.254.0", "192.168.1.2", "192.168.1.3")
NOTHING = "00 " * 20
BOUND = "C0 A8 01 32 C0 A8 01 01 FF FF FF 00 C0 A8 01 02 C0 A8 01 03"


def _states(bench: Ch392Bench | PaperBench, key: str) -> list[object]:
    return [state.value for state in bench.said.states if state.key == key]


async def _renew(bench: Ch392Bench | PaperBench) -> Outcome:
    return await bench.device.execute(CommandRequest("lan", "dhcp", None), lambda _ms: None)


@virtual
async def test_fixed_addresses_on_the_wire() -> None:
    bench = PaperBench()
    async with bench.running():
        said = bench.paper.said
        init = said.index("27")
        for command in ("22 C0 A8 01 3C", "23 C0 A8 01 01", "24 FF FF FF 00", "55 08 00 00 00"):
            assert command in said[:init]
            assert command not in said[init:]
        assert bench.paper.of(0x21, 0x41) == []  # the MAC address stays, DHCP is off
        assert bench.value("dhcp") == "off"
        assert bench.value("ip") == "192.168.1.60"
        assert bench.value("gateway") == "192.168.1.1"
        assert bench.value("netmask") == "255.255.255.0"


@virtual
async def test_no_gateway() -> None:
    bench = PaperBench(gateway=None)
    async with bench.running():
        assert bench.paper.of(0x23) == []


@virtual
async def test_a_fixed_address_works_at_once() -> None:
    bench = Ch392Bench(CLIENT, **STATIC)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        assert bench.value("ip") == "192.168.1.60"
        with pytest.raises(Exception, match="fixed address") as failed:
            await _renew(bench)
        assert failed.value.code is Code.REFUSED  # type: ignore[attr-defined]


@virtual
async def test_a_lease_and_what_is_told_of_it() -> None:
    bench = Ch392Bench(CLIENT, lease=OTHER)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        assert _states(bench, "dhcp") == ["asking", "bound"]
        told = {key: bench.value(key) for key in ("ip", "gateway", "netmask", "dns")}
        assert told == {
            "ip": "192.168.1.77",
            "gateway": "192.168.1.254",
            "netmask": "255.255.254.0",
            "dns": "192.168.1.2, 192.168.1.3",
        }
        assert bench.value("cable") is True
        assert bench.value("phy") == "full_duplex"


@virtual
async def test_asking_begins_with_the_cable() -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    bench.sim.unplug_cable()
    async with bench.running():
        await asyncio.sleep(40)
        assert bench.commands(0x41) == []
        assert bench.value("cable") is False
        assert bench.phase("plc") == "backoff"
        assert bench.info("plc")["last_error"] == "no network cable"
        bench.sim.plug_cable()
        await bench.opened("plc")
        assert bench.commands(0x41) == [b"\x41\x01"]
        assert bench.info("plc")["last_error"] == ""


@virtual
async def test_no_server_and_then_one() -> None:
    bench = Ch392Bench(CLIENT, lease=None)
    bench.listen()
    async with bench.running():
        await asyncio.sleep(5)
        assert bench.value("dhcp") == "asking"
        assert bench.info("plc")["last_error"] == "no address yet: DHCP is asking"
        await bench.until(lambda: bench.value("dhcp") == "failed")
        await asyncio.sleep(60)
        assert _states(bench, "dhcp") == ["asking", "failed"]
        assert bench.online
        assert bench.phase("plc") == "backoff"
        assert bench.info("plc")["last_error"] == "no address: no DHCP server answers"
        bench.sim.set_dhcp_server(OTHER)
        await bench.opened("plc")
        assert _states(bench, "dhcp") == ["asking", "failed", "bound"]
        assert bench.commands(0x41) == [b"\x41\x01"]  # the chip went on asking by itself


@virtual
async def test_another_lease_closes_nothing() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        bench.sim.faults.switch_on("dhcp-change")
        await bench.until(lambda: bench.value("ip") == "192.168.1.51")
        assert _states(bench, "dhcp") == ["asking", "bound"]
        assert (await bench.send("plc", b"still")).phase is Phase.DONE
        assert await stream.read_exactly(5) == b"still"
        assert ("plc", LinkPhase.BACKOFF) not in bench.said.phases[-1:]


@virtual
async def test_the_interrupt_of_a_lease_gets_lost() -> None:
    bench = PaperBench(dhcp=True, ip=None, netmask=None)
    bench.paper.ip_inf = bytes.fromhex(NOTHING)
    bench.paper.dhcp = 1
    async with bench.running():
        await bench.until(lambda: bench.value("dhcp") == "asking")
        bench.paper.ip_inf, bench.paper.dhcp = bytes.fromhex(BOUND), 0
        await bench.until(lambda: bench.value("dhcp") == "bound", within=6)
        assert bench.value("ip") == "192.168.1.50"
        assert bench.value("dns") == "192.168.1.2, 192.168.1.3"


@virtual
async def test_a_lease_that_is_not_renewed_still_counts() -> None:
    bench = PaperBench(UDP, dhcp=True, ip=None, netmask=None)
    bench.paper.ip_inf = bytes.fromhex(BOUND)
    async with bench.running():
        bench.paper.interrupt(DHCP)
        await bench.opened("udp")
        bench.paper.dhcp = 1
        bench.paper.interrupt(DHCP)
        await bench.until(lambda: bench.value("dhcp") == "failed")
        await asyncio.sleep(30)
        # It is said once, and the chip's address still stands.
        assert _states(bench, "dhcp")[-2:] == ["bound", "failed"]
        assert bench.phase("udp") == "open"


@virtual
async def test_a_new_lease_by_command() -> None:
    bench = Ch392Bench(CLIENT)
    service = bench.listen()
    async with bench.running():
        await bench.opened("plc")
        stream = await service.accept()
        before = len(bench.commands(0x41))
        bench.sim.chip.dhcp.server = OTHER
        await _renew(bench)
        assert bench.value("dhcp") == "asking"
        assert bench.commands(0x41)[before:] == [b"\x41\x00", b"\x41\x01"]
        await bench.until(lambda: bench.value("ip") == "192.168.1.77")
        assert _states(bench, "dhcp") == ["asking", "bound", "asking", "bound"]
        assert (await bench.send("plc", b"still")).phase is Phase.DONE
        assert await stream.read_exactly(5) == b"still"


@virtual
async def test_an_address_that_goes_while_a_new_lease_is_asked_for_is_no_reset() -> None:
    bench = PaperBench(CLIENT, dhcp=True)
    lease = bench.paper.ip_inf

    def switch(code: int, arguments: bytes) -> None:
        if (code, arguments) == (0x41, b"\x00"):
            bench.paper.dhcp, bench.paper.ip_inf = 1, bytes(20)

    async with bench.running():
        await bench.until(lambda: bench.value("dhcp") == "bound")
        bench.paper.on_command = switch
        bench.paper.said.clear()
        await bench.do("dhcp")
        await asyncio.sleep(8)
        assert (bench.value("dhcp"), bench.value("ip")) == ("asking", "0.0.0.0")  # noqa: S104
        bench.paper.dhcp, bench.paper.ip_inf = 0, lease
        bench.paper.interrupt(0x08)
        await bench.until(lambda: bench.value("dhcp") == "bound")
        assert bench.paper.of(0x05) == []
        bench.paper.ip_inf = bytes(20)
        await bench.until(lambda: bench.paper.of(0x05))


@virtual
async def test_a_new_lease_that_nobody_gives() -> None:
    bench = Ch392Bench(CLIENT)
    bench.listen()
    async with bench.running():
        await bench.opened("plc")
        bench.sim.set_dhcp_server(None)
        await _renew(bench)
        await asyncio.sleep(12)
        assert bench.value("dhcp") == "asking"  # the address that is left is no lease
        await bench.until(lambda: bench.value("dhcp") == "failed")
        assert bench.phase("plc") == "open"  # the chip keeps its address
        bench.sim.set_dhcp_server(OTHER)
        await bench.until(lambda: bench.value("dhcp") == "bound")


@virtual
async def test_dhcp_answers_with_an_error() -> None:
    bench = PaperBench(dhcp=True, ip=None, netmask=None)
    bench.paper.ip_inf = bytes.fromhex(NOTHING)
    bench.paper.status[0x41] = 0x1C
    async with bench.running():
        await bench.until(lambda: not bench.online)
        assert "DHCP_ENABLE: an error of the network interface (1C)" in str(
            bench.value("last_error")
        )
        del bench.paper.status[0x41]
        bench.paper.ip_inf = bytes.fromhex(BOUND)
        await bench.until(lambda: bench.online and bench.value("dhcp") == "bound")


@virtual
async def test_the_cable_comes_and_goes() -> None:
    bench = Ch392Bench(CLIENT, SERVER_LINK, UDP)
    service = bench.listen()
    async with bench.running():
        for _round in range(3):
            await bench.opened("plc")
            await bench.opened("srv", "listening")
            await bench.opened("udp")
            await service.accept()
            bench.sim.unplug_cable()
            await bench.until(lambda: bench.value("cable") is False)
            for link in ("plc", "srv", "udp"):
                await bench.opened(link, "backoff")
                assert bench.info(link)["last_error"] == "no network cable"
            await asyncio.sleep(20)
            assert bench.open_sockets == []
            assert bench.online
            assert {bench.phase(link) for link in ("plc", "srv", "udp")} == {"backoff"}
            bench.sim.plug_cable()
        await bench.opened("plc")


@virtual
async def test_the_cable_goes_while_a_server_is_in_use() -> None:
    bench = Ch392Bench(SERVER_LINK)
    async with bench.running():
        await bench.opened("srv", "listening")
        bench.call()
        await bench.opened("srv")
        bench.sim.unplug_cable()
        await bench.opened("srv", "backoff")
        assert bench.info("srv")["last_error"] == "no network cable"
        await asyncio.sleep(20)
        assert bench.phase("srv") == "backoff"
        assert bench.open_sockets == []
        bench.sim.plug_cable()
        await bench.opened("srv", "listening")
        bench.call(source="192.0.2.1:40001")
        await bench.opened("srv")


@virtual
async def test_the_cable_goes_while_it_connects() -> None:
    bench = Ch392Bench(CLIENT)
    bench.ether.silent.add("192.0.2.1")
    async with bench.running():
        await bench.opened("plc", "connecting")
        bench.sim.unplug_cable()
        await bench.opened("plc", "backoff")
        assert bench.info("plc")["last_error"] == "no network cable"


@virtual
async def test_a_conflict_and_what_is_unreachable() -> None:
    bench = Ch392Bench(UDP)
    async with bench.running():
        await bench.opened("udp")
        bench.sim.conflict_ip()
        await bench.until(lambda: bench.said.events)
        assert dict(bench.said.events[0].data) == {"ip": "192.168.1.50"}
        await bench.send("udp", b"nobody is there")
        await bench.until(lambda: len(bench.said.events) == 2)
        event = bench.said.events[1]
        assert (event.key, event.event_type) == ("unreachable", "unreachable")
        assert dict(event.data) == {"ip": "192.0.2.1", "port": 5000, "protocol": 17, "code": 3}
        assert bench.phase("udp") == "open"


@virtual
async def test_what_a_user_reads_is_published_once() -> None:
    bench = Ch392Bench()
    async with bench.running():
        await asyncio.sleep(120)
        for key in ("phy", "cable", "ip", "gateway", "netmask", "dns", "mac", "firmware"):
            assert len(_states(bench, key)) <= 2, key
