"""The SIM800's UDP, transparent mode, names and bearers (note 3.1.2, 3.1.4, 3.2, 6)."""

import asyncio

from sim_ch392 import accepted, client, datagram, port_of, tcp_server, udp_peer
from sim_modem import PEER, Terminal
from sim_sim800 import bring_up, connected, sim800

from chiplink.sim import ModemTimes


async def test_the_note_s_udp_client() -> None:
    async with sim800(up=True) as host:
        with udp_peer() as peer:
            host.send(f'AT+CIPSTART="UDP","{PEER}","{port_of(peer)}"\r')
            await host.line("OK", "CONNECT OK")
            await host.ask("AT+CIPSTATUS", "OK", "STATE: CONNECT OK")
            await host.prompt("AT+CIPSEND")
            host.send("SIM800 UDP test\x1a")
            await host.line("SEND OK")
            data, address = await datagram(peer)
            assert data == b"SIM800 UDP test"
            peer.sendto(b"UDP test", address)
            await host.hear("UDP test")
            await host.ask("AT+CIPACK", "+CIPACK: 15,0,15", "OK")
            await host.ask("AT+CIPCLOSE", "CLOSE OK")
            await host.ask("AT+CIPSTATUS", "OK", "STATE: UDP CLOSED")


async def test_udp_among_several_links_is_never_acknowledged() -> None:
    async with sim800(up=True, multi=True) as host:
        with udp_peer() as peer:
            host.send(f'AT+CIPSTART=2,"UDP","{PEER}",{port_of(peer)}\r')
            await host.line("OK", "2, CONNECT OK")
            await host.prompt("AT+CIPSEND=2,3")
            host.send("UDP")
            await host.line("2, SEND OK")
            await host.ask("AT+CIPACK=2", "+CIPACK: 3, 0, 3", "OK")
            _, address = await datagram(peer)
            peer.sendto(b"SIM800 UDP test\r\n", address)
            await host.hear("\r\n+RECEIVE,2,17:\r\nSIM800 UDP test\r\n")


async def test_the_note_s_extended_udp() -> None:
    async with sim800(up=True, ports=(8888,)) as host:
        with udp_peer() as first, udp_peer() as second:
            one, two = port_of(first), port_of(second)
            await host.ok('AT+CLPORT="UDP",8888', "AT+CIPSRIP=1", "AT+CIPHEAD=1", "AT+CIPUDPMODE=1")
            host.send(f'AT+CIPSTART="UDP", "{PEER}", "{one}"\r')
            await host.line("OK", "CONNECT OK")
            await host.ask("AT+CIPUDPMODE?", f'+CIPUDPMODE: 1,"{PEER}",{one}', "OK")
            here = ("127.0.0.1", host.sim.ether.bound_port("udp", 8888))
            first.sendto(b"test1", here)
            await host.hear(f"RECV FROM:{PEER}:{one}\r\n+IPD,5:test1")
            second.sendto(b"test2", here)
            await host.hear(f"RECV FROM:{PEER}:{two}\r\n+IPD,5:test2")
            await host.ok(f'AT+CIPUDPMODE=2,"{PEER}",{two}')
            await host.ask("AT+CIPUDPMODE?", f'+CIPUDPMODE: 1,"{PEER}",{two}', "OK")
            await host.prompt("AT+CIPSEND")
            host.send("Hello 4500\x1a")
            await host.line("SEND OK")
            assert (await datagram(second))[0] == b"Hello 4500"


async def test_plain_udp_hears_its_peer_alone() -> None:
    async with sim800(up=True, ports=(8888,)) as host:
        with udp_peer() as peer, udp_peer() as stranger:
            await host.ok('AT+CLPORT="UDP",8888')
            host.send(f'AT+CIPSTART="UDP","{PEER}",{port_of(peer)}\r')
            await host.line("OK", "CONNECT OK")
            here = ("127.0.0.1", host.sim.ether.bound_port("udp", 8888))
            stranger.sendto(b"stranger", here)
            peer.sendto(b"friend", here)
            await host.hear("friend")
            await host.quiet()
            await host.ask(f'AT+CIPUDPMODE=2,"{PEER}",1', "ERROR")


async def test_local_ports() -> None:
    async with sim800(multi=True) as host:
        await host.ok('AT+CLPORT=1,"TCP",4000')
        rows = [f"+CLPORT: {index},{4000 if index == 1 else 0},0" for index in range(6)]
        host.send("AT+CLPORT?\r")
        await host.hear("\r\n" + "".join(f"{row}\r\n" for row in rows) + "\r\nOK\r\n")
        await host.ask('AT+CLPORT=1,"TCP",65536', "ERROR")


