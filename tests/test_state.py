"""The state file: whatever it holds, it is read or begun anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chiplink.state import MAX_SIZE, StateFile

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_set_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "node.json"
    section = StateFile(path).section("kvm")
    section["baud"] = 9600
    again = StateFile(path).section("kvm")
    assert dict(again) == {"baud": 9600}
    del again["baud"]
    assert dict(StateFile(path).section("kvm")) == {}


@given(st.binary(max_size=60))
@example(b"")
@example(b'{"kvm": {"baud": 96')
@example(b'{"kvm": 5}')
@example(b"[]")
@example(b'{"kvm": {"a": "\xff"}}')
@example(b'{"kvm": {"a": ' + b"[" * 100_000)
@example(b'{"kvm": {"a": ' + b"9" * 5000 + b"}}")
@example(b" " * (MAX_SIZE + 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_is_read_or_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.json"
    path.write_bytes(content)
    section = StateFile(path).section("kvm")
    section["baud"] = 9600
    assert section.saved is True
    assert msgspec.json.decode(path.read_bytes())["kvm"]["baud"] == 9600


@pytest.mark.parametrize("target", ["nothing", "loop", "."])
def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path, target: str) -> None:
    path = tmp_path / "loop"
    path.symlink_to(target)
    section = StateFile(path).section("kvm")
    section["baud"] = 9600
    assert dict(StateFile(path).section("kvm")) == {"baud": 9600}
