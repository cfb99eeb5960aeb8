"""A program that talks to a CH392 over SPI: `spi_talk.py URL [BATCH…]`, a batch is `2C 0657`.

It prints a line of JSON a batch, the replies in hex, or `{"error"}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from chiplink.exceptions import PortError
from chiplink.transport.spi import BUFSIZ, SpiPort
from chiplink.transport.url import parse_port


async def main(text: str, batches: list[str]) -> None:
    url = parse_port(text)
    bufsiz = Path(os.environ.get("TALK_BUFSIZ", BUFSIZ))
    bus = await SpiPort(url.path, url.spi, bufsiz=bufsiz).open()
    try:
        for batch in batches:
            replies = await bus.run([bytes.fromhex(command) for command in batch.split()])
            print(json.dumps([reply.hex() for reply in replies]), flush=True)  # noqa: T201
    finally:
        await bus.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
    except PortError as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201
