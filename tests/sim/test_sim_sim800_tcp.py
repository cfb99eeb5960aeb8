"""The SIM800's links as the application note shows them and hardware prints them."""

import pytest
from sim_ch392 import accepted, client, port_of, tcp_server
from sim_modem import PEER
from sim_sim800 import bring_up, connected, sim800

from chiplink.sim import ModemTimes
from chiplink.sim.modem_events import StackChanged

ALL_BYTES = bytes(range(256))
TRAP = b"\r\nOK\r\n\r\nCLOSED\r\n0, CLOSED\r\n+IPD,5:\x1a\x1b\x03> "
BIG = bytes(index * 7 % 251 for index in range(300_000))


async def test_the_note_s_tcp_client() -> None:
    async with sim800() as host:
        await host.ask("AT+CGATT?", "+CGATT: 1", "OK")
        await bring_up(host)
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}","{port_of(server)}"\r')
            await host.line("OK", "CONNECT OK")
            async with accepted(server) as peer:
                await host.prompt("AT+CIPSEND")
                host.send("hello TCP serve\x1a")
                await host.line("SEND OK")
                assert await peer.receive(15) == b"hello TCP serve"
                await peer.send(b"hello SIM800")
                await host.hear("hello SIM800")
            await host.line("CLOSED")


async def test_one_link_s_states() -> None:
    async with sim800() as host:
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP INITIAL")
        await host.ok('AT+CSTT="CMNET"')
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP START")
        await host.ok("AT+CIICR")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP GPRSACT")
        await host.ask("AT+CIFSR", "10.78.245.128")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP STATUS")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT OK")
            async with accepted(server):
                await host.ask("AT+CIPSTATUS", "OK", "STATE: CONNECT OK")
            await host.line("CLOSED")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: TCP CLOSED")
        await host.ask("AT+CIPSHUT", "SHUT OK")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP INITIAL")


async def test_states_on_the_way() -> None:
    slow = ModemTimes(speed=1e9)
    async with sim800(times=slow) as host:
        host.sim.ether.silent.add(PEER)
        host.send('AT+CSTT="CMNET";+CIICR\r')
        await host.until(lambda: StackChanged(0, "IP CONFIG") in host.events)
        await host.line("OK")
        await host.ask("AT+CIFSR", "10.78.245.128")
        await host.ok(f'AT+CIPSTART="TCP","{PEER}",80')
        await host.ask("AT+CIPSTATUS", "OK", "STATE: TCP CONNECTING")
        await host.ask(f'AT+CIPSTART="TCP","{PEER}",80', "OK", "ALREADY CONNECT")
        await host.ask("AT+CIPCLOSE", "CLOSE OK")


async def test_commands_are_legal_in_their_states_only() -> None:
    async with sim800() as host:
        await host.ok("AT+CMEE=2")
        refused = "+CME ERROR: operation not allowed"
        await host.ask("AT+CIICR", refused)
        await host.ask("AT+CIFSR", "ERROR")
        await host.ask("AT+CIPSEND", refused)
        await host.ask("AT+CIPACK", refused)
        await host.ask("AT+CIPCLOSE", "ERROR")
        await host.ask('AT+CDNSGIP="plc.example"', "ERROR")
        await host.ask("AT+CIPRXGET=2,100", refused)
        await host.ok('AT+CSTT="CMNET"')
        await host.ask('AT+CSTT="CMNET"', refused)
        await host.ask("AT+CIPMUX=1", refused)
        await host.ok("AT+CIICR")
        await host.ask("AT+CIICR", refused)
        await host.ask(f'AT+CIPSTART="TCP","{PEER}",80', refused)
        await host.ask('AT+CIPSTART="SCTP","1.2.3.4",80', "+CME ERROR: Incorrect parameters")


async def test_one_link_comes_up_by_itself() -> None:
    async with sim800() as host:
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","plc.example",{port_of(server)}\r')
            await host.line("OK", "CONNECT OK")
            await host.ask("AT+CIFSR", "10.78.245.128")


async def test_connections_that_fail() -> None:
    async with sim800(up=True) as host:
        with tcp_server() as server:
            nobody = port_of(server)
        host.send(f'AT+CIPSTART="TCP","{PEER}",{nobody}\r')
        await host.line("OK", "STATE: TCP CLOSED", "CONNECT FAIL")
        host.send('AT+CIPSTART="UDP","nowhere.example",80\r')
        await host.line("OK", "STATE: UDP CLOSED", "CONNECT FAIL")


