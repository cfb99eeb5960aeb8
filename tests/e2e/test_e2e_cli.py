"""The command line: exit codes, one line for an error, through a broker and straight to a port."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from e2e_broker import free_port
from e2e_house import House, running_bridge, tables
from e2e_program import Ended, chiplink, simulator
from e2e_waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from e2e_observer import Observer
    from e2e_program import Program

    from chiplink.demo.broker import OwnBroker
    from chiplink.sim import PtyLine

HEAD = '[node]\nid = "cellar"\n[mqtt]\nurl = "mqtt://127.0.0.1"\n'

GOOD = """
[node]
id = "cellar"
[mqtt]
url = "mqtt://localhost"
[device.kvm]
chip = "ch9329"
port = "serial:///dev/ttyUSB0?baud=9600"
layout = "de"
"""

BAD = """
nod = 1
[node]
id = "Cellar!"
[mqtt]
url = "http://localhost"
[device.kvm]
chip = "ch9329"
port = "ttyUSB0"
layout = "dee"
[device.status]
chip = "ch9328"
port = "/dev/ttyUSB1"
"""


def plain(ended: Ended, code: int) -> list[str]:
    """The lines of an error, which are no traceback; on success there are none."""
    assert ended.code == code, ended
    assert "Traceback" not in ended.out + ended.err
    lines = ended.err.splitlines()
    assert all(line.startswith("chiplink: ") for line in lines), ended
    assert bool(lines) == (code != 0), ended
    return lines


def events(program: Program) -> list[Any]:
    return [json.loads(line) for line in program.lines if not line.startswith("ready ")]


def screen(program: Program) -> str:
    """What was typed, by the simulator's log."""
    return "".join(event["added"] for event in events(program) if event["event"] == "text")


def keys_down(program: Program) -> set[int]:
    down: set[int] = set()
    for event in events(program):
        if event["event"] == "key_down":
            down.add(event["usage"])
        elif event["event"] == "key_up":
            down.discard(event["usage"])
    return down


# run --check


async def test_a_good_configuration(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text(GOOD)
    ended = await chiplink("run", "--check", "-c", str(file))
    assert plain(ended, 0) == []
    assert str(file) in ended.out


async def test_a_bad_configuration_tells_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD)
    lines = plain(await chiplink("run", "--check", "-c", str(file)), 2)
    places = ("nod", "node.id", "mqtt.url", "device.kvm.port", "device.kvm.layout", "device.status")
    for place in (*places, "device.status.chip"):
        assert [line for line in lines if line.startswith(f"chiplink: {place}:")], (place, lines)
    assert len(lines) == 7, lines


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[node\n", "not TOML"),
        (b'[node]\nid = "\xff"\n', "not UTF-8"),
        (b"", "node.id"),
        (None, "cannot be read"),
    ],
)
@pytest.mark.parametrize("check", [["--check"], []])
async def test_a_file_that_is_none(
    tmp_path: Path, content: bytes | None, words: str, check: list[str]
) -> None:
    file = tmp_path / "chiplink.toml"
    if content is not None:
        file.write_bytes(content)
    lines = plain(await chiplink("run", *check, "-c", str(file)), 2)
    assert any(words in line for line in lines)


@pytest.mark.parametrize("chip", ["ch9329", "ch392", "sim7028", "gseries", "sim800"])
async def test_a_chip_in_the_process(tmp_path: Path, chip: str) -> None:
    file = tmp_path / "chiplink.toml"
    apn = 'apn = "internet"' if chip in ("gseries", "sim800") else ""
    file.write_text(f'{HEAD}[device.it]\nchip = "{chip}"\nport = "sim://"\n{apn}\n')
    plain(await chiplink("run", "--check", "-c", str(file)), 0)


async def test_an_authority_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "chiplink.toml"
    head = HEAD.replace("mqtt://127.0.0.1", "mqtts://127.0.0.1")
    file.write_text(f'{head}ca_file = "/nonexistent.pem"\n')
    lines = plain(await chiplink("run", "-c", str(file)), 2)
    words = "mqtt.ca_file: /nonexistent.pem cannot be read: No such file or directory"
    assert lines == [f"chiplink: {words}"]


# Through a broker


async def test_type_and_keys_through_a_broker(home: House, broker: OwnBroker) -> None:
    to = ("--broker", broker.url)
    plain(await chiplink("type", *to, "Hello"), 0)
    plain(await chiplink("keys", *to, "shift+a enter"), 0)
    plain(await chiplink("type", *to, "--device", "cellar/kvm", "there"), 0)
    plain(await chiplink("type", *to, "-", stdin=b"from a pipe"), 0)
    assert home.text == "HelloA\ntherefrom a pipe"
    assert not home.sim.pc.anything_pressed


