"""Reading and changing what a CH9329 stores: for the command line only, never by MQTT.

Settings take effect at a reset, and the chip may come back at another baud rate, at
another address, late, or as it was: each session below looks for it and reads.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from chiplink.driver.conversation import Conversation, Exchange
from chiplink.exceptions import (
    ChipError,
    ChiplinkError,
    CommandError,
    DeadlineError,
    PortError,
    ProbeError,
)
from chiplink.protocol.ch9329 import Command, Info, Reply
from chiplink.protocol.ch9329_commands import (
    get_para_cfg,
    get_usb_string,
    reset,
    set_default_cfg,
    set_para_cfg,
    set_usb_string,
)
from chiplink.protocol.ch9329_parameters import (
    FACTORY_BAUD,
    SEARCH,
    Parameters,
    StringKind,
    check_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chiplink.driver.conversation import Answer
    from chiplink.transport.base import Port, Transport

READ_ANSWER = 0.5
WRITE_ANSWER = 6.0
"""Seconds to an answer beyond the time on the wire; writing has taken 3 to 5."""

RESET_ANSWER = 1.0
"""Seconds for RESET's answer, which may be lost."""

FIRST_LOOK = 0.4
REAPPEAR = 8.0
"""Seconds after a reset until the chip may answer again, and until it must."""

MAX_READS = 3
"""Times a string is asked for when another string's answer arrives."""

SILENT = (
    "is it powered, are RX and TX crossed? In ASCII or transparent mode it is silent until"
    " its SET pin is low; at another address `configure --current-address` finds it"
)
"""What to look at when nothing answers."""

Strings = dict[StringKind, bytes | None]
"""The stored USB strings; None where the chip will not tell."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the chip stores."""

    parameters: Parameters
    strings: Strings


@dataclass(frozen=True, slots=True)
class Found:
    """A chip that answered: on which line, what it is, and what it stores."""

    baud: int
    address: int
    info: Info
    settings: Settings


