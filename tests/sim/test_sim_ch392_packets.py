"""UDP of the simulated CH392 against real sockets, and IPRAW without any."""

import socket

import pytest
from sim_ch392 import PEER_HEX, Board, board, datagram, le, port_of, udp_peer

from chiplink.sim import Ether
from chiplink.sim.ch392_events import DataLost

SERVER_HEX = "FF FF FF FF"


async def opened(host: Board, ip: str, port: int, index: int = 0, source: int = 1000) -> int:
    """Open a UDP socket (document 8.2.2, steps 1 to 6); return the machine's port of it."""
    sn = f"{index:02X}"
    host.say(f"34 {sn} 02", f"31 {sn} {ip}", f"32 {sn} {le(port)}", f"33 {sn} {le(source)}")
    assert await host.status(f"35 {sn}") == "00"
    return host.sim.ether.bound_port("udp", source)


async def test_client_both_ways() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer, udp_peer() as stranger:
            port = await opened(host, PEER_HEX, port_of(peer))
            assert host.ask("2F 00") == "05 00"
            host.say("39 00 05 00 68 65 6C 6C 6F")
            await host.wait(0, 0x03)
            assert await datagram(peer) == (b"hello", ("127.0.0.1", port))
            # A client hears its peer only, and without a header.
            stranger.sendto(b"not me", ("127.0.0.1", port))
            peer.sendto(b"world", ("127.0.0.1", port))
            await host.wait(0, 0x04)
            assert host.ask("3B 00") == "05 00"
            assert host.ask("3C 00 05 00") == "77 6F 72 6C 64"


async def test_a_client_keeps_its_destination() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer, udp_peer() as other:
            await opened(host, PEER_HEX, port_of(peer))
            host.say(f"32 00 {le(port_of(other))}")
            await host.write(0, b"to the first")
            assert (await datagram(peer))[0] == b"to the first"


@pytest.mark.parametrize(("counts", "length"), [(False, "02 00"), (True, "0A 00")])
async def test_server_header(*, counts: bool, length: str) -> None:
    async with board(ports=(1000,)) as host:
        host.sim.chip.length_counts_header = counts
        with udp_peer() as peer:
            port = await opened(host, SERVER_HEX, 0)
            peer.sendto(b"hi", ("127.0.0.1", port))
            await host.wait(0, 0x04)
            assert host.ask("3B 00") == "0A 00"
            assert host.ask("3C 00 0A 00") == (f"{length} {le(port_of(peer))} {PEER_HEX} 68 69")


async def test_a_server_answers_whom_it_wants() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as one, udp_peer() as two:
            await opened(host, SERVER_HEX, 0)
            for peer, text in ((one, b"one"), (two, b"two")):
                host.say(f"31 00 {PEER_HEX}", f"32 00 {le(port_of(peer))}")
                await host.write(0, text)
            assert (await datagram(one))[0] == b"one"
            assert (await datagram(two))[0] == b"two"


async def test_empty_and_long_datagrams() -> None:
    async with board(ports=(1000,)) as host:
        # Three blocks hold the longest datagram with its header.
        host.say("52 00 00 03", "53 00 03 03")
        with udp_peer() as peer:
            port = await opened(host, SERVER_HEX, 0)
            peer.sendto(b"", ("127.0.0.1", port))
            await host.wait(0, 0x04)
            assert host.ask("3C 00 08 00") == f"00 00 {le(port_of(peer))} {PEER_HEX}"
            peer.sendto(b"x" * 1473, ("127.0.0.1", port))
            peer.sendto(b"y" * 1472, ("127.0.0.1", port))
            await host.wait(0, 0x04)
            assert host.ask("3B 00") == "C8 05"
            assert host.received(0)[:2] == bytes.fromhex("C0 05")
            assert host.of(DataLost) == [DataLost(0, "longer than a packet", 1473)]


async def test_a_write_above_1472_becomes_two_datagrams() -> None:
    async with board(ports=(1000,)) as host:
        host.say("53 00 03 03")
        with udp_peer() as peer:
            await opened(host, PEER_HEX, port_of(peer))
            await host.write(0, b"x" * 1500)
            assert len((await datagram(peer))[0]) == 1472
            assert len((await datagram(peer))[0]) == 28


