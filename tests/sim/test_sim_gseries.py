"""The G series as its note shows it and hardware prints it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sim_ch392 import Peer, accepted, datagram, port_of, tcp_server, udp_peer
from sim_modem import PEER, Terminal, terminal

from chiplink.sim import GSeriesSim, ModemTimes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BIG = bytes(index * 13 % 247 for index in range(300_000))


@asynccontextmanager
async def gseries(*, up: bool = True, **options: Any) -> AsyncIterator[Terminal]:
    """A G series modem without echo; up: after the note's chapter 2."""
    async with terminal(GSeriesSim, **options) as host:
        if up:
            await host.ok("AT+CGATT=1", 'AT+CGDCONT=1,"IP","CMNET"', "AT+CGACT=1,1")
        yield host


@asynccontextmanager
async def connected(*setup: str, **options: Any) -> AsyncIterator[tuple[Terminal, Peer]]:
    async with gseries(**options) as host:
        await host.ok(*setup)
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT OK")
            async with accepted(server) as peer:
                yield host, peer


async def test_the_note_s_beginning() -> None:
    async with gseries(up=False) as host:
        host.send("ATI\r")
        await host.hear(
            "\r\nKingcom_Ltd\r\nKingcom_G3524\r\n\r\n"
            "Revision: G3524_SHNZ_B5_R04_A01_D160927\r\n\r\nOK\r\n"
        )
        await host.ask("AT+CPIN?", "+CPIN:READY", "OK")
        await host.ask("AT+CREG?", "+CREG: 1,1", "OK")
        await host.ok("AT+CGATT=1", 'AT+CGDCONT=1,"IP","CMNET"', "AT+CGACT=1,1")
        await host.ask("AT+CGACT?", "+CGACT: 1,1", "OK")
        await host.ask("AT+CGDCONT?", '+CGDCONT: 1,"IP","CMNET","",0,0', "OK")


async def test_states_and_addresses() -> None:
    async with gseries() as host:
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP INITIAL", "OK")
        await host.ask("AT+CIFSR", "ERROR")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT OK")
            async with accepted(server) as peer:
                await host.ask("AT+CIPSTATUS", "+IPSTATUS: CONNECT OK", "OK")
                await host.ask("AT+CIFSR", "10.36.76.255", "OK")
                await host.ok("AT+CIPCLOSE")
                assert await peer.receive(1) == b""
                await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP CLOSE", "OK")
                await host.ask("AT+CIFSR", "10.36.76.255", "OK")
                await host.ask("AT+CIPCLOSE", "ERROR")
                await host.ok("AT+CIPSHUT")
                await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP INITIAL", "OK")


async def test_test_forms() -> None:
    async with gseries() as host:
        await host.ask("AT+CIFSR=?", "+CIFSR:", "OK")
        await host.ask("AT+CIFSR?", "+CIFSR:", "OK")
        await host.ask(
            "AT+CIPSTART=?",
            '+CIPSTART: ("TCP","UDP"),("(0,255).(0,255).(0,255).(0,255)"),(0-65535)',
            "OK",
        )
        await host.ok("AT+CIPSEND=?", "AT+CIPCLOSE=?", "AT+CIPSTATUS?")
        await host.ask("AT+CIPSTATUS=?", "+CIPSTATUS:", "OK")
        await host.ask("AT+CIPHEAD=?", "+CIPHEAD: (0,1)", "OK")
        await host.ask("AT+CIPHEAD?", "+CIPHEAD: 0", "OK")
        await host.ask("AT+CIPHEAD=2", "ERROR")
        await host.ask('AT+CIPSTART="TCP",""', "ERROR")
        await host.ask(f'AT+CIPSTART="TCP","{PEER}",70000', "ERROR")


async def test_sending() -> None:
    async with connected() as (host, peer):
        await host.prompt("AT+CIPSEND")
        host.send("1\x1a")
        await host.line("OK")
        assert await peer.receive(1) == b"1"
        await host.prompt("AT+CIPSEND")
        host.send("\x1a")
        await host.line("ERROR")
        await host.ask("AT+CIPSEND=5", "ERROR")
        await host.prompt("AT+CIPSEND")
        host.send(bytes(1461))
        await host.line("ERROR")
    async with gseries() as host:
        await host.ask("AT+CIPSEND", "ERROR")


@pytest.mark.parametrize(
    ("setup", "quirk", "header"),
    [
        ((), "", ""),
        (("AT+CIPHEAD=1",), "", "\r\n+IPD:11\r\n"),
        (("AT+CIPHEAD=1",), "ipd-comma", "\r\n+IPD,11:"),
        (("AT+CIPHEAD=1",), "ipd-spaced", "\r\n+IPD, 11:"),
        ((), "ciprcv", "\r\n+CIPRCV:11,"),
    ],
)
async def test_headers(setup: tuple[str, ...], quirk: str, header: str) -> None:
    async with connected(*setup) as (host, peer):
        if quirk:
            host.sim.faults.switch_on(quirk)
        await peer.send(b"KINGCOMTEST")
        await host.hear(header + "KINGCOMTEST")
        await host.quiet()


