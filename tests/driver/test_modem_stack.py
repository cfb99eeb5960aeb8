"""A modem's links in virtual time, where what it says and what is asked of it cross each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from modem_script import Script, turns
from virtual_clock import virtual

from chiplink.driver.modem_line import Line
from chiplink.driver.modem_models import MODELS
from chiplink.driver.modem_row import Bearing
from chiplink.driver.modem_stack import ModemStack
from chiplink.driver.sockets import Endpoint, Kind, Level
from chiplink.exceptions import CommandError, OutcomeUnknownError
from chiplink.transport.memory import MemoryPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = "\r\nOK\r\n"
SIM800 = {
    "AT+CLPORT": [OK],
    "AT+CIPSTATUS=": ['\r\n+CIPSTATUS: 0,0,"TCP","192.0.2.9","4000","CONNECTED"\r\n\r\nOK\r\n'],
    "AT+CIPCLOSE=0": ["\r\n0, CLOSE OK\r\n"],
    "AT+CIPCLOSE=1": ["\r\n1, CLOSE OK\r\n"],
    "AT+CIPSERVER=1": ["\r\nOK\r\n\r\nSERVER OK\r\n"],
    "AT+CIPSERVER=0": ["\r\nOK\r\n\r\nSERVER CLOSE\r\n"],
    "AT+CIPSTART=0": ["\r\nOK\r\n\r\n0, CONNECT OK\r\n"],
}
SIM7028 = {
    "AT+SERVERSTART": [OK],
    "AT+SERVERSTOP": ["\r\n+SERVERSTOP: 0,0\r\n\r\nOK\r\n"],
    "AT+CIPCLOSE=0": ["\r\nOK\r\n\r\n+CIPCLOSE: 0,0\r\n"],
    "AT+CIPCLOSE=1": ["\r\nOK\r\n\r\n+CIPCLOSE: 1,0\r\n"],
    "AT+CIPOPEN=0": ["\r\nOK\r\n\r\n+CIPOPEN: 0,0\r\n"],
}
ANSWERS = {"sim800": SIM800, "sim7028": SIM7028}
CALLS = {
    "sim800": "\r\n{}, REMOTE IP: 192.0.2.9\r\n",
    "sim7028": "\r\n+CLIENT: {},0,192.0.2.9:4000\r\n",
}
EACH = pytest.mark.parametrize("chip", ["sim800", "sim7028"])
SERVER = Endpoint(kind=Kind.TCP_SERVER, local_port=8080)
CLIENT = Endpoint(kind=Kind.TCP_CLIENT, host="192.0.2.1", port=80)


def script_of(chip: str) -> Script:
    return Script({begin: list(answers) for begin, answers in ANSWERS[chip].items()})


@contextlib.asynccontextmanager
async def attached(chip: str, script: Script, *, pull: bool = True) -> AsyncIterator[ModemStack]:
    """A stack with a data context, on a line to `script`."""
    counters: Counter[str] = Counter()
    stack = ModemStack(MODELS[chip], Bearing(pull=pull), counters)
    line = Line(await MemoryPort(script).open(115200), counters, stack.heard)
    stack.network_up(line)
    try:
        yield stack
    finally:
        stack.network_down("the end")
        await line.close()
        await stack.stop()


def heard(script: Script, begin: bytes) -> int:
    return sum(each.startswith(begin) for each in script.heard)


# Servers


@EACH
@virtual
async def test_of_two_callers_at_once_the_first_is_let_in(chip: str) -> None:
    script = script_of(chip)
    async with attached(chip, script) as stack:
        listener = await stack.listen(SERVER)
        script.say(CALLS[chip].format(0) + CALLS[chip].format(1))
        async with asyncio.timeout(5):
            socket = await listener.accept()
        await turns(50)
        assert socket.number == 0  # type: ignore[attr-defined]
        assert stack.holds(socket)  # type: ignore[arg-type]
        assert heard(script, b"AT+CIPCLOSE=0") == 0
        assert heard(script, b"AT+CIPCLOSE=1") == 1


@EACH
@virtual
async def test_a_caller_whose_end_was_not_heard_keeps_nobody_out(chip: str) -> None:
    script = script_of(chip)
    async with attached(chip, script) as stack:
        listener = await stack.listen(SERVER)
        for _turn in range(3):
            script.say(CALLS[chip].format(0))
            async with asyncio.timeout(5):
                socket = await listener.accept()
            await turns(50)
            assert stack.holds(socket)  # type: ignore[arg-type]
        assert heard(script, b"AT+CIPCLOSE") == 0


@EACH
@virtual
async def test_a_server_whose_closing_was_cancelled_is_closed_all_the_same(chip: str) -> None:
    for turn in range(12):
        script = script_of(chip)
        async with attached(chip, script) as stack:
            listener = await stack.listen(SERVER)
            script.say(CALLS[chip].format(0) + CALLS[chip].format(1))
            await turns(50)
            closing = asyncio.create_task(listener.close())  # type: ignore[arg-type]
            await turns(turn)
            closing.cancel()
            await asyncio.wait({closing})
            await listener.close()
            assert stack._links == {}
            assert stack._listeners == {}


@virtual
async def test_closing_a_server_twice_waits_twice() -> None:
    script = script_of("sim800")
    async with attached("sim800", script) as stack:
        listener = await stack.listen(SERVER)
        closing = [asyncio.create_task(listener.close()) for _ in range(2)]  # type: ignore[arg-type]
        await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
        assert stack._listeners == {}
        await asyncio.gather(*closing)


@EACH
@virtual
async def test_a_caller_on_the_link_that_was_being_opened_is_not_thrown_out(chip: str) -> None:
    script = script_of(chip)
    begin, busy = {
        "sim800": ("AT+CIPSTART=0", "\r\n0, ALREADY CONNECT\r\n"),
        "sim7028": ("AT+CIPOPEN=0", "\r\n+CIPOPEN: 0,4\r\n"),
    }[chip]
    script.answers[begin] = [OK + CALLS[chip].format(0) + busy]
    script.answers[begin[:-1] + "1"] = ["\r\nERROR\r\n"]
    async with attached(chip, script) as stack:
        listener = await stack.listen(SERVER)
        with contextlib.suppress(CommandError):
            await stack.connect(CLIENT)
        socket = await listener.accept()
        assert stack.holds(socket)  # type: ignore[arg-type]
        assert heard(script, b"AT+CIPCLOSE=0") == 0


@virtual
async def test_a_server_that_began_without_a_word_can_be_begun_again() -> None:
    script = script_of("sim800")
    script.answers["AT+CIPSERVER=1"] = [OK, "\r\nERROR\r\n"]
    async with attached("sim800", script) as stack:
        with pytest.raises(OutcomeUnknownError):
            await stack.listen(SERVER)
        await turns(50)
        assert heard(script, b"AT+CIPSERVER=0") == 1
        assert stack._listeners == {}


@virtual
async def test_stopping_a_server_is_tried_again() -> None:
    script = script_of("sim800")
    script.answers["AT+CIPSERVER=0"] = ["\r\nERROR\r\n", "\r\nOK\r\n\r\nSERVER CLOSE\r\n"]
    async with attached("sim800", script) as stack:
        listener = await stack.listen(SERVER)
        await listener.close()
        assert heard(script, b"AT+CIPSERVER=0") == 2


# What is received


READ = "\r\n+CIPRXGET: 2,0,{},{}\r\n{}\r\nOK\r\n"


@virtual
async def test_what_the_modem_has_at_the_end_is_fetched_however_much_waits_here() -> None:
    script = script_of("sim800")
    piece = "x" * 1460
    script.answers["AT+CIPRXGET=2"] = [
        *(READ.format(1460, 1460, piece) for _ in range(3)),
        READ.format(0, 0, ""),
    ]
    async with attached("sim800", script) as stack:
        socket = await stack.connect(CLIENT)
        socket._waiting_bytes = 64 * 1024  # type: ignore[attr-defined]
        script.say("\r\n+CIPRXGET: 1,0\r\n\r\n0, CLOSED\r\n")
        data = b""
        while chunk := (await socket.receive()).data:
            data += chunk
        assert len(data) == 3 * 1460


@virtual
async def test_a_modem_that_has_no_end_of_data_loses_the_connection() -> None:
    script = script_of("sim800")
    piece = "x" * 1460
    script.answers["AT+CIPRXGET=2"] = [READ.format(1460, 1460, piece) for _ in range(100)]
    async with attached("sim800", script) as stack:
        socket = await stack.connect(CLIENT)
        script.say("\r\n+CIPRXGET: 1,0\r\n\r\n0, CLOSED\r\n")
        await asyncio.sleep(60)  # nobody reads
        for _piece in range(64 * 1024 // len(piece) + 1):
            assert (await socket.receive()).data == piece.encode()
        with pytest.raises(CommandError, match="more than 65536 bytes left at the end"):
            await socket.receive()


@virtual
async def test_a_refused_read_at_the_end_is_asked_again() -> None:
    script = script_of("sim800")
    script.answers["AT+CIPRXGET=2"] = [
        "\r\nERROR\r\n",
        READ.format(5, 0, "hello"),
        READ.format(0, 0, ""),
    ]
    async with attached("sim800", script) as stack:
        socket = await stack.connect(CLIENT)
        script.say("\r\n0, CLOSED\r\n")
        async with asyncio.timeout(5):
            assert (await socket.receive()).data == b"hello"
            assert (await socket.receive()).data == b""


# What is sent


@virtual
async def test_a_receipt_of_another_connection_on_the_same_link() -> None:
    script = script_of("sim800")
    script.answers |= {
        "AT+CIPSEND": ["\r\n> "],
        "hello": ["\r\n0, SEND OK\r\n"],
        "AT+CIPACK": [
            "\r\n0, CLOSED\r\n" + CALLS["sim800"].format(0) + "\r\n+CIPACK: 0,0,0\r\n" + OK
        ],
    }
    async with attached("sim800", script, pull=False) as stack:
        await stack.listen(SERVER)
        socket = await stack.connect(CLIENT)
        assert await socket.send(b"hello") is Level.SENT


@virtual
async def test_a_datagram_does_not_fail_for_the_one_before() -> None:
    script = script_of("sim7028")
    script.answers |= {
        "AT+CIPSEND": ["\r\n>"],
        "first": [OK],
        "other": [OK + "\r\n+CIPSEND: 0,5,5\r\n"],
    }
    async with attached("sim7028", script, pull=False) as stack:
        socket = await stack.connect(Endpoint(kind=Kind.UDP, host="192.0.2.1", port=9))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await socket.send(b"first")
        assert await socket.send(b"other") is Level.SENT


@virtual
async def test_who_never_reads_has_a_bounded_inbox() -> None:
    script = script_of("sim800")
    script.answers |= {
        "AT+CIPSEND": ["\r\n> "],
        "x": ["\r\n0, SEND FAIL\r\n"],
        "AT+CIPRXGET=2": [READ.format(1460, 1460, "y" * 1460)],
        "AT+CIPACK": ["\r\n+CIPACK: 0,0,0\r\n" + OK],
    }
    async with attached("sim800", script) as stack:
        socket = await stack.connect(CLIENT)
        socket._waiting_bytes = 64 * 1024  # type: ignore[attr-defined]
        with pytest.raises(OutcomeUnknownError):
            await socket.send(b"x")
        assert heard(script, b"AT+CIPRXGET=2") == 0


@pytest.mark.parametrize("by_us", [True, False])
@virtual
async def test_a_result_that_never_came_keeps_no_later_connection_waiting(*, by_us: bool) -> None:
    script = script_of("sim7028")
    script.answers |= {
        "AT+CIPSEND": ["\r\n>"],
        "first": [OK],
        "other": [OK + "\r\n+CIPSEND: 0,5,5\r\n"],
    }
    loop = asyncio.get_running_loop()
    async with attached("sim7028", script, pull=False) as stack:
        socket = await stack.connect(CLIENT)
        sending = asyncio.create_task(socket.send(b"first"))  # type: ignore[arg-type]
        await turns(50)
        if by_us:
            await socket.close()
        else:
            script.say("\r\n+IPCLOSE: 0,1\r\n")
            await turns()
        socket = await stack.connect(CLIENT)
        async with asyncio.timeout(30):
            assert await socket.send(b"other") is Level.ACKED
        with pytest.raises(OutcomeUnknownError):
            await sending
        assert loop.time() < 5
