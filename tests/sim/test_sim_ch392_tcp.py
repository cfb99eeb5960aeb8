"""TCP of the simulated CH392 against real sockets: client, servers, how connections end."""

import asyncio
import random
import socket

import pytest
from sim_ch392 import (
    PEER_HEX,
    Board,
    accepted,
    board,
    client,
    connected,
    le,
    port_of,
    tcp_server,
)

from chiplink.sim.ch392_events import DataLost, SocketChanged
from chiplink.sim.ch392_tcp import TcpSession


async def serve(host: Board, index: int = 0, port: int = 1000) -> int:
    """Be a TCP server (document 8.3.4, and LISTEN); return the machine's port."""
    sn = f"{index:02X}"
    host.say(f"34 {sn} 03", f"33 {sn} {le(port)}")
    assert await host.status(f"35 {sn}") == "00"
    assert await host.status(f"36 {sn}") == "00"
    return host.sim.ether.bound_port("tcp", port)


def siblings(host: Board, *indices: int, port: int = 1000) -> None:
    for index in indices:
        host.say(f"33 {index:02X} {le(port)}", f"34 {index:02X} 03")


def small_buffers(host: Board) -> None:
    """One block each way for each socket."""
    for index in range(4):
        host.say(f"52 {index:02X} {2 * index:02X} 01", f"53 {index:02X} {2 * index + 1:02X} 01")


async def test_client_both_ways() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            assert host.ask("2F 00") == "05 04"
            assert host.ask("2D 00") == PEER_HEX + " " + le(port_of(server))
            async with accepted(server) as peer:
                host.say("39 00 05 00 68 65 6C 6C 6F")
                await host.wait(0, 0x03)
                assert await peer.receive(5) == b"hello"
                await peer.send(b"world")
                await host.wait(0, 0x04)
                assert host.ask("3B 00") == "05 00"
                assert host.ask("3C 00 02 00") == "77 6F"
                assert host.ask("3B 00") == "03 00"
                assert host.ask("3C 00 03 00") == "72 6C 64"
                assert host.ask("3B 00") == "00 00"
                await peer.send(b"unread")
                await host.wait(0, 0x04)
                host.say("2E 00")
                assert host.ask("3B 00") == "00 00"


async def test_the_states_are_in_the_log() -> None:
    async with board() as host:
        with tcp_server() as server:
            port = port_of(server)
            await connected(host, port)
            assert await host.status("3D 00") == "00"
            assert host.of(SocketChanged) == [
                SocketChanged(0, True, "closed"),
                SocketChanged(0, True, "syn_sent", f"203.0.113.5:{port}"),
                SocketChanged(0, True, "established", f"203.0.113.5:{port}"),
                SocketChanged(0, False, "closed"),
            ]


@pytest.mark.parametrize("rtt", [0.0, 0.002])
async def test_200_kb_through_an_echo_server(rtt: float) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    sent = random.Random(1).randbytes(200_000)  # noqa: S311 - repeatable data
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, board(rtt=rtt) as host:
        await connected(host, port_of(server.sockets[0]))
        got = bytearray()
        for start in range(0, len(sent), 1072):
            await host.write(0, sent[start : start + 1072])
            host.look()
            got += host.received(0)
        while len(got) < len(sent):
            got += await host.hear(0, 1)
        assert bytes(got) == sent
        assert host.of(DataLost) == []
        assert await host.status("38 00") == "00"
        await host.wait(0, 0x10)


async def test_the_window_is_the_free_receive_buffer() -> None:
    sent = random.Random(2).randbytes(3_000_000)  # noqa: S311 - repeatable data
    async with board() as host:
        with tcp_server() as server:
            # The machine's own buffer of the sender is small, so that its window is seen soon.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                sending = asyncio.create_task(peer.send(sent[:100_000]))
                await host.until(lambda: host.ask("3B 00") == "30 04")
                # 1072 bytes are in the chip and no more come, whatever the peer sends.
                await host.turns()
                assert host.sim.sockets[0].receive.used == 1072
                assert not sending.done()
                got = bytearray()
                while len(got) < 100_000:
                    assert host.sim.sockets[0].receive.used <= 1072
                    got += await host.hear(0, 1)
                assert bytes(got) == sent[:100_000]
                await sending
        assert host.of(DataLost) == []


