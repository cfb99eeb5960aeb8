"""The SIM7028's network and TCP links as its note shows them and hardware prints them."""

import pytest
from sim_ch392 import accepted, client, port_of, tcp_server
from sim_modem import PEER
from sim_sim7028 import connected, net_open, sim7028

from chiplink.sim import ModemTimes

ALL_BYTES = bytes(range(256))
BIG = bytes(index * 11 % 253 for index in range(300_000))


async def test_the_network() -> None:
    async with sim7028() as host:
        await host.ask("AT+NETOPEN?", "+NETOPEN: 0", "OK")
        await host.ask("AT+IPADDR", "+IP ERROR: Network not opened", "ERROR")
        await host.ask("AT+NETCLOSE", "+NETCLOSE: 2", "ERROR")
        await net_open(host)
        await host.ask("AT+NETOPEN?", "+NETOPEN: 1", "OK")
        await host.ask("AT+NETOPEN", "+IP ERROR: Network is already opened", "ERROR")
        await host.ask("AT+IPADDR", "+IPADDR: 10.148.0.17", "OK")
        host.send("AT+NETCLOSE\r")
        await host.line("OK", "+NETCLOSE: 0")
        await host.ask("AT+IPADDR", "+IP ERROR: Network not opened", "ERROR")


async def test_errors_as_numbers() -> None:
    async with sim7028() as host:
        await host.ok("AT+CIPCCFG=,,,0")
        await host.ask("AT+IPADDR", "+IP ERROR: 8", "ERROR")
        await host.ok("AT+CIPCCFG")
        await host.ask("AT+CIPCCFG?", "+CIPCCFG: 10,0,0,1,0,0,500", "OK")
        await host.ask("AT+IPADDR", "+IP ERROR: Network not opened", "ERROR")


async def test_a_network_that_does_not_open() -> None:
    async with sim7028() as host:
        host.sim.lose_network()
        host.send("AT+NETOPEN\r")
        await host.line("OK", "+NETOPEN: 1")
        await host.ask("AT+NETOPEN?", "+NETOPEN: 0", "OK")


async def test_a_network_without_a_card() -> None:
    async with sim7028() as host:
        host.sim.remove_sim()
        await host.line("+CPIN: NOT INSERTED")
        await host.ask("AT+NETOPEN", "ERROR")


async def test_the_note_s_tcp_client() -> None:
    async with sim7028(is_open=True) as host:
        with tcp_server() as server:
            port = port_of(server)
            host.send(f'AT+CIPOPEN=1,"TCP","{PEER}",{port}\r')
            await host.line("OK", "+CIPOPEN: 1,0")
            async with accepted(server) as peer:
                await host.prompt("AT+CIPSEND=1,5", "\r\n>")
                host.send("HELLO")
                await host.line("OK", "+CIPSEND: 1,5,5")
                assert await peer.receive(5) == b"HELLO"
                await peer.send(b"data from server")
                await host.hear(f"\r\nRECV FROM:{PEER}:{port}\r\n+IPD16\r\ndata from server")
                host.send("AT+CIPOPEN?\r")
                await host.hear(
                    f'\r\n+CIPOPEN: 0\r\n+CIPOPEN: 1,"TCP","{PEER}",{port},-1\r\n\r\nOK\r\n'
                )
                await host.ask("AT+CIPCLOSE?", "+CIPCLOSE: 0,1", "OK")
                await host.ask("AT+CIPACK=1", "+CIPACK: 5,0,16", "OK")
                host.send("AT+CIPCLOSE=1\r")
                await host.line("OK", "+CIPCLOSE: 1,0")
                assert await peer.receive(1) == b""
        await host.ask("AT+CIPCLOSE=1", "+CIPCLOSE: 1,4", "ERROR")
        await host.ask("AT+CIPACK=1", "+IP ERROR: Connection is not created", "ERROR")


async def test_opening_that_is_refused_at_once() -> None:
    async with sim7028() as host:
        await host.ask(f'AT+CIPOPEN=0,"TCP","{PEER}",80', "+CIPOPEN: 0,2", "ERROR")
        await host.ask("AT+CIPCLOSE=0", "+CIPCLOSE: 0,2", "ERROR")
        await net_open(host)
        await host.ask(f'AT+CIPOPEN=2,"TCP","{PEER}",80', "+IP ERROR: Invalid parameter", "ERROR")
        await host.ask(f'AT+CIPOPEN=0,"TCP","{PEER}",65536', "+CIPOPEN: 0,3", "ERROR")
        await host.ask('AT+CIPOPEN=0,"TCP"', "+CIPOPEN: 0,3", "ERROR")
        await host.ask('AT+CIPOPEN=1,"UDP",,', "+CIPOPEN: 1,3", "ERROR")
    async with connected() as (host, _peer):
        await host.ask(f'AT+CIPOPEN=0,"TCP","{PEER}",80', "+CIPOPEN: 0,4", "ERROR")


