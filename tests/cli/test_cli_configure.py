"""`chiplink configure` against a simulated chip: changed, verified, brought back, refused."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.driver import ch9329_setup
from chiplink.sim import Times, events
from chiplink.sim.ch9329_params import FACTORY, Parameters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli_support import Desk

    from chiplink.sim import Ch9329Sim

SET_PARA_CFG, SET_USB_STRING, SET_DEFAULT_CFG, RESET = 0x09, 0x0B, 0x0C, 0x0F

# As from the factory, but the modes set by software.
SOFTWARE = b"\x00\x00" + FACTORY[2:]


def with_bytes(raw: bytes, changes: dict[int, str]) -> bytes:
    block = bytearray(raw)
    for at, text in changes.items():
        new = bytes.fromhex(text)
        block[at : at + len(new)] = new
    return bytes(block)


def the_backup(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "state" / "chiplink").iterdir()
    return path


def terminal(
    monkeypatch: pytest.MonkeyPatch, answer: str, meanwhile: Callable[[], None] | None = None
) -> None:
    """Somebody answers at a terminal; `meanwhile` happens before the answer."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> str:
            if meanwhile is not None:
                meanwhile()
            return super().readline(-1 if size is None else size)

    monkeypatch.setattr(sys, "stdin", Terminal(answer))


# Showing


async def test_everything_is_shown_in_words(desk: Desk) -> None:
    ended = await desk.configure()
    assert ended.code == 0
    rows = [line.strip() for line in ended.out.splitlines()]
    for row in (
        "answers at       9600 baud",
        "computer         connected",
        "work mode        0: keyboard, mouse and custom HID (set by pins)",
        "serial mode      0: protocol (set by pins)",
        "vendor id        1A86",
        "product id       E129",
        "release delay    1 ms",
        "manufacturer     'WCH.CN' (not shown to the computer)",
    ):
        assert row in rows
    assert (await desk.configure("--show")).out == ended.out
    assert desk.written == []


async def test_everything_is_shown_as_json(desk: Desk, sim: Ch9329Sim) -> None:
    sim.core.stored.strings[1] = b"\x1b[2J\xff"
    shown = json.loads((await desk.configure("--json")).out)
    assert shown["baud"] == 9600
    assert shown["parameters"]["raw"] == FACTORY.hex()
    assert shown["parameters"]["pid"] == "E129"
    assert shown["parameters"]["set_by_pins"] == ["work mode", "serial mode"]
    assert shown["strings"]["product"] == {"text": "\x1b[2J�", "shown": False}
    assert "\x1b" not in (await desk.configure()).out


async def test_the_rate_is_found(desk: Desk) -> None:
    ended = await desk.run("configure", "--port", desk.line.path)
    assert ended.code == 0
    assert "answers at       9600 baud" in ended.out


async def test_the_documents_other_reading_of_mode_2_is_a_note(desk: Desk, sim: Ch9329Sim) -> None:
    sim.core.stored.parameters = Parameters(with_bytes(FACTORY, {0: "82"}))
    ended = await desk.configure()
    assert "2: keyboard and mouse (set by pins)" in ended.out
    assert "reads mode 2 as mouse only" in ended.out


async def test_a_rate_that_is_not_in_force_is_a_note(desk: Desk, sim: Ch9329Sim) -> None:
    sim.core.stored.parameters = sim.core.stored.parameters.with_baud(57600)
    assert "the parameters say 57600 baud" in (await desk.configure()).out


async def test_a_string_that_cannot_be_read_is_not_invented(desk: Desk, sim: Ch9329Sim) -> None:
    sim.faults.switch_on("error=get_string,E5")
    shown = json.loads((await desk.configure("--json")).out)
    assert {row["text"] for row in shown["strings"].values()} == {None}


async def test_another_strings_answer_is_not_taken_for_this_ones(
    desk: Desk, sim: Ch9329Sim
) -> None:
    stale = [bytes.fromhex("57 AB 00 8A 08 00 06 57 43 48 2E 43 4E 3B")]

    def repeat(event: events.Event) -> None:
        if isinstance(event, events.FrameReceived) and (event.command, event.data) == (0x0A, b"\1"):
            desk.line.send(stale.pop() if stale else b"")

    sim.observe(repeat)
    shown = json.loads((await desk.configure("--json")).out)["strings"]
    assert stale == []
    assert (shown["manufacturer"]["text"], shown["product"]["text"]) == ("WCH.CN", "CH9329")


# Changing


