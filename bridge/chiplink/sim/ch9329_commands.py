"""The CH9329's commands (document 2.2, table 1): one row each, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ch9329_params as params
from .ch9329_core import ALL_MODES, HID_MODES, KEYBOARD_MODES, MEDIA_MODES, MOUSE_MODES, Core
from .ch9329_wire import ERR_PARA, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

DONE = bytes([SUCCESS])
MEDIA_LENGTH = 4  # 02 b1 b2 b3
MEDIA_REPORT = 0x02
ACPI_REPORT = 0x01
ABSOLUTE_REPORT = 0x02
RELATIVE_REPORT = 0x01
COORDINATE_MASK = 0x1FFF
COORDINATE_MAX = 4095
RESET = 0x0F
READ_MY_HID = 0x87  # sent by the chip alone


class RefusedError(Exception):
    """A command that is answered by an error status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:02X}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Command:
    """A row: code, the document's name, a short name, lengths, work modes, time, action."""

    code: int
    name: str
    short: str
    lengths: Collection[int]
    modes: Collection[int]
    time: str
    run: Callable[[Core, bytes], bytes]

    @property
    def labels(self) -> tuple[str, str, str]:
        """The words a fault's argument may call it by."""
        return self.short, self.name.lower(), f"0x{self.code:02x}"


def _get_info(core: Core, _data: bytes) -> bytes:
    return core.info()


def _keyboard(core: Core, data: bytes) -> bytes:
    if core.pc.enumerated:
        core.pc.keyboard_report(data)
    return DONE


def _media(core: Core, data: bytes) -> bytes:
    if core.pc.enumerated:
        if len(data) == MEDIA_LENGTH and data[0] == MEDIA_REPORT:
            core.pc.consumer.media(data[1:])
        elif len(data) != MEDIA_LENGTH and data[0] == ACPI_REPORT:
            core.pc.consumer.acpi(data[1])
    return DONE


def _absolute(core: Core, data: bytes) -> bytes:
    if core.pc.enumerated and data[0] == ABSOLUTE_REPORT:
        x, y = (
            min(int.from_bytes(data[at : at + 2], "little") & COORDINATE_MASK, COORDINATE_MAX)
            for at in (2, 4)
        )
        core.pc.mouse.absolute(data[1], x, y, data[6])
    return DONE


def _relative(core: Core, data: bytes) -> bytes:
    if core.pc.enumerated and data[0] == RELATIVE_REPORT:
        core.pc.mouse.relative(data[1], data[2], data[3], data[4])
    return DONE


def _hid_out(core: Core, data: bytes) -> bytes:
    if core.pc.enumerated:
        core.pc.hid_report(data)
    return DONE


def _get_params(core: Core, _data: bytes) -> bytes:
    return core.readable.parameters.raw


def _set_params(core: Core, data: bytes) -> bytes:
    if not params.may_be_set(data):
        raise RefusedError(ERR_PARA)
    core.stored.parameters = params.Parameters(data)
    return DONE


def _get_string(core: Core, data: bytes) -> bytes:
    if data[0] >= len(params.FACTORY_STRINGS):
        raise RefusedError(ERR_PARA)
    string = core.readable.strings[data[0]]
    return bytes([data[0], len(string)]) + string


def _set_string(core: Core, data: bytes) -> bytes:
    kind, length, string = data[0], data[1], data[2:]
    if kind >= len(params.FACTORY_STRINGS) or length != len(string):
        raise RefusedError(ERR_PARA)
    core.stored.strings[kind] = string
    return DONE


def _set_default(core: Core, _data: bytes) -> bytes:
    core.stored.parameters = params.Parameters(core.pin_modes + params.FACTORY[2:])
    core.stored.strings[:] = params.FACTORY_STRINGS
    return DONE


def _reset(_core: Core, _data: bytes) -> bytes:
    return DONE


_STRING_LENGTHS = range(2, 2 + params.STRING_MAX + 1)
_ROWS = (
    Command(0x01, "CMD_GET_INFO", "get_info", (0,), ALL_MODES, "read", _get_info),
    Command(
        0x02, "CMD_SEND_KB_GENERAL_DATA", "keyboard", (8,), KEYBOARD_MODES, "keyboard", _keyboard
    ),
    Command(0x03, "CMD_SEND_KB_MEDIA_DATA", "media", (2, 4), MEDIA_MODES, "keyboard", _media),
    Command(0x04, "CMD_SEND_MS_ABS_DATA", "mouse_absolute", (7,), MOUSE_MODES, "mouse", _absolute),
    Command(0x05, "CMD_SEND_MS_REL_DATA", "mouse_relative", (5,), MOUSE_MODES, "mouse", _relative),
    Command(0x06, "CMD_SEND_MY_HID_DATA", "hid_out", range(65), HID_MODES, "keyboard", _hid_out),
    Command(0x08, "CMD_GET_PARA_CFG", "get_params", (0,), ALL_MODES, "read", _get_params),
    Command(
        0x09, "CMD_SET_PARA_CFG", "set_params", (params.SIZE,), ALL_MODES, "write", _set_params
    ),
    Command(0x0A, "CMD_GET_USB_STRING", "get_string", (1,), ALL_MODES, "read", _get_string),
    Command(
        0x0B, "CMD_SET_USB_STRING", "set_string", _STRING_LENGTHS, ALL_MODES, "write", _set_string
    ),
    Command(0x0C, "CMD_SET_DEFAULT_CFG", "set_default", (0,), ALL_MODES, "write", _set_default),
    Command(RESET, "CMD_RESET", "reset", (0,), ALL_MODES, "read", _reset),
)
COMMANDS = {row.code: row for row in _ROWS}
COMMAND_LABELS = frozenset(label for row in _ROWS for label in row.labels)
