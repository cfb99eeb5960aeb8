"""`allow` of a link: who may connect."""

from __future__ import annotations

from ipaddress import IPv4Network

from chiplink.exceptions import ConfigError

MAX_NETWORKS = 64


def read_networks(
    texts: list[str] | None, path: str, problems: list[str]
) -> tuple[IPv4Network, ...]:
    """Return the networks of the list at `path`; none: everybody."""
    if texts is None:
        return ()
    if not texts:
        problems.append(f"{path}: an empty list lets nobody in; leave it out to let everybody in")
    networks = []
    for text in texts:
        try:
            networks.append(_network(text))
        except ConfigError as error:
            problems.append(f"{path}: {error}")
    return tuple(networks)


def _network(text: str) -> IPv4Network:
    """Return a network, or one address as a network; raises ConfigError."""
    try:
        network = IPv4Network(text, strict=False)
    except ValueError:
        raise ConfigError(
            [f"{text[:80]!r} is no network; write for example '192.168.1.0/24'"]
        ) from None
    if "/" in text and str(network.network_address) != text.partition("/")[0]:
        raise ConfigError([f"{text!r} is an address inside of a network; write {str(network)!r}"])
    return network