async def test_opening_that_fails_later() -> None:
    async with sim7028(is_open=True) as host:
        with tcp_server() as server:
            nobody = port_of(server)
        host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",{nobody}\r')
        await host.line("OK", "+CIPOPEN: 0,1")
        host.send('AT+CIPOPEN=0,"TCP","nowhere.example",80\r')
        await host.line("OK", "+CIPOPEN: 0,11")


async def test_opening_that_nobody_answers() -> None:
    async with sim7028(is_open=True, times=ModemTimes.instant(connect_limit=0.01)) as host:
        host.sim.ether.silent.add(PEER)
        host.send(f'AT+CIPOPEN=0,"TCP","{PEER}",80\r')
        await host.line("OK", "+CIPOPEN: 0,10")
        await host.ask("AT+CIPCLOSE?", "+CIPCLOSE: 0,0", "OK")


async def test_the_peer_closes() -> None:
    async with connected() as (host, peer):
        peer.sock.close()
        await host.line("+IPCLOSE: 0,1")
        await host.ask("AT+CIPSEND=0,5", "+CIPERROR: 4", "ERROR")
        await host.ask("AT+CIPCLOSE?", "+CIPCLOSE: 0,0", "OK")


@pytest.mark.parametrize("payload", [ALL_BYTES, b"\r\nOK\r\n+CIPSEND: 0,1,1\r\n>\x1a\x1b\x03"])
async def test_a_counted_send_carries_every_byte(payload: bytes) -> None:
    async with connected() as (host, peer):
        await host.prompt(f"AT+CIPSEND=0,{len(payload)}", "\r\n>")
        host.send(payload)
        await host.line("OK", f"+CIPSEND: 0,{len(payload)},{len(payload)}")
        assert await peer.receive(len(payload)) == payload


async def test_ctrl_z_esc_and_etx() -> None:
    async with connected() as (host, peer):
        await host.prompt("AT+CIPSEND=0", "\r\n>")
        host.send(b"a\x03\x1ab\x03\x1bc\x03\x03d\x1a")
        await host.line("OK", "+CIPSEND: 0,7,7")
        assert await peer.receive(7) == b"a\x1ab\x1bc\x03d"
        await host.prompt("AT+CIPSEND=0,", "\r\n>")
        host.send(b"given up\x1b")
        await host.line("OK")
        await host.quiet()


async def test_send_errors() -> None:
    async with sim7028() as host:
        await host.ask("AT+CIPSEND=0,5", "+CIPERROR: 2", "ERROR")
        await net_open(host)
        await host.ask("AT+CIPSEND=0,5", "+CIPERROR: 4", "ERROR")
        await host.ask("AT+CIPSEND=7,5", "+CIPERROR: 3", "ERROR")
        await host.ask("AT+CIPSEND=?", "+CIPSEND: (0-1),(1-1500)", "OK")
    async with connected() as (host, _peer):
        await host.ask("AT+CIPSEND=0,1501", "+CIPERROR: 3", "ERROR")
        await host.ask("AT+CIPSEND=0,0", "+CIPERROR: 3", "ERROR")
        await host.ask(f'AT+CIPSEND=0,5,"{PEER}",80', "+CIPERROR: 3", "ERROR")


async def test_the_result_that_waits_for_the_peer() -> None:
    async with connected("AT+CIPSENDMODE=1", rtt=0.01) as (host, peer):
        host.sim.ether.set_up(up=False)
        await host.prompt("AT+CIPSEND=0,5", "\r\n>")
        host.send("hello")
        await host.line("OK")
        await host.quiet()
        host.sim.ether.set_up(up=True)
        await host.line("+CIPSEND: 0,5,5")
        assert await peer.receive(5) == b"hello"


async def test_a_peer_that_never_acknowledges() -> None:
    times = ModemTimes.instant(send_limit=0.05)
    async with connected("AT+CIPSENDMODE=1", times=times) as (host, _peer):
        host.sim.ether.set_up(up=False)
        await host.prompt("AT+CIPSEND=0,5", "\r\n>")
        host.send("hello")
        await host.line("OK", "+CIPSEND: 0,5,-1", "+IPCLOSE: 0,2")


