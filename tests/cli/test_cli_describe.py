"""`chiplink describe`: the rows of each chip, for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from chiplink.catalog import CHIPS, Chip
from chiplink.cli import main

EVERY_CHIP = pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.id)


@EVERY_CHIP
def test_a_table(chip: Chip, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", chip.id]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == f"{chip.title}, {chip.manufacturer}"
    assert [row.split()[0] for row in rows] == [row.key for row in chip.rows]
    assert all(line.endswith(row.name) for line, row in zip(rows, chip.rows, strict=True))


@EVERY_CHIP
def test_as_json(chip: Chip, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", chip.id, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["chip"], said["model"]) == (chip.id, chip.title)
    assert [row["key"] for row in said["rows"]] == [row.key for row in chip.rows]


def test_events_name_their_types(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "ch392"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "ip_conflict" in line]
    assert line.split() == ["ip_conflict", "event", "json", "conflict", "Address", "conflict"]


def test_an_unknown_chip(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "ch329"]) == 2
    assert capsys.readouterr().err == "chiplink: unknown chip 'ch329'; did you mean 'ch9329'?\n"


def test_who_has_stopped_reading_is_told_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-u", "-m", "chiplink", "describe", "ch9329"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")
