"""A host made of files in a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("doctor_host")
from doctor_host import Host  # noqa: E402 - its assertions are rewritten first

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def host() -> Iterator[Host]:
    """In a folder that others may enter, as a host's are; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="chiplink-host-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Host(folder)
