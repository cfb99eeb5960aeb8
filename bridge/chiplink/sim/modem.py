"""A simulated modem without its TCP/IP stack: power, card, network, commands of every model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .ether import Ether
from .events import FaultSwitched, Observable
from .faults import Fault, FaultSet
from .modem_basic import BASIC_SETTINGS, ECHO, FULL, MINIMAL, RATE, BasicCommands
from .modem_card import Card
from .modem_card_commands import CardCommands
from .modem_contexts import Contexts
from .modem_events import ModemStarted, Said
from .modem_faults import BOOT_JUNK, TIME_URCS
from .modem_identity import Identity, identity_handlers
from .modem_port import FIRST_RATE, Port
from .modem_radio import Radio
from .modem_radio_commands import RadioCommands
from .modem_settings import Setting, Settings
from .modem_times import Times
from .modem_turn import Executor
from .modem_wide import WIDE_SETTINGS, wide_handlers
from .timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .modem_stack import Stack

HELD_MAX = 32  # unsolicited lines that wait while the line carries transparent data


@dataclass(frozen=True, slots=True)
class Model:
    """What tells one model from another, its stack apart."""

    faults: Mapping[str, Fault]
    identity: Identity
    address: str  # of the data context
    settings: tuple[Setting, ...] = ()
    labels: tuple[str, ...] = ()  # commands that a fault's argument may name
    reports: tuple[str, ...] = ("+CREG", "+CGREG")
    cpin: str = "+CPIN: "
    technology: str = ""
    bit_errors: int = 0
    own_apn: str = ""  # of context 0, if the modem makes and activates one by itself
    unknown: tuple[str, ...] = ()  # commands of other models that this one refuses


class ModemSim(Observable):
    """The modem at the far end of a serial line, powered up on the current loop.

    Its sockets are the machine's, through ether. ipr is the saved baud rate, 0 finds the host's.
    """

    MODEL: ClassVar[Model]

    def __init__(
        self,
        *,
        ether: Ether | None = None,
        times: Times | None = None,
        seed: int = 0,
        ipr: int = FIRST_RATE,
    ) -> None:
        super().__init__()
        model = self.MODEL
        self.times = times or Times()
        self.ether = ether or Ether()
        own = ("at", "e", *model.labels)
        self.faults = FaultSet(model.faults, commands=own, seed=seed)
        self.timers = Timers()
        self.settings = Settings((*BASIC_SETTINGS, *WIDE_SETTINGS, *model.settings))
        self.settings.set(RATE, str(ipr))
        self.settings.save()
        self.port = Port(self.faults, self.times, self.emit, ipr=ipr)
        self.executor = Executor(
            self.port, faults=self.faults, times=self.times, timers=self.timers, emit=self.emit
        )
        self.card = Card(self.faults, self.emit)
        self.radio = Radio(self.times, self.timers, self.emit)
        first = 0 if model.own_apn else 1
        self.contexts = Contexts(self.radio, self.times, first=first, address=model.address)
        self.functionality = FULL
        self._reporter = RadioCommands(
            self.radio,
            self.settings,
            self.times,
            reports=model.reports,
            technology=model.technology,
            bit_errors=model.bit_errors,
        )
        self._held: list[str] = []
        self._running = self._closed = self._was_attached = False
        self._shown_card = ""
        # Faults that happen once, each time they are switched on.
        self._accidents: dict[str, Callable[[], None]] = {
            "restart": lambda: self.restart("by itself"),
            "power-dip": self._dip,
            "pdp-deact": self.lose_context,
        }
        self.stack = self.make_stack()
        self._connect()
        self.restart("power-up")

    def make_stack(self) -> Stack:
        """Return the model's stack."""
        raise NotImplementedError

    # The host's side.

    @property
    def running(self) -> bool:
        """Whether the modem is up: it listens to commands."""
        return self._running

    @property
    def baud(self) -> int:
        """The serial rate now."""
        return self.port.baud

    def tune(self, speed: int) -> None:
        """Hear that the host speaks at this rate, for automatic baud."""
        self.port.tune(speed)

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Send what the modem says through send, from now on."""
        self.port.send = send

    def detach(self) -> None:
        """Take the line away; what the modem says is lost, its state stays."""
        self.port.send = None

    def receive(self, data: bytes) -> None:
        """Take bytes of the host, cut anywhere."""
        self.port.receive(data)

    # What a hand at the board, or the network, does.

    def restart(self, cause: str = "power-up") -> None:
        """Lose power for a moment: every link, setting and registration is gone."""
        self.power_off()
        self.later(self.times.power_up, lambda: self._boot(cause))

    def power_off(self) -> None:
        """Lose power until restart()."""
        self._running = False
        self.timers.cancel()
        self.ether.set_up(up=False)
        self.stack.reset()
        self.contexts.reset()
        self.executor.reset()
        self.radio.reset()
        self.settings.recall()
        self.port.stop(self.settings.number(RATE))
        self._was_attached = False
        self._held.clear()
        self._shown_card = ""

    def remove_sim(self) -> None:
        """Take the SIM card out."""
        self.card.insert(inserted=False)

    def insert_sim(self) -> None:
        """Put the SIM card in."""
        self.card.insert(inserted=True)

    def lose_network(self) -> None:
        """Let there be no network to register with."""
        self.radio.set_network(there=False)

    def find_network(self) -> None:
        """Let there be a network again."""
        self.radio.set_network(there=True)

    def set_signal(self, rssi: int) -> None:
        """Be heard with this strength: 0 to 31, or 99 for unknown (+CSQ)."""
        self.radio.set_signal(rssi)

    def close(self) -> None:
        """Stop every timer and close every real socket; the modem does nothing any more."""
        self._closed = True
        self.detach()
        self.power_off()
        self.port.close()
        self.faults.close()
        self.ether.close()

    # What the stack asks.

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do action in seconds at the modem's speed; the result cancels it."""
        return self.timers.later(self.times.scaled(seconds), action)

    def urc(self, *lines: str) -> None:
        """Say unsolicited lines; they wait while the line carries transparent data."""
        for line in lines:
            if self.port.in_data:
                if len(self._held) < HELD_MAX:
                    self._held.append(line)
                continue
            self.emit(Said("urc", line))
            self.port.say(f"\r\n{line}\r\n".encode("latin-1"))

    def apply_profile(self) -> None:
        """Do as the settings say."""
        self.port.echo = self.settings.number(ECHO) == 1

    def set_functionality(self, mode: int) -> None:
        """Be in a mode of AT+CFUN: minimal, full, without radio."""
        before, self.functionality = self.functionality, mode
        if mode != before and MINIMAL in (mode, before):
            self.card.power(on=mode != MINIMAL)
        self._follow()

    # Inside.

    def _connect(self) -> None:
        executor = self.executor
        executor.error_mode = lambda: self.settings.number("+CMEE")
        executor.urc = self.urc
        executor.add(self.settings.handlers())
        executor.add(wide_handlers())
        executor.add(identity_handlers(self.MODEL.identity))
        executor.add(CardCommands(self.card, cpin=self.MODEL.cpin).handlers())
        executor.add(self._reporter.handlers())
        executor.add(self.contexts.handlers())
        executor.add(BasicCommands(self).handlers())
        executor.add(self.stack.handlers())
        for name in self.MODEL.unknown:
            executor.handlers.pop(name, None)
        self.port.on_room = self.stack.room_grew
        self.port.on_command_mode = self._release_held
        self.card.on_change = self._card_changed
        self.radio.on_change = self._network_changed
        self.faults.watch(self._on_fault)

    def _boot(self, cause: str) -> None:
        self._running = True
        self.functionality = FULL
        self.apply_profile()
        self.port.start()
        self.emit(ModemStarted(cause, self.baud))
        if self.faults.hit("boot-junk"):
            self.port.say(BOOT_JUNK)
        self.urc("RDY", "+CFUN: 1")
        self.later(self.times.card, lambda: self.card.power(on=True))

    def _card_changed(self) -> None:
        if self._running and self.card.state != self._shown_card:
            self._shown_card = self.card.state
            self.timers.later(0, self._tell_card)
        self._follow()

    def _tell_card(self) -> None:
        if self.card.state != "BLOCKED":
            self.urc(self.MODEL.cpin + self.card.state)
        if self.card.state == "READY":
            self.later(self.times.ready, lambda: self.urc("Call Ready", "SMS Ready"))

    def _follow(self) -> None:
        self.radio.allow(
            allowed=self._running and self.card.state == "READY" and self.functionality == FULL
        )

    def _network_changed(self) -> None:
        self.ether.set_up(up=self.radio.registered)
        lost = self._was_attached and not self.radio.attached
        self._was_attached = self.radio.attached
        if self.radio.attached and self.MODEL.own_apn:
            self.contexts.define(0, "IP", self.MODEL.own_apn, active=True)
        if lost:
            self.lose_context()
        self.urc(*self._reporter.changes())
        if self.radio.registered and self.settings.number("+CLTS"):
            self.urc(*TIME_URCS)

    def lose_context(self) -> None:
        """Lose the data context: the network took it away."""
        self.contexts.deactivate_all()
        self.stack.network_lost()

    def _dip(self) -> None:
        self.urc("UNDER-VOLTAGE POWER DOWN")
        self.restart("power dip")

    def _release_held(self) -> None:
        held, self._held = self._held, []
        # The result of leaving data mode comes first.
        self.timers.later(0, lambda: self.urc(*held))

    def _on_fault(self, name: str, on: bool) -> None:  # noqa: FBT001 - a watcher's signature
        self.emit(FaultSwitched(name, on))
        if name == "no-network":
            self.radio.set_network(there=not on)
        elif name == "sim-missing":
            self.card.insert(inserted=not on)
        elif name == "pin-needed" and on:
            self.card.lock()
        elif name in self._accidents and on:
            self.faults.switch_off(name)
            self._accidents[name]()
        else:
            self.stack.fault_changed(name, on=on)
