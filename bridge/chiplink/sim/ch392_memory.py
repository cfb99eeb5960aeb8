"""The CH392's packet memory: eight blocks of 536 bytes, shared out without any check (5.34)."""

from __future__ import annotations

from .ch392_codes import BLOCK_SIZE, BLOCKS


class Memory:
    """The blocks; an address beyond them wraps."""

    def __init__(self) -> None:
        self._bytes = bytearray(BLOCKS * BLOCK_SIZE)

    def write(self, at: int, data: bytes) -> None:
        """Put data at an address."""
        while data:
            at %= len(self._bytes)
            piece = data[: len(self._bytes) - at]
            self._bytes[at : at + len(piece)] = piece
            at, data = at + len(piece), data[len(piece) :]

    def read(self, at: int, count: int) -> bytes:
        """Return what stands at an address."""
        out = b""
        while len(out) < count:
            start = (at + len(out)) % len(self._bytes)
            out += self._bytes[start : start + count - len(out)]
        return out


class Area:
    """Blocks that a socket was given, as a ring; two areas may lie over each other."""

    def __init__(self, memory: Memory, first: int, blocks: int) -> None:
        self._memory = memory
        self._base = first * BLOCK_SIZE
        self.size = min(blocks, BLOCKS) * BLOCK_SIZE
        self.used = 0
        self._start = 0

    @property
    def free(self) -> int:
        """How many bytes it still takes."""
        return self.size - self.used

    def put(self, data: bytes) -> int:
        """Append data; what does not fit overwrites the oldest. Return how many were lost."""
        lost = max(0, len(data) - self.free)
        for start, piece in self._pieces(self._start + self.used, len(data)):
            self._memory.write(self._base + start, data[piece])
        self.used = min(self.size, self.used + len(data))
        if self.size:
            self._start = (self._start + lost) % self.size
        return lost

    def take(self, count: int) -> bytes:
        """Return count bytes from the oldest on, beyond the newest what stands in the memory."""
        out = b"".join(
            self._memory.read(self._base + start, piece.stop - piece.start)
            for start, piece in self._pieces(self._start, count)
        )
        taken = min(count, self.used)
        self.used -= taken
        if self.size:
            self._start = (self._start + taken) % self.size
        return out.ljust(count, b"\0")

    def clear(self) -> None:
        """Set the length to 0 and the pointer to the head (section 5.14)."""
        self.used = self._start = 0

    def _pieces(self, at: int, count: int) -> list[tuple[int, slice]]:
        """Cut count bytes at a ring position into (offset, which of the bytes)."""
        pieces: list[tuple[int, slice]] = []
        done = 0
        while done < count and self.size:
            offset = (at + done) % self.size
            length = min(count - done, self.size - offset)
            pieces.append((offset, slice(done, done + length)))
            done += length
        return pieces
