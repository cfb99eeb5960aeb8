"""What can be wrong with the simulated modems, switched on by name."""

import asyncio

import pytest
import serial
from sim_ch392 import accepted, port_of, tcp_server
from sim_modem import PEER, Terminal, terminal
from sim_sim800 import connected, sim800
from sim_support import until

from chiplink.sim import (
    Ether,
    GSeriesSim,
    ModemTimes,
    PtyLine,
    Sim800Sim,
    Sim7028Sim,
    faults_of,
)
from chiplink.sim.events import BytesDropped
from chiplink.sim.modem import ModemSim
from chiplink.sim.modem_faults import MODEM_FAULTS, TRAP_PAYLOAD

MODEMS = {"sim800": Sim800Sim, "sim7028": Sim7028Sim, "gseries": GSeriesSim}
BIG = bytes(index * 7 % 251 for index in range(60_000))


@pytest.mark.parametrize("chip", MODEMS)
def test_every_modem_has_the_common_faults(chip: str) -> None:
    table = faults_of(chip)
    assert set(MODEM_FAULTS) <= set(table)
    for name, fault in table.items():
        assert fault.name == name
        assert fault.describe
        assert len(name) < 20


@pytest.mark.parametrize("kind", MODEMS.values())
async def test_no_answer_lost_answer_and_error(kind: type[ModemSim]) -> None:
    async with terminal(kind) as host:
        host.sim.faults.switch_on("no-answer=1,csq")
        host.send("AT+CSQ\r")
        await host.quiet()
        host.sim.faults.switch_on("lost-answer=1,cmee")
        host.send("AT+CMEE=1\r")
        await host.quiet()
        await host.ask("AT+CMEE?", "+CMEE: 1", "OK")
        host.sim.faults.switch_on("error=1,csq")
        await host.ask("AT+CSQ", "ERROR")
        await host.ok("AT")


@pytest.mark.parametrize("kind", MODEMS.values())
async def test_lines_inside_a_reply(kind: type[ModemSim]) -> None:
    async with terminal(kind) as host:
        host.sim.faults.switch_on("urc-inside-reply=2,cgsn")
        imei = kind.MODEL.identity.imei
        await host.ask("AT+CGSN", "+CREG: 1", imei, "+CSQ: 21,0", "OK")
        await host.ask("AT+CGSN", imei, "OK")
        host.sim.faults.switch_on("time-urcs=1,cimi")
        await host.ask(
            "AT+CIMI",
            "+CTZV: +32,0",
            '*PSUTTZ: 2026,11,20,13,25,2,"+32",0',
            "DST: 0",
            '+CIEV: 10,"46000","CMCC","CMCC", 0, 0',
            "460001234567890",
            "OK",
        )
        host.sim.faults.switch_on("under-voltage=1,cmee")
        await host.ask("AT+CMEE?", "UNDER-VOLTAGE WARNNING", "+CMEE: 0", "OK")


async def test_quirks_of_lines() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.faults.switch_on("double-cr=1")
        host.send("AT+CSQ\r")
        await host.hear("\r\n+CSQ: 20,0\r\r\n\r\nOK\r\n")
        host.sim.faults.switch_on("lf-error")
        host.send("AT\r\n")
        await host.until(lambda: len(host.heard) >= 15)
        assert sorted(bytes(host.heard).split()) == [b"ERROR", b"OK"]


@pytest.mark.parametrize("kind", MODEMS.values())
async def test_a_restart_by_itself(kind: type[ModemSim]) -> None:
    async with terminal(kind) as host:
        await host.ok("AT+CMEE=1")
        host.sim.faults.switch_on("boot-junk")
        host.sim.faults.switch_on("restart=1ms")
        await host.hear(bytes.fromhex("00 49 49 49 49 FF FF FF FF"))
        await host.line("RDY", "+CFUN: 1")
        await host.until(lambda: host.heard.endswith(b"\r\nSMS Ready\r\n"))
        host.heard.clear()
        host.send("ATE0\r")
        await host.until(lambda: host.heard.endswith(b"\r\nOK\r\n"))
        host.heard.clear()
        await host.ask("AT+CMEE?", "+CMEE: 0", "OK")