async def test_the_peer_closes() -> None:
    async with connected() as (host, peer):
        peer.sock.close()
        await host.line("CLOSED")
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP CLOSE", "OK")
    async with connected() as (host, peer):
        host.sim.faults.switch_on("ciprcv")
        peer.sock.close()
        await host.line("+TCPCLOSED:0")


async def refused(host: Terminal, host_name: str = PEER, port: int = 80) -> None:
    host.send(f'AT+CIPSTART="TCP","{host_name}",{port}\r')
    await host.line("OK", "+CME ERROR: 50")


async def test_five_causes_of_one_error() -> None:
    async with gseries(up=False) as host:
        await refused(host)
    async with gseries() as host:
        with tcp_server() as server:
            nobody = port_of(server)
        await refused(host, port=nobody)
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP STATUS", "OK")
        await host.ask("AT+CIFSR", "ERROR")
        await refused(host, "nowhere.example")
        host.sim.faults.switch_on("cme50=1")
        await refused(host)
    async with connected() as (host, _peer):
        await refused(host)
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: CONNECT OK", "OK")


async def test_nobody_answers() -> None:
    async with gseries(times=ModemTimes.instant(connect_limit=0.01)) as host:
        host.sim.ether.silent.add(PEER)
        host.send(f'AT+CIPSTART="TCP","{PEER}",80\r')
        await host.line("OK", "COMMAND NO RESPONSE!")
        host.sim.faults.switch_on("no-response=1")
        host.sim.ether.silent.clear()
        host.send(f'AT+CIPSTART="TCP","{PEER}",80\r')
        await host.line("OK", "COMMAND NO RESPONSE!")


async def test_an_error_that_lands_in_the_next_reply() -> None:
    async with gseries() as host:
        host.sim.faults.switch_on("late-connect-fail=1")
        await host.ok(f'AT+CIPSTART="TCP","{PEER}",80')
        await host.ask("AT+CSQ", "+CME ERROR: 50", "+CSQ: 20,99", "OK")


async def test_quirks_of_order_and_names() -> None:
    async with gseries() as host:
        host.sim.faults.switch_on("connect-first")
        host.sim.faults.switch_on("shut-ok")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("CONNECT OK", "OK")
            async with accepted(server):
                await host.ask("AT+CIPSHUT", "SHUT OK")


async def test_udp() -> None:
    async with gseries() as host:
        with udp_peer() as peer:
            host.send(f'AT+CIPSTART="UDP","{PEER}",{port_of(peer)}\r')
            await host.line("OK", "CONNECT OK")
            await host.prompt("AT+CIPSEND")
            host.send("ping\x1a")
            await host.line("OK")
            data, address = await datagram(peer)
            assert data == b"ping"
            peer.sendto(b"pong", address)
            await host.hear("pong")


async def test_the_context_goes_away() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("pdp-deact")
        await host.line("CLOSED")
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: PDP DEACT", "OK")
        await refused(host)
        await host.ok("AT+CIPCLOSE")
        await refused(host)
        await host.ok("AT+CGACT=0,1", "AT+CGACT=1,1")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT OK")


async def test_the_host_takes_the_context_away() -> None:
    async with connected() as (host, peer):
        await host.ok("AT+CGACT=0,1")
        assert await peer.receive(1) == b""
        await host.ask("AT+CIPSTATUS", "+IPSTATUS: IP INITIAL", "OK")


async def test_faults_of_sending() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("send-fail=1")
        await host.prompt("AT+CIPSEND")
        host.send("x\x1a")
        await host.line("ERROR")
        host.sim.faults.switch_on("closed-during-send")
        await host.prompt("AT+CIPSEND")
        host.send("x\x1a")
        await host.line("CLOSED", "ERROR")


async def test_300_kb_pushed_and_sent() -> None:
    async with connected("AT+CIPHEAD=1") as (host, peer):
        got, stream, sending = bytearray(), bytearray(), 0
        while len(got) < len(BIG):
            if sending < len(BIG):
                await peer.send(BIG[sending : sending + 5000])
                sending += 5000
            await host.until(lambda: host.heard)
            stream += bytes(host.heard)
            host.heard.clear()
            while stream:
                end = stream.find(b"\r\n", 2)
                count = int(stream[7:end])
                got += stream[end + 2 : end + 2 + count]
                del stream[: end + 2 + count]
        assert bytes(got) == BIG
        text = BIG.translate(bytes.maketrans(b"\x1a\x1b", b"zz"))
        for start in range(0, len(text), 1460):
            piece = text[start : start + 1460]
            await host.prompt("AT+CIPSEND")
            host.send(piece + b"\x1a")
            await host.line("OK")
            assert await peer.receive(len(piece)) == piece


async def test_no_transparent_mode() -> None:
    async with gseries() as host:
        await host.ask("ATO", "NO CARRIER")
        await host.ask("AT+CIPMODE=1", "ERROR")
