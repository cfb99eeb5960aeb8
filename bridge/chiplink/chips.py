"""Chips in a Python program, without MQTT: the drivers of the bridge, with asyncio's own words.

    async with ch392("serial:///dev/ttyUSB0?baud=921600") as chip:
        reader, writer = await chip.open_connection("192.168.1.50", 502)

A chip is kept connected while the block runs: it may be lost and come back, and what is
opened then goes over the new connection.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from chiplink.devices import bus_port
from chiplink.driver.ch392 import Ch392, Ch392Settings
from chiplink.driver.modem import Modem, ModemSettings
from chiplink.driver.modem_at import AtMode
from chiplink.driver.modem_models import MODELS
from chiplink.driver.sockets import KeepAlive
from chiplink.driver.streams import Streams
from chiplink.exceptions import LocalMisuseError, OfflineError, UsageError
from chiplink.model import Availability, CommandRequest, DeviceEvent, StateUpdate
from chiplink.ports import make_port
from chiplink.protocol.at_common import define_context, enter_pin
from chiplink.protocol.at_text import quote
from chiplink.protocol.ch392_commands import set_baudrate, set_mask_addr
from chiplink.protocol.ch392_profile import PROFILES
from chiplink.state import StateFile, default_folder
from chiplink.tables import nearest
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.driver.device import Emission
    from chiplink.model import CommandValue, Json, Scalar

__all__ = [
    "Ch392Chip",
    "KeepAlive",
    "ModemChip",
    "RunningChip",
    "ch392",
    "gseries",
    "sim800",
    "sim7028",
]

CONNECT_TIMEOUT = 20.0
"""Seconds until the chip must answer when a program begins to use it."""

MODEM_TIMEOUT = 45.0
"""Seconds until a modem must answer: it may be starting, and its rate is looked for."""

STOP_DEADLINE = 10.0
"""Seconds for taking leave of who is connected, and again for closing the port."""


class ModemOptions(TypedDict, total=False):
    """What the modems take besides their port, as the configuration names it."""

    timeout: float
    on_event: Callable[[DeviceEvent], None] | None
    apn: str
    user: str
    password: str
    pin: str
    at: str
    mode: str
    quick_send: bool
    several: bool
    keep_alive: KeepAlive | None


class RunningChip(Streams):
    """A chip with TCP/IP that answers, inside `async with`; it may be entered again later.

    `states` are its states by key, as the catalogue names them; `on_event` gets what
    happens once. Entering raises OfflineError with why the chip does not answer.
    """

    def __init__(
        self,
        device: Ch392 | Modem,
        port: str,
        *,
        timeout: float = CONNECT_TIMEOUT,
        on_event: Callable[[DeviceEvent], None] | None = None,
    ) -> None:
        super().__init__(device.stack)
        self._device = device
        self._port = port
        self._timeout = timeout
        self._on_event = on_event
        self._running: asyncio.Task[None] | None = None
        self._reason = ""
        self.states: dict[str, Scalar] = {}

    async def __aenter__(self) -> Self:
        """Connect, and return when the chip is initialised; the network may come later."""
        if self._running is not None:
            raise LocalMisuseError("this chip is in use already")
        self._reason = (
            f"{self._port}: no {self._device.chip.title} answers within {self._timeout:g} s"
        )
        self.states.clear()
        self._over = False
        self._running = asyncio.create_task(self._device.run(self._take))
        try:
            async with asyncio.timeout(self._timeout):
                await self._device.connected()
        except TimeoutError:
            await self._stop()
            raise OfflineError(self._reason) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Close everything that goes over the chip, and its port.

        What was written still goes out, within STOP_DEADLINE; not after an error.
        """
        try:
            # The chip would keep open what is open, with nobody behind it.
            await self._close_all(STOP_DEADLINE, in_order=kind is None)
        finally:
            await self._stop()

    async def ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's way
        """Wait for the network; raises TimeoutError with what is missing."""
        try:
            async with asyncio.timeout(timeout):
                await self._device.stack.ready()
        except TimeoutError:
            raise TimeoutError(self._device.stack.obstacle) from None

    async def command(self, key: str, value: CommandValue = None) -> Json:
        """Carry out `reset`, `dhcp`, `at` and return the result's value; raises CommandError."""
        request = CommandRequest(self._device.id, key, value)
        outcome = await self._device.execute(request, _unheard)
        return outcome.value

    def _check(self) -> None:
        if self._running is None:
            raise OfflineError("the chip is used outside of its `async with`")

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=STOP_DEADLINE)

    def _take(self, emission: Emission) -> None:
        if isinstance(emission, StateUpdate):
            self.states[emission.key] = emission.value
        elif isinstance(emission, Availability) and not emission.online:
            self._reason = emission.reason
        elif isinstance(emission, DeviceEvent):
            self._tell(emission)

    def _tell(self, event: DeviceEvent) -> None:
        """Hand an event to the program, whose mistakes are not the driver's."""
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - the program's; the chip works on
            asyncio.get_running_loop().call_exception_handler(
                {"message": "on_event() failed", "exception": error}
            )