async def test_a_connection_that_nobody_answers() -> None:
    async with sim800(up=True, multi=True, times=ModemTimes.instant(connect_limit=0.01)) as host:
        host.sim.ether.silent.add(PEER)
        await host.ok(f'AT+CIPSTART=3,"TCP","{PEER}",80')
        await host.line("3, CONNECT FAIL")
        await host.ask("AT+CIPSTATUS=3", f'+CIPSTATUS: 3,0,"TCP","{PEER}","80","CLOSED"', "OK")


async def test_closing() -> None:
    async with connected() as (host, peer):
        await host.ask("AT+CIPCLOSE", "CLOSE OK")
        assert await peer.receive(1) == b""
        await host.ask("AT+CIPCLOSE", "ERROR")
    async with connected(link=2) as (host, peer):
        await host.ask("AT+CIPCLOSE=2,1", "2, CLOSE OK")
        assert await peer.receive(1) == b""
        await host.ask("AT+CIPCLOSE=2,1", "ERROR")


async def test_several_links() -> None:
    async with connected(link=0) as (host, peer):
        await host.prompt("AT+CIPSEND=0")
        host.send("TCP test\x1a")
        await host.line("0, SEND OK")
        assert await peer.receive(8) == b"TCP test"
        await peer.send(b"SIM800 TCP test\r\n")
        await host.hear("\r\n+RECEIVE,0,17:\r\nSIM800 TCP test\r\n")
        await host.ask(
            "AT+CIPSTATUS=0",
            f'+CIPSTATUS: 0,0,"TCP","{PEER}","{peer.sock.getsockname()[1]}","CONNECTED"',
            "OK",
        )
        await host.ask("AT+CIPSTATUS=2", '+CIPSTATUS: 2,,"","","","INITIAL"', "OK")
        peer.sock.close()
        await host.line("0, CLOSED")
        host.send("AT+CIPSTATUS\r")
        await host.line("OK", "STATE: IP PROCESSING")
        await host.hear('\r\nC: 0,0,"TCP","203.0.113.5","')
        await host.gather(len(str(host.sim.stack.links[0].port)))
        await host.hear('","CLOSED"\r\n')
        await host.hear("".join(f'C: {index},,"","","","INITIAL"\r\n' for index in range(1, 6)))
        await host.ask("AT+CIPSHUT", "SHUT OK")


async def test_a_seventh_link_and_a_wrong_one() -> None:
    async with sim800(up=True, multi=True) as host:
        await host.ok("AT+CMEE=1")
        await host.ask(f'AT+CIPSTART=6,"TCP","{PEER}",80', "+CME ERROR: 50")
        await host.ask("AT+CIPSEND=0,5", "+CME ERROR: 3")
        await host.ask("AT+CIPSEND", "ERROR")


@pytest.mark.parametrize("payload", [ALL_BYTES, TRAP, b"\x1a\x1b\x1a"])
async def test_a_counted_send_carries_every_byte(payload: bytes) -> None:
    async with connected(link=1) as (host, peer):
        await host.prompt(f"AT+CIPSEND=1,{len(payload)}")
        host.send(payload)
        await host.line("1, SEND OK")
        assert await peer.receive(len(payload)) == payload


async def test_send_lengths() -> None:
    async with connected() as (host, peer):
        await host.ask("AT+CIPSEND?", "+CIPSEND: 1460", "OK")
        await host.ask("AT+CIPSEND=1461", "ERROR")
        await host.ask("AT+CIPSEND=0", "ERROR")
        await host.prompt("AT+CIPSEND=1460")
        host.send(b"x" * 1460)
        await host.line("SEND OK")
        await host.prompt("AT+CIPSEND")
        host.send(b"y" * 1461)
        await host.line("ERROR")
        await host.prompt("AT+CIPSEND")
        host.send("given up\x1b")
        await host.line("OK")
        assert await peer.receive(1460) == b"x" * 1460
        await host.ask("AT+CIPACK", "+CIPACK: 1460,1460,0", "OK")


async def test_the_prompt_can_be_hidden() -> None:
    async with connected(setup=("AT+CIPSPRT=0",)) as (host, peer):
        host.send("AT+CIPSEND=5\rhello")
        await host.line("SEND OK")
        assert await peer.receive(5) == b"hello"
        await host.ok("AT+CIPSPRT=2")
        host.send("AT+CIPSEND=5\rworld")
        assert await peer.receive(5) == b"world"
        await host.quiet()