async def test_a_power_dip() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.faults.switch_on("power-dip")
        await host.line("UNDER-VOLTAGE POWER DOWN", "RDY", "+CFUN: 1", "+CPIN: READY")


async def test_a_restart_while_a_name_is_asked_for() -> None:
    async with terminal(Sim7028Sim) as host:
        host.send("AT+NETOPEN\r")
        await host.line("OK", "+NETOPEN: 0")
        host.send('AT+CDNSGIP="plc.example"\r')
        await host.until(lambda: host.sim.port.busy)
        host.sim.restart()
        await host.line("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready")
        await host.quiet()


async def test_lines_before_a_prompt() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("urc-inside-reply=1,cipsend")
        await host.prompt("AT+CIPSEND=5", "\r\n+CREG: 1\r\n\r\n> ")


async def test_a_restart_loses_links_and_what_was_begun() -> None:
    async with connected() as (host, peer):
        await host.prompt("AT+CIPSEND=5")
        host.send("he")
        host.sim.restart("test")
        host.send("llo")
        assert isinstance(host.events[-1], BytesDropped)
        await host.line("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready")
        # The peer notices when there is a network again.
        with pytest.raises(ConnectionResetError):
            await peer.receive(1)
        host.send("ATE0\r")
        await host.hear("ATE0\r\r\nOK\r\n")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: IP INITIAL")


async def test_the_context_of_one_link_goes_away() -> None:
    async with connected() as (host, _peer):
        host.sim.faults.switch_on("pdp-deact=1ms")
        await host.line("+PDP: DEACT")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: PDP DEACT")
        await host.ask("AT+CIFSR", "ERROR")
        await host.ask('AT+CSTT="x"', "ERROR")
        await host.ask("AT+CIPSHUT", "SHUT OK")
        await host.ok('AT+CSTT="x"', "AT+CIICR")


async def test_losing_the_network_takes_the_context() -> None:
    async with connected(link=1) as (host, _peer):
        host.sim.faults.switch_on("no-network=0ms,20ms")
        await host.line("+PDP: DEACT")
        await host.ask("AT+CIPSEND=1,5", "ERROR")
        await host.until(lambda: host.sim.radio.registered)
        await host.ask("AT+CIPSHUT", "SHUT OK")
        await host.ok('AT+CSTT="x"', "AT+CIICR")


async def test_a_context_that_does_not_come_up() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.lose_network()
        await host.ok('AT+CSTT="x"')
        await host.ask("AT+CIICR", "ERROR")
        await host.ask("AT+CIPSTATUS", "OK", "STATE: PDP DEACT")


async def test_the_context_goes_away_in_transparent_mode() -> None:
    async with sim800() as host:
        await host.ok("AT+CIPMODE=1")
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.line("OK", "CONNECT")
            async with accepted(server):
                host.sim.faults.switch_on("pdp-deact")
                await host.line("+PDP: DEACT")
                await host.ok("AT")


async def test_sends_that_fail() -> None:
    async with connected(link=0) as (host, _peer):
        host.sim.faults.switch_on("send-fail=1")
        await host.prompt("AT+CIPSEND=0,5")
        host.send("hello")
        await host.line("0, SEND FAIL")
        host.sim.faults.switch_on("closed-during-send")
        await host.prompt("AT+CIPSEND=0,5")
        host.send("hello")
        await host.line("0, CLOSED", "0, SEND FAIL")
        await host.ask("AT+CIPSEND=0,5", "ERROR")


async def test_sends_fail_while_data_are_unread() -> None:
    async with connected(setup=("AT+CIPRXGET=1",)) as (host, peer):
        host.sim.faults.switch_on("send-fail-unread")
        await peer.send(b"unread")
        await host.line("+CIPRXGET: 1")
        await host.prompt("AT+CIPSEND=5")
        host.send("hello")
        await host.line("SEND FAIL")
        host.send("AT+CIPRXGET=2,10\r")
        await host.hear("\r\n+CIPRXGET:2,6,0\r\nunread\r\nOK\r\n")
        await host.prompt("AT+CIPSEND=5")
        host.send("hello")
        await host.line("SEND OK")


