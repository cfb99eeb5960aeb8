"""When a fault strikes: the argument of NAME=ARG, parsed once and asked at every chance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

GRAMMAR = (
    "0.05 or 5% (probability), 3 (the next three), #3 (only the third), 20ms or 2s (time), "
    "E1 to E6 (status), or a command (keyboard, CMD_RESET, 0x02), joined by commas"
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_PROBABILITY = re.compile(r"[01]?\.\d+|[01]\.\d*")
_STATUS = re.compile(r"[Ee][1-6]")


@dataclass
class When:
    """A parsed argument and its counts; the empty argument means always."""

    text: str = ""
    probability: float | None = None
    count: int | None = None
    nth: int | None = None
    status: int | None = None
    command: str | None = None
    durations: tuple[float, ...] = ()
    seen: int = 0
    struck: int = 0

    @classmethod
    def parse(cls, text: str, commands: Collection[str] = ()) -> When:
        """Read GRAMMAR, the words of commands allowed; ValueError names the wrong term."""
        when = cls(text)
        for term in filter(None, (part.strip() for part in text.split(","))):
            if not (when._take_number(term) or when._take_word(term, commands)):
                raise ValueError(f"{term!r} is no argument of a fault; right would be {GRAMMAR}")
        return when

    def _take_number(self, term: str) -> bool:
        if match := _DURATION.fullmatch(term):
            seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
            self.durations = (*self.durations, seconds)
        elif match := _PERCENT.fullmatch(term):
            self.probability = float(match[1]) / 100
        elif _PROBABILITY.fullmatch(term):
            self.probability = float(term)
        elif term.isdecimal():
            self.count = int(term)
        elif term.startswith("#") and term[1:].isdecimal() and int(term[1:]):
            self.nth = int(term[1:])
        else:
            return False
        return self.probability is None or self.probability <= 1

    def _take_word(self, term: str, commands: Collection[str]) -> bool:
        if _STATUS.fullmatch(term):
            self.status = int(term, 16)
        elif term.lower() in commands:
            self.command = term.lower()
        else:
            return False
        return True

    def hit(self, rng: Random, labels: Collection[str] = ()) -> bool:
        """Say whether the fault strikes this time; labels name what it would strike."""
        if self.command is not None and self.command not in labels:
            return False
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.count is not None and self.struck >= self.count:
            return False
        if self.probability is not None and rng.random() >= self.probability:
            return False
        self.struck += 1
        return True
