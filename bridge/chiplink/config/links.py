"""`[device.NAME.link.NAME]`: the same for every chip that has TCP/IP."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from chiplink.config.keep_alive import read_keep_alive
from chiplink.config.link_forms import check_form, leads_somewhere
from chiplink.config.link_limits import check_together
from chiplink.config.names import check_name
from chiplink.config.networks import MAX_NETWORKS, read_networks
from chiplink.config.remote import MAX_PORT, Remote, parse_remote
from chiplink.config.stacks import MAX_LINKS
from chiplink.driver.links import LinkSettings
from chiplink.driver.resolve import is_address
from chiplink.driver.sockets import Kind
from chiplink.exceptions import ConfigError
from chiplink.tables import key_path, read_table

if TYPE_CHECKING:
    from chiplink.config.stacks import Stack

NOWHERE = "0.0.0.0"  # noqa: S104 - an address that nobody has
EVERYBODY = "255.255.255.255"

_Blocks = Annotated[int, msgspec.Meta(ge=1, le=64)]


class LinkTable(msgspec.Struct, frozen=True):
    """`[device.NAME.link.NAME]`."""

    kind: Kind
    remote: str | None = None
    local: Annotated[int, msgspec.Meta(ge=1, le=MAX_PORT)] = 0
    peers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    allow: Annotated[list[str], msgspec.Meta(max_length=MAX_NETWORKS)] | None = None
    keep_alive: Any = None
    ttl: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    open: bool = True
    protocol: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    receive_blocks: _Blocks | None = None
    send_blocks: _Blocks | None = None


def read_links(
    table: Any, path: str, stack: Stack, problems: list[str]
) -> tuple[LinkSettings, ...]:
    """Return the links of the table at `path`, which `stack` can hold all at once."""
    if not isinstance(table, dict):
        problems.append(f"{path}: expected tables [{path}.NAME]")
        return ()
    if len(table) > MAX_LINKS:
        problems.append(f"{path}: {len(table)} links; at most {MAX_LINKS} a device")
        return ()
    links = [_link(name, item, path, stack, problems) for name, item in table.items()]
    found = tuple(link for link in links if link is not None)
    check_together(found, path, stack, problems)
    return found


def _link(
    name: str, item: Any, parent: str, stack: Stack, problems: list[str]
) -> LinkSettings | None:
    path = key_path(parent, name)
    check_name(name, path, problems)
    table = read_table(LinkTable, item, path, problems)
    if table is None:
        return None
    if table.kind not in stack.kinds:
        known = ", ".join(kind for kind in Kind if kind in stack.kinds)
        problems.append(f'{path}.kind: a {stack.chip} has no "{table.kind}"; it has {known}')
        return None
    check_form(table.kind, item, path, problems)
    _check_limits(table, path, stack, problems)
    remote = _remote(table, f"{path}.remote", stack, problems)
    return LinkSettings(
        id=name,
        kind=table.kind,
        host=remote.host,
        port=table.protocol if table.kind is Kind.IPRAW else remote.port,
        local_port=table.local,
        peers=table.peers if table.kind is Kind.TCP_SERVER else 1,
        allow=read_networks(table.allow, f"{path}.allow", problems),
        keep_alive=read_keep_alive(table.keep_alive, f"{path}.keep_alive", stack, problems),
        ttl=table.ttl,
        open=table.open,
        receive_blocks=table.receive_blocks,
        send_blocks=table.send_blocks,
    )


def _check_limits(table: LinkTable, path: str, stack: Stack, problems: list[str]) -> None:
    """Tell where one link alone is too much for its chip."""
    if table.ttl is not None and table.ttl > stack.ttl_max:
        problems.append(f"{path}.ttl: a {stack.chip}'s is at most {stack.ttl_max}")
    if table.kind is Kind.TCP_SERVER and table.peers > stack.peers_max:
        problems.append(
            f"{path}.peers: {table.peers} connections take {stack.sockets_for(table.peers)}"
            f" sockets, a {stack.chip} has {stack.sockets}; at most {stack.peers_max}"
        )
    if stack.buffers is None:
        problems.extend(
            f"{path}.{key}: a {stack.chip} has no buffers to share out; take it away"
            for key in ("receive_blocks", "send_blocks")
            if getattr(table, key) is not None
        )


def _remote(table: LinkTable, path: str, stack: Stack, problems: list[str]) -> Remote:
    """Return where the link leads; nowhere if its kind leads nowhere, or it is wrong."""
    if table.remote is None or not leads_somewhere(table.kind):
        return Remote("", 0)
    try:
        remote = parse_remote(table.remote, with_port=table.kind is not Kind.IPRAW)
        _check_destination(remote.host, table.kind, stack)
    except ConfigError as error:
        problems.append(f"{path}: {error}")
        return Remote("", 0)
    return remote


def _check_destination(host: str, kind: Kind, stack: Stack) -> None:
    """Raise ConfigError for an address that is no destination of this kind of link."""
    if kind is Kind.UDP and host in stack.serving:
        raise ConfigError(
            [f'to {host} a {stack.chip} becomes a server; write kind = "udp-server" and local']
        )
    if host in (NOWHERE, EVERYBODY):
        raise ConfigError([f"{host} is nobody's address; write the other side's"])
    if kind.is_stream and is_address(host) and IPv4Address(host).is_multicast:
        raise ConfigError([f"{host} is a group's address; TCP speaks to one host"])
