"""The CH9329's stored settings: 50 bytes of parameters and three USB strings (document 2.2.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

SIZE = 50
PIN_SET = 0x80  # bit 7 of a mode byte: set by pins, not by software
STRING_MAX = 23
BAUDS = (1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200)

# What comes from the factory: modes by pins, address 00, 9600 baud (00002580), 3 ms between
# packets, VID 1A86 and PID E129 (low byte first), release after 1 ms, Enter at 0D.
FACTORY = bytes.fromhex(
    "80 80 00 00 00 25 80 08 00 00 03 86 1A 29 E1 00 00 00 01 00"
    "0D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 00 00 00 00"
)
FACTORY_STRINGS = (b"WCH.CN", b"CH9329", b"")  # vendor, product, serial number


@dataclass(frozen=True, slots=True)
class Parameters:
    """The 50 bytes, read field by field."""

    raw: bytes = FACTORY

    @property
    def work_mode(self) -> int:
        """0 keyboard, mouse, custom HID; 1 keyboard; 2 keyboard and mouse; 3 custom HID."""
        return self.raw[0] & ~PIN_SET

    @property
    def serial_mode(self) -> int:
        """0 protocol, 1 ASCII, 2 transparent."""
        return self.raw[1] & ~PIN_SET

    @property
    def address(self) -> int:
        """The chip's address; 00 takes frames to any."""
        return self.raw[2]

    @property
    def baud(self) -> int:
        """Bits a second, high byte first."""
        return int.from_bytes(self.raw[3:7], "big")

    @property
    def packet_interval(self) -> float:
        """Seconds of silence that end a packet."""
        return int.from_bytes(self.raw[9:11], "big") / 1000

    @property
    def vid(self) -> int:
        """USB vendor id, low byte first."""
        return int.from_bytes(self.raw[11:13], "little")

    @property
    def pid(self) -> int:
        """USB product id, low byte first."""
        return int.from_bytes(self.raw[13:15], "little")

    @property
    def upload_interval(self) -> float:
        """Seconds between characters in ASCII mode."""
        return int.from_bytes(self.raw[15:17], "big") / 1000

    @property
    def release_delay(self) -> float:
        """Seconds a key is held in ASCII mode."""
        return int.from_bytes(self.raw[17:19], "big") / 1000

    @property
    def auto_enter(self) -> bool:
        """Whether Enter follows every packet in ASCII mode."""
        return self.raw[19] == 1

    @property
    def enter_characters(self) -> tuple[bytes, ...]:
        """The groups of up to four characters that become Enter in ASCII mode."""
        groups = (self.raw[20:24].rstrip(b"\0"), self.raw[24:28].rstrip(b"\0"))
        return tuple(group for group in groups if group)

    @property
    def fast_upload(self) -> bool:
        """Whether ASCII mode sends no release between characters."""
        return self.raw[37] == 1

    def string_enabled(self, kind: int) -> bool:
        """Whether string 0 (vendor), 1 (product) or 2 (serial) is shown: bits 7 and 2, 1, 0."""
        flags = self.raw[36]
        return bool(flags & 0x80 and flags >> (2 - kind) & 1)

    def with_baud(self, baud: int) -> Parameters:
        """Return a copy with another baud rate."""
        return Parameters(self.raw[:3] + baud.to_bytes(4, "big") + self.raw[7:])


def may_be_set(raw: bytes) -> bool:
    """Whether SET_PARA_CFG takes these bytes: modes 00 to 03 and 00 to 02, a baud rate it has."""
    wanted = Parameters(raw)
    modes = raw[0] in range(4) and raw[1] in range(3)
    flags = raw[19] in (0, 1) and raw[37] in (0, 1)
    return modes and flags and wanted.baud in BAUDS


@dataclass(slots=True)
class Stored:
    """What survives power-down."""

    parameters: Parameters = field(default_factory=Parameters)
    strings: list[bytes] = field(default_factory=lambda: list(FACTORY_STRINGS))

    def copy(self) -> Stored:
        """Return a copy that does not change with this one."""
        return Stored(self.parameters, list(self.strings))
