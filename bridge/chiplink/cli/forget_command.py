"""`chiplink forget`: clears what a node left retained on a broker."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import TYPE_CHECKING

from chiplink.cli.remote import DEFAULT_BROKER
from chiplink.exceptions import ChiplinkError, UsageError
from chiplink.mqtt.message import Message
from chiplink.mqtt.topics import Topics, is_name
from chiplink.mqtt.url import parse_broker
from chiplink.mqtt.visit import MAX_MESSAGES, Visit

if TYPE_CHECKING:
    import argparse

    from chiplink.mqtt.url import Broker

DEFAULT_PREFIX = "homeassistant"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `forget`."""
    parser.epilog = (
        "Home Assistant forgets the node's devices too. A node that is online is refused without"
        " --yes --force: its bridge would publish everything again."
    )
    parser.add_argument("node", metavar="NODE", help="the node's id")
    parser.add_argument(
        "--broker",
        metavar="URL",
        default=DEFAULT_BROKER,
        help="default: %(default)s; CHIPLINK_BROKER sets it",
    )
    parser.add_argument(
        "--prefix",
        default=DEFAULT_PREFIX,
        help="Home Assistant's discovery prefix (default: %(default)s)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--force", action="store_true", help="with --yes: even if the node says that it is online"
    )


def run(options: argparse.Namespace) -> int:
    """Say how much there is, ask, clear it and look again."""
    if not is_name(options.node):
        raise UsageError(f"{options.node!r} is no node; write its id, 1 to 32 of a-z 0-9 _")
    if not options.prefix or {"+", "#"} & set(options.prefix):
        raise UsageError(f"{options.prefix!r} is no discovery prefix")
    if not options.yes and not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; give --yes")
    return asyncio.run(_forget(parse_broker(options.broker), options))


async def _forget(broker: Broker, options: argparse.Namespace) -> int:
    node = options.node
    filters = (Topics(node).everything, f"{options.prefix}/device/chiplink-{node}/+/config")
    retained = await _retained(broker, node, filters)
    if not retained:
        print(f"{node}: nothing is retained")
        return 0
    if retained.get(Topics(node).status) == b"online" and not (options.yes and options.force):
        raise ChiplinkError(
            f"{node} is online; stop its bridge first, or give --yes --force if it is gone for good"
        )
    if not options.yes and not await asyncio.to_thread(_agreed, node, len(retained)):
        print("nothing was changed")
        return 1
    await _clear(broker, retained)
    left = await _retained(broker, node, filters)
    if left:
        raise ChiplinkError(
            f"{node}: {len(left)} of {len(retained)} topics are still there, {min(left)} first;"
            " does the broker's ACL let this user write them, is the bridge running?"
        )
    print(f"{node}: {len(retained)} topics cleared")
    return 0


async def _retained(broker: Broker, node: str, filters: tuple[str, ...]) -> dict[str, bytes]:
    """Return what is retained; a mark that comes back behind it shows that it is all."""
    mark = f"{Topics(node).responses}forget-{secrets.token_hex(8)}"
    async with Visit(broker, "forget") as visit:
        granted = await visit.subscribe(filters)
        if not all(granted):
            raise ChiplinkError(f"the broker does not let this user read {filters[0]}")
        await visit.publish([Message(mark, b"mark")])
        if not await visit.hears(mark):
            raise ChiplinkError(
                f"no answer in time; does the broker's ACL let this user read and write"
                f" {filters[0]}?"
            )
        found = {one.topic: one.payload for one in visit.messages if one.retain and one.payload}
    if len(found) >= MAX_MESSAGES - 1:
        print(f"{node}: more than {MAX_MESSAGES} topics; run it again for the rest")
    return found


async def _clear(broker: Broker, topics: dict[str, bytes]) -> None:
    async with Visit(broker, "forget") as visit:
        await visit.publish(Message(topic, b"", retain=True) for topic in sorted(topics))


def _agreed(node: str, count: int) -> bool:
    try:
        answer = input(f"{node}: clear {count} retained topics? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
