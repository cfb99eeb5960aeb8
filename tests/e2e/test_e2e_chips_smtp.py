"""aiosmtpd served by the chip: its protocol is listened for there, the clients are smtplib's."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import SMTP
from e2e_chips import certificate, ready_chip
from e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session
    from e2e_chips import Lan

    from chiplink.chips import Ch392Chip

CLIENTS = 3
PORT = 25
DEADLINE = 30

LISTEN, ESTABLISHED = 0x01, 0x04
"""TCP states (section 5.15)."""


class Mailbox:
    """aiosmtpd's handler: what was delivered, by its sender."""

    def __init__(self) -> None:
        self.mails: dict[str, bytes] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails[str(envelope.mail_from)] = envelope.content
        return "250 OK"


@asynccontextmanager
async def served(chip: Ch392Chip, peers: int, **options: object) -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await chip.create_server(
        lambda: SMTP(box, hostname="chip", **options), PORT, peers=peers
    )
    try:
        yield box
    finally:
        server.close()


def mail(number: int, size: int) -> bytes:
    """A mail of about `size` bytes with lines of its own, one of them a lonely dot."""
    lines = b"".join(b"%d says line %d\r\n" % (number, line) for line in range(size // 20))
    return b"Subject: number %d\r\n\r\n.\r\n%s" % (number, lines)


def deliver(port: int, number: int, text: bytes, everybody: threading.Barrier) -> None:
    """Be a client that begins only when all are connected."""
    with smtplib.SMTP("127.0.0.1", port, timeout=DEADLINE) as client:
        everybody.wait(DEADLINE)
        client.sendmail(f"{number}@desk", ["chip@lan"], text)


def listens_beside(lan: Lan, connections: int) -> bool:
    """Whether the chip has so many connections, and listens if it may have more."""
    states = [each.tcp_state for each in lan.sim.sockets]
    return states.count(ESTABLISHED) == connections and (connections == CLIENTS or LISTEN in states)


@pytest.mark.parametrize("needs_flag", [False, True])
async def test_three_clients_at_once(tmp_path: Path, *, needs_flag: bool) -> None:
    """Whether connections go to free sockets, or the one that listens becomes them (8.3.4)."""
    async with ready_chip(tmp_path, ports=(PORT,)) as (lan, chip):
        lan.sim.chip.siblings_need_flag = needs_flag
        mails = {number: mail(number, 10_000) for number in range(CLIENTS)}
        everybody = threading.Barrier(CLIENTS)
        async with served(chip, CLIENTS) as box:
            clients = set()
            for number, text in mails.items():
                send = partial(deliver, lan.port(PORT), number, text, everybody)
                clients.add(asyncio.create_task(asyncio.to_thread(send)))
                await until(partial(listens_beside, lan, number + 1))
            await asyncio.gather(*clients)
        assert box.mails == {f"{number}@desk": text for number, text in mails.items()}


async def test_one_after_the_other(tmp_path: Path) -> None:
    """A socket that was connected listens again."""
    async with ready_chip(tmp_path, ports=(PORT,), sockets=1) as (lan, chip):
        alone = threading.Barrier(1)
        async with served(chip, 1) as box:
            for number in range(4):
                await until(partial(listens_beside, lan, 0))
                await asyncio.to_thread(deliver, lan.port(PORT), number, mail(number, 500), alone)
        assert box.mails == {f"{number}@desk": mail(number, 500) for number in range(4)}


async def test_starttls(tmp_path: Path) -> None:
    """TLS in the middle of a connection: asyncio's, over a chip's transport."""
    server, client_context = certificate(tmp_path)

    def deliver_securely(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=DEADLINE) as client:
            client._host = "localhost"  # whom the certificate is for
            client.starttls(context=client_context)
            client.sendmail("desk", ["chip@lan"], mail(1, 5000))

    async with (
        ready_chip(tmp_path, ports=(PORT,)) as (lan, chip),
        served(chip, 1, tls_context=server, require_starttls=True) as box,
    ):
        await asyncio.to_thread(deliver_securely, lan.port(PORT))
        assert box.mails == {"desk": mail(1, 5000)}
