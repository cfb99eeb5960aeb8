"""The only importer of the C core: bytes in, bytes out, a return code raised once."""

from __future__ import annotations

import os
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
_spi_run = lib.cl_spi_run

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


class Ch392(Generic[F]):
    """A cl_ch392_t that reports replies as `frame`, a NamedTuple of kind, payload and status.

    `statuses` are the members that stand for CL_FRAME_OK and the following.
    """

    __slots__ = (
        "_buffer",
        "_chip",
        "_descriptors",
        "_out",
        "_parts",
        "_statuses",
        "_type",
        "_used",
    )

    def __init__(self, frame: type[F], statuses: tuple[object, ...]) -> None:
        self._type = frame
        self._statuses = statuses
        self._chip = ffi.new("cl_ch392_t *")
        self._used = ffi.new("size_t *")
        self._out = ffi.new("cl_frame_t[]", lib.CL_CH392_EXPECTED_MAX + 1)  # takes all in a call
        self._buffer = ffi.buffer(self._chip)  # offsets count from the struct; keeps it alive
        self._descriptors = memoryview(ffi.buffer(self._out))
        self._parts: list[bytes] = []  # of a READ_RECV_BUF_SN that is not complete
        lib.cl_ch392_init(self._chip)

    def expect(self, code: int, length: int) -> int:
        """Say that a command was sent, and its reply's length; return how many are expected.

        ValueError for a length that the command's reply never has, and for a 17th reply.
        """
        return _checked(lib.cl_ch392_expect(self._chip, code, length))

    def feed(self, data: bytes) -> list[F]:
        """Take in bytes, cut anywhere; return the replies they complete, and garbage."""
        count = lib.cl_ch392_feed(
            self._chip, data, len(data), self._used, self._out, len(self._out)
        )
        return self._frames(count, data)

    def flush(self) -> list[F]:
        """Give up every reply that is expected; each comes with the bytes there are."""
        return self._frames(lib.cl_ch392_flush(self._chip, self._out, len(self._out)), b"")

    @property
    def pending(self) -> int:
        """How many bytes are still to come of the replies that are expected."""
        missing: int = lib.cl_ch392_pending(self._chip)
        return missing

    def _frames(self, count: int, data: bytes) -> list[F]:
        frames = []
        for offset, length, kind, status in _descriptors(
            self._descriptors[: count * _DESCRIPTOR.size]
        ):
            ranged = kind < 0 or kind in CH392_COUNTED
            payload = (data if ranged else self._buffer)[offset : offset + length]
            if status == lib.CL_CH392_PART:
                self._parts.append(payload)
                continue
            if self._parts and ranged:
                payload = b"".join((*self._parts, payload))
                self._parts.clear()
            frames.append(_new(self._type, (kind, payload, self._statuses[status])))
        return frames


def ch392_rows() -> list[tuple[int, ...]]:
    """Return the CH392's commands, each a cl_ch392_row_t's members in order."""
    rows = (lib.cl_ch392_lookup(code) for code in range(256))
    names = [name for name, _ in ffi.typeof("cl_ch392_row_t").fields]
    return [tuple(getattr(row, name) for name in names) for row in rows if row]


CH392_F: int = lib.CL_CH392_F
CH392_T: int = lib.CL_CH392_T
CH392_OPTIONAL: int = lib.CL_CH392_OPTIONAL
CH392_STATUS: int = lib.CL_CH392_STATUS
CH392_COUNT_IN: int = lib.CL_CH392_COUNT_IN
CH392_COUNT_OUT: int = lib.CL_CH392_COUNT_OUT
CH392_STREAM_MAX: int = lib.CL_CH392_STREAM_MAX
CH392_EXPECTED_MAX: int = lib.CL_CH392_EXPECTED_MAX
CH392_COUNTED = frozenset(row[0] for row in ch392_rows() if row[2] & CH392_COUNT_OUT)
"""The commands whose reply is as long as they ask for."""


def ch392_reply(command: bytes) -> int:
    """Return the length of a command's reply; ValueError if it is no command of the table."""
    return _checked(lib.cl_ch392_reply(command, len(command)))


def ch392_encode(commands: Sequence[bytes]) -> bytes:
    """Return the UART packets of commands; ValueError if one is none of the table."""
    lengths = ffi.new(_UINT32S, [len(command) for command in commands])
    data = b"".join(commands)
    out = ffi.new(_BYTES, len(data) + lib.CL_CH392_HEAD * len(commands))
    size = lib.cl_ch392_encode(data, lengths, len(commands), out, len(out))
    return bytes(ffi.buffer(out, _checked(size)))


