"""Into the network and back into it: restarts, lost contexts, noise, and what is told of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from driver_modem import DEADLINE, EVERY, ModemBench, bench
from modem_script import Script
from test_modem_sockets import closed, connected, ended, received, sent, serving
from virtual_clock import virtual

from chiplink.driver.modem import Modem, ModemSettings
from chiplink.driver.modem_line import Line
from chiplink.driver.modem_models import MODELS
from chiplink.driver.modem_network import Network
from chiplink.driver.modem_row import Bearing, Remedy, remedy_for
from chiplink.driver.modem_stack import ModemStack
from chiplink.driver.sockets import KeepAlive
from chiplink.exceptions import (
    BadPayloadError,
    ChipError,
    ClosedError,
    NotAllowedError,
    OutcomeUnknownError,
    ProbeError,
)
from chiplink.sim import Ether, ModemTimes, Sim800Sim
from chiplink.sim.modem_events import LineTaken
from chiplink.transport.memory import MemoryPort

if TYPE_CHECKING:
    from chiplink.protocol.at_events import Event
    from chiplink.sim.modem import ModemSim
    from chiplink.sim.modem_turn import Turn

EACH = pytest.mark.parametrize("chip", EVERY)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as little as may be between attempts."""
    for name in ("SEARCH_POLL", "FIRST_DELAY", "MAX_DELAY"):
        monkeypatch.setattr(f"chiplink.driver.modem_network.{name}", 0.02)
    monkeypatch.setattr("chiplink.driver.supervision.FIRST_DELAY", 0.02)


async def works(at: ModemBench) -> None:
    """A connection carries bytes both ways."""
    await at.ready()
    async with serving() as server:
        socket, caller = await connected(at, server)
        await sent(socket, b"ping")
        assert await caller.read(4) == b"ping"
        await caller.write(b"pong")
        assert await received(socket, 4) == b"pong"
        await closed(socket)


@EACH
async def test_what_is_told(chip: str) -> None:
    async with bench(chip) as at:
        states = at.states
    assert states["sim"] == "ready"
    assert states["registration"] == "home"
    assert states["signal"] == -73
    assert states["operator"] == "CHINA MOBILE"
    assert states["restarts"] == 0
    assert str(states["imei"]).isdecimal()


@EACH
async def test_a_restart_in_the_middle(chip: str) -> None:
    async with serving() as server, bench(chip) as at:
        socket, _caller = await connected(at, server)
        at.sim.restart("by itself")
        with pytest.raises(ClosedError, match="restarted"):
            await ended(socket)
        assert at.states["restarts"] == 1
        await at.until(lambda: at.offline)
        assert at.offline == ["the modem restarted"]
        await works(at)


@EACH
async def test_a_silent_restart_is_found_by_the_echo(chip: str) -> None:
    async with bench(chip) as at:
        at.sim.port.echo = True
        with pytest.raises(OutcomeUnknownError, match="restarted"):
            await at.command("at", "AT+CSQ")
        await at.until(lambda: at.states["restarts"] == 1)
        await works(at)


@EACH
async def test_a_power_dip(chip: str) -> None:
    async with bench(chip) as at:
        at.sim.faults.switch_on("power-dip=0")
        await at.until(lambda: at.states["restarts"] == 1)
        assert "UNDER-VOLTAGE POWER DOWN" in at.urcs
        await works(at)


