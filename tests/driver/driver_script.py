"""A chip that says only what a test makes it say."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from chiplink.driver.conversation import Conversation, Exchange
from chiplink.protocol.ch9329 import command_of, is_repeatable
from chiplink.transport.memory import MemoryTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.exceptions import CommandError, PortError, ProbeError
    from chiplink.protocol.ch9329 import Info, Reply

# Sums by hand: the low byte of the sum of all bytes before.
GET_INFO = "57 AB 00 01 00 03"
INFO = "57 AB 00 81 08 30 01 00 00 00 00 00 00 BC"
KEY_A = "57 AB 00 02 08 00 00 04 00 00 00 00 00 10"
KEY_B = "57 AB 00 02 08 00 00 05 00 00 00 00 00 11"
RELEASE = "57 AB 00 02 08 00 00 00 00 00 00 00 00 0C"
KEY_ACK = "57 AB 00 82 01 00 85"
KEY_E4 = "57 AB 00 C2 01 E4 A9"
KEY_E5 = "57 AB 00 C2 01 E5 AA"
MOVE = "57 AB 00 05 05 01 00 0A 00 00 17"
MOVE_ACK = "57 AB 00 85 01 00 88"
MOVE_E4 = "57 AB 00 C5 01 E4 AC"
BUTTONS_UP = "57 AB 00 05 05 01 00 00 00 00 0D"
HEADLESS_KEY_ACK = "AB 00 82 01 00 85"
FIVE_BYTES = "57 AB 00 FE 00"
HID_IN = "57 AB 00 87 02 CA FE 53"

ZEROS = "00 " * 16
LONG_ZEROS = "00 " * 70


class ScriptedChip:
    """The far end of a line: `written` are the writes as hex, `times` when they came.

    `answers` holds what is said to a write, by its hex; a list is used up from its front.
    """

    def __init__(self, answers: dict[str, list[str] | str] | None = None) -> None:
        self.written: list[str] = []
        self.times: list[float] = []
        self.answers = answers or {}
        self._send: Callable[[bytes], None] | None = None

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def detach(self) -> None:
        self._send = None

    def receive(self, data: bytes) -> None:
        text = data.hex(" ").upper()
        self.written.append(text)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.get(text)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else None
        if answer:
            self.say(answer)

    def say(self, text: str) -> None:
        """Let the host read these bytes in one read."""
        assert self._send is not None, "nobody listens"
        self._send(bytes.fromhex(text))


class Talk:
    """A conversation with a scripted chip, and all that it told."""

    def __init__(self, answers: dict[str, list[str] | str] | None = None, baud: int = 9600) -> None:
        self.chip = ScriptedChip(answers)
        self.line = MemoryTransport(self.chip, baud, "/dev/script")
        self.infos: list[Info] = []
        self.hid: list[bytes] = []
        self.dead: list[PortError | ProbeError] = []
        self.counters: Counter[str] = Counter()
        self.endings: list[Info | Reply | CommandError] = []
        self.conversation = Conversation(
            self.line,
            0,
            on_info=self.infos.append,
            on_hid=self.hid.append,
            on_dead=self.dead.append,
            counters=self.counters,
        )

    @property
    def written(self) -> list[str]:
        return self.chip.written

    def submit(self, text: str, *, first: bool = False, repeatable: bool | None = None) -> None:
        """Submit one frame; its ending goes to `endings`."""
        frame = bytes.fromhex(text)
        again = is_repeatable(frame) if repeatable is None else repeatable
        exchange = Exchange(frame, command_of(frame), self.endings.append, repeatable=again)
        self.conversation.submit(exchange, first=first)

    async def hear(self, text: str) -> None:
        """Let the chip say these bytes in one read, and let them be read."""
        self.chip.say(text)
        await moment()


async def moment() -> None:
    """Let everything happen that needs no time worth the name."""
    await asyncio.sleep(0.001)