async def test_the_send_buffer_is_not_free_while_the_peer_does_not_read() -> None:
    async with board() as host:
        with tcp_server() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                count = await fill(host)
                data = await peer.receive(count * 1072)
                assert data == b"".join(bytes([index % 256]) * 1072 for index in range(count))
                # Each packet is one SENBUF_FREE and one SEND_OK, though their bits merge.
                await host.until(lambda: host.raised(0, 0x02) == count)
                assert host.raised(0, 0x01) == count


async def fill(host: Board) -> int:
    """Write until the send buffer does not become free; return how many were written."""
    for index in range(1000):
        host.bits[0] = 0
        host.say("39 00 30 04" + f"{index % 256:02X}" * 1072)
        # The chip copies in the next turn of the loop; what does not fit then stays.
        await host.turns()
        host.look()
        if not host.bits[0] & 0x01:
            return index + 1
    raise AssertionError("the peer's window never closed")


async def test_send_ok_waits_for_the_peers_acknowledgement() -> None:
    async with board() as host:
        with tcp_server() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                count = 0
                while host.raised(0, 0x02) == count:
                    await host.write(0, bytes(1072))
                    await host.turns()
                    count += 1
                assert host.raised(0, 0x01) == count
                await peer.receive(count * 1072)
                await host.until(lambda: host.raised(0, 0x02) == count)


async def test_a_write_longer_than_the_mss_is_several_packets() -> None:
    async with board() as host:
        with tcp_server() as server:
            host.say("50 64 00")
            await connected(host, port_of(server))
            async with accepted(server):
                await host.write(0, bytes(250))
                await host.until(lambda: host.raised(0, 0x02) == 3)
                session = host.sim.sockets[0].session
                assert isinstance(session, TcpSession)
                # Part of a packet acknowledged is none that was sent successfully.
                host.sim.unplug_cable()
                session.transmit(bytes(250))
                for acked, told in ((349, 3), (350, 4), (449, 4), (500, 6)):
                    session.acked(acked)
                    assert host.raised(0, 0x02) == told


async def test_send_ok_can_be_switched_off() -> None:
    async with board(functions="10 00 00 00") as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await host.write(0, b"quiet")
                assert await peer.receive(5) == b"quiet"
                # The connection's end comes after whatever SEND_OK there might be.
                peer.sock.shutdown(socket.SHUT_WR)
                await host.wait(0, 0x10)
                assert host.bits[0] & 0x02 == 0


async def test_a_refused_connection_is_a_time_out() -> None:
    async with board() as host:
        with tcp_server() as server:
            port = port_of(server)
        host.say("34 00 03", f"31 00 {PEER_HEX}", f"32 00 {le(port)}", "33 00 E8 03")
        assert await host.status("35 00") == "00"
        assert await host.status("37 00") == "00"
        await host.wait(0, 0x40)
        assert host.bits[0] == 0
        assert host.ask("2F 00") == "00 00"


async def test_nobody_answers_at_a_silent_address() -> None:
    async with board() as host:
        host.sim.ether.silent.add("203.0.113.5")
        host.say("34 00 03", f"31 00 {PEER_HEX}", "32 00 50 00", "33 00 E8 03")
        assert await host.status("35 00") == "00"
        assert await host.status("37 00") == "00"
        await host.wait(0, 0x40)
        assert host.ask("2F 00") == "00 00"


async def test_without_an_address_nobody_answers() -> None:
    async with board(ready=False) as host:
        assert await host.status("27") == "00"
        await host.wait_global(0x04)
        with tcp_server() as server:
            host.say("34 00 03", f"31 00 {PEER_HEX}", f"32 00 {le(port_of(server))}")
            assert await host.status("35 00") == "00"
            assert await host.status("37 00") == "00"
            await host.wait(0, 0x40)


@pytest.mark.parametrize("reset", [False, True])
async def test_the_peers_end_closes_and_drops_what_was_not_read(*, reset: bool) -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await peer.send(b"unread")
                await host.wait(0, 0x04)
                end(peer.sock, reset=reset)
                await host.wait(0, 0x10)
                assert host.ask("2F 00") == "00 00"
                assert host.ask("3B 00") == "00 00"
                assert host.of(DataLost) == [DataLost(0, "closed before it was read", 6)]
                host.say("39 00 01 00 41")
                assert host.of(DataLost)[1:] == [DataLost(0, "socket is closed", 1)]