async def test_a_connection_that_fails_late() -> None:
    async with sim800(up=True, multi=True) as host:
        host.sim.faults.switch_on("late-connect-fail")
        await host.ok(f'AT+CIPSTART=0,"TCP","{PEER}",80')
        await host.ask("AT+CSQ", "0, CONNECT FAIL", "+CSQ: 20,0", "OK")


async def test_a_lost_notice_is_not_repeated() -> None:
    async with connected(setup=("AT+CIPRXGET=1",)) as (host, peer):
        host.sim.faults.switch_on("lost-notice=1")
        await peer.send(b"one")
        await host.until(lambda: len(host.sim.stack.links[0].inbox) == 3)
        await peer.send(b"two")
        await host.until(lambda: len(host.sim.stack.links[0].inbox) == 6)
        await host.quiet()
        await host.ask("AT+CIPRXGET=4", "+CIPRXGET:4,6", "OK")


async def test_the_manual_s_prefix() -> None:
    async with sim800(up=True, multi=True) as host:
        host.sim.faults.switch_on("no-space")
        host.send(f'AT+CIPSTART=0,"UDP","{PEER}",80\r')
        await host.line("OK", "0,CONNECT OK")


async def test_payloads_that_look_like_lines() -> None:
    async with connected(link=0) as (host, peer):
        host.sim.faults.switch_on("payload-ok")
        await peer.send(b"x")
        count = 1 + len(TRAP_PAYLOAD)
        await host.hear(f"\r\n+RECEIVE,0,{count}:\r\nx".encode() + TRAP_PAYLOAD)


@pytest.mark.parametrize("fault", ["flip-out=#3", "lose-in=#2", "double-out=#1", "split-out"])
async def test_the_line_s_faults_work_too(fault: str) -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.faults.switch_on(fault)
        host.send("AT+CSQ\r")
        if fault.startswith("lose"):
            await host.quiet()
        else:
            await host.until(lambda: len(host.heard) >= 20)
        assert bytes(host.heard).startswith(b"\r\n+CSQ: 20,0\r\n") == (fault == "split-out")


async def test_a_paced_pseudo_terminal_loses_nothing() -> None:
    """What a program reads in time arrives whole and in order, at a rate and paced twice."""
    ether = Ether(address_map={PEER: "127.0.0.1"})
    sim = Sim800Sim(ether=ether, times=ModemTimes(speed=100, escape=0.02), ipr=921600)

    def connect(port: serial.Serial, number: int) -> None:
        port.write(b"ATE0\r")
        port.read_until(b"\r\nOK\r\n")
        port.write(f'AT+CIPSTART="TCP","{PEER}",{number}\r'.encode())
        port.read_until(b"\r\nCONNECT OK\r\n")

    try:
        with tcp_server() as server:
            async with PtyLine(sim, pace=True) as line:
                await until(sim, lambda: sim.radio.attached)
                with serial.Serial(line.path, 921600, timeout=20) as port:
                    await asyncio.to_thread(connect, port, port_of(server))
                    async with accepted(server) as peer:
                        for start in range(0, len(BIG), 3000):
                            await peer.send(BIG[start : start + 3000])
                            got = await asyncio.to_thread(port.read, 3000)
                            assert got == BIG[start : start + 3000]
                assert line.dropped == 0
    finally:
        sim.close()


async def test_a_host_that_does_not_read_stops_the_peer() -> None:
    """While the line is busy the window closes, so nothing piles up in the modem."""
    ether = Ether(address_map={PEER: "127.0.0.1"})
    sim = Sim800Sim(ether=ether, times=ModemTimes(speed=1000), ipr=115200)
    host = Terminal(sim)
    try:
        await host.until(lambda: sim.radio.attached and b"SMS Ready" in host.heard)
        with tcp_server() as server:
            host.send(f'AT+CIPSTART="TCP","{PEER}",{port_of(server)}\r')
            await host.until(lambda: b"CONNECT OK" in host.heard)
            host.heard.clear()
            async with accepted(server) as peer:
                peer.sock.setblocking(False)
                await peer.send(BIG)
                assert sim.port.room >= 0
                await host.until(lambda: len(host.heard) >= len(BIG))
        assert bytes(host.heard)[: len(BIG)] == BIG
    finally:
        sim.close()
