"""A command to a modem, and the rows of the tables that say how long it takes and how it ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from chiplink.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXT_MAX = 556
"""Characters of a command line (SIM800's AT manual)."""

LINES_MAX = 64
"""Lines that a reply may have; more are not kept."""

_BASIC = re.compile(r"AT(?P<name>\+[A-Z]+|[&\\]?[A-Z]?)", re.IGNORECASE)


class Ends(Enum):
    """What ends a command. `ERROR`, `+CME ERROR:` and `+CMS ERROR:` end every one."""

    OK = "OK"
    RESULT = "OK, and before or after it a result of its own"
    TEXT = "a text of its own, and no OK"
    OK_TEXT = "OK, and then a text of its own"
    PROMPT_OK = "a prompt, the data, and OK"
    PROMPT_RESULT = "a prompt, the data, OK, and a result of its own"
    PROMPT_TEXT = "a prompt, the data, and a text of its own"


class Form(Enum):
    """How a command is written."""

    TEST = "=?"
    READ = "?"
    WRITE = "="
    EXECUTE = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A command of a model: its forms, its longest wait in seconds, how it ends.

    `forms` are letters: t test, r read, w write, x execute. `ends` speaks of write and execute;
    test and read end with OK. `again`: whether write or execute may be sent a second time when no
    answer came; test and read may. `sets` says what the bare form silently changes.
    """

    name: str
    forms: str
    wait: float
    ends: Ends
    again: bool
    section: str
    sets: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line and what is known of its answer."""

    text: str
    """Without the CR."""

    name: str
    """As `CIPOPEN`."""

    wait: float
    """Seconds until its end; with a prompt, from its data on."""

    line: re.Pattern[str] | None = None
    """What the lines of its reply look like; None: anything that is no known URC."""

    least: int = 0
    """Lines without which an OK is a late one of an earlier command."""

    most: int = LINES_MAX
    """More lines than that are somebody else's."""

    ends: re.Pattern[str] | None = None
    """A line that ends it."""

    fails: re.Pattern[str] | None = None
    """Which of those, and which results, mean failure."""

    ok: bool = True
    """Whether OK ends it; if not, `ends` does."""

    result: re.Pattern[str] | None = None
    """A result that comes before OK, or after it and after other commands."""

    result_wait: float = 0
    """Seconds until the result, from the command or its data on."""

    link: int | None = None
    """The link that it is about."""

    data: bytes | None = None
    """What is sent behind the prompt, as it goes over the line."""

    read: bool = False
    """Whether a CIPRXGET payload comes."""

    again: bool = True
    """Whether it may be sent a second time when no answer came."""

    secret: bool = False
    """Whether its arguments must not be shown."""

    @property
    def shown(self) -> str:
        """The command line for logs."""
        return f"AT+{self.name}=…" if self.secret else self.text

    @property
    def wire(self) -> bytes:
        """The bytes that are sent: a CR alone ends a command."""
        return self.text.encode("ascii") + b"\r"


def table(*rows: Row) -> Mapping[str, Row]:
    """Return rows by name."""
    return {row.name: row for row in rows}


def lines_of(*names: str) -> re.Pattern[str]:
    """Return the pattern of reply lines that begin with one of these names and a colon."""
    return re.compile("|".join(re.escape(f"{name}:") for name in names))


def command(row: Row, form: Form, arguments: str = "", **known: Any) -> Command:
    """Build a command of a row; `known` are fields of Command that differ from the row's."""
    values: dict[str, Any] = {
        "text": f"AT+{row.name}{form.value}{arguments}",
        "name": row.name,
        "wait": row.wait,
        "line": lines_of(f"+{row.name}"),
        "again": row.again or form in (Form.TEST, Form.READ),
    }
    return Command(**(values | known))


def forms(row: Row) -> Command:
    """Build `AT+X=?`."""
    return command(row, Form.TEST)


def read(row: Row, **known: Any) -> Command:
    """Build `AT+X?`, whose answer has at least one line."""
    return command(row, Form.READ, **({"least": 1} | known))


def write(row: Row, arguments: str, **known: Any) -> Command:
    """Build `AT+X=…`."""
    return command(row, Form.WRITE, arguments, **known)


def execute(row: Row, **known: Any) -> Command:
    """Build `AT+X`."""
    return command(row, Form.EXECUTE, **known)


def raw(text: str, wait: float = 9) -> Command:
    """Build a command from a user's line; UsageError for what is no single line of ASCII."""
    text = text.strip(" ")
    match = _BASIC.match(text)
    if match is None or len(text) > TEXT_MAX or not all(" " <= each <= "~" for each in text):
        raise UsageError(f"{text!r} is no AT command of one line, at most {TEXT_MAX} characters")
    name = match["name"]
    line = re.compile(rf"{re.escape(name)}:|(?![+*])", re.IGNORECASE) if name[:1] == "+" else None
    return Command(text=text, name=name.lstrip("+").upper(), wait=wait, line=line, again=False)


def lint(rows: Iterable[Row]) -> list[str]:
    """Return what is wrong with rows; a test asks."""
    wrong = []
    for row in rows:
        if not re.fullmatch(r"[A-Z0-9&]+", row.name):
            wrong.append(f"{row.name!r} is no name")
        if not row.forms or set(row.forms) - set("trwx"):
            wrong.append(f"{row.name}: forms {row.forms!r}")
        if not 0 < row.wait <= 645:  # noqa: PLR2004 (the longest of the documents)
            wrong.append(f"{row.name}: waits {row.wait} s")
        if row.ends is not Ends.OK and not set(row.forms) & set("wx"):
            wrong.append(f"{row.name}: only writing ends otherwise")
    return wrong