async def test_timed_sending() -> None:
    async with connected(setup=("AT+CIPATS=1,1",), times=ModemTimes(speed=50)) as (host, peer):
        await host.prompt("AT+CIPSEND")
        host.send("by time")
        await host.line("SEND OK")
        assert await peer.receive(7) == b"by time"


async def test_quick_sending() -> None:
    async with connected(setup=("AT+CIPQSEND=1",)) as (host, peer):
        await host.prompt("AT+CIPSEND")
        host.send("012345678912\x1a")
        await host.line("DATA ACCEPT:12")
        assert await peer.receive(12) == b"012345678912"
        await host.until(lambda: host.sim.stack.links[0].channel.confirmed == 12)
        await host.ask("AT+CIPACK", "+CIPACK: 12,12,0", "OK")
    async with connected(setup=("AT+CIPQSEND=1",), link=0) as (host, _peer):
        await host.prompt("AT+CIPSEND=0,10")
        host.send("1234567890")
        await host.line("DATA ACCEPT:0,10")


async def test_what_is_not_acknowledged_fills_the_send_buffer() -> None:
    async with connected(setup=("AT+CIPQSEND=1",)) as (host, _peer):
        host.sim.ether.set_up(up=False)
        for _ in range(10):
            await host.prompt("AT+CIPSEND=1460")
            host.send(bytes(1460))
            await host.line("DATA ACCEPT:1460")
        await host.ask("AT+CIPSEND?", "+CIPSEND: 0", "OK")
        await host.ask("AT+CIPACK", "+CIPACK: 14600,0,14600", "OK")
        await host.ask("AT+CIPSEND=1", "ERROR")


async def test_send_ok_waits_for_the_peer() -> None:
    async with connected(rtt=0.01) as (host, peer):
        host.sim.ether.set_up(up=False)
        await host.prompt("AT+CIPSEND=5")
        host.send("hello")
        await host.quiet()
        host.sim.ether.set_up(up=True)
        await host.line("SEND OK")
        assert await peer.receive(5) == b"hello"


async def test_send_fail_after_the_longest_wait() -> None:
    async with connected(times=ModemTimes.instant(send_limit=0.01)) as (host, _peer):
        host.sim.ether.set_up(up=False)
        await host.prompt("AT+CIPSEND=5")
        host.send("never")
        await host.line("SEND FAIL")


@pytest.mark.parametrize(
    ("setup", "header"),
    [
        ((), ""),
        (("AT+CIPHEAD=1",), "+IPD,5:"),
        (("AT+CIPHEAD=1", "AT+CIPSHOWTP=1"), "+IPD,5,TCP:"),
        (("AT+CIPSHOWTP=1",), ""),
        (("AT+CIPSRIP=1",), "RECV FROM:{peer}\r\n"),
        (("AT+CIPHEAD=1", "AT+CIPSRIP=1"), "RECV FROM:{peer}\r\n+IPD,5:"),
    ],
)
async def test_headers_of_one_link(setup: tuple[str, ...], header: str) -> None:
    async with connected(setup=setup) as (host, peer):
        await peer.send(b"hello")
        port = peer.sock.getsockname()[1]
        await host.hear(header.format(peer=f"{PEER}:{port}") + "hello")
        await host.quiet()


async def test_the_header_of_several_links_with_the_peer() -> None:
    async with connected(setup=("AT+CIPSRIP=1",), link=4) as (host, peer):
        await peer.send(TRAP)
        port = peer.sock.getsockname()[1]
        await host.hear(f"\r\n+RECEIVE,4,{len(TRAP)},{PEER}:{port}:\r\n".encode() + TRAP)


async def test_data_wait_while_the_host_is_asked() -> None:
    async with connected() as (host, peer):
        await host.prompt("AT+CIPSEND=5")
        await peer.send(b"early")
        await host.quiet()
        host.send("hello")
        await host.until(lambda: b"early" in host.heard and b"SEND OK" in host.heard)


async def test_fetching_from_one_link() -> None:
    async with connected(setup=("AT+CIPRXGET=1",)) as (host, peer):
        await peer.send(b"HELLO WORLD")
        await host.line("+CIPRXGET: 1")
        await host.ask("AT+CIPRXGET=4", "+CIPRXGET:4,11", "OK")
        host.send("AT+CIPRXGET=2,1460\r")
        await host.hear("\r\n+CIPRXGET:2,11,0\r\nHELLO WORLD\r\nOK\r\n")
        await peer.send(b"HELLO WORLD")
        await host.line("+CIPRXGET: 1")
        host.send("AT+CIPRXGET=3,730\r")
        await host.hear("\r\n+CIPRXGET:3,11,0\r\n48454C4C4F20574F524C44\r\nOK\r\n")
        await host.ask("AT+CIPRXGET=2,1461", "ERROR")
        await host.ask("AT+CIPRXGET=3,731", "ERROR")