async def test_a_refusal_is_one_line(home: House, broker: OwnBroker) -> None:
    to = ("--broker", broker.url)
    (line,) = plain(await chiplink("type", *to, "1 €"), 1)
    assert "unsupported_characters" in line
    assert "€" in line
    (line,) = plain(await chiplink("keys", *to, "nokey"), 1)
    assert "nokey" in line
    assert home.text == ""


async def test_an_unknown_device_is_named(home: House, broker: OwnBroker) -> None:
    to = ("--broker", broker.url)
    (line,) = plain(await chiplink("type", *to, "--device", "cellar/kwm", "x"), 1)
    assert "kwm" in line
    (line,) = plain(await chiplink("type", *to, "--device", "kvm", "x"), 2)
    assert "NODE/DEVICE" in line
    assert home.text == ""


async def test_several_devices_want_a_choice(
    home: House, observer: Observer, broker: OwnBroker, tmp_path: Path
) -> None:
    async with running_bridge(tables(broker.url, tmp_path / "none", node="attic")):
        await observer.sees("chiplink/attic/status", "online")
        (line,) = plain(await chiplink("type", "--broker", broker.url, "x"), 2)
    assert "attic/kvm" in line
    assert "cellar/kvm" in line
    assert home.text == ""


async def test_no_bridge_on_the_broker(broker: OwnBroker) -> None:
    (line,) = plain(await chiplink("type", "--broker", broker.url, "x"), 1)
    assert "no bridge" in line


async def test_no_broker() -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    (line,) = plain(await chiplink("type", "--broker", url, "x"), 1)
    assert "is it running?" in line


async def test_wrong_addresses_are_wrong_usage(tmp_path: Path) -> None:
    for arguments in (
        ("type", "--broker", "localhost", "x"),
        ("type", "--port", "ttyUSB0", "x"),
        ("type", "--port", str(tmp_path / "none"), "--layout", "dee", "x"),
    ):
        plain(await chiplink(*arguments), 2)
    assert (await chiplink("type")).code == 2
    assert (await chiplink("tpye", "x")).code == 2


# Straight to a port


async def test_type_and_keys_straight_to_a_port(tmp_path: Path) -> None:
    link = tmp_path / "chip"
    async with simulator(link) as sim:
        to = ("--port", f"serial://{link}?baud=9600")
        plain(await chiplink("type", *to, "Hello, World!"), 0)
        plain(await chiplink("keys", *to, "enter ctrl+alt+delete"), 0)
        plain(await chiplink("type", *to, "-", stdin=b"second\nline"), 0)
        await until(lambda: screen(sim) == "Hello, World!\nsecond\nline", lambda: screen(sim))
        pressed = [event["usage"] for event in events(sim) if event["event"] == "key_down"]
        assert pressed.count(0x4C) == 1
        assert not keys_down(sim)


async def test_a_port_finds_its_rate_by_itself(tmp_path: Path) -> None:
    link = tmp_path / "chip"
    async with simulator(link) as sim:
        plain(await chiplink("type", "--port", str(link), "found"), 0)
        await until(lambda: screen(sim) == "found")


async def test_what_the_layout_lacks_is_told_straight_too(tmp_path: Path) -> None:
    link = tmp_path / "chip"
    async with simulator(link) as sim:
        to = ("--port", f"serial://{link}?baud=9600")
        (line,) = plain(await chiplink("type", *to, "ß"), 1)
        assert "ß" in line
        plain(await chiplink("type", *to, "--layout", "de", "ß"), 0)
        await until(lambda: screen(sim) == "-", lambda: screen(sim))


async def test_no_port(tmp_path: Path) -> None:
    (line,) = plain(await chiplink("type", "--port", str(tmp_path / "none"), "x"), 1)
    assert "no such port" in line


async def test_a_port_that_another_program_holds(line: PtyLine, home: House) -> None:
    (told,) = plain(await chiplink("type", "--port", f"serial://{line.path}?baud=9600", "x"), 1)
    assert "another program" in told
    await home.done("type", "mine")
    assert home.text == "mine"


# sim


async def test_the_log_of_a_simulator_is_json(tmp_path: Path) -> None:
    link = tmp_path / "chip"
    async with simulator(link) as sim:
        plain(await chiplink("type", "--port", f"serial://{link}?baud=9600", "a"), 0)
        await until(lambda: screen(sim) == "a")
        sim.process.terminate()
        assert await sim.ends() == 0
    assert {"frame", "reply", "key_down", "key_up", "text"} <= {e["event"] for e in events(sim)}
    assert all(event["t"] >= 0 for event in events(sim))
    assert not link.is_symlink()
    assert sim.log == []


@pytest.mark.parametrize(
    "arguments",
    [("sim", "ch9328"), ("sim", "ch9329", "--fault", "no-anser"), ("sim", "ch9329", "--log", "x")],
)
async def test_a_simulator_that_cannot_be_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    ended = await chiplink(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.err
