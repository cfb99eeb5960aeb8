"""Text of others on a terminal: chips, brokers and adapters choose it, and it may be hostile."""

from __future__ import annotations


def printable(text: str, limit: int = 200) -> str:
    """Return one line of at most `limit` characters in which nothing controls the terminal."""
    shown = text[: limit + 1].replace("\n", "⏎")
    shown = "".join(letter if letter.isprintable() else "�" for letter in shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