class Ch9329Setup:
    """A chip on an open port; an async context manager that opens and closes it."""

    def __init__(self, port: Port, address: int = 0, likely: Iterable[int] = ()) -> None:
        check_address(address)
        self._port = port
        self._address = address
        rates = (port.baud,) if port.baud else (*likely, *SEARCH)
        self.rates = tuple(dict.fromkeys(rates))
        self._counters: Counter[str] = Counter()
        self._info: Info | None = None
        self._dead: ChiplinkError | None = None
        self._transport: Transport | None = None
        self._conversation: Conversation | None = None

    async def __aenter__(self) -> Self:
        """Open the port and find the chip; raises PortError and ProbeError."""
        self._transport = await self._port.open(self.rates[0])
        try:
            await self._connect()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close the port."""
        await self._hang_up()
        if self._transport is not None:
            await self._transport.close()

    async def read(self) -> Found:
        """Read what the chip is and stores; raises ChiplinkError."""
        answer = await self._ask(get_para_cfg(self._address), Command.GET_PARA_CFG)
        try:
            parameters = Parameters.from_bytes(answer.data)
        except ValueError as error:
            raise ChipError(f"{self._port.name}: GET_PARA_CFG: {error}") from None
        strings = {kind: await self._read_string(kind) for kind in StringKind}
        if self._info is None:
            raise ProbeError(f"{self._port.name}: the chip does not say what it is")
        return Found(self._line().baud, self._address, self._info, Settings(parameters, strings))

    async def write(
        self, before: Settings, wanted: Settings, tell: Callable[[str], None]
    ) -> Found | None:
        """Write what differs, reset, and read it back; None if the chip is silent now by wish.

        `tell` gets a line a step. Raises ChiplinkError.
        """
        for kind, text in wanted.strings.items():
            if text is not None and text != before.strings.get(kind):
                tell(f"writing the {kind.name.lower()} string")
                frame = set_usb_string(self._address, kind, text)
                await self._ask(frame, Command.SET_USB_STRING, WRITE_ANSWER)
        parameters = wanted.parameters.for_writing()
        if not parameters.same_settings(before.parameters):
            tell("writing the parameters")
            frame = set_para_cfg(self._address, parameters)
            await self._ask(frame, Command.SET_PARA_CFG, WRITE_ANSWER)
        if before.parameters.answers and not parameters.answers:
            # Looking for it would type on the computer.
            tell("resetting the chip")
            await self._reset()
            return None
        return await self._restart((parameters.baud, parameters.address), tell)

    async def factory_default(self, tell: Callable[[str], None]) -> Found:
        """Bring back what the factory set, reset, and read it; raises ChiplinkError."""
        tell("bringing back the factory settings")
        await self._ask(set_default_cfg(self._address), Command.SET_DEFAULT_CFG, WRITE_ANSWER)
        return await self._restart((FACTORY_BAUD, 0), tell)

    # The reset, and the chip after it

    async def _restart(self, new: tuple[int, int], tell: Callable[[str], None]) -> Found:
        """Reset and look for the chip; a second time if nothing shows that it took place."""
        old = self._place()
        for _attempt in range(2):
            tell("resetting the chip")
            acknowledged = await self._reset()
            tell("waiting for the chip")
            await self._await_chip([new, old])
            if acknowledged or self._moved_from(*old):
                return await self.read()
        tell("the chip did not confirm its reset; plug it in again if the computer sees the old")
        return await self.read()

    async def _connect(self) -> None:
        if not await self._find([(rate, self._address) for rate in self.rates]):
            shown = ", ".join(str(rate) for rate in self.rates)
            raise ProbeError(f"{self._port.name}: no CH9329 answers at {shown} baud; {SILENT}")

    async def _reset(self) -> bool:
        """Reset the chip; whether it said so: the answer may be lost."""
        try:
            async with asyncio.timeout(RESET_ANSWER):
                await self._ask(reset(self._address), Command.RESET, repeatable=False)
        except (CommandError, ProbeError, TimeoutError):
            return False
        finally:
            await self._hang_up()
        return True

    async def _await_chip(self, places: list[tuple[int, int]]) -> None:
        """Look for the chip where it may be until it must be there, then everywhere."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REAPPEAR
        await asyncio.sleep(FIRST_LOOK)
        while loop.time() < deadline:
            if await self._find(places):
                return
        addresses = dict.fromkeys(address for _baud, address in places)
        if not await self._find([(rate, address) for address in addresses for rate in SEARCH]):
            shown = " or ".join(dict.fromkeys(str(baud) for baud, _address in places))
            raise ProbeError(
                f"{self._port.name}: the chip does not answer after its reset, at {shown} baud"
                " or any other; unplug it and plug it in again"
            )

    def _moved_from(self, baud: int, address: int) -> bool:
        """Whether the chip is where it can only be after a reset; one at 00 answers to any."""
        return self._line().baud != baud or address not in (0, self._address)

    def _place(self) -> tuple[int, int]:
        return self._line().baud, self._address

    # Talking

    async def _find(self, places: Iterable[tuple[int, int]]) -> bool:
        """Look for the chip at each baud rate and address in turn, and stay where it is."""
        for baud, address in dict.fromkeys(places):
            await self._hang_up()
            try:
                await self._line().set_baud(baud)
            except PortError:
                continue  # this adapter does not know the rate; others may do
            self._address = address
            try:
                await self._talk().identify()
            except ProbeError:
                if isinstance(self._dead, PortError):
                    raise self._dead from None
                continue
            return True
        await self._hang_up()
        return False

    def _talk(self) -> Conversation:
        """Begin a conversation on the open line."""
        self._dead = None
        self._conversation = Conversation(
            _Borrowed(self._line()),
            self._address,
            on_info=self._note_info,
            on_hid=lambda _data: None,
            on_dead=self._note_dead,
            counters=self._counters,
        )
        return self._conversation

    async def _hang_up(self) -> None:
        """End the conversation; the line stays open."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    async def _ask(
        self, frame: bytes, command: int, answer: float = READ_ANSWER, *, repeatable: bool = True
    ) -> Reply:
        """Send one frame and return its good answer; raises CommandError and ProbeError."""
        if self._conversation is None:
            raise ProbeError(f"{self._port.name}: the chip does not answer")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(result: Answer | CommandError) -> None:
            if future.done():
                return
            if isinstance(result, CommandError):
                future.set_exception(result)
            else:
                future.set_result(result)

        self._conversation.submit(
            Exchange(frame, command, done, repeatable=repeatable, answer=answer)
        )
        try:
            result = await future
        except CommandError as error:
            name = Command(command).name
            raise type(error)(f"{self._port.name}: {name}: {self._dead or error}") from error
        if not isinstance(result, Reply):
            raise DeadlineError(f"{self._port.name}: the chip answered something else")
        return result

    async def _read_string(self, kind: StringKind) -> bytes | None:
        """Read one USB string; None if the chip refuses to tell."""
        for _attempt in range(MAX_READS):
            try:
                frame = get_usb_string(self._address, kind)
                data = (await self._ask(frame, Command.GET_USB_STRING)).data
            except ChipError:
                return None
            if len(data) > 1 and data[0] == kind:
                return data[2 : 2 + data[1]]
        return None

    def _line(self) -> Transport:
        if self._transport is None:
            raise PortError(f"{self._port.name}: the port is closed")
        return self._transport

    def _note_info(self, info: Info) -> None:
        self._info = info

    def _note_dead(self, error: ChiplinkError) -> None:
        self._dead = error


class _Borrowed:
    """A transport that outlives the conversation on it: closing it only ends the listening."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def baud(self) -> int:
        """Bits a second."""
        return self._transport.baud

    def start(self, on_data: Callable[[bytes], None], on_lost: Callable[[PortError], None]) -> None:
        """Deliver what arrives from now on."""
        self._on_data: Callable[[bytes], None] | None = on_data
        self._on_lost = on_lost
        self._transport.start(self._received, self._lost)

    def write(self, data: bytes) -> None:
        """Send."""
        self._transport.write(data)

    async def set_baud(self, baud: int) -> None:
        """Change the rate."""
        await self._transport.set_baud(baud)

    async def close(self) -> None:
        """Deliver nothing more."""
        self._on_data = None

    def _received(self, data: bytes) -> None:
        if self._on_data is not None:
            self._on_data(data)

    def _lost(self, error: PortError) -> None:
        self._on_lost(error)