async def test_rate_ids_and_strings_are_changed_and_verified(
    desk: Desk, sim: Ch9329Sim, tmp_path: Path
) -> None:
    ended = await desk.configure(
        *("--baud", "115200", "--vid", "0x1234", "--pid", "abcd"),
        *("--manufacturer", "Wörks", "--serial", "7", "--yes"),
    )
    assert ended.code == 0, ended
    assert sim.core.active.parameters.raw == with_bytes(
        SOFTWARE, {3: "00 01 C2 00", 11: "34 12 CD AB", 36: "85"}
    )
    assert sim.core.active.strings == ["Wörks".encode(), b"CH9329", b"7"]
    assert desk.written == [SET_USB_STRING, SET_USB_STRING, SET_PARA_CFG, RESET]
    assert "9600 → 115200" in ended.out
    assert "set by pins so far, set by software from now on" in ended.out
    assert "does not work at a supply of 3.3 V" in ended.out
    assert "verified: read back at 115200 baud" in ended.out
    assert f"--restore {the_backup(tmp_path)}" in ended.out


async def test_a_backup_brings_everything_back(desk: Desk, sim: Ch9329Sim, tmp_path: Path) -> None:
    backup = tmp_path / "kept" / "before.json"
    changes = ("--baud", "57600", "--vid", "1", "--product", "x", "--release-delay", "300")
    assert (await desk.configure(*changes, "--yes", "--backup", str(backup))).code == 0
    assert sim.baud == 57600
    assert backup.stat().st_mode & 0o777 == 0o600
    assert json.loads(backup.read_text())["parameters"] == FACTORY.hex()
    ended = await desk.configure("--restore", str(backup), "--yes")
    assert ended.code == 0, ended
    assert sim.core.active.parameters.raw == SOFTWARE
    assert sim.core.active.strings == [b"WCH.CN", b"CH9329", b""]
    assert sorted(path.name for path in backup.parent.iterdir()) == ["before.json"]


async def test_reserved_bytes_and_what_was_not_named_stay(desk: Desk, sim: Ch9329Sim) -> None:
    block = with_bytes(
        FACTORY, {7: "A7 B8", 20: "3B 00 00 00 0A 00 00 00 02 00 00 00 03", 38: "C1" * 12}
    )
    sim.core.stored.parameters = Parameters(block)
    assert (await desk.configure("--vid", "2222", "--yes")).code == 0
    assert sim.core.stored.parameters.raw == with_bytes(block, {0: "00 00", 11: "22 22"})


async def test_every_other_setting(desk: Desk, sim: Ch9329Sim) -> None:
    ended = await desk.configure(
        *("--work-mode", "keyboard-mouse", "--pid", "E12B", "--packet-interval", "5"),
        *("--upload-interval", "258", "--release-delay", "0x102", "--auto-enter", "on"),
        *("--fast-upload", "on", "--yes"),
    )
    assert ended.code == 0, ended
    assert sim.core.active.parameters.raw == with_bytes(
        SOFTWARE, {0: "02", 9: "00 05", 13: "2B E1", 15: "01 02 01 02 01", 37: "01"}
    )


async def test_none_shows_the_makers_string_again(desk: Desk, sim: Ch9329Sim) -> None:
    assert (await desk.configure("--product", "mine", "--serial", "1", "--yes")).code == 0
    assert sim.core.active.parameters.raw[36] == 0b1000_0011
    assert (await desk.configure("--product", "none", "--yes")).code == 0
    assert sim.core.active.parameters.raw[36] == 0b1000_0001
    assert sim.core.active.strings[1] == b"mine"


async def test_an_address_and_the_way_back_from_it(desk: Desk, sim: Ch9329Sim) -> None:
    ended = await desk.configure("--address", "5", "--yes")
    assert ended.code == 0, ended
    assert sim.core.active.parameters.address == 5
    assert "--current-address 5" in ended.out
    lost = await desk.configure()
    assert lost.code == 1
    assert "--current-address" in lost.complaint
    back = await desk.configure("--current-address", "5", "--address", "0", "--yes")
    assert back.code == 0, back
    assert sim.core.active.parameters.address == 0


async def test_the_factory_settings_come_back(desk: Desk, sim: Ch9329Sim) -> None:
    assert (await desk.configure("--vid", "1", "--baud", "19200", "--yes")).code == 0
    ended = await desk.configure("--factory-default", "--yes")
    assert ended.code == 0, ended
    assert sim.core.active.parameters.raw == FACTORY
    assert SET_DEFAULT_CFG in desk.commands
    assert "19200 → 9600" in ended.out