async def silence(host: Terminal, text: bytes) -> None:
    """Send text with the escape's silence on both sides, measured by the chip's own timer."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(host.sim.times.escape * 1.5, done.set_result, None)
    await done
    host.send(text)


async def test_the_note_s_transparent_client() -> None:
    async with sim800() as host:
        await host.ok("AT+CIPMODE=1")
        await bring_up(host)
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}","{port_of(server)}"\r')
            await host.line("OK", "CONNECT")
            async with accepted(server) as peer:
                host.send(b"AT\r\x1a+++ is data\r\n")
                assert await peer.receive(17) == b"AT\r\x1a+++ is data\r\n"
                await peer.send(b"\r\nOK\r\n")
                await host.hear("\r\nOK\r\n")
                await silence(host, b"+++")
                await host.line("OK")
                await host.ask("AT+CIPSTATUS", "OK", "STATE: CONNECT OK")
                await host.ask("AT+CIPSEND=5", "ERROR")
                await peer.send(b"while away")
                await host.quiet()
                host.send("ATO\r")
                await host.line("CONNECT")
                await host.hear("while away")
                host.send(b"+++")
                host.send(b"more")
                assert await peer.receive(7) == b"+++more"
            await host.line("CLOSED")
        await host.ask("ATO", "NO CARRIER")


async def test_the_mode_stays_while_a_link_is_open() -> None:
    async with connected() as (host, _peer):
        await host.ask("AT+CIPMODE=1", "ERROR")


async def test_an_lf_that_ends_a_command_is_no_transparent_data() -> None:
    async with sim800() as host:
        await host.ok("AT+CIPMODE=1")
        await bring_up(host)
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r\n')
            await host.line("OK", "CONNECT")
            async with accepted(server) as peer:
                await silence(host, b"+++")
                await host.line("OK")
                host.send("ATO\r\n")
                await host.line("CONNECT")
                host.send("data")
                assert await peer.receive(4) == b"data"


async def test_pluses_are_data_without_the_escape() -> None:
    async with sim800() as host:
        await host.ok("AT+CIPMODE=1", "AT+CIPCCFG=5,2,1024,0,0,1460,50")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT")
            async with accepted(server) as peer:
                await silence(host, b"+++")
                assert await peer.receive(3) == b"+++"
        await host.line("CLOSED")


async def test_transparent_data_wait_for_size_or_time() -> None:
    async with sim800(times=ModemTimes(speed=1e6)) as host:
        await host.ok("AT+CIPMODE=1", "AT+CIPCCFG=3,2,4,1,0,1460,50")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT")
            async with accepted(server) as peer:
                host.send(b"by time")
                assert await peer.receive(7) == b"by time"
        await host.line("CLOSED")


async def test_a_transparent_server() -> None:
    async with sim800(ports=(1234,)) as host:
        await host.ok("AT+CIPMODE=1")
        await host.ask("AT+CIPSERVER=1,1234", "OK", "SERVER OK")
        async with client(host.sim.ether.bound_port("tcp", 1234)) as peer:
            await host.line("REMOTE IP: 203.0.113.5", "CONNECT")
            host.send(b"down")
            assert await peer.receive(4) == b"down"
            await peer.send(b"up")
            await host.hear("up")
        await host.line("CLOSED")


async def test_urcs_wait_while_the_line_is_transparent() -> None:
    async with sim800() as host:
        await host.ok("AT+CIPMODE=1", "AT+CREG=1")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT")
            async with accepted(server) as peer:
                host.sim.urc("RING")
                await peer.send(b"data")
                await host.hear("data")
                await silence(host, b"+++")
                await host.line("OK", "RING")


async def test_several_links_are_never_transparent() -> None:
    async with sim800(multi=True) as host:
        await host.ask("AT+CIPMODE=1", "ERROR")


async def test_names() -> None:
    async with sim800(up=True) as host:
        host.send('AT+CDNSGIP="plc.example"\r')
        await host.line("OK", '+CDNSGIP: 1,"plc.example","203.0.113.5"')
        host.send("AT+CDNSGIP=nowhere.example\r")
        await host.line("OK", "+CDNSGIP: 0,8")
        await host.ok('AT+CDNSCFG="9.9.9.9"')
        host.send("AT+CDNSCFG?\r")
        await host.hear("\r\nPrimaryDns: 9.9.9.9\r\nSecondaryDns: 8.8.4.4\r\n\r\nOK\r\n")


async def test_the_machine_is_asked_for_other_names() -> None:
    async with sim800(up=True) as host:
        host.send('AT+CDNSGIP="localhost"\r')
        await host.line("OK", '+CDNSGIP: 1,"localhost","203.0.113.5"')


async def test_the_bearer() -> None:
    async with sim800() as host:
        await host.ok('AT+SAPBR=3,1,"CONTYPE","GPRS"', 'AT+SAPBR=3,1,"APN","internet"')
        await host.ask("AT+SAPBR=2,1", '+SAPBR: 1,3,"0.0.0.0"', "OK")
        await host.ok("AT+SAPBR=1,1")
        await host.ask("AT+SAPBR=2,1", '+SAPBR: 1,1,"10.89.193.1"', "OK")
        await host.ask("AT+SAPBR=1,1", "ERROR")
        await host.ok("AT+SAPBR=0,1")
        await host.ask("AT+SAPBR=0,1", "ERROR")
