"""What a UDP server's receive buffer holds: datagrams, each behind 8 bytes (section 8.2.2).

length, low byte first | port, low byte first | IP | data
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from chiplink.protocol.ch392_profile import HeaderLength
from chiplink.protocol.ch392_replies import Peer

HEADER = 8
"""Bytes before each datagram; GET_RECV_LEN_SN counts them too."""

_LAYOUT = struct.Struct("<HH4s")
_READINGS = {
    HeaderLength.EITHER: (HeaderLength.DATA, HeaderLength.WHOLE),
    HeaderLength.DATA: (HeaderLength.DATA,),
    HeaderLength.WHOLE: (HeaderLength.WHOLE,),
}


@dataclass(frozen=True, slots=True)
class Datagram:
    """A datagram and who sent it."""

    peer: Peer
    data: bytes


@dataclass(frozen=True, slots=True)
class Datagrams:
    """A buffer's datagrams, the reading of the length that fitted, and bytes that fit none.

    `rest` is not empty only if no reading ends at the buffer's end; `reading` is None then.
    `sure` tells that no other fitted: the true one always does, another may be a sender's trick.
    """

    items: tuple[Datagram, ...]
    reading: HeaderLength | None
    rest: bytes
    sure: bool = field(default=False, compare=False)


def read_datagrams(data: bytes, reading: HeaderLength = HeaderLength.EITHER) -> Datagrams:
    """Take a whole buffer apart by the reading that ends at its end; never raises."""
    tried = [_apart(data, each) for each in _READINGS[reading]]
    fitting = [result for result in tried if result.reading is not None]
    return replace(fitting[0], sure=len(fitting) == 1) if fitting else tried[0]


def _apart(data: bytes, reading: HeaderLength) -> Datagrams:
    items = []
    at = 0
    while at + HEADER <= len(data):
        length, port, ip = _LAYOUT.unpack_from(data, at)
        size = length - HEADER if reading is HeaderLength.WHOLE else length
        start = at + HEADER
        if size < 0 or start + size > len(data):
            break
        items.append(Datagram(Peer(IPv4Address(ip), port), data[start : start + size]))
        at = start + size
    rest = data[at:]
    return Datagrams(tuple(items), None if rest else reading, rest)
