"""The line within the process."""

from __future__ import annotations

import pytest

from chiplink.exceptions import PortError
from chiplink.transport.memory import MemoryPort, MemoryTransport
from driver.driver_script import ScriptedChip, moment
from driver.virtual_clock import virtual


class Ends:
    """What the near end of a line was told."""

    def __init__(self, line: MemoryTransport) -> None:
        self.heard: list[bytes] = []
        self.lost: list[PortError] = []
        line.start(self.heard.append, self.lost.append)


@virtual
async def test_both_directions() -> None:
    chip = ScriptedChip()
    line = MemoryTransport(chip, 9600, "here")
    ends = Ends(line)
    line.write(b"\x01")
    line.write(b"\x02\x03")
    chip.say("0A 0B")
    chip.say("0C")
    assert (chip.written, ends.heard) == ([], [])
    await moment()
    assert chip.written == ["01", "02 03"]
    assert ends.heard == [b"\x0a\x0b", b"\x0c"]
    await line.close()


@virtual
async def test_what_came_before_the_start_is_kept() -> None:
    chip = ScriptedChip()
    line = MemoryTransport(chip, 9600, "here")
    chip.say("01")
    await moment()
    chip.say("02")
    ends = Ends(line)
    await moment()
    assert sorted(ends.heard) == [b"\x01", b"\x02"]
    await line.close()


@virtual
async def test_what_came_before_the_start_comes_first() -> None:
    chip = ScriptedChip()
    line = MemoryTransport(chip, 9600, "here")
    chip.say("01")
    await moment()
    ends = Ends(line)
    chip.say("02")
    await moment()
    assert ends.heard == [b"\x01", b"\x02"]
    await line.close()


@virtual
async def test_a_closed_line() -> None:
    chip = ScriptedChip()
    line = MemoryTransport(chip, 9600, "here")
    ends = Ends(line)
    line.write(b"\x01")
    chip.say("02")
    await line.close()
    await line.close()
    line.break_line()
    await moment()
    assert (chip.written, ends.heard, ends.lost) == ([], [], [])
    with pytest.raises(PortError, match="here"):
        line.write(b"\x01")


@virtual
async def test_a_broken_line_tells_once() -> None:
    chip = ScriptedChip()
    line = MemoryTransport(chip, 9600, "here")
    ends = Ends(line)
    line.break_line()
    line.break_line()
    await line.close()
    assert [str(error) for error in ends.lost] == ["here: unplugged"]
    with pytest.raises(PortError):
        line.write(b"\x01")


@virtual
async def test_the_rate() -> None:
    port = MemoryPort(ScriptedChip(), "there", baud=9600)
    assert (port.name, port.baud) == ("there", 9600)
    line = await port.open(9600)
    assert line.baud == 9600
    await line.set_baud(115200)
    assert line.baud == 115200
    await line.close()
    again = await port.open(57600)
    assert port.lines == [line, again]
    await again.close()