def end(sock: socket.socket, *, reset: bool) -> None:
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        sock.close()
    else:
        sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(("reset", "state"), [(False, "05 07"), (True, "05 00")])
async def test_socket_close_leaves_everything_to_the_host(*, reset: bool, state: str) -> None:
    async with board(functions="08 00 00 00") as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await peer.send(b"last words")
                await host.wait(0, 0x04)
                end(peer.sock, reset=reset)
                await host.wait(0, 0x10)
                assert host.ask("2F 00") == state
                assert host.received(0) == b"last words"
                assert await host.status("3D 00") == "00"
                assert host.ask("2F 00") == "00 00"
                assert host.of(DataLost) == []


async def test_disconnect() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await host.write(0, b"bye")
                assert await host.status("38 00") == "00"
                assert host.ask("2F 00") == "05 06"
                assert await peer.receive(100) == b"bye"
                assert await host.status("38 00") == "18"
                peer.sock.close()
                await host.wait(0, 0x10)
                assert host.ask("2F 00") == "00 00"


async def test_close_disconnects_without_an_interrupt() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await host.write(0, b"bye")
                host.look()
                host.bits[0] = 0
                assert await host.status("3D 00") == "00"
                assert await peer.receive(100) == b"bye"
                peer.sock.close()
                await host.turns()
                assert host.raised(0, 0x10) == 0


async def test_a_write_before_the_last_was_copied_overwrites_it() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.say("39 00 03 00 6F 6C 64", "39 00 03 00 6E 65 77")
                await host.wait(0, 0x01)
                assert await peer.receive(3) == b"new"
                assert host.of(DataLost) == [DataLost(0, "overwritten before it was sent", 3)]


async def test_a_write_longer_than_the_send_buffer_is_cut() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                await host.write(0, b"A" * 1072 + b"B" * 8)
                await host.write(0, b"C")
                assert await peer.receive(1073) == b"A" * 1072 + b"C"
                assert host.of(DataLost) == [DataLost(0, "larger than the send buffer", 8)]


async def test_no_data_before_the_connection() -> None:
    async with board(ports=(1000,)) as host:
        await serve(host)
        host.say("39 00 01 00 41")
        await host.until(lambda: host.of(DataLost))
        assert host.of(DataLost) == [DataLost(0, "not connected", 1)]


async def test_buffers_that_lie_over_each_other_spoil_each_other() -> None:
    async with board() as host:
        host.say("52 01 00 02")
        with tcp_server() as server:
            await connected(host, port_of(server), 0)
            async with accepted(server) as first:
                host.say("33 01 E9 03")
                host.say("34 01 03", f"31 01 {PEER_HEX}", f"32 01 {le(port_of(server))}")
                assert await host.status("35 01") == "00"
                assert await host.status("37 01") == "00"
                await host.wait(1, 0x08)
                async with accepted(server) as second:
                    await first.send(b"first!")
                    await host.wait(0, 0x04)
                    await second.send(b"2nd")
                    await host.wait(1, 0x04)
                    assert host.received(0) == b"2ndst!"


async def test_a_server_takes_one_and_resets_further_ones() -> None:
    async with board(ports=(1000,)) as host:
        port = await serve(host)
        async with client(port) as peer:
            await host.wait(0, 0x08)
            assert host.ask("2F 00") == "05 04"
            assert host.ask("2D 00") == PEER_HEX + " " + le(port_of(peer.sock))
            with pytest.raises(ConnectionRefusedError):
                async with client(port):
                    pass
            await peer.send(b"ping")
            assert await host.hear(0, 4) == b"ping"
            await host.write(0, b"pong")
            assert await peer.receive(4) == b"pong"
        await host.wait(0, 0x10)
        # Closed, it needs OPEN and LISTEN again.
        with pytest.raises(ConnectionRefusedError):
            async with client(port):
                pass
        assert await serve(host) == port
        async with client(port):
            await host.wait(0, 0x08)


