"""Payloads to values and back (SPEC.md, "Payloads")."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

import msgspec

from chiplink.catalog import ValueType
from chiplink.catalog.row import PRESS
from chiplink.exceptions import BadPayloadError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chiplink.catalog import Row
    from chiplink.model import CommandValue, Json, Scalar

MAX_JSON = 64 * 1024
"""Bytes of a JSON command."""

MAX_LEVELS = 16
"""Lists and objects within each other in a JSON command."""

_BYTES_A_CHARACTER = 4
_CHARACTERS_A_BYTE = 3
_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(rb"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")


def encode_state(value: Scalar) -> bytes:
    """Return a state's payload: ON and OFF, a number, or text."""
    if isinstance(value, bool):
        return b"ON" if value else b"OFF"
    return str(value).encode()


def decode_command(row: Row, payload: bytes) -> CommandValue:
    """Return a command's value; raises BadPayloadError or TooLargeError."""
    return _DECODERS[row.type](row, payload)


def decode_data(row: Row, payload: bytes) -> bytes:
    """Return a payload that is taken as it is; raises TooLargeError."""
    limit = int(row.max or MAX_JSON)
    if len(payload) > limit:
        raise TooLargeError(f"{len(payload)} bytes; at most {limit} at once")
    return payload


def _decode_text(row: Row, payload: bytes) -> str:
    limit = int(row.max or MAX_JSON)
    if len(payload) > limit * _BYTES_A_CHARACTER:
        raise TooLargeError(f"{len(payload)} bytes; at most {limit} characters at once")
    return _utf8(payload)


def _utf8(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise BadPayloadError(f"not UTF-8 at byte {error.start}") from None


def _decode_bool(_row: Row, payload: bytes) -> bool:
    if payload not in (b"ON", b"OFF"):
        raise BadPayloadError("the payload is ON or OFF")
    return payload == b"ON"


def _decode_enum(row: Row, payload: bytes) -> str | None:
    options = (row.options or ()) if row.button is None else (PRESS,)
    text = _utf8(payload[:MAX_JSON])
    if text not in options:
        near = difflib.get_close_matches(text, options, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; one of {', '.join(options)}"
        raise BadPayloadError(f"unknown value{hint}")
    return None if options == (PRESS,) else text


def _decode_int(row: Row, payload: bytes) -> int:
    try:
        value = int(_matching(_INTEGER, payload))
    except ValueError:
        raise BadPayloadError("the payload is a whole number") from None
    _check_range(row, value)
    return value


def _decode_float(row: Row, payload: bytes) -> float:
    try:
        value = float(_matching(_NUMBER, payload))
    except ValueError:
        raise BadPayloadError("the payload is a number") from None
    _check_range(row, value)
    return value


def _matching(form: re.Pattern[bytes], payload: bytes) -> bytes:
    """Return `payload`; ValueError unless it has the form, which Python's own is wider than."""
    if form.fullmatch(payload) is None:
        raise ValueError
    return payload


def _check_range(row: Row, value: float) -> None:
    low = row.min if row.min is not None else float("-inf")
    high = row.max if row.max is not None else float("inf")
    if not (math.isfinite(value) and low <= value <= high):
        raise BadPayloadError(f"out of range: {row.min} to {row.max}")


def _decode_bytes(row: Row, payload: bytes) -> bytes:
    limit = int(row.max or MAX_JSON)
    if len(payload) > limit * _CHARACTERS_A_BYTE:
        raise TooLargeError(f"at most {limit} bytes")
    try:
        value = bytes.fromhex(payload.decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        raise BadPayloadError("the payload is hex, for example 01ff2a") from None
    if len(value) > limit:
        raise TooLargeError(f"at most {limit} bytes")
    return value


def _decode_json(_row: Row, payload: bytes) -> CommandValue:
    if len(payload) > MAX_JSON:
        raise TooLargeError(f"{len(payload)} bytes; at most {MAX_JSON}")
    try:
        value: CommandValue = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadPayloadError("the payload is not JSON") from None
    if not _is_shallow(value, MAX_LEVELS):
        raise BadPayloadError(f"lists and objects within each other: at most {MAX_LEVELS} levels")
    return value


def _is_shallow(value: Json | CommandValue, levels: int) -> bool:
    """Whether it has no more levels; else whoever looks at all of it may run out of stack."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


_DECODERS: dict[ValueType, Callable[[Row, bytes], CommandValue]] = {
    ValueType.TEXT: _decode_text,
    ValueType.BOOL: _decode_bool,
    ValueType.ENUM: _decode_enum,
    ValueType.INT: _decode_int,
    ValueType.FLOAT: _decode_float,
    ValueType.BYTES: _decode_bytes,
    ValueType.JSON: _decode_json,
}
