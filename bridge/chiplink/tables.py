"""Reading a table of the configuration: every mistake becomes one line with its key."""

from __future__ import annotations

import difflib
import json
import re
from enum import StrEnum
from typing import Any, TypeVar, get_args

import msgspec

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T", bound=msgspec.Struct)

_WORDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list in [ ]",
}


def nearest(word: str, known: list[str]) -> str:
    """Return `; did you mean …?` for the nearest known word, or the list of them."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def read_table(kind: type[T], table: Any, path: str, problems: list[str]) -> T | None:
    """Return `table` as a `kind`, with a line in `problems` for each mistake.

    A key with a mistake gets its default, so that the rest can be checked too; None where
    a required one has none.
    """
    if not isinstance(table, dict):
        problems.append(f"{path}: expected a table [{path}]")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            problems.append(f"{key_path(path, key)}: unknown key{nearest(key, list(fields))}")
            continue
        try:
            values[fields[key].name] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            problems.append(f"{path}.{key}: {_explain(value, fields[key].type, str(error))}")
    problems.extend(
        f"{path}.{key}: missing; it is required"
        for key, field in fields.items()
        if field.required and key not in table
    )
    needed = {field.name for field in fields.values() if field.required}
    return kind(**values) if needed <= values.keys() else None


def key_path(path: str, key: str) -> str:
    """Return a key's place in the file; names that need quotes get them, on one line."""
    return f"{path}.{key}" if _BARE.fullmatch(key) else f"{path}.{json.dumps(key)[:80]}"


def _explain(value: Any, kind: Any, message: str) -> str:
    for option in (kind, *get_args(kind)):
        if isinstance(option, type) and issubclass(option, StrEnum) and isinstance(value, str):
            return f"unknown value {value!r}{nearest(value, [str(item) for item in option])}"
    message = message.split(" - at `", maxsplit=1)[0]
    for name, words in _WORDS.items():
        message = message.replace(f"`{name}`", words).replace(f"`{name} | null`", words)
    return message[0].lower() + message[1:]
