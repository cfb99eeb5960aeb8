"""Command lines of a modem taken apart (ITU-T V.250): basic and extended commands, arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Form = Literal["execute", "read", "test", "write"]

BASIC = re.compile(r"(&?[A-Z])(\d*)", re.IGNORECASE)
REGISTER = re.compile(r"(S\d+)(\?|=\d+)", re.IGNORECASE)
EXTENDED = re.compile(r"[+*^$][A-Z0-9_]+", re.IGNORECASE)
DIAL = "D"


class BadLineError(ValueError):
    """A line that is none of V.250's."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a line; arguments are without their quotation marks."""

    name: str
    form: Form = "execute"
    arguments: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name without its mark, in small letters."""
        return self.name.lstrip("+*^$&").lower()

    def number(self, index: int, default: int | None = None) -> int:
        """Return an argument as a number ≥ 0, default if missing; ValueError: it is none."""
        text = self.arguments[index] if index < len(self.arguments) else ""
        if not text and default is not None:
            return default
        if not text.isascii() or not text.isdecimal():
            raise ValueError(f"argument {index} of {self.name} is no number")
        return int(text)

    def text(self, index: int, default: str = "") -> str:
        """Return an argument as it was written."""
        return self.arguments[index] if index < len(self.arguments) else default


def parse_line(line: str) -> list[Command]:
    """Return the commands behind AT; BadLineError: something is none, or a quotation is open."""
    commands: list[Command] = []
    rest = line.strip()
    while rest:
        if rest[0] == ";":
            rest = rest[1:].lstrip()
        elif match := EXTENDED.match(rest):
            tail, rest = _until_semicolon(rest[match.end() :])
            commands.append(_extended(match[0].upper(), tail.strip()))
        elif match := REGISTER.match(rest):
            commands.append(_extended(match[1].upper(), match[2]))
            rest = rest[match.end() :].lstrip()
        elif rest[0].upper() == DIAL:
            commands.append(Command(DIAL, "write", (rest[1:],)))
            rest = ""
        elif match := BASIC.match(rest):
            arguments = (match[2],) if match[2] else ()
            commands.append(Command(match[1].upper(), "execute", arguments))
            rest = rest[match.end() :].lstrip()
        else:
            raise BadLineError(line)
    return commands


def _until_semicolon(text: str) -> tuple[str, str]:
    quoted = False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            return text[:index], text[index:]
    if quoted:
        raise BadLineError(text)
    return text, ""


def _extended(name: str, tail: str) -> Command:
    if not tail:
        return Command(name)
    if tail == "?":
        return Command(name, "read")
    if tail == "=?":
        return Command(name, "test")
    if tail[0] != "=":
        raise BadLineError(name + tail)
    return Command(name, "write", _arguments(tail[1:]))


def _arguments(text: str) -> tuple[str, ...]:
    found, word, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            found.append(word.strip())
            word = ""
        else:
            word += character
    return (*found, word.strip())
