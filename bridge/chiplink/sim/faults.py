"""Faults and quirks of a simulator: a table of names, and the set of those switched on."""

from __future__ import annotations

import asyncio
import difflib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .when import When

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Kind = Literal["line", "chip", "quirk", "switch"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of a fault table; describe is a sentence for the command line's list."""

    name: str
    kind: Kind
    describe: str


def fault_table(*rows: Fault) -> dict[str, Fault]:
    """Index rows by name."""
    return {row.name: row for row in rows}


# "in" is towards the chip, "out" is from the chip to the host.
LINE_FAULTS = fault_table(
    Fault("lose-in", "line", "bytes on their way to the chip get lost"),
    Fault("lose-out", "line", "bytes on their way to the host get lost"),
    Fault("flip-in", "line", "one bit of bytes on their way to the chip turns over"),
    Fault("flip-out", "line", "one bit of bytes on their way to the host turns over"),
    Fault("split-in", "line", "a pause (5ms unless told) after bytes to the chip"),
    Fault("split-out", "line", "a pause (5ms unless told) after bytes to the host"),
    Fault("delay-in", "line", "chunks to the chip arrive late (50ms unless told), in order"),
    Fault("delay-out", "line", "chunks to the host arrive late (50ms unless told), in order"),
    Fault("double-in", "line", "bytes on their way to the chip arrive twice"),
    Fault("double-out", "line", "bytes on their way to the host arrive twice"),
    Fault("hangup", "switch", "the serial port hangs up, as an adapter pulled out: AFTER,FOR"),
)


class FaultSet:
    """The faults of one simulator that are on; a seed makes their chances repeatable."""

    def __init__(
        self,
        table: Mapping[str, Fault],
        *,
        commands: Collection[str] = (),
        seed: int = 0,
    ) -> None:
        self.table = dict(table)
        self.rng = random.Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._commands = frozenset(commands)
        self._on: dict[str, When] = {}
        self._watchers: list[Callable[[str, bool], None]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def watch(self, watcher: Callable[[str, bool], None]) -> Callable[[], None]:
        """Call watcher(name, on) when a fault begins or ends; the result ends the watch."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def switch_on(self, spec: str) -> None:
        """Switch on NAME or NAME=ARG (when.GRAMMAR); ValueError names the nearest fault."""
        name, _, argument = spec.partition("=")
        row = self._row(name)
        when = When.parse(argument, self._commands)
        self.switch_off(name)
        if row.kind == "switch" and when.durations and when.durations[0]:
            self._at(name, when.durations[0], lambda: self._begin(name, when))
        else:
            self._begin(name, when)

    def _begin(self, name: str, when: When) -> None:
        self._on[name] = when
        if self.table[name].kind == "switch" and len(when.durations) > 1:
            self._at(name, when.durations[1], lambda: self.switch_off(name))
        self._tell(name, on=True)

    def switch_off(self, name: str) -> None:
        """Switch NAME off; nothing happens if it is not on."""
        self._row(name)
        if timer := self._timers.pop(name, None):
            timer.cancel()
        if self._on.pop(name, None) is not None:
            self._tell(name, on=False)

    def clear(self) -> None:
        """Switch everything off."""
        for name in {*self._on, *self._timers}:
            self.switch_off(name)

    def active(self) -> dict[str, str]:
        """Return the names that are on, each with its argument."""
        return {name: when.text for name, when in self._on.items()}

    def hit(self, name: str, *labels: str) -> When | None:
        """Return the argument of NAME if it strikes now; every call counts as a chance."""
        when = self._on.get(name)
        return when if when is not None and when.hit(self.rng, labels) else None

    def is_on(self, name: str) -> bool:
        """Say whether NAME is on, without using up a chance."""
        return name in self._on

    def close(self) -> None:
        """Cancel what is scheduled."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _at(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    def _tell(self, name: str, *, on: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(name, on)

    def _row(self, name: str) -> Fault:
        if name in self.table:
            return self.table[name]
        near = difflib.get_close_matches(name, self.table, n=1, cutoff=0.0)
        raise ValueError(f"no fault is called {name!r}; the nearest is {near[0]!r}")
