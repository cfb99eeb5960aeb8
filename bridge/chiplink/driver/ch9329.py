"""The CH9329 as a device: a keyboard for the computer on its USB side."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from chiplink import layouts
from chiplink.catalog import CHIPS
from chiplink.driver.arming import ArmedMode, Arming
from chiplink.driver.ch9329_commands import Ch9329Commands
from chiplink.driver.conversation import Conversation
from chiplink.driver.hands import Hands
from chiplink.driver.supervision import Supervisor
from chiplink.exceptions import (
    BadPayloadError,
    CancelledCommandError,
    ChiplinkError,
    CommandError,
    OfflineError,
    OutcomeUnknownError,
    ProbeError,
    UnknownKeyError,
)
from chiplink.model import DeviceEvent, Outcome, StateUpdate
from chiplink.protocol.ch9329 import Command, Info, get_info
from chiplink.protocol.ch9329_parameters import SEARCH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from chiplink.catalog import Row
    from chiplink.driver.device import Emission, Emit, LinkView, Memory, Started
    from chiplink.model import CommandRequest, Scalar
    from chiplink.transport.base import Port

POLL_BUSY = 2.0
POLL_IDLE = 10.0
"""Seconds between looks at the chip while it is used, and otherwise."""

IN_USE = 60.0
"""Seconds after a command for which the chip counts as used."""

RELEASE_DEADLINE = 1.0
"""Seconds that letting go of all keys may take when the program ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ch9329Settings:
    """`[device.NAME]` of the configuration, checked."""

    id: str
    chip: str = "ch9329"
    title: str = ""
    layout: str = "us"
    armed: ArmedMode = ArmedMode.MANUAL
    disarm_after: float | None = None
    address: int = 0
    pace: float = 0.012
    max_text: int = 10_000
    screen: tuple[int, int] | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Ch9329:
    """A Device: keeps the chip connected and carries out commands.

    `memory` keeps the found baud rate for the next start.
    """

    def __init__(self, settings: Ch9329Settings, port: Port, memory: Memory | None = None) -> None:
        self._settings = settings
        self._port = port
        self._memory: Memory = {} if memory is None else memory
        self._layout = layouts.load(settings.layout)
        self._counters: Counter[str] = Counter()
        self._conversation: Conversation | None = None
        self._info: Info | None = None
        self._used_at = float("-inf")
        self._left_alone_at = float("-inf")
        self._attention = asyncio.Event()
        self._published: dict[str, Scalar] = {}
        self._emit: Emit = _nobody
        self._hands = Hands(settings.address)
        self._plays = Ch9329Commands(
            self._hands,
            address=settings.address,
            pace=settings.pace,
            max_text=settings.max_text,
            screen=settings.screen,
            secrets=settings.secrets,
        )
        self._arming = Arming(settings.armed, self._armed_changed, settings.disarm_after)
        self._commands: dict[str, Callable[[CommandRequest, Started], Awaitable[Outcome]]] = {
            "type": self._type,
            "type_secret": self._type_secret,
            "keys": lambda request, started: self._plays.press_keys(
                request.value, self._layout, started
            ),
            "mouse": lambda request, started: self._plays.mouse(request.value, started),
            "media": lambda request, started: self._plays.media(request.value, started),
            "power": lambda request, started: self._plays.power(request.value, started),
            "hid_out": lambda request, started: self._plays.hid_out(request.value, started),
            "release_all": self._release_all,
            "armed": self._arm,
            "layout": self._set_layout,
        }
        self.id = settings.id
        self.title = settings.title or settings.id
        self.chip = CHIPS["ch9329"]
        self.rows: Mapping[str, Row] = _rows(settings)
        self.links: Mapping[str, LinkView] = {}

    async def run(self, emit: Emit) -> None:
        """Keep the chip connected until cancelled, then release everything."""
        self._emit = emit
        self._supervisor = Supervisor(self.id, self._session, emit)
        self._publish("armed", self._arming.armed)
        self._publish("layout", self._layout.name)
        self._arming.begin()
        try:
            await self._supervisor.run()
        finally:
            self._arming.close()

    def execute(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        """Begin one command and return what waits for its end; raises CommandError."""
        command = self._commands.get(request.key)
        if command is None or request.key not in self.rows:
            raise UnknownKeyError(f"{request.key!r} is no command of this device")
        if self.rows[request.key].gated:
            self._arming.check()
            self._check_computer()
        if not self._in_use:
            self._attention.set()
        self._used_at = time.monotonic()
        ending = command(request, started)
        if not self.rows[request.key].gated:
            return ending
        if request.received <= self._left_alone_at:
            self._hands.unattended()  # who sent it cannot let go any more
        return self._confirmed(ending)

    async def _confirmed(self, ending: Awaitable[Outcome]) -> Outcome:
        """Look once more whether the computer is there: the chip acknowledges without one too."""
        outcome = await ending
        if self._conversation is not None:
            await self._poll(self._conversation)
        if self._info is not None and not self._info.usb:
            raise OutcomeUnknownError("the computer went away")
        return outcome

    @property
    def _in_use(self) -> bool:
        return time.monotonic() - self._used_at < IN_USE

    def abort(self) -> None:
        """Stop what is being played."""
        self._hands.stop(CancelledCommandError("cancelled"))

    def unattended(self) -> None:
        """Let go of what is held, and let what waits hold nothing."""
        self._left_alone_at = time.monotonic()
        self._hands.unattended()

    def counters(self) -> Mapping[str, int]:
        """Return what was counted on the line."""
        return self._counters

    # Commands

    def _type(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        return self._plays.type_text(request.value, self._layout, started, caps_lit=self._caps_lit)

    def _type_secret(self, request: CommandRequest, started: Started) -> Awaitable[Outcome]:
        return self._plays.type_secret(
            request.value, self._layout, started, caps_lit=self._caps_lit
        )

    @property
    def _caps_lit(self) -> bool:
        return self._info is not None and self._info.caps_lock

    def _release_all(self, _request: CommandRequest, _started: Started) -> Awaitable[Outcome]:
        return _after(self._hands.release_all())

    def _arm(self, request: CommandRequest, _started: Started) -> Awaitable[Outcome]:
        if request.value:
            self._arming.arm(secure=request.secure)
            return _after()
        self._arming.disarm()
        return _after() if self._conversation is None else _after(self._hands.release_all())

    async def _set_layout(self, request: CommandRequest, _started: Started) -> Outcome:
        try:
            self._layout = layouts.load(str(request.value))
        except ValueError as error:
            raise BadPayloadError(str(error)) from None
        self._publish("layout", self._layout.name)
        return Outcome()

    def _check_computer(self) -> None:
        if self._conversation is None:
            raise OfflineError("the chip does not answer")
        if self._info is not None and not self._info.usb:
            raise OfflineError("the chip sees no computer on its USB side")

    def _armed_changed(self, armed: bool) -> None:  # noqa: FBT001
        self._publish("armed", armed)
        if not armed:
            self._hands.stop(CancelledCommandError("disarmed"))
            self._hands.unattended()

    # The connection

    async def _session(self) -> None:
        """Connect, then look after the chip until it is lost; raises why it was."""
        loop = asyncio.get_running_loop()
        self._dead = loop.create_future()
        conversation = await self._connect(self._dead)
        try:
            self._conversation = conversation
            self._hands.connected(conversation)
            self._supervisor.connected()
            await self._watch(conversation, self._dead)
        finally:
            self._conversation = None
            self._info = None
            try:
                async with asyncio.timeout(RELEASE_DEADLINE):
                    await self._let_go()
            except (TimeoutError, CommandError):
                self._counters["unreleased"] += 1
            finally:
                self._hands.disconnected()
                await conversation.close()

    async def _let_go(self) -> None:
        """Release everything while the line still works."""
        self._hands.stop(CancelledCommandError("chiplink is stopping"))
        if self._dead is None or not self._dead.done():
            await self._hands.release_all()

    async def _connect(self, dead: asyncio.Future[ChiplinkError]) -> Conversation:
        tried = [known] if (known := self._memory.get("baud")) in SEARCH else []
        rates = (
            [self._port.baud] if self._port.baud else tried + [b for b in SEARCH if b not in tried]
        )
        for baud in rates:
            transport = await self._port.open(baud)
            conversation = Conversation(
                transport,
                self._settings.address,
                on_info=self._note_info,
                on_hid=self._note_hid,
                on_dead=partial(self._note_dead, dead),
                counters=self._counters,
            )
            try:
                await conversation.identify()
            except ProbeError:
                await conversation.close()
            except BaseException:
                await conversation.close()
                raise
            else:
                self._memory["baud"] = baud
                return conversation
            if dead.done():
                raise dead.result()
        shown = ", ".join(str(rate) for rate in rates)
        raise ProbeError(
            f"{self._port.name}: no CH9329 answers at {shown} baud; is it powered?"
            " In ASCII or transparent mode it stays silent: pull its SET pin low"
        )

    async def _watch(self, conversation: Conversation, dead: asyncio.Future[ChiplinkError]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_BUSY if self._in_use else POLL_IDLE):
                    await self._attention.wait()
            self._attention.clear()
            if dead.done():
                raise dead.result()
            await self._poll(conversation)

    async def _poll(self, conversation: Conversation) -> None:
        self._hands.settle()
        frame = get_info(self._settings.address)
        try:
            await conversation.request(frame, Command.GET_INFO, repeatable=True, first=True)
        except CommandError:
            self._counters["polls_failed"] += 1

    def _note_dead(self, dead: asyncio.Future[ChiplinkError], error: ChiplinkError) -> None:
        if not dead.done():
            dead.set_result(error)
        self._attention.set()

    def _note_info(self, info: Info) -> None:
        self._info = info
        self._publish("usb", info.usb)
        self._publish("num_lock", info.num_lock)
        self._publish("caps_lock", info.caps_lock)
        self._publish("scroll_lock", info.scroll_lock)
        self._publish("firmware", info.firmware)
        if not info.usb:
            self._hands.stop(OutcomeUnknownError("the computer went away"))

    def _note_hid(self, data: bytes) -> None:
        self._counters["hid_in"] += 1
        self._emit(DeviceEvent(self.id, "hid_in", "report", {"data": data.hex()}))

    def _publish(self, key: str, value: Scalar) -> None:
        if self._published.get(key) != value or key not in self._published:
            self._published[key] = value
            self._emit(StateUpdate(self.id, key, value))


def _rows(settings: Ch9329Settings) -> dict[str, Row]:
    """The chip's rows as this configuration makes them."""
    rows = {row.key: row for row in CHIPS["ch9329"].rows}
    rows["type"] = replace(rows["type"], max=settings.max_text)
    rows["layout"] = replace(rows["layout"], options=layouts.names())
    if settings.secrets:
        names = tuple(sorted(settings.secrets))
        rows["type_secret"] = replace(rows["type_secret"], options=names)
    else:
        del rows["type_secret"]
    return rows


async def _after(*endings: Awaitable[None]) -> Outcome:
    for ending in endings:
        await ending
    return Outcome()


def _nobody(_emission: Emission) -> None:
    """Before `run`, nobody listens."""
