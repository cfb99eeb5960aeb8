"""Metrics over HTTP: a real client, and clients that nobody wants."""

from __future__ import annotations

import asyncio
import contextlib
import re
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chiplink import __version__, metrics
from chiplink.exceptions import ChiplinkError, ConfigError
from chiplink.metrics import MAX_CONNECTIONS, Metrics, parse_listen
from e2e.e2e_broker import free_port
from e2e.e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

DEADLINE = 20


@dataclass
class Device:
    counted: Mapping[str, int]

    def counters(self) -> Mapping[str, int]:
        return self.counted


@dataclass
class Node:
    devices: dict[str, Device] = field(default_factory=dict)
    available: dict[str, bool] = field(default_factory=dict)

    def waiting(self) -> Mapping[str, int]:
        return dict.fromkeys(self.devices, 3)


NODE = Node(
    {"kvm": Device({"timeouts": 2, "chip_errors": 1}), "lan": Device({"timeouts": 5})},
    {"kvm": True, "lan": False},
)


def made(node: Node = NODE, counters: Mapping[str, int] | None = None) -> Metrics:
    return Metrics(node, lambda: counters or {"events_dropped": 7}, lambda: {"outgoing": 4})


@contextlib.asynccontextmanager
async def served(one: Metrics | None = None) -> AsyncIterator[int]:
    async with await (one or made()).start("127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, request: bytes) -> bytes:
    """Send a request as it stands and return all that comes."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def status(port: int, request: bytes) -> int:
    return int((await ask(port, request)).split()[1])


async def test_a_real_client() -> None:
    def read(port: int) -> tuple[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    async with served() as port:
        kind, text = await asyncio.to_thread(read, port)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    lines = text.splitlines()
    assert "chiplink_up 1" in lines
    assert f'chiplink_build_info{{version="{__version__}"}} 1' in lines
    assert 'chiplink_device_available{device="kvm"} 1' in lines
    assert 'chiplink_device_available{device="lan"} 0' in lines
    assert "chiplink_session_events_dropped_total 7" in lines
    assert 'chiplink_device_timeouts_total{device="kvm"} 2' in lines
    assert 'chiplink_device_timeouts_total{device="lan"} 5' in lines
    assert 'chiplink_device_chip_errors_total{device="kvm"} 1' in lines
    assert 'chiplink_commands_waiting{device="kvm"} 3' in lines
    assert 'chiplink_session_queued{queue="outgoing"} 4' in lines
    assert text.endswith("\n")


SAMPLE = re.compile(
    r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    r'(\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*"(,[a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*")*\})?'
    r" [0-9.e+]+"
)


def test_names_and_labels_of_any_kind_keep_the_format() -> None:
    node = Node({'a"b\\c\nd': Device({"odd-name. é": 1})}, {'a"b\\c\nd': True})
    text = made(node, {"x-y": 1, "x.y": 2, "": 3}).render()
    samples = [line for line in text.splitlines() if not line.startswith("# ")]
    assert all(SAMPLE.fullmatch(line) for line in samples), text
    assert "chiplink_session_x_y_total 3" in samples
    assert 'chiplink_device_odd_name____total{device="a\\"b\\\\c\\nd"} 1' in samples


def test_each_family_is_declared_once_and_before_its_samples() -> None:
    declared: Counter[str] = Counter()
    for line in made().render().splitlines():
        if line.startswith("# TYPE "):
            declared[line.split()[2]] += 1
        elif not line.startswith("#"):
            assert declared[re.split(r"[ {]", line)[0]] == 1, line
    assert set(declared.values()) == {1}


@pytest.mark.parametrize(
    ("request_line", "wanted"),
    [
        (b"GET /metrics HTTP/1.1", 200),
        (b"GET /metrics HTTP/1.0", 200),
        (b"GET /metrics?name[]=x HTTP/1.1", 200),
        (b"HEAD /metrics HTTP/1.1", 200),
        (b"GET / HTTP/1.1", 404),
        (b"GET /metrics/../etc/passwd HTTP/1.1", 404),
        (b"POST /metrics HTTP/1.1", 405),
        (b"DELETE /metrics HTTP/1.1", 405),
        (b"GET /metrics HTTP/2.0", 400),
        (b"GET /metrics", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"", 400),
    ],
)
async def test_the_status(request_line: bytes, wanted: int) -> None:
    async with served() as port:
        assert await status(port, request_line + b"\r\nHost: x\r\n\r\n") == wanted


async def test_a_head_has_the_length_and_no_body() -> None:
    async with served() as port:
        head = await ask(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        whole = await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")
    body = whole.partition(b"\r\n\r\n")[2]
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


async def test_another_method_is_told_which() -> None:
    async with served() as port:
        answer = await ask(port, b"PUT /metrics HTTP/1.1\r\n\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize("size", [5000, 200_000])
async def test_a_head_beyond_the_bound(size: int) -> None:
    async with served() as port:
        assert await status(port, b"GET /metrics HTTP/1.1\r\nX: " + b"a" * size) == 431


async def test_a_head_that_ends_early() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /met")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "DEADLINE", 0.05)
    async with served() as port:
        assert await ask(port, b"GET /metrics HTTP/1.1\r\n") == b""
        assert await ask(port, b"") == b""


async def test_the_seventeenth_must_wait() -> None:
    one = made()
    async with served(one) as port:
        idle = [
            await asyncio.open_connection("127.0.0.1", port) for _number in range(MAX_CONNECTIONS)
        ]
        request = b"GET /metrics HTTP/1.1\r\n\r\n"
        assert await status(port, request) == 503
        for _reader, writer in idle:
            writer.close()
            await writer.wait_closed()
        await until(lambda: not one._open)
        assert await status(port, request) == 200


async def test_it_ends_with_a_connection_open() -> None:
    one, port = made(), free_port()
    task = asyncio.create_task(one.serve("127.0.0.1", port))
    reader, writer = await until_connected(port)
    await until(lambda: one._open)
    task.cancel()
    await asyncio.wait((task,), timeout=DEADLINE)
    assert task.cancelled()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def until_connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0)


async def test_an_address_in_use_is_told() -> None:
    async with served() as port:
        with pytest.raises(ChiplinkError, match=rf"127.0.0.1:{port} cannot be listened on"):
            await made().serve("127.0.0.1", port)


@pytest.mark.parametrize("host", ["a" * 70, "a..b", "a\0b", "²"])
async def test_a_host_that_is_no_name_is_told(host: str) -> None:
    with pytest.raises(ChiplinkError, match="cannot be listened on"):
        await made().serve(*parse_listen(f"{host}:9477"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:9477", ("127.0.0.1", 9477)),
        ("[::1]:1", ("::1", 1)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address(text: str, wanted: tuple[str, int]) -> None:
    assert parse_listen(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "9477", ":9477", "127.0.0.1", "::1:9477", "h:65536", "h:-1", "h:x", "h:²", "[]:1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape('write "127.0.0.1:9477"')):
        parse_listen(text)
