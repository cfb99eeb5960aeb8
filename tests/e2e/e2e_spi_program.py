"""A program over a CH392 on SPI: `e2e_spi_program.py URL HOST PORT SIZE`.

It sends SIZE bytes to an echo server, checks what comes back, and prints the states it saw.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

from chiplink.chips import ch392

PIECE = 8192


async def main(url: str, host: str, port: int, size: int) -> None:
    data = random.Random(1).randbytes(size)  # noqa: S311 - the same every time
    async with ch392(url, sockets=1) as chip:
        await chip.ready(30)
        reader, writer = await chip.open_connection(host, port)
        back = asyncio.create_task(reader.readexactly(size))
        for at in range(0, size, PIECE):
            writer.write(data[at : at + PIECE])
            await writer.drain()
        same = await back == data
        writer.close()
        await writer.wait_closed()
        print(json.dumps({"same": same, "states": chip.states}))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
