"""What is counted, for Prometheus: GET /metrics in its text format 0.0.4, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chiplink import __version__
from chiplink.exceptions import ChiplinkError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_REQUEST = 4096
"""Bytes of a request's head."""

MAX_CONNECTIONS = 16
DEADLINE = 5.0
"""Connections at once; seconds that one may take from its first byte to its last."""

MAX_DISCARDED = 65_536
"""Bytes read and thrown away behind a refused request, so that its answer gets through."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MAX_PORT = 65_535

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_REQUEST = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.[0-9]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class DeviceCounts(Protocol):
    """A device as far as it is counted."""

    def counters(self) -> Mapping[str, int]:
        """What was counted since the start, by name."""


class NodeCounts(Protocol):
    """The node as far as it is counted."""

    @property
    def devices(self) -> Mapping[str, DeviceCounts]:
        """Devices by name."""

    @property
    def available(self) -> Mapping[str, bool]:
        """Whether each device answers."""

    def waiting(self) -> Mapping[str, int]:
        """How many commands wait, by device, and by `device/link/name`."""


class Family(NamedTuple):
    """A metric: its name, type and help, and a value for each set of labels."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]]

    def lines(self) -> Iterable[str]:
        """Return it in the text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            shown = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
            yield f"{self.name}{{{shown}}} {value}" if shown else f"{self.name} {value}"


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:9477` or `[::1]:9477`; raises ConfigError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    plain = bracketed or ":" not in host
    digits = port.isascii() and port.isdecimal() and len(port) <= len(str(MAX_PORT))
    if not (colon and host and plain and digits and int(port) <= MAX_PORT):
        raise ConfigError([f'{text[:40]!r} is no address; write "127.0.0.1:9477"'])
    return host, int(port)


class Metrics:
    """The node's counters and queues; `counters` and `queues` are the session's."""

    def __init__(
        self,
        node: NodeCounts,
        counters: Callable[[], Mapping[str, int]],
        queues: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._node = node
        self._counters = counters
        self._queues = queues
        self._started = time.time()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, host: str, port: int) -> None:
        """Answer until cancelled; raises ChiplinkError when nobody can listen there."""
        async with await self.start(host, port) as server:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()
                for writer in self._open:  # leaving the server waits for them
                    writer.close()

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen and return the server; raises ChiplinkError when nobody can listen there."""
        try:
            return await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST)
        except (OSError, ValueError) as error:  # a host may be no name at all
            why = getattr(error, "strerror", None) or str(error)
            raise ChiplinkError(
                f"metrics.listen: {host}:{port} cannot be listened on ({why}); choose another port"
            ) from None

    def render(self) -> str:
        """Return every metric in the text format."""
        return "".join(f"{line}\n" for family in self._families() for line in family.lines())

    def _families(self) -> list[Family]:
        node = self._node
        available: list[tuple[dict[str, str], float]] = [
            ({"device": name}, int(online)) for name, online in sorted(node.available.items())
        ]
        waiting: list[tuple[dict[str, str], float]] = [
            (_labels(name), count) for name, count in sorted(node.waiting().items())
        ]
        queued: list[tuple[dict[str, str], float]] = [
            ({"queue": name}, count) for name, count in sorted(self._queues().items())
        ]
        families = [
            Family("chiplink_up", "gauge", "The bridge runs.", [({}, 1)]),
            Family("chiplink_build_info", "gauge", "Version.", [({"version": __version__}, 1)]),
            Family(
                "chiplink_start_time_seconds", "gauge", "Start, unix time.", [({}, self._started)]
            ),
            Family("chiplink_device_available", "gauge", "The chip answers.", available),
            Family("chiplink_commands_waiting", "gauge", "Commands that wait.", waiting),
            Family("chiplink_session_queued", "gauge", "Messages that wait.", queued),
        ]
        return families + self._counted()

    def _counted(self) -> list[Family]:
        """Return a metric for each name that was counted; a name made equal adds up."""
        totals: dict[str, Counter[str]] = {}
        for name, count in self._counters().items():
            totals.setdefault(_metric("session", name), Counter())[""] += count
        for device, counts in self._node.devices.items():
            for name, count in counts.counters().items():
                totals.setdefault(_metric("device", name), Counter())[device] += count
        return [
            Family(
                name,
                "counter",
                "Counted since the start.",
                [({"device": device} if device else {}, count) for device, count in rows.items()],
            )
            for name, rows in sorted(totals.items())
        ]

    # HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(DEADLINE):
                await self._answer(reader, writer)
        except (OSError, TimeoutError):
            pass  # gone, or slower than anybody who wants an answer
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) > 2 * MAX_CONNECTIONS:
            return
        if len(self._open) > MAX_CONNECTIONS:
            code, method = 503, b""
        else:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                code, method = 431, b""
            except asyncio.IncompleteReadError:
                return
            else:
                code, method = _judge(head)
        writer.write(self._response(code, with_body=method != b"HEAD"))
        await writer.drain()
        if code == 200:  # noqa: PLR2004 - of HTTP
            return
        writer.write_eof()
        await _discard(reader)

    def _response(self, code: int, *, with_body: bool) -> bytes:
        good = code == 200  # noqa: PLR2004 - of HTTP
        body = (self.render() if good else f"{_REASONS[code]}\n").encode()
        head = [
            f"HTTP/1.1 {code} {_REASONS[code]}",
            f"Content-Type: {CONTENT_TYPE if good else 'text/plain; charset=utf-8'}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Allow: GET, HEAD"] if code == 405 else []),  # noqa: PLR2004 - of HTTP
        ]
        return "\r\n".join([*head, "", ""]).encode() + (body if with_body else b"")


def _judge(head: bytes) -> tuple[int, bytes]:
    """Return the status a request deserves, and its method."""
    request = _REQUEST.fullmatch(head.partition(b"\r\n")[0])
    if request is None:
        return 400, b""
    method, target = request.groups()
    if target.partition(b"?")[0] != b"/metrics":
        return 404, method
    return (200 if method in (b"GET", b"HEAD") else 405), method


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read what still comes: a close with unread bytes would tear the answer away."""
    left = MAX_DISCARDED
    while left > 0 and (data := await reader.read(MAX_REQUEST)):
        left -= len(data)


def _labels(name: str) -> dict[str, str]:
    """Return what names a device, or one of its links."""
    device, _word, link = name.partition("/link/")
    return {"device": device, "link": link} if link else {"device": device}


def _metric(kind: str, name: str) -> str:
    """Return a metric's name, of signs that Prometheus takes."""
    return f"chiplink_{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}_total"
