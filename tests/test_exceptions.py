from __future__ import annotations

import inspect

import pytest

from chiplink import exceptions
from chiplink.exceptions import ChiplinkError, Code, CommandError, ConfigError

CODES = {
    "bad_payload", "unknown_key", "retained", "expired", "duplicate", "disarmed", "offline",
    "busy", "queue_full", "too_large", "unsupported_characters", "timeout", "unknown", "refused",
    "cancelled", "closed", "not_allowed", "chip_error", "internal",
}  # fmt: skip

EVERY = [
    kind
    for _name, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, Exception)
]
COMMAND_ERRORS = [kind for kind in EVERY if issubclass(kind, CommandError)]


def test_the_codes_are_the_closed_set() -> None:
    assert {str(code) for code in Code} == CODES


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_one_class(code: Code) -> None:
    kinds = [kind for kind in COMMAND_ERRORS if kind is not CommandError and kind.code is code]
    assert len(kinds) == 1


def test_every_command_error_says_its_own_code() -> None:
    silent = [
        kind for kind in COMMAND_ERRORS if kind is not CommandError and "code" not in vars(kind)
    ]
    assert silent == []


def test_everything_is_a_chiplink_error() -> None:
    assert [kind for kind in EVERY if not issubclass(kind, ChiplinkError)] == []


@pytest.mark.parametrize("kind", EVERY)
def test_every_class_has_a_sentence(kind: type[Exception]) -> None:
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("kind", COMMAND_ERRORS)
def test_the_public_message_is_the_message_unless_told(kind: type[CommandError]) -> None:
    assert kind("words").public == "words"
    error = kind("the text hunter2", public="a text")
    assert (str(error), error.public) == ("the text hunter2", "a text")


def test_an_empty_public_message_stays_empty() -> None:
    assert CommandError("hunter2", public="").public == ""


def test_config_problems_are_lines() -> None:
    error = ConfigError(["node.id: missing", "mqtt.url: missing"])
    assert error.problems == ["node.id: missing", "mqtt.url: missing"]
    assert str(error) == "node.id: missing\nmqtt.url: missing"
