"""What a device's links take together, and what its chip has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.sockets import Kind
from chiplink.tables import key_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chiplink.config.stacks import Stack
    from chiplink.driver.links import LinkSettings
    from chiplink.driver.sockets import KeepAlive

_TRANSPORTS = {
    Kind.TCP_CLIENT: "TCP",
    Kind.TCP_SERVER: "TCP",
    Kind.UDP: "UDP",
    Kind.UDP_SERVER: "UDP",
}


def check_together(
    links: Sequence[LinkSettings], path: str, stack: Stack, problems: list[str]
) -> None:
    """Tell what the links at `path` cannot have all at once.

    Closed ones count too: they can be opened at any time.
    """
    _check_ports(links, path, problems)
    _check_keep_alive(links, path, stack, problems)
    if _check_sockets(links, path, stack, problems):
        _check_buffers(links, path, stack, problems)


def _check_ports(links: Sequence[LinkSettings], path: str, problems: list[str]) -> None:
    owners: dict[tuple[str, int], str] = {}
    for link in links:
        transport = _TRANSPORTS.get(link.kind)
        if transport is None or not link.local_port:
            continue
        place = key_path(path, link.id)
        owner = owners.setdefault((transport, link.local_port), place)
        if owner != place:
            problems.append(
                f"{place}.local: {transport} port {link.local_port} is {owner}'s already;"
                " take another"
            )


def _check_keep_alive(
    links: Sequence[LinkSettings], path: str, stack: Stack, problems: list[str]
) -> None:
    keeping = [link for link in links if link.keep_alive is not None]
    if not stack.shared_keep_alive or not keeping:
        return
    first = keeping[0]
    problems.extend(
        f"{key_path(path, link.id)}.keep_alive: a {stack.chip} has one for all links, and"
        f" {key_path(path, first.id)}'s is {_words(first.keep_alive)}; write the same"
        for link in keeping[1:]
        if link.keep_alive != first.keep_alive
    )


def _check_sockets(
    links: Sequence[LinkSettings], path: str, stack: Stack, problems: list[str]
) -> bool:
    """Return whether the sockets are enough."""
    taken = sum(_sockets(link, stack) for link in links)
    if taken <= stack.sockets:
        return True
    each = ", ".join(f"{link.id} {_socket_words(link, stack)}" for link in links)
    problems.append(
        f"{path}: the links take {taken} sockets, a {stack.chip} has {stack.sockets}: {each};"
        " take some away, or lower peers"
    )
    return False


def _check_buffers(
    links: Sequence[LinkSettings], path: str, stack: Stack, problems: list[str]
) -> None:
    """Tell whether the blocks are too few: a link without numbers needs one each way."""
    if stack.buffers is None:
        return
    needs = [
        (link.id, _sockets(link, stack), link.receive_blocks or 1, link.send_blocks or 1)
        for link in links
    ]
    total = sum(sockets * (receive + send) for _name, sockets, receive, send in needs)
    if total <= stack.buffers.blocks:
        return
    each = ", ".join(
        f"{name} {sockets} x ({receive} to receive, {send} to send)"
        for name, sockets, receive, send in needs
    )
    problems.append(
        f"{path}: the buffers take {total} blocks, a {stack.chip} has {stack.buffers.blocks} of"
        f" {stack.buffers.size} bytes: {each}; lower receive_blocks or send_blocks"
    )


def _sockets(link: LinkSettings, stack: Stack) -> int:
    """Return what a link takes; what is said of it alone is not said again here."""
    return stack.sockets_for(min(link.peers, stack.peers_max))


def _socket_words(link: LinkSettings, stack: Stack) -> str:
    sockets = _sockets(link, stack)
    if sockets == 1:
        return "1"
    return f"{sockets} (one listens, {sockets - stack.listener} connect)"


def _words(keep_alive: KeepAlive | None) -> str:
    if keep_alive is None:
        return "none"
    return (
        f"{{ idle = {keep_alive.idle:g}, interval = {keep_alive.interval:g},"
        f" count = {keep_alive.count} }}"
    )
