"""The table is data: what every row of every chip must hold to."""

from __future__ import annotations

import re

import pytest

from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.driver.ch392 import PHY_WORDS

NAME = re.compile(r"[a-z0-9_]{1,32}")
RESERVED = {
    "status", "descriptor", "health", "homeassistant", "response", "availability", "result",
    "link", "set", "tx", "rx",
}  # fmt: skip

FITTING = {
    "binary_sensor": {(Kind.STATE, ValueType.BOOL)},
    "sensor": {
        (Kind.STATE, kind)
        for kind in (ValueType.INT, ValueType.FLOAT, ValueType.TEXT, ValueType.ENUM)
    },
    "switch": {(Kind.BOTH, ValueType.BOOL)},
    "select": {(Kind.BOTH, ValueType.ENUM), (Kind.COMMAND, ValueType.ENUM)},
    "number": {(Kind.BOTH, ValueType.INT), (Kind.BOTH, ValueType.FLOAT)},
    "button": {(Kind.COMMAND, ValueType.ENUM)},
    "notify": {(Kind.COMMAND, kind) for kind in (ValueType.TEXT, ValueType.BYTES, ValueType.JSON)},
    "event": {(Kind.EVENT, ValueType.JSON)},
}
"""Which kinds and types Home Assistant's platforms can show."""

CH9329_STATES = {"usb", "num_lock", "caps_lock", "scroll_lock", "firmware", "armed", "layout"}
CH9329_GATED = {"type", "type_secret", "keys", "mouse", "media", "power", "hid_out"}
CH9329_COMMANDS = CH9329_GATED | {"release_all", "cancel", "armed", "layout"}
CH392_STATES = {"phy", "cable", "ip", "gateway", "netmask", "dns", "mac", "dhcp", "firmware"}
CH392_EVENTS = {"ip_conflict", "unreachable"}
"""What the contract names for these chips."""

ROWS = [(chip, row) for chip in CHIPS.values() for row in chip.rows]
EVERY_CHIP = pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.id)
EVERY_ROW = pytest.mark.parametrize(
    ("chip", "row"), ROWS, ids=[f"{chip.id}-{row.key}" for chip, row in ROWS]
)


@EVERY_CHIP
def test_chips_are_found_by_their_id(chip: Chip) -> None:
    assert CHIPS[chip.id] is chip
    assert NAME.fullmatch(chip.id)
    assert chip.title.strip()
    assert chip.manufacturer.strip()


@EVERY_CHIP
def test_a_chip_has_1_to_64_rows_of_different_keys(chip: Chip) -> None:
    keys = [row.key for row in chip.rows]
    assert 1 <= len(keys) <= 64
    assert sorted(set(keys)) == sorted(keys)


@EVERY_CHIP
def test_what_is_shown_has_different_keys_and_names(chip: Chip) -> None:
    shown = [each for row in chip.rows for each in row.entities]
    for words in (
        [each.key for each in shown],
        [each.name for each in shown],
        [each.translation_key for each in shown],
    ):
        assert sorted(set(words)) == sorted(words)


@EVERY_CHIP
def test_every_chip_tells_its_last_error(chip: Chip) -> None:
    row = chip.row("last_error")
    assert row is not None
    assert (row.kind, row.platform, row.type) == (Kind.STATE, "sensor", ValueType.TEXT)


@EVERY_CHIP
def test_a_row_is_found_by_its_key(chip: Chip) -> None:
    assert [chip.row(row.key) for row in chip.rows] == list(chip.rows)
    assert chip.row("nothing_of_this_name") is None


@EVERY_ROW
def test_keys_are_legal(chip: Chip, row: Row) -> None:
    assert NAME.fullmatch(row.key)
    assert row.key not in RESERVED
    assert NAME.fullmatch(row.translation_key)


@EVERY_ROW
def test_texts_say_something(chip: Chip, row: Row) -> None:
    texts = [row.name, row.icon, row.device_class, row.state_class, row.unit]
    for text in [text for text in texts if text is not None] + list(row.options or ()):
        assert text
        assert text == text.strip()
        assert len(text) <= 64
    assert row.icon is None or re.fullmatch(r"mdi:[a-z0-9-]+", row.icon)


@EVERY_ROW
def test_the_platform_fits_kind_and_type(chip: Chip, row: Row) -> None:
    for shown in row.entities:
        assert (shown.kind, shown.type) in FITTING[shown.platform]


@EVERY_ROW
def test_the_category_is_one_that_the_platform_may_have(chip: Chip, row: Row) -> None:
    reads_only = row.platform in ("sensor", "binary_sensor", "event")
    assert row.category in ((None, "diagnostic") if reads_only else (None, "diagnostic", "config"))


