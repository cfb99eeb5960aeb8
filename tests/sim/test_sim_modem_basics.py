"""What every simulated modem does: lines, echo, rates, card, network, settings, boot."""

import asyncio

import pytest
import serial
from sim_modem import terminal
from sim_support import until

from chiplink.sim import GSeriesSim, ModemTimes, PtyLine, Sim800Sim, Sim7028Sim
from chiplink.sim.modem import ModemSim
from chiplink.sim.modem_at import BadLineError, Command, parse_line
from chiplink.sim.modem_escape import Escape
from chiplink.sim.modem_events import LineTaken, RegistrationChanged

MODEMS = [Sim800Sim, Sim7028Sim, GSeriesSim]
BOOT = "\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\nCall Ready\r\n\r\nSMS Ready\r\n"


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("", []),
        ("E0", [Command("E", "execute", ("0",))]),
        ("&FZE0&W", [Command("&F"), Command("Z"), Command("E", "execute", ("0",)), Command("&W")]),
        ("+CSQ", [Command("+CSQ")]),
        ("+cpin?", [Command("+CPIN", "read")]),
        ("+CIPMUX=?", [Command("+CIPMUX", "test")]),
        ("+CIFSR;E0", [Command("+CIFSR"), Command("E", "execute", ("0",))]),
        (
            '+CSTT="a;b,c",,"";+CIICR',
            [Command("+CSTT", "write", ("a;b,c", "", "")), Command("+CIICR")],
        ),
        ("E0;+IFC=1,1", [Command("E", "execute", ("0",)), Command("+IFC", "write", ("1", "1"))]),
        ("S3?", [Command("S3", "read")]),
        ("D*99#", [Command("D", "write", ("*99#",))]),
    ],
)
def test_command_lines(line: str, commands: list[Command]) -> None:
    assert parse_line(line) == commands


@pytest.mark.parametrize("line", ["+", "1", '+CSTT="open', "+CSQ!", "\x00"])
def test_lines_that_are_none(line: str) -> None:
    with pytest.raises(BadLineError):
        parse_line(line)


@pytest.mark.parametrize("kind", MODEMS)
async def test_boot_and_echo(kind: type[ModemSim]) -> None:
    async with terminal(kind, ready=False) as host:
        await host.until(lambda: b"SMS Ready" in host.heard and host.sim.radio.attached)
        text = bytes(host.heard).decode().replace("+CPIN:READY", "+CPIN: READY")
        assert text.replace("\r\n+CREG: 1\r\n", "").replace("\r\n+CREG: 2\r\n", "") == BOOT
        host.heard.clear()
        host.send("AT\r")
        await host.hear("AT\r\r\nOK\r\n")
        host.send("ATE0\r")
        await host.hear("ATE0\r\r\nOK\r\n")
        await host.ok("AT", "at", "AT;")
        await host.ask("AT+NONSENSE", "ERROR")
        await host.ask("ATV1+", "ERROR")


@pytest.mark.parametrize("kind", MODEMS)
async def test_bytes_cut_anywhere(kind: type[ModemSim]) -> None:
    async with terminal(kind) as host:
        for byte in b"AT+CSQ\r":
            host.send(bytes([byte]))
            await asyncio.sleep(0)
        await host.until(lambda: host.heard.endswith(b"\r\nOK\r\n"))
        assert bytes(host.heard).startswith(b"\r\n+CSQ: 20,")


async def test_ends_of_lines_and_typing() -> None:
    async with terminal(Sim800Sim) as host:
        host.send("AT\r\n")
        await host.line("OK")
        host.send("\r\n\r\nAT+CSQ\n")
        await host.line("+CSQ: 20,0", "OK")
        host.send("AT+CSX\x08Q\r")
        await host.line("+CSQ: 20,0", "OK")
        host.send("A/\r")
        await host.line("+CSQ: 20,0", "OK")
        host.send("hello\r")
        await host.quiet()
        assert host.of(LineTaken)[-1] == LineTaken("hello", "no AT")
        host.send("junk AT\r")
        await host.line("OK")
        host.send("AT" + "x" * 600 + "\r")
        await host.line("ERROR")


