"""The only importer of the C core: bytes in, bytes out, a return code raised once."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chiplink._native import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Sequence

F = TypeVar("F", bound=tuple[object, ...])

FRAMES_PER_CALL = 64
_DESCRIPTOR = Struct("=IIii")
_descriptor = _DESCRIPTOR.unpack_from
_descriptors = _DESCRIPTOR.iter_unpack
# Builds a NamedTuple at half the price of its own constructor.
_new = tuple.__new__
_BYTES = ffi.typeof("uint8_t[]")
_UINT32S = ffi.typeof("uint32_t[]")
_feed = lib.cl_ch9329_feed
_flush = lib.cl_ch9329_flush
_pending = lib.cl_ch9329_pending

_ERRORS = {
    lib.CL_E_ARGUMENT: "a needed argument is missing",
    lib.CL_E_SPACE: "the output buffer is too small",
    lib.CL_E_LENGTH: "a length that the protocol does not allow",
    lib.CL_E_RANGE: "a value outside its range",
    lib.CL_E_UNSUPPORTED: "the text holds a character that this layout cannot type",
    lib.CL_E_TABLE: "the key table has an unusable row",
}


def _checked(result: int) -> int:
    if result < 0:
        raise ValueError(_ERRORS[result])
    return result


class Ch9329(Generic[F]):
    """A cl_ch9329_t that reports frames as `frame`, a NamedTuple of kind, payload, status, address.

    `statuses` are the members that stand for CL_FRAME_OK and the following.
    """

    __slots__ = ("_buffer", "_chip", "_descriptors", "_out", "_statuses", "_type", "_used")

    def __init__(self, frame: type[F], statuses: tuple[object, ...]) -> None:
        self._type = frame
        self._statuses = statuses
        self._chip = ffi.new("cl_ch9329_t *")
        self._used = ffi.new("size_t *")
        self._out = ffi.new("cl_frame_t[]", FRAMES_PER_CALL)
        self._buffer = ffi.buffer(self._chip)  # offsets count from the struct; keeps it alive
        self._descriptors = memoryview(ffi.buffer(self._out))
        lib.cl_ch9329_init(self._chip)

    def feed(self, data: bytes) -> list[F]:
        """Take in bytes, cut anywhere; return the frames they complete, bad ones too."""
        size = len(data)
        count = _feed(self._chip, data, size, self._used, self._out, FRAMES_PER_CALL)
        if count == 1:  # one reply a read is the rule, so it has a short way
            frames = [self._frame(*_descriptor(self._descriptors))]
        else:
            frames = self._frames(count)
        while self._used[0] < size:
            data = data[self._used[0] :]
            size = len(data)
            count = _feed(self._chip, data, size, self._used, self._out, FRAMES_PER_CALL)
            frames += self._frames(count)
        return frames

    def flush(self) -> list[F]:
        """Give up what is incomplete, once its deadline has passed; nothing is pending then."""
        frames = []
        while _pending(self._chip):
            frames += self._frames(_flush(self._chip, self._out, FRAMES_PER_CALL))
        return frames

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their frame, at most 70."""
        waiting: int = _pending(self._chip)
        return waiting

    def _frames(self, count: int) -> list[F]:
        if count == 0:
            return []
        buffer, cls, statuses = self._buffer, self._type, self._statuses
        return [
            _new(
                cls,
                (
                    kind & 0xFF if kind >= 0 else -1,
                    buffer[offset : offset + length],
                    statuses[status],
                    kind >> 8,
                ),
            )
            for offset, length, kind, status in _descriptors(
                self._descriptors[: count * _DESCRIPTOR.size]
            )
        ]

    def _frame(self, offset: int, length: int, kind: int, status: int) -> F:
        return _new(
            self._type,
            (
                kind & 0xFF if kind >= 0 else -1,
                self._buffer[offset : offset + length],
                self._statuses[status],
                kind >> 8,
            ),
        )


def ch9329_encode(address: int, command: int, data: bytes) -> bytes:
    """Return one frame; ValueError if the command has no such length."""
    out = ffi.new("uint8_t[]", lib.CL_CH9329_FRAME_MAX)
    size = lib.cl_ch9329_encode(address, command, data, len(data), out, len(out))
    return bytes(ffi.buffer(out, _checked(size)))


def hid_keyboard(address: int, modifiers: int, usages: bytes) -> bytes:
    """Return one keyboard frame; ValueError for more than six usages or E0 to FF."""
    out = ffi.new("uint8_t[]", lib.CL_HID_KEY_FRAME)
    size = lib.cl_hid_keyboard(address, modifiers, usages, len(usages), out, len(out))
    return bytes(ffi.buffer(out, _checked(size)))


@lru_cache(maxsize=4)
def _key_table(table: bytes) -> Any:
    """Return a layout's table as C sees it; the few in use are kept."""
    if len(table) % ffi.sizeof("cl_hid_key_t"):
        raise ValueError("the key table is not a whole number of rows")
    return ffi.from_buffer("cl_hid_key_t[]", table)


def hid_type(
    table: bytes, text: bytes, address: int, *, caps_lit: bool
) -> tuple[bytes, memoryview]:
    """Return the frames that type UTF-32 `text` and, for each, the characters then complete."""
    keys = _key_table(table)
    source = (
        keys,
        len(keys),
        ffi.from_buffer(_UINT32S, text),
        len(text) // 4,
        address,
        caps_lit,
    )
    count = _checked(lib.cl_hid_type(*source, ffi.NULL, 0, ffi.NULL, 0))
    out = ffi.new(_BYTES, count * lib.CL_HID_KEY_FRAME)
    chars = ffi.new(_UINT32S, count)
    _checked(lib.cl_hid_type(*source, out, len(out), chars, count))
    return bytes(ffi.buffer(out)), memoryview(ffi.buffer(chars)).cast("I")


def hid_mouse(steps: Sequence[tuple[int, ...]], address: int) -> bytes:
    """Return the frames of a mouse path, steps in the order of cl_hid_step_t's members."""
    path = ffi.new("cl_hid_step_t[]", steps)
    frames = ffi.new("size_t *")
    size = _checked(lib.cl_hid_mouse(path, len(path), address, ffi.NULL, 0, frames))
    out = ffi.new("uint8_t[]", size)
    _checked(lib.cl_hid_mouse(path, len(path), address, out, size, frames))
    return bytes(ffi.buffer(out))
