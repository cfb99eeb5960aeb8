"""A simulated CH9329: serial frames on one side, a simulated computer on the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import ch9329_wire as wire
from .ch9329_answers import REPLY, Answer, command_name, decide, error_answer
from .ch9329_bytes import ByteModes
from .ch9329_commands import COMMAND_LABELS, READ_MY_HID
from .ch9329_core import HID_MODES, KEYBOARD_MODES, Core, Times
from .ch9329_faults import CH9329_FAULTS
from .ch9329_params import Stored
from .ch9329_replies import Replies
from .events import BytesDropped, FaultSwitched, FrameReceived, Observable, Started
from .faults import FaultSet
from .noise import NoisyPath
from .pc import Pc
from .timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch9329_wire import ReceivedFrame

WAITING_MAX = 1024  # frames that wait while one is carried out
FACTORY_BAUD = 9600
GET_INFO = 0x01


class Ch9329Sim(Observable):
    """The chip, powered and running on the current loop; observers get its and its PC's events."""

    def __init__(
        self,
        *,
        pc: Pc | None = None,
        stored: Stored | None = None,
        times: Times | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.times = times or Times()
        self.faults = FaultSet(CH9329_FAULTS, commands=COMMAND_LABELS, seed=seed)
        self.pc = pc or Pc()
        self.core = Core(self.pc, self.faults, stored or Stored())
        self.running = True
        self._timers = Timers()
        self._reader = wire.FrameReader(self._on_frame, self._on_dropped, self._hold)
        self._bytes = ByteModes(self.core, self._later)
        self._in = NoisyPath("in", self.faults, self._take)
        self._replies = Replies(self.faults, self._split_gap, self.emit)
        self._waiting: deque[ReceivedFrame] = deque()
        self._busy = False
        self._fresh = True
        self.pc.observe(self.emit)
        self.pc.connect(self)
        self.faults.watch(self._on_fault)
        self._enumerate()

    # The host's side.

    @property
    def baud(self) -> int:
        """The baud rate in force."""
        return self.core.active.parameters.baud

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Send what the chip says through send, from now on."""
        self._replies.send = send

    def detach(self) -> None:
        """Take the line away; what the chip says is lost, its state stays."""
        self._replies.send = None

    def receive(self, data: bytes) -> None:
        """Take bytes of the host, cut anywhere."""
        self._in.feed(data)

    # What a hand at the board does.

    def restart(self, cause: str = "power-up") -> None:
        """Lose power and come back (or, with cause "reset", start again): settings take effect."""
        self._timers.cancel()
        self._reader.clear()
        self._bytes.clear()
        self._waiting.clear()
        self._busy = False
        self.running = False
        self.pc.lose_device()
        if cause == "power-up" and self.faults.hit("baud-fallback"):
            self.core.stored.parameters = self.core.stored.parameters.with_baud(FACTORY_BAUD)
        self.core.active = self.core.stored.copy()
        self._later(self.times.boot, lambda: self._boot(cause))

    def set_pin(self, *, low: bool) -> None:
        """Pull the SET pin low (protocol mode whatever is set) or let it go."""
        self.core.set_pin_low = low
        self._reader.clear()
        self._bytes.drop_packet()

    def close(self) -> None:
        """Stop every timer; the chip does nothing any more."""
        self.running = False
        self.detach()
        self._timers.cancel()
        self._reader.clear()
        self._in.clear()
        self._replies.clear()
        self.faults.close()

    # The computer's side (pc.UsbDevice).

    def usb_lights_changed(self) -> None:
        """Send an unsolicited 81, a little after a lock light changed."""
        if self.core.work_mode in KEYBOARD_MODES and self.core.serial_mode == 0:
            # One turn of the loop later, so that without waiting too the answer goes first.
            self._later(0, self._tell_lights)

    def usb_hid_received(self, data: bytes) -> None:
        """Send the computer's custom HID report on, as frame 87 or as it is (serial mode 2)."""
        if not self.running or self.core.work_mode not in HID_MODES:
            return
        if self.core.serial_mode == 0:
            frame = wire.reply(self.core.active.parameters.address, READ_MY_HID, data)
            self._replies.say("CMD_READ_MY_HID_DATA", frame)
        else:
            self._replies.say("", data)

    def usb_plug_changed(self) -> None:
        """Enumerate, or be gone."""
        if not self.pc.plugged:
            self.pc.lose_device()
        elif self.faults.is_on("baud-fallback"):
            self.restart()
        else:
            self._later(self.times.enumerate, self._enumerate)

    # Inside.

    def _later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        return self._timers.later(self.times.scaled(seconds), action)

    def _hold(self) -> float:
        if self.faults.is_on("drop-torn"):
            return self.core.active.parameters.packet_interval
        return self.times.torn_hold

    def _split_gap(self) -> float:
        return self.times.scaled(self.times.split_gap)

    def _boot(self, cause: str) -> None:
        self.running = True
        self._fresh = cause == "power-up"
        parameters = self.core.active.parameters
        self.emit(Started(cause, self.baud, parameters.work_mode, parameters.serial_mode))
        self._later(self.times.enumerate, self._enumerate)

    def _enumerate(self) -> None:
        if self.running and self.pc.plugged and not self.pc.enumerated:
            self.pc.enumerate_device(self.core.identity())

    def _on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        self.emit(FaultSwitched(name, on))
        if name == "restart" and on:
            self.faults.switch_off(name)
            self.restart()
        elif name == "unplugged":
            (self.pc.unplug if on else self.pc.plug)()

    def _take(self, data: bytes) -> None:
        if not self.running:
            self._on_dropped("chip is not running", data)
        elif self.core.serial_mode == 0:
            self._reader.feed(data)
        else:
            self._bytes.feed(data)

    def _on_dropped(self, reason: str, data: bytes) -> None:
        self.emit(BytesDropped(reason, data))

    def _on_frame(self, frame: ReceivedFrame) -> None:
        problem = self._problem(frame)
        self.emit(
            FrameReceived(
                frame.address, frame.command, command_name(frame.command), frame.data, problem
            )
        )
        if problem in {"other address", "too many"}:
            return
        if self._busy and self.faults.hit("overrun"):
            self._answer(frame, error_answer(frame, wire.ERR_SUM, 0.0, "overrun"))
        else:
            self._waiting.append(frame)
            self._work()

    def _problem(self, frame: ReceivedFrame) -> str:
        own = self.core.active.parameters.address
        if own and frame.address not in (own, wire.BROADCAST):
            return "other address"
        if len(self._waiting) >= WAITING_MAX:
            return "too many"
        return "" if frame.sum_right else "wrong sum"

    def _work(self) -> None:
        if self._busy or not self._waiting:
            return
        frame = self._waiting.popleft()
        self._busy = True
        first, self._fresh = self._fresh, False
        if first and self.faults.hit("first-e4"):
            answer = error_answer(frame, wire.ERR_SUM, self.times.read, "first-e4")
        else:
            answer = decide(self.core, self.times, frame)
        self._later(answer.seconds, lambda: self._finish(frame, answer))

    def _finish(self, frame: ReceivedFrame, answer: Answer) -> None:
        self._busy = False
        self._answer(frame, answer)
        if answer.restart:
            self.restart("reset")
        self._work()

    def _answer(self, frame: ReceivedFrame, answer: Answer) -> None:
        if frame.address != wire.BROADCAST:
            self._replies.say(command_name(frame.command), answer.data, answer.fault)

    def _tell_lights(self) -> None:
        self._later(self.times.light, self._send_lights)

    def _send_lights(self) -> None:
        address = self.core.active.parameters.address
        frame = wire.reply(address, GET_INFO | REPLY, self.core.info())
        self._replies.say("CMD_GET_INFO", frame)