async def test_commands_wait_for_the_one_before() -> None:
    async with terminal(Sim800Sim) as host:
        host.send('AT+CSTT="x"\rAT+CIICR\rAT+CIFSR\r')
        await host.line("OK", "OK", "10.78.245.128")


async def test_results_as_numbers() -> None:
    async with terminal(Sim800Sim) as host:
        host.send("ATV0\r")
        await host.hear("0\r")
        host.send("AT+NONSENSE\r")
        await host.hear("4\r")
        host.send("ATV1\r")
        await host.line("OK")


async def test_forced_ok() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok('AT+CSTT="x";+CIICR')
        await host.ask("AT+CIFSR;E0", "10.78.245.128", "OK")
        await host.ask("AT+CIFSR;+NONSENSE", "10.78.245.128", "ERROR")


@pytest.mark.parametrize(
    ("mode", "text"), [(0, "ERROR"), (1, "+CME ERROR: 10"), (2, "+CME ERROR: SIM not inserted")]
)
async def test_error_modes(mode: int, text: str) -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok(f"AT+CMEE={mode}")
        host.sim.remove_sim()
        await host.line("+CPIN: NOT INSERTED")
        await host.ask("AT+CPIN?", text)
        await host.ask("AT+CIMI", text)


async def test_identity() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ask("AT+CGMI", "SIMCOM_Ltd", "OK")
        await host.ask("AT+CGMM", "SIMCOM_SIM800L", "OK")
        await host.ask("AT+CGMR", "Revision:1418B05SIM800L24", "OK")
        await host.ask("AT+CGSN", "866770051234567", "OK")
        await host.ask("AT+GSN", "866770051234567", "OK")
        await host.ask("AT+CIMI", "460001234567890", "OK")
        await host.ask("AT+CCID", "89860012345678901234", "OK")
        await host.ask("AT+CNUM", '+CNUM: "","+8613800138000",145,7,4', "OK")
        await host.ok("AT+CGSN=?", "AT+CLCC")
    async with terminal(Sim7028Sim) as host:
        host.send("ATI\r")
        await host.hear(
            "\r\nManufacturer: SIMCOM INCORPORATED\r\nModel: SIMCOM_SIM7028\r\n"
            "Revision: 2110B05SIM7028\r\nIMEI: 867770051234560\r\n\r\nOK\r\n"
        )


@pytest.mark.parametrize(
    "command",
    [
        "AT+CLTS=1", "AT+CIURC=0", "AT&W", "AT+CMER=3,0,0,1", "AT+CTZR=1", "AT+CTZU=1",
        "AT+IFC=2,2", "AT+CBATCHK=1", "AT+CLIP=1", "AT+CMGF=1", "AT&D1", "AT&C1", "ATS0=0",
        "ATX4", "ATZ", "AT+CSCLK=0", "AT+ICF=3,3", "AT&F", 'AT+CSCS="GSM"', "AT+CGREG=2",
        "AT+CNMI=2,1,0,0,0", "ATE0;+IFC=1,1", "AT+CGATT=1", 'AT+CGDCONT=1,"IP","x"',
        "AT+CGACT=1,1", "AT+CFUN=1",
    ],
)  # fmt: skip
async def test_what_drivers_in_the_field_send(command: str) -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok('AT+CGDCONT=1,"IP","x"')
        host.send(command + "\r")
        await host.until(lambda: host.heard.endswith(b"\r\nOK\r\n"))


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("AT+CBC", "+CBC: 0,85,4100"),
        ("AT+CSMINS?", "+CSMINS: 0,1"),
        ("AT+CSPN?", '+CSPN: "CMCC",0'),
        ("AT+CFUN?", "+CFUN: 1"),
        ("AT+CFUN=?", "+CFUN: (0,1,4),(0,1)"),
        ("AT+IPR?", "+IPR: 115200"),
        ("AT+CSQ=?", "+CSQ: (0-31,99),(0-7,99)"),
        ("AT+CGREG?", "+CGREG: 0,1"),
        ("AT+CIPSSL=?", "+CIPSSL: (0,1)"),
        ("AT+CIPTKA=?", "+CIPTKA: (0,1),(30-7200),(30-600),(1-9)"),
        ("AT+CIPTKA?", "+CIPTKA: 1,7200,75,9"),
        ("AT+CIPQSEND?", "+CIPQSEND: 0"),
        ("AT+CIPCCFG?", "+CIPCCFG: 5,2,1024,1,0,1460,50"),
        ("AT+CIPSPRT?", "+CIPSPRT: 1"),
        ("AT+CIPATS?", "+CIPATS: 0,1"),
        ("AT+CIPMODE=?", "+CIPMODE: (0-NORMAL MODE,1-TRANSPARENT MODE)"),
        ("AT+CSTT?", '+CSTT: "CMNET","",""'),
        ("AT+CSTT=?", '+CSTT: "APN","USER","PWD"'),
        ("AT+CIPSERVER=?", "+CIPSERVER: (0,1),(1-65535)"),
        ("AT+CIPSERVER?", "+CIPSERVER: 0"),
        ("AT+CIPRXGET=?", "+CIPRXGET: (0-4),(1-1460)"),
        ("AT+CIPSEND=?", "+CIPSEND: <length>"),
        ("AT+SPIC", "+SPIC: 3,10,3,10"),
        ("AT+CGPADDR=1", '+CGPADDR: 1,"0.0.0.0"'),
        ("AT+COPS=?", '+COPS: (2,"CHINA MOBILE","CHINA MOBILE","46000"),,(0-4),(0-2)'),
    ],
)
async def test_what_drivers_in_the_field_ask(command: str, line: str) -> None:
    async with terminal(Sim800Sim) as host:
        await host.ask(command, line, "OK")


