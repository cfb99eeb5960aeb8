"""Names become addresses on this host."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from chiplink.driver.links import LinkSettings
from chiplink.driver.resolve import DEADLINE, is_address, resolve
from chiplink.driver.sockets import Kind
from chiplink.exceptions import DeadlineError, RefusedError
from driver.fake_stack import HOST
from driver.links_bench import LinksBench
from driver.virtual_clock import VirtualLoop, virtual

LINK = LinkSettings(id="plc", kind=Kind.TCP_CLIENT, host="plc.example", port=502)


class Names:
    """A resolver: what it answers, and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: str | Exception | None = HOST
        self.asked: list[str] = []
        monkeypatch.setattr(VirtualLoop, "getaddrinfo", self._getaddrinfo)

    async def _getaddrinfo(self, host: str, _port: object, **options: Any) -> list[Any]:
        assert options["family"] is socket.AF_INET
        self.asked.append(host)
        if self.answer is None:
            await asyncio.get_running_loop().create_future()
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.answer, 0))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("192.0.2.1", True), ("plc.example", False), ("192.0.2", False), ("::1", False), ("", False)],
)
def test_what_is_an_address(host: str, is_one: bool) -> None:  # noqa: FBT001
    assert is_address(host) is is_one


@virtual
async def test_an_address_needs_no_resolver(names: Names) -> None:
    assert await resolve("192.0.2.7") == "192.0.2.7"
    assert names.asked == []


@virtual
async def test_a_name(names: Names) -> None:
    assert await resolve("plc.example") == HOST


@pytest.mark.parametrize(
    "error",
    [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long"), OSError()],
)
@virtual
async def test_a_name_that_nobody_knows(names: Names, error: Exception) -> None:
    names.answer = error
    with pytest.raises(RefusedError, match=r"^plc\.example: this host finds no IPv4 address"):
        await resolve("plc.example")


@virtual
async def test_a_resolver_that_does_not_answer(names: Names) -> None:
    names.answer = None
    begun = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineError, match="resolver does not answer"):
        await resolve("plc.example")
    assert asyncio.get_running_loop().time() - begun == DEADLINE


@virtual
async def test_a_link_asks_for_each_attempt(names: Names) -> None:
    bench = LinksBench(LINK)
    names.answer = OSError()
    async with bench.running():
        await bench.reached("plc", "backoff")
        words = "plc.example: this host finds no IPv4 address of that name"
        assert bench.info("plc")["last_error"] == words
        names.answer = HOST
        service = bench.network.listen(f"{HOST}:502")
        await bench.reached("plc")
        (await service.accept()).reset()
        await bench.reached("plc", "backoff")
        names.answer = "192.0.2.99"  # it has moved
        moved = bench.network.listen("192.0.2.99:502")
        await bench.reached("plc")
        await moved.accept()
        assert bench.info("plc")["peers"] == ["192.0.2.99:502"]


@virtual
async def test_it_may_be_closed_while_it_asks(names: Names) -> None:
    names.answer = None
    bench = LinksBench(replace(LINK, open=True))
    async with bench.running():
        await bench.reached("plc", "connecting")
        await bench.do("link/plc/set", "CLOSE")
        assert bench.phase("plc") == "closed"