async def test_fetching_from_several_links() -> None:
    async with connected(setup=("AT+CIPRXGET=1",), link=5) as (host, peer):
        await peer.send(ALL_BYTES)
        await host.line("+CIPRXGET: 1,5")
        host.send("AT+CIPRXGET=2,5,100\r")
        await host.hear(b"\r\n+CIPRXGET: 2,5,100,156\r\n" + ALL_BYTES[:100] + b"\r\nOK\r\n")
        await peer.send(b"more")
        await host.until(lambda: len(host.sim.stack.links[5].inbox) == 160)
        await host.ask("AT+CIPRXGET=4,5", "+CIPRXGET: 4,5,160", "OK")
        host.send("AT+CIPRXGET=2,5\r")
        await host.hear(b"\r\n+CIPRXGET: 2,5,160,0\r\n" + ALL_BYTES[100:] + b"more\r\nOK\r\n")
        await host.ask("AT+CIPRXGET=4,5", "+CIPRXGET: 4,5,0", "OK")
        host.send("AT+CIPRXGET=2,5,10\r")
        await host.hear("\r\n+CIPRXGET: 2,5,0,0\r\n\r\nOK\r\n")


async def test_what_was_not_fetched_outlives_the_connection() -> None:
    async with connected(setup=("AT+CIPRXGET=1",), link=0) as (host, peer):
        await peer.send(b"last words")
        await host.line("+CIPRXGET: 1,0")
        peer.sock.close()
        await host.line("0, CLOSED")
        port = host.sim.stack.links[0].port
        row = f'+CIPSTATUS: 0,0,"TCP","{PEER}","{port}"'
        await host.ask("AT+CIPSTATUS=0", f'{row},"REMOTE CLOSING"', "OK")
        host.send("AT+CIPRXGET=2,0,100\r")
        await host.hear("\r\n+CIPRXGET: 2,0,10,0\r\nlast words\r\nOK\r\n")
        await host.ask("AT+CIPSTATUS=0", f'{row},"CLOSED"', "OK")


async def test_fetching_is_set_before_connecting() -> None:
    async with connected() as (host, _peer):
        await host.ask("AT+CIPRXGET?", "+CIPRXGET: 0", "OK")
        await host.ask("AT+CIPRXGET=1", "ERROR")


async def test_300_kb_pushed() -> None:
    async with connected(link=0) as (host, peer):
        got = bytearray()
        stream = bytearray()
        sending = 0
        while len(got) < len(BIG):
            if sending < len(BIG):
                await peer.send(BIG[sending : sending + 5000])
                sending += 5000
            await host.until(lambda: b":\r\n" in host.heard)
            stream += bytes(host.heard)
            host.heard.clear()
            while (end := stream.find(b":\r\n")) >= 0:
                count = int(stream[:end].split(b",")[2])
                if len(stream) < end + 3 + count:
                    break
                got += stream[end + 3 : end + 3 + count]
                del stream[: end + 3 + count]
        assert bytes(got) == BIG


async def test_300_kb_fetched() -> None:
    async with connected(setup=("AT+CIPRXGET=1",), link=0) as (host, peer):
        got = bytearray()
        for start in range(0, len(BIG), 6000):
            await peer.send(BIG[start : start + 6000])
            while len(got) < min(len(BIG), start + 6000):
                got += await host.fetch("AT+CIPRXGET=2,0,1460")
        assert bytes(got) == BIG


async def test_300_kb_sent() -> None:
    async with connected(setup=("AT+CIPQSEND=1",), link=0) as (host, peer):
        got = bytearray()
        for start in range(0, len(BIG), 1460):
            piece = BIG[start : start + 1460]
            await host.prompt(f"AT+CIPSEND=0,{len(piece)}")
            host.send(piece)
            await host.line(f"DATA ACCEPT:0,{len(piece)}")
            got += await peer.receive(len(piece))
        assert bytes(got) == BIG


