"""`chiplink.chips`: a CH392 in a program, on a simulated chip in virtual time."""

from __future__ import annotations

import asyncio
import errno
import inspect
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from chiplink import chips, devices
from chiplink.catalog import CHIPS
from chiplink.chips import ch392
from chiplink.driver.streams import Streams
from chiplink.exceptions import (
    ChiplinkError,
    ConfigError,
    LocalMisuseError,
    OfflineError,
    RefusedError,
    UnknownKeyError,
    UsageError,
)
from chiplink.model import DeviceEvent
from chiplink.sim import Ch392Sim, Lease
from chiplink.sim.ch392 import SERVER
from chiplink.sim.ch392_events import ChipStarted, CommandTaken
from driver.ch392_bench import PLC, Line
from driver.ch392_network import MemoryEther
from driver.fake_stack import CHIP, HOST, Network
from driver.virtual_clock import VirtualLoop, virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chiplink.chips import Ch392Chip
    from chiplink.model import Json

    PlugIn = Callable[..., "Desk"]

PORT = "serial:///dev/cable?baud=115200"
FIXED = "192.168.1.60"
OTHER_LEASE = Lease("192.168.1.77", "192.168.1.1", "255.255.255.0", "192.168.1.1")


class Desk:
    """A chip on a line in memory, where `ch392` finds it, and its network."""

    def __init__(self, patch: pytest.MonkeyPatch, *, lease: Lease | None = SERVER) -> None:
        self.network = Network()
        self.sim = Ch392Sim(ether=MemoryEther(self.network), dhcp_server=lease)
        self.line = Line(self.sim, baud=115200)
        self.resets = 0
        self.commands: list[bytes] = []
        self.sim.observe(self._note)
        patch.setattr(devices, "make_port", lambda *_: self.line)

    def _note(self, event: object) -> None:
        self.resets += isinstance(event, ChipStarted)
        if isinstance(event, CommandTaken):
            self.commands.append(bytes([event.code]) + event.arguments)

    @property
    def open_sockets(self) -> list[int]:
        return [each.index for each in self.sim.sockets if each.session is not None]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlugIn]:
    desks: list[Desk] = []

    def plug(**options: Any) -> Desk:
        desks.append(Desk(monkeypatch, **options))
        return desks[-1]

    yield plug
    for desk in desks:
        desk.sim.close()


