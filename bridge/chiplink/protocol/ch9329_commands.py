"""CH9329 commands that read and change its settings (sections 2.2.8 to 2.2.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.exceptions import UsageError
from chiplink.framing import encode
from chiplink.protocol.ch9329 import BROADCAST, Command
from chiplink.protocol.ch9329_parameters import MAX_STRING

if TYPE_CHECKING:
    from chiplink.protocol.ch9329_parameters import Parameters, StringKind


def get_para_cfg(address: int) -> bytes:
    """Build GET_PARA_CFG (section 2.2.8); raises UsageError for the broadcast address."""
    _answered(address)
    return encode(address, Command.GET_PARA_CFG)


def set_para_cfg(address: int, parameters: Parameters) -> bytes:
    """Build SET_PARA_CFG (section 2.2.9), modes set by software; raises UsageError."""
    return encode(address, Command.SET_PARA_CFG, parameters.for_writing().to_bytes())


def get_usb_string(address: int, kind: StringKind) -> bytes:
    """Build GET_USB_STRING (section 2.2.10); raises UsageError for the broadcast address."""
    _answered(address)
    return encode(address, Command.GET_USB_STRING, bytes([kind]))


def set_usb_string(address: int, kind: StringKind, text: bytes) -> bytes:
    """Build SET_USB_STRING (section 2.2.11); raises UsageError beyond 23 bytes."""
    if len(text) > MAX_STRING:
        raise UsageError(f"a USB string has at most {MAX_STRING} bytes, not {len(text)}")
    return encode(address, Command.SET_USB_STRING, bytes([kind, len(text)]) + text)


def set_default_cfg(address: int) -> bytes:
    """Build SET_DEFAULT_CFG (section 2.2.12)."""
    return encode(address, Command.SET_DEFAULT_CFG)


def reset(address: int) -> bytes:
    """Build RESET (section 2.2.13)."""
    return encode(address, Command.RESET)


def _answered(address: int) -> None:
    if address == BROADCAST:
        raise UsageError("nothing can be read at address FF: every chip hears it, none answers")