async def test_the_note_s_server_of_one_link() -> None:
    async with sim800(ports=(1234,)) as host:
        await host.ask("AT+CIPSERVER=1,1234", "OK", "SERVER OK")
        await host.ask("AT+CIFSR", "10.78.245.128")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: SERVER LISTENING")
        await host.ask("AT+CIPSERVER?", "+CIPSERVER: 1,1234,0,0", "OK")
        async with client(host.sim.ether.bound_port("tcp", 1234)) as peer:
            await host.line("REMOTE IP: 203.0.113.5")
            await peer.send(b"hello server")
            await host.hear("hello server")
            await host.prompt("AT+CIPSEND")
            host.send("hello client\x1a")
            await host.line("SEND OK")
            assert await peer.receive(12) == b"hello client"
            await host.ask("AT+CIPSERVER=0", "OK", "SERVER CLOSE")
            await peer.send(b"hello SIM800")
            await host.hear("hello SIM800")
            await host.ask("AT+CIPCLOSE", "CLOSE OK")
        await host.ask("AT+CIPSERVER=0", "ERROR")


async def test_the_note_s_server_of_several_links() -> None:
    async with sim800(up=True, multi=True, ports=(8888,)) as host:
        await host.ask("AT+CIPSERVER=1,8888", "OK", "SERVER OK")
        port = host.sim.ether.bound_port("tcp", 8888)
        async with client(port) as first, client(port) as second:
            await host.line("0, REMOTE IP: 203.0.113.5", "1, REMOTE IP: 203.0.113.5")
            await first.send(b"SIM800 multi connection TCP server test")
            await host.hear("\r\n+RECEIVE,0,39:\r\nSIM800 multi connection TCP server test")
            await second.send(b"two")
            await host.hear("\r\n+RECEIVE,1,3:\r\ntwo")
            host.send("AT+CIPSTATUS\r")
            await host.line("OK", "STATE: IP PROCESSING")
            await host.hear('\r\nS: 0,0,"8888","LISTENING"\r\nC: 0,0,"TCP","203.0.113.5","')
            await host.until(lambda: host.heard.endswith(b'C: 5,,"","","","INITIAL"\r\n'))
            host.heard.clear()
            await host.ask("AT+CIPSERVER=0", "OK", "SERVER CLOSE")
            await host.ask("AT+CIPCLOSE=0,1", "0, CLOSE OK")
            assert await first.receive(1) == b""
            await host.ask("AT+CIPSHUT", "SHUT OK")
            assert await second.receive(1) == b""


async def test_a_server_leaves_one_of_six_links() -> None:
    async with sim800(up=True, multi=True, ports=(8888,)) as host:
        await host.ask("AT+CIPSERVER=1,8888", "OK", "SERVER OK")
        for index in range(5):
            host.send(f'AT+CIPSTART={index},"UDP","{PEER}",9600\r')
            await host.line("OK", f"{index}, CONNECT OK")
        await host.ask(f'AT+CIPSTART=5,"UDP","{PEER}",9600', "ERROR")


async def test_two_contexts() -> None:
    async with sim800(up=True, multi=True) as host:
        with tcp_server() as server:
            host.send(f'AT+CIPSTART=0,"TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "0, CONNECT OK")
            async with accepted(server) as peer:
                await host.ok("AT+CIPSGTXT=1", 'AT+CSTT="CMWAP"', "AT+CIICR")
                await host.ask("AT+CIFSR", "10.204.70.11")
                await host.ask("AT+CSTT?", '+CSTT: "CMWAP","",""', "OK")
                host.send(f'AT+CIPSTART=1,"UDP","{PEER}",9600\r')
                await host.line("OK", "1, CONNECT OK")
                await host.ask(
                    "AT+CIPSTATUS=1", f'+CIPSTATUS: 1,1,"UDP","{PEER}","9600","CONNECTED"', "OK"
                )
                await host.ask("AT+CIPSHUT", "SHUT OK")
                await peer.send(b"still here")
                await host.hear("\r\n+RECEIVE,0,10:\r\nstill here")
                await host.ok("AT+CIPSGTXT=0")
                await host.ask("AT+CIPSHUT", "SHUT OK")
                assert await peer.receive(1) == b""


@pytest.mark.parametrize("first", ["x", "\n"])
async def test_an_lf_that_ends_a_command_begins_no_data(first: str) -> None:
    async with connected(link=0) as (host, peer):
        for end in ("\r", "\r\n"):
            host.send(f"AT+CIPSEND=0,3{end}")
            await host.hear("\r\n> ")
            host.send(f"{first}yz")
            await host.line("0, SEND OK")
            assert await peer.receive(3) == f"{first}yz".encode()