@EACH
async def test_the_network_takes_the_context_away(
    chip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chiplink.driver.modem_network.POLL", 0.1)
    async with serving() as server, bench(chip) as at:
        socket, _caller = await connected(at, server)
        at.sim.lose_context()
        with contextlib.suppress(ClosedError):
            await ended(socket)
        await closed(socket)
        await at.until(lambda: "data connection" in str(at.told))
        await works(at)


@EACH
async def test_a_registration_that_takes_long(chip: str) -> None:
    async with bench(chip, faults=("no-network",), ready=False) as at:
        await at.until(lambda: "not in the network" in str(at.states.get("last_error")))
        at.sim.faults.switch_off("no-network")
        await works(at)
        assert at.states["last_error"] == ""


async def test_a_registration_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(sim: ModemSim) -> None:
        monkeypatch.setattr(sim.radio, "state", 3)
        monkeypatch.setattr(sim.radio, "allow", lambda **_allowed: None)

    async with bench("sim800", ready=False, prepare=prepare) as at:
        await at.until(lambda: "refuses this SIM" in str(at.states.get("last_error")))
        assert at.states["registration"] == "denied"


@EACH
@pytest.mark.parametrize(
    "fault",
    ["urc-inside-reply", "time-urcs", "under-voltage", "double-cr", "boot-junk", "lf-error"],
)
async def test_noise_inside_replies(chip: str, fault: str) -> None:
    async with bench(chip, faults=(fault,)) as at:
        await works(at)
        assert at.states["imei"] == at.sim.MODEL.identity.imei
        assert at.states["operator"] == "CHINA MOBILE"
        if fault == "time-urcs":
            assert any("PSUTTZ" in str(text) for text in at.urcs)


QUIRKS = [
    ("sim800", "no-space"),
    ("sim7028", "result-first"),
    ("sim7028", "ok-first"),
    ("sim7028", "colon"),
    ("sim7028", "no-context-1"),
    ("gseries", "connect-first"),
    ("gseries", "ipd-comma"),
    ("gseries", "ipd-spaced"),
    ("gseries", "ciprcv"),
    ("gseries", "shut-ok"),
]


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize(("chip", "quirk"), QUIRKS)
async def test_each_of_its_ways_to_say_it(chip: str, quirk: str, *, pull: bool) -> None:
    async with serving() as server, bench(chip, faults=(quirk,), pull=pull) as at:
        await works(at)
        socket, caller = await connected(at, server)
        caller.close()
        assert await ended(socket) == b""
        await closed(socket)


async def test_a_network_that_opens_late() -> None:
    async with bench("sim7028", faults=("netopen-fail=2",)) as at:
        await works(at)


async def test_a_result_that_was_lost_on_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """`+NETOPEN: 0` never comes; the address tells that the network is open."""
    monkeypatch.setattr("chiplink.driver.modem_bearer.RESULT_LOOK", 0.02)

    def prepare(sim: ModemSim) -> None:
        say = sim.urc
        lost = ["+NETOPEN: 0"]
        monkeypatch.setattr(
            sim,
            "urc",
            lambda *lines: say(*(each for each in lines if each not in lost or lost.clear())),
        )

    async with bench("sim7028", prepare=prepare) as at:
        await works(at)


async def test_a_network_that_closes_unexpectedly() -> None:
    async with serving() as server, bench("sim7028") as at:
        socket, _caller = await connected(at, server)
        at.sim.faults.switch_on("network-closed=0")
        with pytest.raises(ClosedError, match="NETWORK CLOSED"):
            await ended(socket)
        await works(at)


@EACH
async def test_a_lost_answer_is_got_over(chip: str) -> None:
    async with bench(chip) as at:
        at.sim.faults.switch_on("lost-answer=1,csq")
        with pytest.raises(OutcomeUnknownError, match="in time"):
            async with asyncio.timeout(DEADLINE):
                await at.command("at", "AT+CSQ")
        assert at.device.counters()["timeouts"] == 1
        await works(at)
        assert at.offline == []


# Commands


@EACH
async def test_a_question_of_the_users(chip: str) -> None:
    async with bench(chip) as at:
        assert (await at.command("at", "AT+CSQ"))[-1] == "OK"
        assert (await at.command("at", "at+creg?"))[0].startswith("+CREG: ")
        for text in ("AT+CFUN=0", "AT+CPIN?", "AT+CIMI", "ATD112"):
            with pytest.raises(NotAllowedError):
                await at.command("at", text)
        for text in ("AT+CSQ;+CFUN=0", "AT+CSQ\rAT", "AT+CSQ\x1a", "AT+ÜBER?"):
            with pytest.raises(BadPayloadError):
                await at.command("at", text)


@EACH
async def test_every_command_of_the_users(chip: str) -> None:
    async with bench(chip, at="all") as at:
        assert await at.command("at", "AT+CMEE=1") == ["OK"]
        with pytest.raises(ChipError):
            await at.command("at", "AT+NOSUCHCOMMAND=1")
        with pytest.raises(BadPayloadError):
            await at.command("at", "AT+CIPSEND" if chip == "gseries" else "AT+CIPSEND=0,5")


async def test_no_command_of_the_users() -> None:
    async with bench("sim800", at="off") as at:
        assert "at" not in at.device.rows
        with pytest.raises(NotAllowedError):
            await at.command("at", "AT")


@EACH
async def test_reset(chip: str) -> None:
    async with bench(chip) as at:
        async with asyncio.timeout(DEADLINE):
            assert await at.command("reset") is None
        await works(at)
        assert at.states["restarts"] == 0


@EACH
async def test_a_reset_that_is_refused_leaves_it_connected(chip: str) -> None:
    async with bench(chip) as at:
        at.sim.faults.switch_on("error=1,cfun")
        with pytest.raises(ChipError):
            await at.command("reset")
        async with asyncio.timeout(DEADLINE):
            await at.device.connected()
        at.sim.restart("by itself")
        await at.until(lambda: at.states["restarts"] == 1)


async def test_stopped_while_a_line_is_given_up_the_port_is_closed() -> None:
    for turn in range(12):
        sim = Sim800Sim(ether=Ether(), times=ModemTimes.instant(), ipr=115200)
        port = MemoryPort(sim)
        device = Modem(ModemSettings(id="cell", chip="sim800", apn="internet"), port, {})
        running = asyncio.create_task(device.run(lambda _emission: None))
        async with asyncio.timeout(DEADLINE):
            await device.stack.ready()
        line = device._line
        assert line is not None
        line.give_up(ProbeError("unplugged"))
        for _ in range(turn):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})
        assert not any(each._open for each in port.lines)
        sim.close()


