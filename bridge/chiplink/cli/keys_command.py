"""`chiplink keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.cli import typing_arguments

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `keys`."""
    typing_arguments.add_arguments(parser, "chords, for example ctrl+alt+delete")


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    return typing_arguments.run_key(options, "keys")