async def test_what_is_so_already_is_not_written(desk: Desk, tmp_path: Path) -> None:
    ended = await desk.configure("--vid", "1A86", "--work-mode", "0", "--yes")
    assert ended.code == 0
    assert "nothing to change" in ended.out
    assert desk.written == []
    assert not (tmp_path / "state").exists()


async def test_a_dry_run_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    ended = await desk.configure("--vid", "1", "--dry-run", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["changes"] == [
        {"name": "vendor id", "before": "1A86", "after": "0001"}
    ]
    assert desk.written == []
    assert not (tmp_path / "state").exists()


async def test_a_change_as_json(desk: Desk, tmp_path: Path) -> None:
    told: dict[str, Any] = json.loads((await desk.configure("--pid", "1", "--yes", "--json")).out)
    assert told["verified"] is True
    assert told["backup"] == str(the_backup(tmp_path))
    assert (told["before"]["parameters"]["pid"], told["after"]["parameters"]["pid"]) == (
        "E129",
        "0001",
    )


# Asking


@pytest.mark.parametrize("answer", ["n\n", "", "\n", "maybe\n"])
async def test_without_a_yes_nothing_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, tmp_path: Path
) -> None:
    terminal(monkeypatch, answer)
    ended = await desk.configure("--vid", "1")
    assert ended.code == 1
    assert "[y/N]" in ended.err
    assert "nothing was written" in ended.out
    assert desk.written == []
    assert not (tmp_path / "state").exists()


async def test_with_a_yes_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch, "y\n")
    assert (await desk.configure("--vid", "1")).code == 0
    assert desk.sim.core.active.parameters.vid == 1


