"""Which of the CH392's sockets and blocks each link gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.driver.sockets import Kind
from chiplink.exceptions import UsageError
from chiplink.protocol.ch392 import BLOCKS
from chiplink.protocol.ch392_buffers import Plan, Share, even_shares, plan
from chiplink.protocol.ch392_profile import ServerMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chiplink.driver.links import LinkSettings
    from chiplink.protocol.ch392_profile import Profile

MAX_PEERS = 3
"""Connections of a TCP server: one socket keeps listening."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The buffers of every socket, and whose they are; sockets without an owner are free."""

    plan: Plan
    owners: Mapping[str, tuple[int, ...]]

    def of(self, owner: str) -> tuple[int, ...]:
        """Return the sockets that `owner` may use."""
        if owner in self.owners:
            return self.owners[owner]
        taken = {number for numbers in self.owners.values() for number in numbers}
        return tuple(each.socket for each in self.plan.sockets if each.socket not in taken)


def sockets_needed(link: LinkSettings, profile: Profile) -> int:
    """Return how many sockets a link takes."""
    if link.kind is not Kind.TCP_SERVER:
        return 1
    listens_apart = profile.server_mode is ServerMode.SPARE
    return link.peers + 1 if link.peers > 1 or listens_apart else 1


def lay_out(links: Iterable[LinkSettings], profile: Profile, sockets: int) -> Layout:
    """Share the chip out among links, else evenly among `sockets`; UsageError if it is too small.

    Links that name no numbers of blocks share what the others leave, evenly.
    """
    links = list(links)
    if not links:
        return Layout(plan(even_shares(sockets)), {})
    needs = {link.id: sockets_needed(link, profile) for link in links}
    total = sum(needs.values())
    if total > profile.sockets:
        told = ", ".join(f"{name} {count}" for name, count in needs.items())
        raise UsageError(
            f"the links need {total} sockets ({told}), the chip has {profile.sockets};"
            " a server for several peers needs one more than it has peers"
        )
    shares: dict[int, Share] = {}
    owners: dict[str, tuple[int, ...]] = {}
    left = _Left(links, needs)
    for link in links:
        numbers = tuple(range(len(shares), len(shares) + needs[link.id]))
        owners[link.id] = numbers
        for number in numbers:
            shares[number] = left.share(link)
    return Layout(plan(shares), owners)


class _Left:
    """What the links that name numbers leave to those that do not."""

    def __init__(self, links: list[LinkSettings], needs: Mapping[str, int]) -> None:
        fixed = sum(
            needs[link.id] * sum(blocks for blocks in _blocks(link) if blocks is not None)
            for link in links
        )
        open_halves = sum(needs[link.id] * _blocks(link).count(None) for link in links)
        self._each, self._over = divmod(max(BLOCKS - fixed, 0), max(open_halves, 1))

    def share(self, link: LinkSettings) -> Share:
        """Return one socket's share; what is left over goes to receiving, first come."""
        receive, send = _blocks(link)
        if receive is None:
            receive = self._each + (self._over > 0)
            self._over -= self._over > 0
        return Share(max(receive, 1), max(self._each if send is None else send, 1))


def _blocks(link: LinkSettings) -> tuple[int | None, int | None]:
    return link.receive_blocks, link.send_blocks