@pytest.mark.parametrize(
    "command", ["AT+CEREG?", "AT+CIPSSL=1", "AT+CIPTIMEOUT?", "AT+CREG=3", "AT+IFC=3", "AT+CFUN=9"]
)
async def test_what_a_sim800_refuses(command: str) -> None:
    async with terminal(Sim800Sim) as host:
        await host.ask(command, "ERROR")


class Pluses:
    """What an Escape makes of what it is fed."""

    def __init__(self) -> None:
        self.told: list[bytes | None] = []
        self.changed = asyncio.Event()
        self.escape = Escape(0.005, self._tell, lambda: self._tell(None))

    def _tell(self, data: bytes | None) -> None:
        self.told.append(data)
        self.changed.set()

    async def silence(self) -> None:
        """Wait longer than the guard, by the loop's own clock."""
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, done.set_result, None)
        await done

    async def next(self) -> bytes | None:
        async with asyncio.timeout(20):
            while not self.told:
                self.changed.clear()
                await self.changed.wait()
        return self.told.pop(0)


async def test_three_pluses_in_silence() -> None:
    pluses = Pluses()
    await pluses.silence()
    pluses.escape.feed(b"+")
    pluses.escape.feed(b"++")
    assert await pluses.next() is None


@pytest.mark.parametrize("pieces", [[b"++", b"+x"], [b"+++", b"+"], [b"++++"], [b"a+++"]])
async def test_pluses_with_company_are_data(pieces: list[bytes]) -> None:
    pluses = Pluses()
    await pluses.silence()
    for piece in pieces:
        pluses.escape.feed(piece)
    assert b"".join(data or b"!" for data in pluses.told) == b"".join(pieces)


async def test_two_pluses_are_data() -> None:
    pluses = Pluses()
    await pluses.silence()
    pluses.escape.feed(b"++")
    assert await pluses.next() == b"++"


async def test_signal() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.set_signal(7)
        await host.ask("AT+CSQ", "+CSQ: 7,0", "OK")
        host.sim.set_signal(99)
        await host.ask("AT+CSQ", "+CSQ: 99,0", "OK")
        with pytest.raises(ValueError, match="32"):
            host.sim.set_signal(32)


