"""How the blocks are shared out, by hand from section 5.34."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.exceptions import UsageError
from chiplink.protocol.ch392 import Protocol
from chiplink.protocol.ch392_buffers import (
    DEFAULT,
    Buffer,
    Plan,
    Share,
    SocketBuffers,
    even_shares,
    plan,
)


def hexes(commands: list[bytes]) -> list[str]:
    return [command.hex(" ").upper() for command in commands]


def test_the_chips_own_plan() -> None:
    assert plan(even_shares(2)) == DEFAULT
    assert hexes(DEFAULT.commands()) == ["52 00 00 02", "53 00 02 02", "52 01 04 02", "53 01 06 02"]
    assert DEFAULT.of(1).receive.size == 1072
    with pytest.raises(KeyError):
        DEFAULT.of(2)


@pytest.mark.parametrize(
    ("sockets", "shares"),
    [
        (1, [(4, 4)]),
        (2, [(2, 2), (2, 2)]),
        (3, [(2, 1), (2, 1), (1, 1)]),
        (4, [(1, 1), (1, 1), (1, 1), (1, 1)]),
    ],
)
def test_even_shares(sockets: int, shares: list[tuple[int, int]]) -> None:
    assert list(even_shares(sockets).values()) == shares
    taken = [n for each in plan(even_shares(sockets)).sockets for n in each.receive.numbers]
    taken += [n for each in plan(even_shares(sockets)).sockets for n in each.send.numbers]
    assert sorted(taken) == list(range(8))


def test_four_sockets() -> None:
    four = plan(even_shares(4))
    assert hexes(four.commands())[-2:] == ["52 03 06 01", "53 03 07 01"]
    assert four.of(3).write_limit(Protocol.TCP) == 536
    assert four.of(3).write_limit(Protocol.UDP) == 536


def test_a_datagram_is_one_packet() -> None:
    one = plan(even_shares(1)).of(0)
    assert one.write_limit(Protocol.TCP) == 2144
    assert one.write_limit(Protocol.UDP) == 1472
    assert one.write_limit(Protocol.IPRAW) == 1472


def test_shares_of_ones_own() -> None:
    mixed = plan({3: Share(1, 1), 0: Share(3, 2)})
    assert hexes(mixed.commands()) == ["52 00 00 03", "53 00 03 02", "52 03 05 01", "53 03 06 01"]


TOO_MANY = (
    "the buffers do not fit: up to socket 1 they need 9 blocks of 536 bytes (socket 0: 4 to receive"
    " and 2 to send, socket 1: 2 to receive and 1 to send), the chip has 8"
)


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        (
            {0: Share(4, 2), 1: Share(2, 1)},
            TOO_MANY,
        ),
        ({0: Share(9, 1)}, "up to socket 0 they need 10 blocks"),
        ({2: Share(1, 0)}, "socket 2 needs at least one block each way, not 0"),
        ({4: Share(1, 1)}, "there is no socket 4, only 0 to 3"),
    ],
)
def test_what_does_not_fit_is_named(shares: dict[int, Share], why: str) -> None:
    with pytest.raises(UsageError) as raised:
        plan(shares)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("receive", "send", "why"),
    [
        (Buffer(0, 2), Buffer(1, 2), "socket 0's send buffer overlaps socket 0's receive buffer"),
        (Buffer(4, 1), Buffer(0, 1), "socket 1's receive buffer overlaps socket 0's receive"),
        (Buffer(7, 2), Buffer(0, 1), "socket 0's receive buffer reaches block 8, there are 0 to 7"),
        (Buffer(-1, 2), Buffer(2, 1), "reaches block -1"),
        (Buffer(0, 0), Buffer(0, 1), "socket 0's receive buffer has no blocks"),
    ],
)
def test_a_plan_by_hand_is_checked(receive: Buffer, send: Buffer, why: str) -> None:
    other = SocketBuffers(1, Buffer(4, 2), Buffer(6, 1))
    with pytest.raises(UsageError) as raised:
        Plan((SocketBuffers(0, receive, send), other))
    assert why in str(raised.value)


def test_a_socket_twice_overlaps_itself_or_not() -> None:
    twice = DEFAULT.sockets[0], DEFAULT.sockets[0]
    with pytest.raises(UsageError, match="overlaps"):
        Plan(twice)


@pytest.mark.parametrize("sockets", [0, 5])
def test_as_many_sockets_as_there_are(sockets: int) -> None:
    with pytest.raises(UsageError, match=f"{sockets} sockets"):
        even_shares(sockets)


@given(
    st.dictionaries(
        st.integers(0, 3), st.builds(Share, st.integers(1, 4), st.integers(1, 4)), min_size=1
    )
)
def test_a_plan_never_overlaps(shares: dict[int, Share]) -> None:
    if sum(map(sum, shares.values())) > 8:
        with pytest.raises(UsageError):
            plan(shares)
        return
    made = plan(shares)
    taken = [n for each in made.sockets for part in (each.receive, each.send) for n in part.numbers]
    assert taken == list(range(len(taken)))
    assert {each.socket: (each.receive.blocks, each.send.blocks) for each in made.sockets} == shares
