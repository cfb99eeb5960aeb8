"""Settings of a modem that a command reads and writes and AT&W keeps: rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import modem_errors as errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .modem_turn import Turn

Limit = range | None  # None: any text, shown in quotation marks


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: test is what =? prints behind the name (None: OK alone), default what it begins with.

    A write gives at least `needed` values, an empty one keeps the old; execute is what the bare
    command sets (None: it is an error).
    """

    name: str
    test: str | None
    default: tuple[str, ...]
    limits: tuple[Limit, ...]
    needed: int = 1
    execute: tuple[str, ...] | None = None
    kept: bool = True


def flag(name: str, default: int = 0, top: int = 1, *, execute: str | None = None) -> Setting:
    """Return a row for a number from 0 to top."""
    test = f"(0-{top})" if top > 1 else "(0,1)"
    bare = None if execute is None else (execute,)
    return Setting(name, test, (str(default),), (range(top + 1),), execute=bare)


class Settings:
    """The values of every row; kept ones survive a restart once they were saved."""

    def __init__(self, rows: Iterable[Setting]) -> None:
        self.rows = {row.name: row for row in rows}
        self.values = {name: row.default for name, row in self.rows.items()}
        self.on_write: dict[str, Callable[[], None]] = {}
        # What keeps a row from being written now: an error for AT+CMEE, or None.
        self.guards: dict[str, Callable[[tuple[str, ...]], int | None]] = {}
        self._saved = dict(self.values)

    def number(self, name: str, index: int = 0) -> int:
        """Return a value as a number."""
        return int(self.values[name][index])

    def text(self, name: str, index: int = 0) -> str:
        """Return a value as it is."""
        return self.values[name][index]

    def set(self, name: str, *values: str) -> None:
        """Set a row without asking."""
        self.values[name] = values

    def save(self) -> None:
        """Keep what is set now (AT&W)."""
        self._saved = dict(self.values)

    def recall(self) -> None:
        """Go back to what was saved; what is never kept begins anew."""
        for name, row in self.rows.items():
            self.values[name] = self._saved[name] if row.kept else row.default

    def factory(self) -> None:
        """Go back to the defaults (AT&F)."""
        self.values = {name: row.default for name, row in self.rows.items()}

    def handlers(self) -> dict[str, Callable[[Turn], None]]:
        """Return what carries the rows' commands out."""
        return dict.fromkeys(self.rows, self.handle)

    def handle(self, turn: Turn) -> None:
        """Carry out the test, read, write or execute form of a row."""
        row = self.rows[turn.command.name]
        match turn.command.form:
            case "test":
                if row.test is not None:
                    turn.info(f"{row.name}: {row.test}")
                turn.ok()
            case "read":
                turn.info(f"{row.name}: {self._shown(row)}")
                turn.ok()
            case "write":
                self._write(turn, row, turn.command.arguments)
            case "execute" if row.execute is not None:
                self._write(turn, row, row.execute)
            case _:
                turn.error()

    def _shown(self, row: Setting) -> str:
        pairs = zip(self.values[row.name], row.limits, strict=True)
        return ",".join(f'"{value}"' if limit is None else value for value, limit in pairs)

    def _write(self, turn: Turn, row: Setting, given: tuple[str, ...]) -> None:
        if not row.needed <= len(given) <= len(row.limits):
            turn.error(errors.BAD_PARAMETER)
            return
        values = list(self.values[row.name])
        for index, value in enumerate(given):
            if value or row.limits[index] is None:
                values[index] = _checked(value, row.limits[index])
        guard = self.guards.get(row.name)
        refusal = guard(tuple(values)) if guard else None
        if refusal is not None:
            turn.error(refusal)
            return
        self.values[row.name] = tuple(values)
        if hook := self.on_write.get(row.name):
            hook()
        turn.ok()


def _checked(value: str, limit: Limit) -> str:
    """Return value as it will be shown; ValueError: it is beyond its limit."""
    if limit is None:
        return value
    if not value.isascii() or not value.isdecimal() or int(value) not in limit:
        raise ValueError(f"{value} is not from {limit.start} to {limit.stop - 1}")
    return str(int(value))
