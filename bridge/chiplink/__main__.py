"""`python -m chiplink`."""

from chiplink.cli import program

program()