@EVERY_ROW
def test_enums_have_options_and_buttons_only_press(chip: Chip, row: Row) -> None:
    assert (row.type is ValueType.ENUM) == bool(row.options)
    assert len(set(row.options or ())) == len(row.options or ())
    assert (row.platform == "button") == (row.options == ("PRESS",))


@EVERY_ROW
def test_only_a_state_has_a_button_beside_it(chip: Chip, row: Row) -> None:
    if row.button is not None:
        assert (row.kind, row.platform, row.type) == (Kind.BOTH, "sensor", ValueType.ENUM)
        assert row.button == row.button.strip() != ""


@EVERY_ROW
def test_events_name_their_types(chip: Chip, row: Row) -> None:
    assert (row.kind is Kind.EVENT) == bool(row.event_types)


@EVERY_ROW
def test_bounds_are_in_order_and_of_types_that_have_them(chip: Chip, row: Row) -> None:
    bounded = row.type in (ValueType.INT, ValueType.FLOAT, ValueType.TEXT, ValueType.BYTES)
    assert bounded or (row.min is None and row.max is None)
    if row.min is not None and row.max is not None:
        assert row.min <= row.max
    assert row.step is None or (row.step > 0 and row.platform == "number")
    if row.takes_commands and row.type in (ValueType.TEXT, ValueType.BYTES):
        assert row.max is not None


@EVERY_ROW
def test_what_types_waits_30_seconds_at_most(chip: Chip, row: Row) -> None:
    if row.gated:
        assert row.takes_commands
        assert row.expiry == 30
    if row.expiry is not None:
        assert row.takes_commands
        assert 1 <= row.expiry <= 86400


@EVERY_ROW
def test_only_commands_are_urgent(chip: Chip, row: Row) -> None:
    if row.urgent:
        assert row.takes_commands
    if row.urgent_value is not None:
        assert row.urgent
        assert row.type is ValueType.BOOL


@EVERY_ROW
def test_measurements_are_numbers(chip: Chip, row: Row) -> None:
    if row.state_class is not None or row.unit is not None:
        assert row.type in (ValueType.INT, ValueType.FLOAT)


@pytest.mark.parametrize(
    ("kind", "takes_commands", "has_state"),
    [
        (Kind.STATE, False, True),
        (Kind.COMMAND, True, False),
        (Kind.BOTH, True, True),
        (Kind.EVENT, False, False),
    ],
)
def test_kinds(*, kind: Kind, takes_commands: bool, has_state: bool) -> None:
    row = Row(key="a", kind=kind, platform="sensor", type=ValueType.TEXT, name="A")
    assert (row.takes_commands, row.has_state) == (takes_commands, has_state)


def test_ch9329_has_the_keys_of_the_contract() -> None:
    rows = CHIPS["ch9329"].rows
    assert {row.key for row in rows if row.has_state} == CH9329_STATES | {"last_error"}
    assert {row.key for row in rows if row.takes_commands} == CH9329_COMMANDS
    assert {row.key for row in rows if row.kind is Kind.EVENT} == {"hid_in"}


def test_ch9329_gates_all_that_reaches_the_computer() -> None:
    rows = CHIPS["ch9329"].rows
    assert {row.key for row in rows if row.gated} == CH9329_GATED


def test_ch9329_overtaking_is_release_all_cancel_and_disarming() -> None:
    urgent = {row.key: row.urgent_value for row in CHIPS["ch9329"].rows if row.urgent}
    assert urgent == {"release_all": None, "cancel": None, "armed": False}


def test_typing_is_off_in_home_assistant_by_default() -> None:
    rows = {row.key: row for row in CHIPS["ch9329"].rows}
    assert {key for key in CH9329_GATED if rows[key].enabled} == set()


def test_ch392_has_the_keys_of_the_contract() -> None:
    rows = CHIPS["ch392"].rows
    assert {row.key for row in rows if row.has_state} == CH392_STATES | {"last_error"}
    assert {row.key for row in rows if row.takes_commands} == {"dhcp", "reset"}
    assert {row.key for row in rows if row.kind is Kind.EVENT} == CH392_EVENTS


def test_ch392_s_words_are_those_of_its_driver() -> None:
    rows = CHIPS["ch392"]
    phy, dhcp = rows.row("phy"), rows.row("dhcp")
    assert phy is not None
    assert dhcp is not None
    assert set(phy.options or ()) == set(PHY_WORDS.values())
    assert dhcp.options == ("off", "asking", "bound", "failed")


def test_ch392_shows_the_cable_and_hides_what_seldom_changes() -> None:
    rows = {row.key: row for row in CHIPS["ch392"].rows}
    assert [key for key, row in rows.items() if not row.enabled] == [
        "phy", "gateway", "netmask", "dns", "mac", "unreachable",
    ]  # fmt: skip
    assert rows["reset"].urgent
    assert not any(row.gated for row in rows.values())