class Ch392Chip(RunningChip):
    """A CH392."""

    def __init__(self, device: Ch392, port: str, **options: Any) -> None:
        super().__init__(device, port, **options)
        self._ch392 = device

    async def write_mac(self, mac: str, *, force: bool = False) -> None:
        """Write another MAC address, `84:c2:e4:…`, into the chip for good; only with `force`.

        The chip is reset then. Raises UsageError, CommandError.
        """
        try:
            packed = bytes.fromhex(mac.replace(":", ""))
        except ValueError:
            raise UsageError(f"{mac!r} is no MAC address; write 84:c2:e4:01:02:03") from None
        await self._ch392.write_mac(packed, force=force)


class ModemChip(RunningChip):
    """A modem."""


def ch392(  # noqa: PLR0913 - as many as there are choices
    port: str,
    *,
    ip: str | None = None,
    netmask: str = "255.255.255.0",
    gateway: str | None = None,
    profile: str = "ch392f",
    sockets: int = 4,
    several_peers: bool = False,
    timeout: float = CONNECT_TIMEOUT,
    on_event: Callable[[DeviceEvent], None] | None = None,
) -> Ch392Chip:
    """Return the CH392 at `port`, written as in the configuration; to be used by `async with`.

    Without `ip` DHCP gives the address. The chip's buffers are shared evenly by `sockets`
    connections at once, 1 to 4: fewer are faster. `several_peers` tells the chip that a
    server will have more than one. `timeout` is in seconds.
    Raises UsageError, ConfigError.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}{nearest(profile, list(PROFILES))}")
    own, mask, router = _addresses(ip, netmask, gateway)
    settings = Ch392Settings(
        id="ch392",
        profile=PROFILES[profile],
        dhcp=own is None,
        ip=own,
        netmask=mask,
        gateway=router,
        sockets=sockets,
        several_peers=several_peers,
    )
    url = parse_port(port)
    if url.baud is not None:
        set_baudrate(url.baud)
    device = Ch392(settings, bus_port(url, port, settings.profile))
    return Ch392Chip(device, port, timeout=timeout, on_event=on_event)


_Addresses = tuple[IPv4Address | None, IPv4Address | None, IPv4Address | None]


def _addresses(ip: str | None, netmask: str, gateway: str | None) -> _Addresses:
    """Return the chip's own address, the netmask and the gateway, checked; none with DHCP."""
    if ip is None:
        if gateway is not None:
            raise UsageError("a gateway belongs to a fixed address; give ip too, or neither")
        return None, None, None
    own, mask = _parsed(ip), _parsed(netmask)
    router = None if gateway is None else _parsed(gateway)
    set_mask_addr(mask)
    network = IPv4Network(f"{own}/{mask}", strict=False)
    for each in (own, router):
        if each is not None and not _is_one_device(each, network):
            raise UsageError(f"{each} is no address of one device in {network}")
    return own, mask, router


def _is_one_device(ip: IPv4Address, network: IPv4Network) -> bool:
    ends = (network.network_address, network.broadcast_address)
    return ip in network and ip not in ends and not (ip.is_multicast or ip.is_loopback)


def _parsed(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError(f"{text!r} is no IPv4 address; write for example 192.168.1.2") from None


def _modem(  # noqa: PLR0913 - as many as the configuration has
    chip: str,
    port: str,
    *,
    timeout: float = MODEM_TIMEOUT,
    on_event: Callable[[DeviceEvent], None] | None = None,
    apn: str = "",
    user: str = "",
    password: str = "",
    pin: str = "",
    at: str = "query",
    mode: str = "pull",
    quick_send: bool = False,
    several: bool = True,
    keep_alive: KeepAlive | None = None,
) -> ModemChip:
    if MODELS[chip].needs_apn and not apn:
        raise UsageError('this modem needs the operator\'s access point: apn="internet"')
    for value, known in ((at, [*AtMode]), (mode, ["pull", "push"])):
        if value not in known:
            raise UsageError(f"{value!r} is unknown{nearest(value, [str(each) for each in known])}")
    define_context(apn)
    for text in (user, password):
        quote(text)
    if pin:
        enter_pin(pin)
    settings = ModemSettings(
        id=chip,
        chip=chip,
        apn=apn,
        user=user,
        password=password,
        pin=pin,
        at=AtMode(at),
        pull=mode == "pull",
        quick_send=quick_send,
        several=several,
        keep_alive=keep_alive,
    )
    url = parse_port(port)
    # What was tried with a SIM must be known to the next program, too.
    memory = StateFile(default_folder() / "python.json").section(f"{chip} {url.identity}")
    device = Modem(settings, make_port(url, chip, port), memory)
    return ModemChip(device, port, timeout=timeout, on_event=on_event)


def sim800(port: str, **options: Unpack[ModemOptions]) -> ModemChip:
    """Return the SIM800 at `port`; to be used by `async with`. It needs `apn`.

    `several=False` is its mode of one link, which alone has a UDP socket for everybody.
    Datagrams need `mode="push"`. `pin` is tried once. Raises UsageError, ConfigError.
    """
    return _modem("sim800", port, **options)


def sim7028(port: str, **options: Unpack[ModemOptions]) -> ModemChip:
    """Return the SIM7028 at `port`, as `sim800` does; it may do without `apn`."""
    return _modem("sim7028", port, **options)


def gseries(port: str, **options: Unpack[ModemOptions]) -> ModemChip:
    """Return the KingcomTek G series modem at `port`, as `sim800` does; it has one link."""
    return _modem("gseries", port, **options)


def _unheard(_milliseconds: int) -> None:
    """Nobody is told how long it takes."""