def ch392_segments(command: bytes, gap: int, turn: int) -> list[tuple[int, int, bool, int]]:
    """Return a command's SPI segments: offset, length, whether it is read, the gap behind it."""
    out = ffi.new("cl_ch392_segment_t[]", lib.CL_CH392_SEGMENTS_MAX)
    count = _checked(lib.cl_ch392_segments(command, len(command), gap, turn, out, len(out)))
    return [(part.offset, part.length, bool(part.reads), part.gap) for part in out[0:count]]


class At:
    """A cl_at_t that reports what a modem sends as tuples: a CL_AT_ kind, and bytes.

    A payload's pieces are joined; in transparent mode they are not.
    """

    __slots__ = (
        "_buffer",
        "_even",
        "_kinds",
        "_modem",
        "_out",
        "_parts",
        "_used",
        "_views",
        "_words",
    )

    def __init__(self) -> None:
        self._modem = ffi.new("cl_at_t *")
        self._used = ffi.new("size_t *")
        self._out = ffi.new("cl_at_frame_t[]", FRAMES_PER_CALL)
        self._buffer = ffi.buffer(self._modem)  # ranges count from the struct; keeps it alive
        descriptors = memoryview(ffi.buffer(self._out))
        size = _AT_DESCRIPTOR.size
        self._views = [descriptors[: count * size] for count in range(FRAMES_PER_CALL + 1)]
        self._words = descriptors.cast("B").cast("i")
        self._even = memoryview(self._buffer)[ffi.offsetof("cl_at_t", "even") :]
        self._kinds = ffi.buffer(self._modem.kinds)
        self._parts: list[bytes] = []  # of a payload that is not complete
        lib.cl_at_init(self._modem)

    def expect(self, *, prompt: bool = False, read: bool = False, raw: bool = False) -> None:
        """Say what the command about to be sent produces; without arguments, only lines.

        A prompt, a CIPRXGET payload, or transparent mode, where all is payload.
        """
        lib.cl_at_expect(
            self._modem, prompt * _EXPECT_PROMPT + read * _EXPECT_READ + raw * _EXPECT_RAW
        )

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take in bytes, cut anywhere; return what they complete, in order."""
        count = _at_feed(self._modem, data, len(data), self._used, self._out, FRAMES_PER_CALL)
        if not count:
            return []
        if self._even[0]:  # at.h says what that is
            texts = data.split(_BETWEEN)
            at, end, kind = self._words[0], self._words[1], self._words[2]
            texts[0] = (self._buffer if kind >= _AT_KEPT else data)[at:end]
            return list(zip(self._kinds[:count], texts))  # noqa: B905 - `strict` costs as a line
        # As _frames, without a call: this is nearly all that a modem's line costs.
        frames = [(kind, data[at:end]) for at, end, kind in _at_descriptors(self._views[count])]
        if frames[0][0] >= _AT_KEPT:
            frames[0] = (frames[0][0] - _AT_KEPT, self._buffer[: self._words[_END_AT]])
        if frames[-1][0] == _AT_PAYLOAD or self._parts:
            self._join(frames, part=self._words[count * _WORDS - 1] == _AT_PART)
        if count >= FRAMES_PER_CALL - 1:  # with fewer all was taken, at.h says
            frames += self._rest(data)
        return frames

    def _rest(self, data: bytes) -> list[tuple[int, bytes]]:
        frames = []
        while self._used[0] < len(data):
            data = data[self._used[0] :]
            count = _at_feed(self._modem, data, len(data), self._used, self._out, FRAMES_PER_CALL)
            frames += self._frames(count, data) if count else []
        return frames

    def flush(self) -> list[tuple[int, bytes]]:
        """Give up what is incomplete; a payload comes as TORN with the bytes there are."""
        count = lib.cl_at_flush(self._modem, self._out, FRAMES_PER_CALL)
        return self._frames(count, b"") if count else []

    @property
    def pending(self) -> int:
        """The bytes that an incomplete line has, or that are still to come of a payload."""
        waiting: int = lib.cl_at_pending(self._modem)
        return waiting

    def _frames(self, count: int, data: bytes) -> list[tuple[int, bytes]]:
        rows = _at_descriptors(self._views[count])
        frames = [
            (kind - _AT_KEPT, self._buffer[at:end]) if kind >= _AT_KEPT else (kind, data[at:end])
            for at, end, kind in rows
        ]
        if frames[-1][0] == _AT_PAYLOAD or self._parts:
            self._join(frames, part=self._words[count * _WORDS - 1] == _AT_PART)
        return frames

    def _join(self, frames: list[tuple[int, bytes]], *, part: bool) -> None:
        """Put the pieces kept before the first frame; keep the last if it is a piece itself."""
        if self._parts:
            kind, text = frames[0]
            frames[0] = (kind, b"".join((*self._parts, text)))
            self._parts.clear()
        if part:
            self._parts.append(frames.pop()[1])


def at_data(data: bytes, *, escapes: bool) -> bytes:
    """Return data and Ctrl-Z as sent behind a prompt; ValueError for what cannot be carried."""
    out = ffi.new(_BYTES, lib.CL_AT_DATA_MAX)
    size = lib.cl_at_data(data, len(data), escapes, out, len(out))
    return bytes(ffi.buffer(out, _checked(size)))


AT_LINE_MAX: int = lib.CL_AT_LINE_MAX
AT_PAYLOAD_MAX: int = lib.CL_AT_PAYLOAD_MAX
AT_SEND_MAX: int = lib.CL_AT_SEND_MAX
_at_feed = lib.cl_at_feed
_EXPECT_PROMPT: int = lib.CL_AT_EXPECT_PROMPT
_EXPECT_READ: int = lib.CL_AT_EXPECT_READ
_EXPECT_RAW: int = lib.CL_AT_EXPECT_RAW
_AT_KEPT: int = lib.CL_AT_KEPT
_AT_PART: int = lib.CL_AT_PART
_AT_DESCRIPTOR = Struct("=IIi4x")  # the kind says what the status does
_at_descriptors = _AT_DESCRIPTOR.iter_unpack
_WORDS = 4  # of a descriptor
_END_AT = 1
_BETWEEN = b"\r\n\r\n"
_AT_PAYLOAD: int = lib.CL_AT_PAYLOAD


SPI_SPEED_MAX: int = lib.CL_SPI_SPEED_MAX
SPI_GAPLESS_MAX: int = lib.CL_SPI_GAPLESS_MAX
SPI_GAP_MAX: int = lib.CL_SPI_GAP_MAX
SPI_BUFSIZ_MIN: int = lib.CL_SPI_BUFSIZ_MIN

SPI_COMMANDS = 64
SPI_REPLIES = 16 * CH392_STREAM_MAX
"""Commands, and bytes of their replies, that one call of Spi.run takes."""


class Spi:
    """An open cl_spi_t; one thread at a time. The calls block without the interpreter lock.

    `settings` are cl_spi_settings_t's members in order. ValueError: one is outside its bounds.
    OSError: the system refuses; its number is that of spi.h's list.
    """

    __slots__ = ("_device", "_out", "_replies", "_sizes", "max_read", "max_write")

    def __init__(self, path: bytes, settings: tuple[int, ...]) -> None:
        self._device = ffi.new("cl_spi_t *")
        self._out = ffi.new(_BYTES, SPI_REPLIES)
        self._replies = ffi.buffer(self._out)
        self._sizes = ffi.new(_UINT32S, SPI_COMMANDS)
        given = ffi.new("cl_spi_settings_t *", settings)
        self._raise(lib.cl_spi_open(self._device, path, given))
        self.max_write: int = lib.cl_spi_max_write(given)
        self.max_read: int = lib.cl_spi_max_read(given)

    def run(self, commands: Sequence[bytes]) -> list[bytes]:
        """Carry commands out, each in a chip select of its own, and return their replies.

        ValueError: one is none of the table's, or there are too many; nothing was sent then.
        OSError: `done` of them were carried out, perhaps one more.
        """
        count = len(commands)
        if count > SPI_COMMANDS:
            raise ValueError(f"{count} commands at once; at most {SPI_COMMANDS}")
        lengths = ffi.new(_UINT32S, [len(command) for command in commands])
        arguments = b"".join(commands), lengths, count, self._out, SPI_REPLIES, self._sizes
        self._raise(_spi_run(self._device, *arguments))
        replies, at = [], 0
        for size in self._sizes[0:count]:
            replies.append(self._replies[at : at + size])
            at += size
        return replies

    @property
    def done(self) -> int:
        """How many commands the last run carried out."""
        done: int = self._device.done
        return done

    def close(self) -> None:
        """Close the device; harmless when closed."""
        lib.cl_spi_close(self._device)

    def _raise(self, result: int) -> None:
        if result == lib.CL_E_SYSTEM:
            raise OSError(self._device.error, os.strerror(self._device.error))
        _checked(result)


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