async def test_a_full_send_buffer_kills_the_socket() -> None:
    async with connected() as (host, _peer):
        host.sim.ether.set_up(up=False)
        for _ in range(10):
            await host.prompt("AT+CIPSEND=0,1500", "\r\n>")
            host.send(bytes(1500))
            await host.line("OK", "+CIPSEND: 0,1500,1500")
        await host.prompt("AT+CIPSEND=0,1", "\r\n>")
        host.send("x")
        await host.line("OK", "+CIPSEND: 0,1,0")
        await host.prompt("AT+CIPSEND=0,1", "\r\n>")
        host.send("x")
        await host.line("OK", "+CIPSEND: 0,1,-1")
        host.send("AT+CIPCLOSE=0\r")
        await host.line("OK", "+CIPCLOSE: 0,0")


@pytest.mark.parametrize(
    ("setup", "header"),
    [
        ((), "\r\nRECV FROM:{peer}\r\n+IPD5\r\n"),
        (("AT+CIPSRIP=0",), "\r\n+IPD5\r\n"),
        (("AT+CIPHEAD=0",), "\r\nRECV FROM:{peer}\r\n"),
        (("AT+CIPHEAD=0", "AT+CIPSRIP=0"), ""),
        (("AT+CIPCCFG=,,,,1",), "\r\nRECV FROM:{peer}\r\n+RECEIVE,1,5\r\n"),
    ],
)
async def test_headers(setup: tuple[str, ...], header: str) -> None:
    async with connected(*setup, link=1) as (host, peer):
        await peer.send(b"hello")
        port = host.sim.stack.links[1].port
        await host.hear(header.format(peer=f"{PEER}:{port}") + "hello")
        await host.quiet()