async def test_registration_over_time() -> None:
    async with terminal(Sim800Sim) as host:
        states = [event.state for event in host.of(RegistrationChanged)]
        assert states == [2, 1]
        await host.ok("AT+CREG=2", "AT+CGREG=1")
        await host.ask("AT+CREG?", '+CREG: 2,1,"1A2B","3C4D"', "OK")
        host.sim.lose_network()
        await host.line("+CREG: 2", "+CGREG: 2")
        await host.ask("AT+CSQ", "+CSQ: 99,0", "OK")
        await host.ask("AT+COPS?", "+COPS: 0", "OK")
        await host.ask("AT+CGATT?", "+CGATT: 0", "OK")
        await host.ask("AT+CGATT=1", "ERROR")
        host.sim.find_network()
        await host.line("+CREG: 2".replace("2", '1,"1A2B","3C4D"'), "+CGREG: 1")
        await host.ok("AT+COPS=3,2")
        await host.ask("AT+COPS?", '+COPS: 0,2,"46000"', "OK")


@pytest.mark.parametrize("stat", [3, 5])
async def test_other_ways_to_register(stat: int) -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.radio.registers_as = stat
        host.sim.lose_network()
        host.sim.find_network()
        await host.until(lambda: host.sim.radio.state == stat)
        await host.ask("AT+CREG?", f"+CREG: 0,{stat}", "OK")


async def test_deregistering() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok("AT+COPS=2")
        await host.ask("AT+CREG?", "+CREG: 0,0", "OK")
        host.sim.remove_sim()
        await host.line("+CPIN: NOT INSERTED")
        await host.ok("AT+COPS=0")
        assert not host.sim.radio.registered
        host.sim.insert_sim()
        await host.until(lambda: host.sim.radio.registered)


async def test_pin() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok("AT+CMEE=1")
        await host.ask('AT+CPIN="1234"', "+CME ERROR: 3")
        host.sim.faults.switch_on("pin-needed")
        await host.line("+CPIN: SIM PIN")
        await host.ask("AT+CPIN?", "+CPIN: SIM PIN", "OK")
        await host.ask("AT+CREG?", "+CREG: 0,0", "OK")
        await host.ask("AT+CIMI", "+CME ERROR: 11")
        await host.ask('AT+CPIN="0000"', "+CME ERROR: 16")
        await host.ask("AT+SPIC", "+SPIC: 2,10,3,10", "OK")
        host.send('AT+CPIN="1234"\r')
        await host.line("OK", "+CPIN: READY", "Call Ready", "SMS Ready")
        await host.until(lambda: host.sim.radio.registered)
        await host.ask("AT+SPIC", "+SPIC: 3,10,3,10", "OK")


async def test_puk() -> None:
    async with terminal(Sim7028Sim) as host:
        await host.ok("AT+CMEE=2")
        host.sim.faults.switch_on("pin-needed")
        host.sim.faults.switch_on("pin-wrong")
        await host.line("+CPIN: SIM PIN")
        await host.ask('AT+CPIN="1234"', "+CME ERROR: incorrect password")
        await host.ask('AT+CPIN="1234"', "+CME ERROR: incorrect password")
        host.send("AT+CPINR\r")
        await host.hear("\r\n+CPINR: SIM PIN,1,3\r\n+CPINR: SIM PUK,10,10\r\n\r\nOK\r\n")
        host.send('AT+CPIN="1234"\r')
        await host.line("+CME ERROR: incorrect password", "+CPIN: SIM PUK")
        await host.ask('AT+CPIN="1234"', "+CME ERROR: SIM PUK required")
        await host.ask('AT+CPIN="87654321","9999"', "+CME ERROR: incorrect password")
        assert host.sim.card.puk_tries == 9
        host.send('AT+CPIN="12345678","9999"\r')
        await host.line("OK", "+CPIN: READY", "Call Ready", "SMS Ready")
        assert host.sim.card.pin == "9999"


async def test_a_card_that_comes_back() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.faults.switch_on("sim-missing=0ms,10ms")
        await host.line("+CPIN: NOT INSERTED", "+CPIN: READY", "Call Ready", "SMS Ready")
        await host.until(lambda: host.sim.radio.registered)


async def test_functionality() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ask("AT+CFUN=0", "OK", "+CPIN: NOT READY")
        await host.ask("AT+CFUN?", "+CFUN: 0", "OK")
        await host.ask("AT+CPIN?", "ERROR")
        host.send("AT+CFUN=1\r")
        await host.line("OK", "+CPIN: READY", "Call Ready", "SMS Ready")
        await host.until(lambda: host.sim.radio.registered)
        await host.ok("AT+CFUN=4")
        assert not host.sim.radio.registered