def shouting(tasks: list[asyncio.StreamWriter]) -> Any:
    """Answer each line in capitals; `tasks` are who came."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(writer)
        try:
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    return serve


# What is asked for


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "ch392g"}, "unknown profile 'ch392g'; did you mean 'ch392t'?"),
        ({"ip": "192.168.1"}, "'192.168.1' is no IPv4 address; write for example 192.168.1.2"),
        ({"ip": "plc.lan"}, "'plc.lan' is no IPv4 address"),
        ({"ip": FIXED, "netmask": "24"}, "'24' is no IPv4 address"),
        ({"ip": FIXED, "netmask": "255.0.255.0"}, "255.0.255.0 is no netmask"),
        ({"ip": FIXED, "gateway": "router"}, "'router' is no IPv4 address"),
        ({"ip": FIXED, "gateway": "192.168.2.1"}, "192.168.2.1 is no address of one device in"),
        ({"gateway": "192.168.1.1"}, "a gateway belongs to a fixed address; give ip too"),
        ({"ip": "0.0.0.0"}, "0.0.0.0 is no address of one device in"),  # noqa: S104
        ({"ip": "192.168.1.255"}, "192.168.1.255 is no address of one device in 192.168.1.0/24"),
        ({"ip": "127.0.0.1"}, "127.0.0.1 is no address of one device"),
        ({"ip": "239.1.2.3"}, "239.1.2.3 is no address of one device"),
        ({"sockets": 0}, "0 sockets are asked for, the chip has 4"),
        ({"sockets": 5}, "5 sockets are asked for, the chip has 4"),
    ],
)
def test_what_it_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ch392(PORT, **options)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("port", "kind", "words"),
    [
        (
            "ttyUSB0",
            ConfigError,
            "'ttyUSB0' is no port: write serial:///dev/…, a path or spi:///dev/…",
        ),
        ("serial://dev/ttyUSB0", ConfigError, "'serial://dev/ttyUSB0' needs three slashes"),
        ("/dev/ttyUSB0?baud=fast", ConfigError, "baud='fast' is no rate"),
        ("/dev/ttyUSB0?baud=250000", UsageError, "250000 baud is no rate of the chip"),
    ],
)
def test_what_is_no_port(port: str, kind: type[ChiplinkError], words: str) -> None:
    with pytest.raises(kind) as caught:
        ch392(port)
    assert str(caught.value).startswith(words)


@virtual
async def test_what_waits_for_the_network_for_ever_ends_with_the_block(plug_in: PlugIn) -> None:
    plug_in(lease=None)
    async with ch392(PORT) as chip:
        opening = asyncio.ensure_future(chip.open_connection(HOST, 80, timeout=None))
        await asyncio.sleep(5)
        assert not opening.done()
    with pytest.raises(TimeoutError, match="given up: no address"):
        await opening
    with pytest.raises(OSError, match="outside of its `async with`"):
        await chip.open_connection(HOST, 80, timeout=None)


@virtual
async def test_a_chip_knows_before_init_whether_a_server_has_several_peers(plug_in: PlugIn) -> None:
    for several, function in ((False, 0x08), (True, 0x0A)):
        desk = plug_in()
        async with ch392(PORT, ip=FIXED, several_peers=several):
            (bits,) = {each for each in desk.commands if each[0] == 0x55}
            assert bits == bytes([0x55, function, 0, 0, 0])
            assert desk.commands.index(bits) < desk.commands.index(b"\x27")


def test_a_server_is_opened_as_with_any_chip() -> None:
    """Only what happens at the end differs."""
    ours, theirs = (inspect.signature(each.create_server) for each in (chips.Ch392Chip, Streams))
    assert ours == theirs


# Entering


@virtual
async def test_it_is_there_before_its_network(plug_in: PlugIn) -> None:
    desk = plug_in()
    async with ch392(PORT) as chip:
        begun = {key: chip.states[key] for key in ("firmware", "mac", "dhcp")}
        assert begun == {"firmware": "01h", "mac": "84:c2:e4:00:03:92", "dhcp": "asking"}
        await chip.ready()
        assert chip.states == begun | {
            "phy": "full_duplex",
            "cable": True,
            "dhcp": "bound",
            "ip": "192.168.1.50",
            "gateway": "192.168.1.1",
            "netmask": "255.255.255.0",
            "dns": "192.168.1.1",
        }
        assert set(chip.states) <= {row.key for row in CHIPS["ch392"].rows}
    assert desk.line.line is None


@virtual
async def test_a_fixed_address(plug_in: PlugIn) -> None:
    plug_in(lease=None)
    async with ch392(PORT, ip=FIXED, netmask="255.255.0.0", gateway="192.168.2.1") as chip:
        await chip.ready(5)
        told = [chip.states[key] for key in ("dhcp", "ip", "netmask", "gateway")]
    assert told == ["off", FIXED, "255.255.0.0", "192.168.2.1"]


@virtual
async def test_nothing_answers(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.sim.faults.switch_on("no-answer")
    loop = asyncio.get_running_loop()
    with pytest.raises(OfflineError) as caught:
        async with ch392(PORT, timeout=2):
            raise AssertionError("it was entered")
    assert loop.time() < 4
    assert str(caught.value) == f"{PORT}: no CH392 answers within 2 s"
    with pytest.raises(OfflineError) as caught:
        async with ch392(PORT):
            raise AssertionError("it was entered")
    assert str(caught.value).startswith("/dev/cable: no CH392 answers at 115200, 9600, ")
    assert desk.line.line is None


@virtual
async def test_no_such_port(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.line.pull()
    with pytest.raises(OfflineError, match="/dev/cable: no such port"):
        async with ch392(PORT, timeout=1):
            raise AssertionError("it was entered")


@virtual
async def test_a_port_that_appears_in_time(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.line.pull()
    asyncio.get_running_loop().call_later(10, desk.line.plug)
    async with ch392(PORT) as chip:
        await chip.ready(10)


@virtual
async def test_whoever_gives_up_meanwhile_leaves_nothing(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.sim.faults.switch_on("no-answer")
    entering = asyncio.create_task(ch392(PORT).__aenter__())
    await asyncio.sleep(1)
    assert desk.line.line is not None
    entering.cancel()
    await asyncio.wait({entering})
    assert entering.cancelled()
    assert desk.line.line is None


@virtual
async def test_it_is_used_by_one_at_a_time(plug_in: PlugIn) -> None:
    plug_in()
    chip = ch392(PORT)
    async with chip:
        with pytest.raises(LocalMisuseError, match="in use already"):
            await chip.__aenter__()
        await chip.ready(5)
    async with chip:
        assert "ip" not in chip.states, "what was so before"
        await chip.ready(5)
        assert chip.states["ip"] == "192.168.1.50"


async def opened(chip: Ch392Chip) -> None:
    await chip.open_connection(HOST, 502)


async def listening(chip: Ch392Chip) -> None:
    await chip.start_server(shouting([]), 8080)


async def bound(chip: Ch392Chip) -> None:
    await chip.create_datagram_endpoint(asyncio.DatagramProtocol, local_port=5000)


@pytest.mark.parametrize("use", [opened, listening, bound])
@pytest.mark.parametrize("when", ["before", "after"])
@virtual
async def test_outside_of_the_block(plug_in: PlugIn, use: Any, when: str) -> None:
    plug_in()
    chip = ch392(PORT)
    if when == "after":
        async with chip:
            await chip.ready(5)
    now = asyncio.get_running_loop().time()
    with pytest.raises(OSError, match="outside of its `async with`") as caught:
        await use(chip)
    assert caught.value.errno == errno.ENETDOWN
    assert asyncio.get_running_loop().time() == now


# What is missing


@virtual
async def test_ready_says_what_is_missing(plug_in: PlugIn) -> None:
    desk = plug_in(lease=None)
    desk.sim.unplug_cable()
    async with ch392(PORT) as chip:
        with pytest.raises(TimeoutError, match=r"^no network cable$"):
            await chip.ready(3)
        desk.sim.plug_cable()
        with pytest.raises(TimeoutError, match=r"^no address yet: DHCP is asking$"):
            await chip.ready(3)
        with pytest.raises(TimeoutError, match=r"^no address: no DHCP server answers$"):
            await chip.ready(40)
        desk.sim.set_dhcp_server(SERVER)
        await chip.ready()
        await chip.ready(0.1)


@virtual
async def test_ready_while_the_chip_is_lost(plug_in: PlugIn) -> None:
    desk = plug_in()
    async with ch392(PORT) as chip:
        await chip.ready(5)
        desk.line.pull()
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError, match="unplugged"):
            await chip.ready(1)
        desk.line.plug()
        await chip.ready(20)


# Events and commands


@virtual
async def test_what_happens_once(plug_in: PlugIn) -> None:
    desk = plug_in()
    events: list[DeviceEvent] = []
    async with ch392(PORT, on_event=events.append) as chip:
        await chip.ready(5)
        desk.sim.conflict_ip()
        desk.sim.report_unreachable(3, 17, "192.168.1.9", 514)
        await asyncio.sleep(1)
    unreachable: dict[str, Json] = {"ip": "192.168.1.9", "port": 514, "protocol": 17, "code": 3}
    assert events == [
        DeviceEvent("ch392", "ip_conflict", "conflict", {"ip": "192.168.1.50"}),
        DeviceEvent("ch392", "unreachable", "unreachable", unreachable),
    ]


@virtual
async def test_a_program_that_fails_with_an_event_keeps_its_chip(plug_in: PlugIn) -> None:
    def fail(_event: DeviceEvent) -> None:
        raise KeyError("mine")

    desk = plug_in()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with ch392(PORT, on_event=fail) as chip:
        await chip.ready(5)
        started = desk.resets
        desk.sim.conflict_ip()
        await asyncio.sleep(10)
        assert desk.resets == started
        await chip.ready(0)
    (complaint,) = loop.complaints
    loop.complaints.clear()
    assert complaint["message"] == "on_event() failed"
    assert isinstance(complaint["exception"], KeyError)


@virtual
async def test_another_lease(plug_in: PlugIn) -> None:
    desk = plug_in()
    async with ch392(PORT) as chip:
        await chip.ready(5)
        desk.sim.chip.dhcp.server = OTHER_LEASE
        assert await chip.command("dhcp") is None
        assert chip.states["dhcp"] == "asking"
        async with asyncio.timeout(5):
            while chip.states["dhcp"] != "bound":  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.01)
        assert chip.states["ip"] == "192.168.1.77"


@virtual
async def test_commands_that_are_refused(plug_in: PlugIn) -> None:
    plug_in()
    chip = ch392(PORT, ip=FIXED)
    with pytest.raises(OfflineError, match="does not answer"):
        await chip.command("reset")
    async with chip:
        with pytest.raises(RefusedError, match="fixed address; there is no lease"):
            await chip.command("dhcp")
        with pytest.raises(UnknownKeyError, match="'type' is no command"):
            await chip.command("type", "hello")


@virtual
async def test_a_reset(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.network.listen(PLC)
    async with ch392(PORT, ip=FIXED) as chip:
        reader, _writer = await chip.open_connection(HOST, 502)
        before = desk.resets
        assert await chip.command("reset") is None
        assert desk.resets == before + 1
        with pytest.raises(OSError, match="a reset was asked for"):
            await reader.read()
        reader, _writer = await chip.open_connection(HOST, 502)


@pytest.mark.parametrize(
    ("mac", "force", "words"),
    [
        ("84:c2:e4:01:02:03", False, "the chip has a MAC address of its own; writing another"),
        ("84:c2:e4:01:02", True, "a MAC address has 6 bytes, not 5"),
        ("85:c2:e4:01:02:03", True, "85:c2:e4:01:02:03 is no address of one device"),
        ("nonsense", True, "'nonsense' is no MAC address; write 84:c2:e4:01:02:03"),
    ],
)
@virtual
async def test_a_mac_address_that_is_not_written(
    plug_in: PlugIn, mac: str, *, force: bool, words: str
) -> None:
    desk = plug_in()
    async with ch392(PORT, ip=FIXED) as chip:
        with pytest.raises(UsageError) as caught:
            await chip.write_mac(mac, force=force)
        assert str(caught.value).startswith(words)
        assert chip.states["mac"] == "84:c2:e4:00:03:92"
    assert desk.sim.chip.mac == bytes.fromhex("84 C2 E4 00 03 92")


@virtual
async def test_another_mac_address(plug_in: PlugIn) -> None:
    desk = plug_in()
    async with ch392(PORT, ip=FIXED) as chip:
        await chip.write_mac("84:c2:e4:01:02:03", force=True)
        assert chip.states["mac"] == "84:c2:e4:01:02:03"
        await chip.ready(5)
    assert desk.sim.chip.mac == bytes.fromhex("84 C2 E4 01 02 03")


# Leaving


@virtual
async def test_who_is_connected_is_told(plug_in: PlugIn) -> None:
    desk = plug_in()
    service = desk.network.listen(PLC)
    desk.network.mailbox(f"{HOST}:5000")
    writers: list[asyncio.StreamWriter] = []
    async with ch392(PORT, ip=FIXED) as chip:
        reader, _writer = await chip.open_connection(HOST, 502)
        plc = await service.accept()
        await chip.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(HOST, 5000))
        server = await chip.start_server(shouting(writers), 8080)
        caller = desk.network.call(f"{HOST}:40000", f"{CHIP}:8080")
        await caller.send(b"hello\n")
        assert await caller.read_exactly(6) == b"HELLO\n"
        assert desk.open_sockets == [0, 1, 2]
    assert desk.open_sockets == []
    assert await plc.read() == b""
    assert await caller.read() == b""
    assert not server.is_serving()
    assert await reader.read() == b""
    assert all(writer.is_closing() for writer in writers)


@pytest.mark.parametrize("fault", ["no-answer", "busy-forever", "pulled", "cable"])
@virtual
async def test_the_end_comes_whatever_the_chip_does(plug_in: PlugIn, fault: str) -> None:
    desk = plug_in()
    service = desk.network.listen(PLC)
    async with ch392(PORT, ip=FIXED) as chip:
        streams = [await chip.open_connection(HOST, 502) for _number in range(3)]
        far = [await service.accept() for _number in range(3)]
        await chip.start_server(shouting([]), 8080)
        if fault == "pulled":
            desk.line.pull()
        else:
            desk.sim.faults.switch_on(fault)
        for _reader, writer in streams:
            writer.write(bytes(4000))
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 2 * chips.STOP_DEADLINE
    assert desk.line.line is None
    assert len(far) == len(streams)
    assert all(writer.is_closing() for _reader, writer in streams)


@virtual
async def test_the_block_s_own_error_comes_through(plug_in: PlugIn) -> None:
    desk = plug_in()
    desk.network.listen(PLC)

    async def program() -> None:
        async with ch392(PORT, ip=FIXED) as chip:
            _streams = await chip.open_connection(HOST, 502)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await program()
    assert desk.open_sockets == []


@pytest.mark.parametrize("closes", [False, True])
@virtual
async def test_last_words_still_go_out(plug_in: PlugIn, *, closes: bool) -> None:
    desk = plug_in()
    service = desk.network.listen(PLC)
    words = bytes(range(256)) * 20
    async with ch392(PORT, ip=FIXED) as chip:
        _reader, writer = await chip.open_connection(HOST, 502)
        plc = await service.accept()
        reading = asyncio.create_task(plc.read_exactly(len(words)))
        writer.write(words)
        if closes:
            writer.close()
    assert await reading == words
    assert await plc.read() == b""


@virtual
async def test_nobody_is_waited_for_after_an_error(plug_in: PlugIn) -> None:
    """The other side takes nothing, and what waits for it never goes out."""
    desk = plug_in()
    service = desk.network.listen(PLC)

    async def program() -> None:
        async with ch392(PORT, ip=FIXED) as chip:
            _reader, writer = await chip.open_connection(HOST, 502)
            await service.accept()
            writer.write(bytes(60_000))
            await asyncio.sleep(5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await program()
    assert asyncio.get_running_loop().time() < 5 + chips.STOP_DEADLINE


@virtual
async def test_a_cancelled_program_leaves_in_order(plug_in: PlugIn) -> None:
    desk = plug_in()
    service = desk.network.listen(PLC)

    async def program() -> None:
        async with ch392(PORT, ip=FIXED) as chip:
            reader, _writer = await chip.open_connection(HOST, 502)
            await reader.read()

    task = asyncio.create_task(program())
    plc = await service.accept()
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert await plc.read() == b""
    assert desk.open_sockets == []


@virtual
async def test_only_some_networks_may_connect(plug_in: PlugIn) -> None:
    """What `allow` takes is the standard library's."""
    desk = plug_in()
    async with ch392(PORT, ip=FIXED) as chip:
        near = [IPv4Network(f"{IPv4Address(FIXED)}/32")]
        server = await chip.start_server(shouting([]), 8080, allow=near)
        caller = desk.network.call(f"{HOST}:40000", f"{CHIP}:8080")
        assert await caller.read() == b""
        assert server.refused == 1