async def test_the_note_s_buffer_access() -> None:
    async with sim7028(is_open=True) as host:
        await host.ok("AT+CIPRXGET=1")
        await host.ask("AT+CIPRXGET?", "+CIPRXGET: 1", "OK")
        with tcp_server() as server:
            host.send(f'AT+CIPOPEN=1,"TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "+CIPOPEN: 1,0")
            async with accepted(server) as peer:
                await peer.send(b"data from server")
                await host.line("+CIPRXGET: 1,1")
                await host.ask("AT+CIPRXGET=4,1", "+CIPRXGET: 4,1,16", "OK")
                host.send("AT+CIPRXGET=2,1,5\r")
                await host.hear("\r\n+CIPRXGET: 2,1,5,11\r\ndata \r\nOK\r\n")
                host.send("AT+CIPRXGET=3,1,5\r")
                await host.hear("\r\n+CIPRXGET: 3,1,5,6\r\n66726F6D20\r\nOK\r\n")
                await host.ask("AT+CIPRXGET=4,1", "+CIPRXGET: 4,1,6", "OK")
                await host.ask("AT+CIPRXGET=2,2", "+IP ERROR: No data", "ERROR")
                host.send("AT+CIPRXGET=2,1\r")
                await host.hear("\r\n+CIPRXGET: 2,1,6,0\r\nserver\r\nOK\r\n")
                await host.ask("AT+CIPRXGET=4,1", "+CIPRXGET: 4,1,0", "OK")
                await host.ask("AT+CIPRXGET=2,1", "+IP ERROR: No data", "ERROR")
                await host.ask("AT+CIPRXGET=2,1,1501", "+IP ERROR: Invalid parameter", "ERROR")
                await host.ask("AT+CIPRXGET=3,1,751", "+IP ERROR: Invalid parameter", "ERROR")


async def test_the_notice_is_not_repeated() -> None:
    async with connected("AT+CIPRXGET=1") as (host, peer):
        await peer.send(b"one")
        await host.line("+CIPRXGET: 1,0")
        await peer.send(b"two")
        await host.until(lambda: len(host.sim.stack.links[0].inbox) == 6)
        await host.quiet()


async def test_300_kb_pushed() -> None:
    async with connected("AT+CIPSRIP=0") as (host, peer):
        got, stream, sending = bytearray(), bytearray(), 0
        while len(got) < len(BIG):
            if sending < len(BIG):
                await peer.send(BIG[sending : sending + 5000])
                sending += 5000
            await host.until(lambda: host.heard)
            stream += bytes(host.heard)
            host.heard.clear()
            while stream.startswith(b"\r\n+IPD"):
                end = stream.find(b"\r\n", 2)
                count = int(stream[6:end])
                assert len(stream) >= end + 2 + count
                got += stream[end + 2 : end + 2 + count]
                del stream[: end + 2 + count]
        assert bytes(got) == BIG


async def test_300_kb_fetched() -> None:
    async with connected("AT+CIPRXGET=1") as (host, peer):
        got = bytearray()
        for start in range(0, len(BIG), 6000):
            await peer.send(BIG[start : start + 6000])
            while len(got) < min(len(BIG), start + 6000):
                got += await host.fetch("AT+CIPRXGET=2,0,1500")
        assert bytes(got) == BIG


async def test_300_kb_sent() -> None:
    async with connected() as (host, peer):
        got = bytearray()
        for start in range(0, len(BIG), 1500):
            piece = BIG[start : start + 1500]
            await host.prompt(f"AT+CIPSEND=0,{len(piece)}", "\r\n>")
            host.send(piece)
            await host.line("OK", f"+CIPSEND: 0,{len(piece)},{len(piece)}")
            got += await peer.receive(len(piece))
        assert bytes(got) == BIG


async def test_closing_the_network_closes_the_links() -> None:
    async with connected() as (host, peer):
        host.send("AT+NETCLOSE\r")
        await host.line("OK", "+CIPCLOSE: 0,0", "+NETCLOSE: 0")
        assert await peer.receive(1) == b""


async def test_the_network_closes_unexpectedly() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("network-closed")
        await host.line("+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY")
        await host.ask("AT+NETOPEN?", "+NETOPEN: 1", "OK")
        await host.ask(f'AT+CIPOPEN=1,"TCP","{PEER}",80', "+CIPOPEN: 1,1", "ERROR")
        await host.prompt("AT+CIPSEND=0,5", "\r\n>")
        host.send("hello")
        await host.line("OK", "+CIPSEND: 0,5,-1")
        host.send("AT+CIPCLOSE=0\r")
        await host.line("OK", "+CIPCLOSE: 0,0")
        host.send("AT+NETCLOSE\r")
        await host.line("OK", "+NETCLOSE: 0")
        await net_open(host)


async def test_the_note_s_servers() -> None:
    async with sim7028(is_open=True, ports=(8080, 9090)) as host:
        await host.ok("AT+SERVERSTART?", "AT+SERVERSTART=8080,0", "AT+SERVERSTART=9090,1,1")
        host.send("AT+SERVERSTART?\r")
        await host.hear("\r\n+SERVERSTART: 0,8080\r\n+SERVERSTART: 1,9090\r\n\r\nOK\r\n")
        await host.ask("AT+SERVERSTART=8080,0", "+CIPERROR: 7", "ERROR")
        await host.ask("AT+SERVERSTART=8081,2", "+CIPERROR: 3", "ERROR")
        await host.ask("AT+SERVERSTART=8081,1,4", "+CIPERROR: 3", "ERROR")
        async with client(host.sim.ether.bound_port("tcp", 9090)) as peer:
            port = peer.sock.getsockname()[1]
            await host.line(f"+CLIENT: 0,1,{PEER}:{port}")
            host.send("AT+CIPOPEN?\r")
            await host.hear(f'\r\n+CIPOPEN: 0,"TCP","{PEER}",{port},1\r\n+CIPOPEN: 1\r\n\r\nOK\r\n')
            await host.ask("AT+CIPSEND=0", "+CIPERROR: 4", "ERROR")
            await host.prompt("AT+CIPSEND=0,5", "\r\n>")
            host.send("HELLO")
            await host.line("OK", "+CIPSEND: 0,5,5")
            assert await peer.receive(5) == b"HELLO"
            await host.ask("AT+SERVERSTOP=1", "+SERVERSTOP: 1,9", "ERROR")
            await host.ask("AT+SERVERSTOP=0", "+SERVERSTOP: 0,0", "OK")
            await host.ask("AT+SERVERSTOP=0", "+SERVERSTOP: 0,4", "ERROR")
        await host.line("+IPCLOSE: 0,1")
        await host.ask("AT+SERVERSTOP=1", "+SERVERSTOP: 1,0", "OK")


async def test_servers_want_the_network() -> None:
    async with sim7028() as host:
        await host.ask("AT+SERVERSTART?", "+CIPERROR: 2", "ERROR")
        await host.ask("AT+SERVERSTART=80,0", "+CIPERROR: 2", "ERROR")