async def test_a_chip_that_changed_while_somebody_thought_is_left_alone(
    desk: Desk, sim: Ch9329Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Parameters(with_bytes(FACTORY, {11: "99 99"}))
    terminal(monkeypatch, "y\n", lambda: setattr(sim.core.stored, "parameters", other))
    ended = await desk.configure("--vid", "1")
    assert ended.code == 1
    assert "changed meanwhile" in ended.err
    assert desk.written == []


async def test_without_a_terminal_and_without_yes_it_is_refused(desk: Desk) -> None:
    ended = await desk.configure("--vid", "1")
    assert ended.code == 2
    assert "--yes" in ended.complaint
    assert desk.commands == []


# Habits of real chips


@pytest.mark.parametrize("quirk", ["long-params", "params-active", "first-e4", "split-reply"])
async def test_habits_of_chips_do_no_harm(desk: Desk, sim: Ch9329Sim, quirk: str) -> None:
    sim.faults.switch_on(quirk)
    ended = await desk.configure("--baud", "115200", "--product", "x", "--yes")
    assert ended.code == 0, ended
    assert sim.core.active.parameters.baud == 115200
    assert sim.core.active.strings[1] == b"x"


@pytest.mark.parametrize(
    ("change", "resets"), [(("--vid", "1"), 2), (("--address", "7"), 2), (("--baud", "38400"), 1)]
)
async def test_a_lost_reset_answer(
    desk: Desk,
    sim: Ch9329Sim,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    resets: int,
) -> None:
    monkeypatch.setattr(ch9329_setup, "RESET_ANSWER", 0.2)
    sim.faults.switch_on("lost-reset-ack")
    ended = await desk.configure(*change, "--yes")
    assert ended.code == 0, ended
    # Only a chip that moved to another rate proves its reset without the answer.
    assert desk.resets == resets
    assert ("did not confirm" in ended.out) == (resets == 2)
    assert sim.core.active.parameters.raw == sim.core.stored.parameters.raw != FACTORY


@pytest.mark.parametrize("change", [("--vid", "1"), ("--address", "7"), ("--baud", "38400")])
async def test_a_reset_that_got_lost_is_sent_again(
    desk: Desk, sim: Ch9329Sim, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    monkeypatch.setattr(ch9329_setup, "RESET_ANSWER", 0.2)
    sim.faults.switch_on("no-answer=reset,1")
    ended = await desk.configure(*change, "--yes")
    assert ended.code == 0, ended
    assert desk.resets == 1
    assert sim.core.active.parameters.raw == sim.core.stored.parameters.raw != FACTORY


@pytest.mark.parametrize("sim", [Times(boot=0, enumerate=0, read=0, slow_write=2)], indirect=True)
@pytest.mark.parametrize(
    ("change", "written"),
    [
        (("--vid", "1"), [SET_PARA_CFG, RESET]),
        (("--product", "x"), [SET_USB_STRING, SET_PARA_CFG, RESET]),
        (("--factory-default",), [SET_DEFAULT_CFG, RESET]),
    ],
)
async def test_a_slow_write_is_waited_for(
    desk: Desk, sim: Ch9329Sim, change: tuple[str, ...], written: list[int]
) -> None:
    sim.faults.switch_on("slow-write")
    ended = await desk.configure(*change, "--yes")
    assert ended.code == 0, ended
    assert desk.written == written


async def test_a_lost_answer_is_asked_for_again(
    desk: Desk, sim: Ch9329Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ch9329_setup, "WRITE_ANSWER", 0.3)
    sim.faults.switch_on("lost-answer=set_params,1")
    ended = await desk.configure("--vid", "1", "--yes")
    assert ended.code == 0, ended
    assert desk.written == [SET_PARA_CFG, SET_PARA_CFG, RESET]


async def test_a_board_that_falls_back_is_found_and_told(desk: Desk, sim: Ch9329Sim) -> None:
    def lose_power(event: events.Event) -> None:
        if isinstance(event, events.Started) and event.cause == "reset":
            sim.restart()

    sim.faults.switch_on("baud-fallback")
    sim.observe(lose_power)
    ended = await desk.configure("--baud", "115200", "--yes")
    assert ended.code == 1
    assert "baud rate is 9600, not 115200" in ended.err
    assert "the way back: chiplink configure" in ended.err


async def test_an_unchanged_chip_is_told_with_the_way_back(
    desk: Desk, sim: Ch9329Sim, tmp_path: Path
) -> None:
    sim.faults.switch_on("error=set_params,E5")
    ended = await desk.configure("--vid", "1", "--yes")
    assert ended.code == 1
    assert "SET_PARA_CFG: the chip refuses the parameter (E5)" in ended.complaint
    assert f"--restore {the_backup(tmp_path)}" in ended.complaint
    assert sim.core.stored.parameters.raw == FACTORY


async def test_a_chip_that_stays_away_is_told(
    desk: Desk, sim: Ch9329Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ch9329_setup, "REAPPEAR", 0.5)
    monkeypatch.setattr(ch9329_setup, "SEARCH", (9600,))

    def vanish(event: events.Event) -> None:
        if isinstance(event, events.Started):
            sim.faults.switch_on("no-answer")

    sim.observe(vanish)
    ended = await desk.configure("--vid", "1", "--yes")
    assert ended.code == 1
    assert "does not answer after its reset" in ended.complaint
    assert "the way back" in ended.complaint


# Modes without a way back


@pytest.mark.parametrize("mode", ["ascii", "transparent", "1", "2"])
async def test_modes_without_a_way_back_are_refused(
    desk: Desk, sim: Ch9329Sim, mode: str, tmp_path: Path
) -> None:
    ended = await desk.configure("--serial-mode", mode, "--yes")
    assert ended.code == 2
    assert "--force" in ended.complaint
    assert "SET pin" in ended.complaint
    assert desk.written == []
    assert not (tmp_path / "state").exists()


async def test_ascii_by_force_types_nothing_and_the_pin_leads_back(
    desk: Desk, sim: Ch9329Sim, tmp_path: Path
) -> None:
    ended = await desk.configure("--serial-mode", "ascii", "--force", "--yes")
    assert ended.code == 0, ended
    assert "not verified" in ended.out
    assert "pull SET low" in ended.out
    backup = the_backup(tmp_path)
    await desk.until(lambda: desk.resets == 1)
    assert sim.core.serial_mode == 1
    assert sim.pc.text == ""
    sim.set_pin(low=True)
    assert "ASCII mode is set" in (await desk.configure()).out
    ended = await desk.configure("--restore", str(backup), "--yes")
    assert ended.code == 0, ended
    sim.set_pin(low=False)
    assert sim.core.serial_mode == 0


async def test_a_backup_in_ascii_mode_needs_force_too(
    desk: Desk, sim: Ch9329Sim, tmp_path: Path
) -> None:
    sim.core.stored.parameters = Parameters(with_bytes(FACTORY, {1: "01"}))
    sim.set_pin(low=True)
    backup = tmp_path / "ascii.json"
    ended = await desk.configure("--serial-mode", "0", "--yes", "--backup", str(backup))
    assert ended.code == 0, ended
    ended = await desk.configure("--restore", str(backup), "--yes")
    assert ended.code == 2
    assert "--force" in ended.complaint


async def test_a_silent_chip_is_told(desk: Desk, sim: Ch9329Sim) -> None:
    sim.core.active.parameters = Parameters(with_bytes(FACTORY, {1: "82"}))
    ended = await desk.configure()
    assert ended.code == 1
    assert "SET pin is low" in ended.complaint


# Wrong usage: nothing is opened


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--baud", "115000"), "nearest is 115200"),
        (("--baud", "fast"), "no number"),
        (("--baud", "9" * 5000), "no number"),
        (("--address", "255"), "use 0 to 254"),
        (("--baud", "0x" + "F" * 5000), "no number"),
        (("--address", "-1"), "no number"),
        (("--current-address", "255"), "use 0 to 254"),
        (("--vid", "12345"), "0000 to FFFF"),
        (("--pid", "xyz"), "0000 to FFFF"),
        (("--pid", ""), "0000 to FFFF"),
        (("--work-mode", "keybord"), "nearest is 'keyboard'"),
        (("--work-mode", "4"), "there is no work mode"),
        (("--serial-mode", "asci"), "nearest is 'ascii'"),
        (("--packet-interval", "65536"), "nearest is 65535"),
        (("--upload-interval", "1.5"), "no number"),
        (("--release-delay", "70000"), "nearest is 65535"),
        (("--product", "x" * 24), "24 bytes"),
        (("--manufacturer", "ü" * 12), "24 bytes"),
        (("--serial", "a\nb"), "cannot be shown"),
        (("--show", "--vid", "1"), "--dry-run"),
        (("--factory-default", "--vid", "1"), "one at a time"),
        (("--restore", "/nonexistent"), "cannot be read"),
    ],
)
async def test_wrong_values_are_wrong_usage(
    desk: Desk, arguments: tuple[str, ...], words: str
) -> None:
    ended = await desk.configure(*arguments, "--yes")
    assert ended.code == 2
    assert words in ended.complaint
    assert desk.line.received == 0


