"""What drives a CH392 is tried over both of its buses, unless a test says that it is the UART's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from driver import ch392_bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def bus(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put every Ch392Bench of the test on a bus."""
    ch392_bench.over_spi = getattr(request, "param", "uart") == "spi"
    yield
    ch392_bench.over_spi = False


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a test with a simulated CH392 over both buses."""
    uses_it = "Ch392Bench" in inspect.unwrap(metafunc.function).__code__.co_names
    is_of_uart = any(metafunc.definition.iter_markers("uart"))
    if uses_it and not is_of_uart:
        metafunc.parametrize("bus", ["uart", "spi"], indirect=True)