async def test_what_nobody_reads_is_overwritten() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer:
            port = await opened(host, PEER_HEX, port_of(peer))
            for letter in (b"a", b"b", b"c"):
                peer.sendto(letter * 500, ("127.0.0.1", port))
            await host.until(lambda: host.of(DataLost))
            assert host.of(DataLost) == [DataLost(0, "receive buffer overwritten", 428)]
            assert host.received(0) == b"a" * 72 + b"b" * 500 + b"c" * 500


async def test_a_refused_datagram_is_unreachable() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer:
            port = port_of(peer)
        await opened(host, PEER_HEX, port)
        await host.write(0, b"anybody?")
        await host.wait_global(0x01)
        # Port unreachable, UDP, port, address.
        assert host.ask("28") == f"03 11 {le(port)} {PEER_HEX}"
        # It closes nothing.
        assert host.ask("2F 00") == "05 00"
        await host.write(0, b"anybody?")
        await host.wait_global(0x01)


@pytest.mark.parametrize("what", ["silent", "cable"])
async def test_a_failed_sending_times_out_and_closes(what: str) -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer:
            port = await opened(host, PEER_HEX, port_of(peer))
            if what == "cable":
                host.sim.unplug_cable()
            else:
                host.sim.ether.silent.add("203.0.113.5")
            host.say("39 00 04 00 6C 6F 73 74")
            await host.wait(0, 0x40)
            assert host.bits[0] & 0x02 == 0
            assert host.ask("2F 00") == "00 00"
            # The port is free again for anybody.
            with socket.socket(type=socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", port))


async def test_without_a_cable_nothing_arrives() -> None:
    async with board(ports=(1000,)) as host:
        with udp_peer() as peer:
            port = await opened(host, PEER_HEX, port_of(peer))
            host.sim.unplug_cable()
            peer.sendto(b"lost", ("127.0.0.1", port))
            await host.until(lambda: host.of(DataLost))
            host.sim.plug_cable()
            await host.until(lambda: host.ask("26") == "02")
            peer.sendto(b"heard", ("127.0.0.1", port))
            assert await host.hear(0, 5) == b"heard"


async def test_two_sockets_must_not_share_a_source_port() -> None:
    async with board(ports=(1000, 1001)) as host:
        await opened(host, PEER_HEX, 1)
        host.say("34 01 02", f"31 01 {PEER_HEX}", "33 01 E8 03")
        assert await host.status("35 01") == "1B"
        # Another mode may.
        host.say("34 01 03")
        assert await host.status("35 01") == "00"


async def test_a_port_that_the_machine_uses_already() -> None:
    with udp_peer() as peer:
        async with board() as host:
            host.say("34 00 02", f"31 00 {PEER_HEX}", f"33 00 {le(port_of(peer))}")
            assert await host.status("35 00") == "1B"


async def test_a_delayed_network_keeps_the_order() -> None:
    async with board(ports=(1000,), rtt=0.002) as host:
        with udp_peer() as peer:
            port = await opened(host, PEER_HEX, port_of(peer))
            for text in (b"1", b"2", b"3"):
                await host.write(0, text)
            for text in (b"1", b"2", b"3"):
                assert (await datagram(peer))[0] == text
                peer.sendto(text, ("127.0.0.1", port))
            assert await host.hear(0, 3) == b"123"


async def test_ipraw() -> None:
    async with board() as host:
        sent: list[tuple[str, int, bytes]] = []
        host.sim.ether.on_ipraw = lambda *packet: sent.append(packet)
        host.say("34 00 00", "3E 00 FD", f"31 00 {PEER_HEX}")
        assert await host.status("35 00") == "00"
        host.say("39 00 03 00 72 61 77")
        await host.wait(0, 0x03)
        assert sent == [("203.0.113.5", 253, b"raw")]
        host.sim.ether.deliver_ipraw("203.0.113.5", 254, b"other protocol")
        host.sim.ether.deliver_ipraw("203.0.113.5", 253, b"back")
        assert await host.hear(0, 4) == b"back"
        assert await host.status("3D 00") == "00"
        host.sim.ether.deliver_ipraw("203.0.113.5", 253, b"nobody")
        assert host.ask("3B 00") == "00 00"


def test_addresses_are_mapped_both_ways() -> None:
    ether = Ether(address_map={"203.0.113.5": "127.0.0.1"})
    assert ether.real(bytes([203, 0, 113, 5])) == "127.0.0.1"
    assert ether.real(bytes([192, 0, 2, 1])) == "192.0.2.1"
    assert ether.seen("127.0.0.1") == bytes([203, 0, 113, 5])
    assert ether.seen("127.0.0.2") == bytes([127, 0, 0, 2])