@pytest.mark.parametrize("functions", ["02 00 00 00", "00 00 00 00"])
async def test_a_server_gives_connections_to_free_siblings(functions: str) -> None:
    async with board(ports=(1000,), functions=functions) as host:
        small_buffers(host)
        siblings(host, 1, 2)
        port = await serve(host)
        async with client(port) as one:
            await host.wait(1, 0x08)
            async with client(port) as two:
                await host.wait(2, 0x08)
                assert [host.ask(f"2F 0{index}") for index in range(4)] == [
                    "05 01",
                    "05 04",
                    "05 04",
                    "00 00",
                ]
                await one.send(b"1")
                await two.send(b"2")
                assert await host.hear(2, 1) == b"2"
                assert await host.hear(1, 1) == b"1"
                await check_third(host, port, several=functions == "02 00 00 00")
            await host.wait(2, 0x10)
            # A socket that is free again gets the next connection.
            async with client(port):
                await host.wait(2, 0x08)


async def check_third(host: Board, port: int, *, several: bool) -> None:
    """With the multi-connection flag the listener only listens, without it may connect."""
    if several:
        with pytest.raises(ConnectionRefusedError):
            async with client(port):
                pass
        assert host.ask("2F 00") == "05 01"
        return
    async with client(port):
        await host.wait(0, 0x08)
        with pytest.raises(ConnectionRefusedError):
            async with client(port):
                pass
    await host.wait(0, 0x10)
    assert await serve(host) == port


async def test_a_chip_that_wants_the_flag_for_siblings() -> None:
    async with board(ports=(1000,)) as host:
        host.sim.chip.siblings_need_flag = True
        siblings(host, 1)
        port = await serve(host)
        async with client(port):
            await host.wait(0, 0x08)
            assert host.ask("2F 01") == "00 00"


async def test_a_server_that_closes_refuses() -> None:
    async with board(ports=(1000,)) as host:
        port = await serve(host)
        assert await host.status("3D 00") == "00"
        with pytest.raises(ConnectionRefusedError):
            async with client(port):
                pass


async def test_a_port_that_the_machine_uses_already() -> None:
    with tcp_server() as server:
        port = port_of(server)
        async with board() as host:
            host.say("34 00 03", f"33 00 {le(port)}")
            assert await host.status("35 00") == "00"
            assert await host.status("36 00") == "1B"


async def test_a_server_without_a_cable_refuses_until_it_is_back() -> None:
    async with board(ports=(1000,)) as host:
        port = await serve(host)
        host.sim.unplug_cable()
        with pytest.raises(ConnectionRefusedError):
            async with client(port):
                pass
        host.sim.plug_cable()
        await host.until(lambda: host.ask("26") == "02")
        async with client(port):
            await host.wait(0, 0x08)


async def test_data_waits_for_the_cable() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.sim.unplug_cable()
                await peer.send(b"patience")
                await host.wait_global(0x04)
                await host.turns()
                assert host.ask("3B 00") == "00 00"
                assert host.ask("2F 00") == "05 04"
                host.sim.plug_cable()
                assert await host.hear(0, 8) == b"patience"


async def test_what_is_sent_without_a_cable_times_out() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.sim.unplug_cable()
                host.say("39 00 04 00 6C 6F 73 74")
                await host.wait(0, 0x40)
                assert host.bits[0] & 0x03 == 0
                assert host.ask("2F 00") == "00 00"
                # The peer hears nothing of it before the cable is back.
                with pytest.raises(BlockingIOError):
                    peer.sock.recv(100)
                host.sim.plug_cable()
                with pytest.raises(ConnectionResetError):
                    await peer.receive(100)


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_keep_alive_notices_a_cable_that_is_out(*, keep_alive: bool) -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            host.say(f"59 00 0{keep_alive:d}")
            async with accepted(server) as peer:
                host.sim.unplug_cable()
                if keep_alive:
                    await host.wait(0, 0x40)
                    assert host.ask("2F 00") == "00 00"
                else:
                    host.sim.plug_cable()
                    await peer.send(b"alive")
                    assert await host.hear(0, 5) == b"alive"


async def test_a_reset_breaks_connections() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                host.say("05")
                with pytest.raises(ConnectionResetError):
                    await peer.receive(1)


async def test_init_breaks_connections() -> None:
    async with board() as host:
        with tcp_server() as server:
            await connected(host, port_of(server))
            async with accepted(server) as peer:
                assert await host.status("27") == "00"
                assert host.ask("2F 00") == "00 00"
                with pytest.raises(ConnectionResetError):
                    await peer.receive(1)
