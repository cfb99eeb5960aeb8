"""`chiplink type`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.cli import typing_arguments

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `type`."""
    typing_arguments.add_arguments(parser, "the text")


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    return typing_arguments.run_key(options, "type")