@pytest.mark.parametrize(
    "arguments", [("--auto-enter", "maybe"), ("--fast-upload", ""), ("--colour", "red"), ("x",)]
)
async def test_wrong_options_are_wrong_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert (await desk.configure(*arguments)).code == 2
    assert desk.line.received == 0


async def test_a_port_must_be_one(desk: Desk, tmp_path: Path) -> None:
    assert (await desk.run("configure")).code == 2
    assert (await desk.run("configure", "--port", "ttyUSB0")).code == 2
    gone = await desk.run("configure", "--port", str(tmp_path / "none"))
    assert gone.code == 1
    assert "no such port" in gone.complaint


async def test_a_new_work_mode_needs_a_product_id(desk: Desk) -> None:
    ended = await desk.configure("--work-mode", "keyboard", "--yes")
    assert ended.code == 2
    assert "--pid E129" in ended.complaint
    assert desk.written == []


# Backup files


async def test_a_backup_never_takes_the_place_of_a_file(desk: Desk, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    ended = await desk.configure("--vid", "1", "--yes", "--backup", str(precious))
    assert ended.code == 2
    assert precious.read_text() == "mine"
    assert desk.line.received == 0


async def test_without_a_backup_nothing_is_written(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "backup.json"
    ended = await desk.configure("--vid", "1", "--yes", "--backup", str(path))
    assert ended.code == 2
    assert "cannot be written" in ended.complaint
    assert desk.written == []


GOOD = {
    "chip": "ch9329",
    "format": 1,
    "parameters": FACTORY.hex(),
    "strings": {"manufacturer": "41", "product": None, "serial": ""},
}


async def test_a_string_that_was_not_known_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "backup.json"
    file.write_text(json.dumps(GOOD))
    assert (await desk.configure("--restore", str(file), "--yes")).code == 0
    assert desk.sim.core.active.strings == [b"A", b"CH9329", b""]


@pytest.mark.parametrize(
    "change",
    [
        {"chip": "ch9328"},
        {"format": 2},
        {"parameters": FACTORY[:-1].hex()},
        {"parameters": "zz" * 50},
        {"parameters": 5},
        {"strings": {"product": "41" * 24}},
        {"strings": {"product": "4"}},
        {"strings": None},
    ],
)
async def test_a_file_that_is_no_backup(
    desk: Desk, tmp_path: Path, change: dict[str, object]
) -> None:
    file = tmp_path / "backup.json"
    file.write_text(json.dumps(GOOD | change))
    ended = await desk.configure("--restore", str(file), "--yes")
    assert ended.code == 2
    assert str(file) in ended.complaint
    assert desk.line.received == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"chip": "ch9329"}',
        b'{"chip": "\xff"}',
        b'{"a": ' + b"[" * 50_000,
    ],
)
async def test_a_file_that_is_no_json(desk: Desk, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "backup.json"
    file.write_bytes(content)
    ended = await desk.configure("--restore", str(file), "--yes")
    assert ended.code == 2
    assert str(file) in ended.complaint