@pytest.mark.parametrize("command", ["AT+CFUN=1,1", "AT+CFUN=0,1"])
async def test_a_restart_by_command(command: str) -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok("AT+CMEE=2", "AT+CIPMUX=1")
        host.send(command + "\r")
        await host.hear("\r\nOK\r\n" + BOOT)
        host.send("ATE0\r")
        await host.hear("ATE0\r\r\nOK\r\n")
        await host.ask("AT+CMEE?", "+CMEE: 0", "OK")
        await host.ask("AT+CIPMUX?", "+CIPMUX: 0", "OK")


async def test_what_was_saved_survives() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok("AT+CMEE=2", "AT&W")
        host.sim.restart()
        await host.hear(BOOT)
        await host.ask("AT+CMEE?", "+CMEE: 2", "OK")
        await host.ok("AT&F")


async def test_power_down() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ask("AT+CPOWD=1", "NORMAL POWER DOWN")
        assert not host.sim.running
        host.send("AT\r")
        await host.quiet()
        host.sim.restart()
        await host.hear(BOOT)


async def test_a_fixed_rate() -> None:
    async with terminal(Sim800Sim) as host:
        assert host.sim.baud == 115200
        await host.ok("AT+IPR=9600")
        await host.until(lambda: host.sim.baud == 9600)
        await host.ask("AT+IPR?", "+IPR: 9600", "OK")
        await host.ask("AT+IPR=12345", "ERROR")
        host.sim.restart()
        await host.hear(BOOT)
        assert host.sim.baud == 115200


async def test_automatic_baud() -> None:
    async with terminal(Sim800Sim, ipr=0, ready=False) as host:
        await host.until(lambda: host.sim.radio.registered)
        await host.quiet()
        host.sim.tune(19200)
        host.send("AT\r")
        await host.hear("AT\r\r\nOK\r\n")
        assert host.sim.baud == 19200
        host.sim.tune(9600)
        assert host.sim.baud == 19200


async def test_automatic_baud_on_a_pseudo_terminal() -> None:
    sim = Sim800Sim(times=ModemTimes.instant(), ipr=0)
    try:
        async with PtyLine(sim) as line:

            def talk() -> bytes:
                with serial.Serial(line.path, 38400, timeout=20) as port:
                    port.write(b"ATI\r")
                    return port.read(len("ATI\r\r\nSIM800 R14.18\r\n\r\nOK\r\n"))

            await until(sim, lambda: sim.radio.registered)
            heard = await asyncio.to_thread(talk)
        assert heard == b"ATI\r\r\nSIM800 R14.18\r\n\r\nOK\r\n"
        assert sim.baud == 38400
    finally:
        sim.close()


async def test_the_wrong_rate_is_garbage() -> None:
    sim = Sim800Sim(times=ModemTimes.instant())
    try:
        async with PtyLine(sim) as line:

            def talk() -> bytes:
                with serial.Serial(line.path, 9600, timeout=0.2) as port:
                    port.write(b"AT\r")
                    return port.read(6)

            assert b"OK" not in await asyncio.to_thread(talk)
    finally:
        sim.close()


async def test_nobody_is_connected() -> None:
    async with terminal(Sim800Sim) as host:
        host.sim.detach()
        host.send("AT\r")
        await host.quiet()
        host.sim.attach(host._hear)
        await host.ok("AT")


async def test_a_long_wait_is_bounded() -> None:
    async with terminal(Sim800Sim) as host:
        host.send("AT+CGATT=1\r" + "A" * 20000)
        await host.until(lambda: any(event.event == "dropped" for event in host.events))
        await host.line("OK")


async def test_the_network_s_time() -> None:
    async with terminal(Sim800Sim) as host:
        await host.ok("AT+CLTS=1")
        host.sim.lose_network()
        host.sim.find_network()
        await host.line(
            "+CTZV: +32,0",
            '*PSUTTZ: 2026,11,20,13,25,2,"+32",0',
            "DST: 0",
            '+CIEV: 10,"46000","CMCC","CMCC", 0, 0',
        )