class _Nobody:
    def publish(self, key: str, value: object) -> None:
        """Tell nobody."""

    def obstacle(self, reason: str) -> None:
        """Tell nobody."""


@virtual
async def test_a_context_that_is_gone_as_soon_as_it_was_there_is_noticed_at_once() -> None:
    script = Script(
        {
            "AT+CPIN?": ["\r\n+CPIN: READY\r\n\r\nOK\r\n"],
            "AT+CREG?": ["\r\n+CREG: 1,1\r\n\r\nOK\r\n"],
            "AT+CGREG?": ["\r\n+CGREG: 1,1\r\n\r\nOK\r\n"],
            "AT+CIPSHUT": ["\r\nSHUT OK\r\n"],
            "AT+CIFSR": ["\r\n10.0.0.1\r\n\r\n+PDP: DEACT\r\n", "\r\n10.0.0.1\r\n"],
            "AT": ["\r\nOK\r\n"],
        }
    )
    stack = ModemStack(MODELS["sim800"], Bearing(apn="internet"), Counter())

    def heard(event: Event) -> None:
        if not stack.heard(event):
            network.heard(event)

    line = Line(await MemoryPort(script).open(115200), Counter(), heard)
    network = Network(line, stack.model, stack.bearing, stack, _Nobody(), pin="", memory={})
    running = asyncio.create_task(network.run())
    await asyncio.sleep(5)
    assert script.heard.count(b"AT+CIPSHUT\r") == 2
    running.cancel()
    await asyncio.wait({running})
    await line.close()


async def test_another_model_is_named() -> None:
    async with bench("sim800", ready=False, prepare=_disguise) as at:
        await at.until(lambda: at.offline)
        assert 'write chip = "sim7028"' in at.offline[0]


def _disguise(sim: ModemSim) -> None:
    def answer(turn: object) -> None:
        turn.info("SIMCOM_SIM7028")  # type: ignore[attr-defined]
        turn.ok()  # type: ignore[attr-defined]

    for name in ("I", "+CGMM"):
        sim.executor.handlers[name] = answer  # type: ignore[assignment]


def test_remedies_grow() -> None:
    found = [remedy_for(failures) for failures in range(1, 13)]
    again, radio, restart = Remedy.AGAIN, Remedy.RADIO, Remedy.RESTART
    assert found == [again, again, radio, again, again, restart] * 2


async def test_what_helps_is_tried_in_turn_and_nothing_is_detached() -> None:
    lines: list[str] = []

    def prepare(sim: ModemSim) -> None:
        sim.observe(
            lambda event: lines.append(event.text) if isinstance(event, LineTaken) else None
        )
        sim.faults.switch_on("error=7,ciicr")

    async with bench("sim800", prepare=prepare) as at:
        await works(at)
        assert at.states["restarts"] == 0
    assert lines.count("AT+CIICR") == 8
    assert [line for line in lines if line.startswith("AT+CFUN=")] == [
        "AT+CFUN=0",
        "AT+CFUN=1",
        "AT+CFUN=1,1",
    ]
    assert "AT+CGATT=0" not in lines


async def test_a_keep_alive_that_the_modem_cannot_have_is_told() -> None:
    async with bench("sim800", ready=False, keep_alive=KeepAlive(5, 1, 1)) as at:
        await at.until(lambda: "an idle time is 30 to 7200" in str(at.states.get("last_error")))


@pytest.mark.parametrize("chip", ["sim800", "gseries"])
@pytest.mark.parametrize("name", ["+CREG", "+CGREG"])
async def test_the_better_registration_counts(chip: str, name: str) -> None:
    def ask(turn: Turn) -> None:
        if turn.command.form == "read":
            turn.info(f"{name}: 0,0")
        turn.ok()

    def prepare(sim: ModemSim) -> None:
        sim.executor.handlers[name] = ask

    async with bench(chip, prepare=prepare) as at:
        assert at.states["registration"] == "home"
        await works(at)


@EACH
async def test_a_signal_that_is_not_known(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chiplink.driver.modem_network.POLL", 0.05)
    async with bench(chip) as at:
        assert at.states["signal"] == -73
        at.sim.set_signal(99)
        await at.until(lambda: at.states["signal"] == "None")
        at.sim.set_signal(31)
        await at.until(lambda: at.states["signal"] == -51)
