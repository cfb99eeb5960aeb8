"""The least that could do it: programs the bridge is measured against."""

from __future__ import annotations

import os
import sys

import paho.mqtt.client as mqtt

PRESS = bytes.fromhex("57 AB 00 02 08 00 00 04 00 00 00 00 00 10")
RELEASE = bytes.fromhex("57 AB 00 02 08 00 00 00 00 00 00 00 00 0C")


def subscriber(port: str, terminal: str) -> None:
    """Write a key press to the terminal for each message; read and drop what comes back."""
    fd = os.open(terminal, os.O_RDWR | os.O_NOCTTY)

    def on_message(_client: object, _data: object, _message: object) -> None:
        os.write(fd, PRESS)
        os.read(fd, 64)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe("bare/type", 1)
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


def memory(port: str, ca_file: str) -> None:
    """Hold a TLS connection with asyncio beside it, and do nothing."""
    import asyncio
    import ssl

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set_context(ssl.create_default_context(cafile=ca_file))
    client.on_connect = lambda *_: client.subscribe("bare/#", 1)
    client.connect("localhost", int(port))
    client.loop_start()
    asyncio.run(asyncio.sleep(3600))


def typist(terminal: str, count: str) -> None:
    """Type with pyserial as a plain program does: write a report, read its acknowledgement."""
    import serial

    port = serial.Serial(terminal, 115200, timeout=1)
    for _ in range(int(count)):
        for frame in (PRESS, RELEASE):
            port.write(frame)
            if len(port.read(7)) != 7:
                sys.exit("no answer")
    print(open("/proc/self/schedstat").read().split()[0])  # noqa: PTH123, SIM115


def stream(link: str, baud: str) -> None:
    """Be a line that carries bytes without end at its rate, a millisecond's at a time."""
    import asyncio

    from chiplink.sim import PtyLine

    rate = int(baud)

    class Source:
        """Begins with the first byte it gets."""

        baud = rate

        def attach(self, send: object) -> None:
            self._send = send

        def detach(self) -> None:
            """Nothing more is heard."""

        def receive(self, _data: bytes) -> None:
            self._loop = asyncio.get_running_loop()
            self._due = self._loop.time()
            self._piece()

        def _piece(self) -> None:
            self._due += rate / 10_000 / (rate / 10)
            self._send(bytes(rate // 10_000))
            self._loop.call_at(self._due, self._piece)

    async def serve() -> None:
        async with PtyLine(Source(), link=link):
            await asyncio.get_running_loop().create_future()

    asyncio.run(serve())


def publisher(terminal: str, baud: str, port: str, size: str) -> None:
    """Publish what the terminal carries, `size` bytes a message."""
    import serial

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    line = serial.Serial(terminal, int(baud))
    line.write(b"go")
    while True:
        client.publish("bare/rx", line.read(int(size)), 1)


if __name__ == "__main__":
    {
        "subscriber": subscriber,
        "memory": memory,
        "typist": typist,
        "stream": stream,
        "publisher": publisher,
    }[sys.argv[1]](*sys.argv[2:])
