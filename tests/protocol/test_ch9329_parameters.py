"""The parameter block and the USB strings; every expected byte is written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chiplink.exceptions import UsageError
from chiplink.protocol.ch9329_commands import (
    get_para_cfg,
    get_usb_string,
    reset,
    set_default_cfg,
    set_para_cfg,
    set_usb_string,
)
from chiplink.protocol.ch9329_parameter_words import describe, differences
from chiplink.protocol.ch9329_parameters import (
    Parameters,
    StringKind,
    check_address,
    check_baud,
    encode_string,
    serial_mode,
    work_mode,
)

# Every field has bytes of its own, the reserved ones too.
BLOCK = bytes.fromhex(
    "82 81 05 00 01 C2 00"  # modes by pins, address 5, 115200 baud
    "A7 B8 01 02"  # reserved, 258 ms
    "86 1A 29 E1"  # 1A86, E129
    "00 0A 01 00"  # 10 ms, 256 ms
    "01"
    "0D 0A 00 00 3B 00 00 00"
    "02 00 00 00 03 00 00 00"
    "85 01"
    "C1 C2 C3 C4 C5 C6 C7 C8 C9 CA CB CC"
)
CLEARED = b"\x02\x01" + BLOCK[2:]


@pytest.fixture
def parameters() -> Parameters:
    return Parameters.from_bytes(BLOCK)


def test_every_field_is_read(parameters: Parameters) -> None:
    assert parameters == Parameters(
        work_mode=0x82,
        serial_mode=0x81,
        address=5,
        baud=115200,
        reserved_7=b"\xa7\xb8",
        packet_interval=258,
        vid=0x1A86,
        pid=0xE129,
        upload_interval=10,
        release_delay=256,
        auto_enter=1,
        enter_characters=(b"\r\n\0\0", b";\0\0\0"),
        filter=(b"\x02\0\0\0", b"\x03\0\0\0"),
        string_flags=0x85,
        fast_upload=1,
        reserved_38=bytes.fromhex("C1 C2 C3 C4 C5 C6 C7 C8 C9 CA CB CC"),
    )


@pytest.mark.parametrize("block", [BLOCK, bytes(50), bytes(range(50)), b"\xff" * 50])
def test_what_is_read_is_written_back_whatever_it_is(block: bytes) -> None:
    assert Parameters.from_bytes(block).to_bytes() == block


@pytest.mark.parametrize("size", [0, 49, 51, 65])
def test_another_length_is_no_block(size: int) -> None:
    with pytest.raises(ValueError, match=f"50 bytes, not {size}"):
        Parameters.from_bytes(bytes(size))


@pytest.mark.parametrize(
    ("field", "value", "at", "written"),
    [
        ("address", 0x7B, 2, "7B"),
        ("baud", 57600, 3, "00 00 E1 00"),
        ("packet_interval", 0x1234, 9, "12 34"),
        ("vid", 0x1234, 11, "34 12"),
        ("pid", 0xABCD, 13, "CD AB"),
        ("upload_interval", 0x0102, 15, "01 02"),
        ("release_delay", 0x0304, 17, "03 04"),
        ("auto_enter", 0, 19, "00"),
        ("string_flags", 0x82, 36, "82"),
        ("fast_upload", 0, 37, "00"),
    ],
)
def test_a_change_touches_its_own_bytes(
    parameters: Parameters, field: str, value: int, at: int, written: str
) -> None:
    expected = bytearray(BLOCK)
    new = bytes.fromhex(written)
    expected[at : at + len(new)] = new
    assert replace(parameters, **{field: value}).to_bytes() == bytes(expected)


def test_pins_are_known_and_cleared_on_write(parameters: Parameters) -> None:
    assert parameters.pin_set == ("work mode", "serial mode")
    written = parameters.for_writing()
    assert written.to_bytes() == CLEARED
    assert written.pin_set == ()
    assert written.same_settings(parameters)
    assert differences(parameters, written) == []


def test_reserved_bytes_are_no_setting(parameters: Parameters) -> None:
    assert parameters.same_settings(replace(parameters, reserved_7=b"\0\0", reserved_38=bytes(12)))
    assert not parameters.same_settings(replace(parameters, filter=(bytes(4), bytes(4))))
    assert not parameters.same_settings(replace(parameters, work_mode=0x81))


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("work_mode", 4, "nearest is 3"),
        ("serial_mode", 3, "nearest is 2"),
        ("address", 255, "use 0 to 254"),
        ("address", 300, "nearest is 254"),
        ("baud", 115000, "nearest is 115200"),
        ("baud", 9601, "nearest is 9600"),
        ("packet_interval", 65536, "nearest is 65535"),
        ("upload_interval", -1, "nearest is 0"),
        ("release_delay", 70000, "nearest is 65535"),
        ("vid", 0x10000, "nearest is 65535"),
        ("pid", -1, "nearest is 0"),
        ("auto_enter", 2, "nearest is 1"),
        ("fast_upload", 7, "nearest is 1"),
        ("string_flags", 256, "nearest is 255"),
    ],
)
def test_what_the_chip_does_not_take_is_refused(
    parameters: Parameters, field: str, value: int, nearest: str
) -> None:
    changed = replace(parameters, **{field: value})
    with pytest.raises(UsageError, match=nearest) as raised:
        changed.for_writing()
    assert "\n" not in str(raised.value)


def test_every_rate_and_address_of_the_chip_is_taken() -> None:
    for baud in (1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200):
        check_baud(baud)
    for address in range(255):
        check_address(address)


# Modes by name


@pytest.mark.parametrize(
    ("text", "number"),
    [("keyboard-mouse-hid", 0), ("keyboard", 1), ("keyboard-mouse", 2), ("custom-hid", 3)],
)
def test_work_modes_after_the_datasheet(text: str, number: int) -> None:
    assert work_mode(text) == number
    assert work_mode(str(number)) == number


def test_an_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="nearest is 'keyboard'"):
        work_mode("keybord")
    with pytest.raises(UsageError, match="nearest is 'transparent'"):
        serial_mode("transparant")
    for text in ("4", "-1", "", "\uff10"):
        with pytest.raises(UsageError):
            work_mode(text)
    assert [serial_mode(text) for text in ("protocol", "ascii", "2")] == [0, 1, 2]


# USB strings


def test_the_flags_count_the_other_way_round() -> None:
    plain = Parameters.from_bytes(bytes(50))
    flags = [plain.showing(kind, on=True).string_flags for kind in StringKind]
    assert [int(kind) for kind in StringKind] == [0, 1, 2]
    assert flags == [0b1000_0100, 0b1000_0010, 0b1000_0001]


def test_the_last_string_taken_away_ends_the_flag_of_all() -> None:
    both = replace(Parameters.from_bytes(bytes(50)), string_flags=0b1111_1110)
    one = both.showing(StringKind.MANUFACTURER, on=False)
    assert one.string_flags == 0b1111_1010
    assert one.shows(StringKind.PRODUCT)
    assert not one.shows(StringKind.MANUFACTURER)
    assert one.showing(StringKind.PRODUCT, on=False).string_flags == 0b0111_1000


def test_a_string_is_shown_only_with_both_flags() -> None:
    for flags, shown in ((0b1000_0010, True), (0b0000_0010, False), (0b1000_0000, False)):
        block = replace(Parameters.from_bytes(bytes(50)), string_flags=flags)
        assert block.shows(StringKind.PRODUCT) is shown


@pytest.mark.parametrize("text", ["", "x" * 23, "ü" * 11 + "x", "日" * 7])
def test_up_to_23_bytes_fit(text: str) -> None:
    assert encode_string(StringKind.PRODUCT, text) == text.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "fits"), [("x" * 24, "x" * 23), ("ü" * 12, "ü" * 11), ("日" * 8, "日" * 7)]
)
def test_24_bytes_do_not_whatever_the_characters(text: str, fits: str) -> None:
    with pytest.raises(UsageError, match=f"24 bytes.*'{fits}'"):
        encode_string(StringKind.SERIAL, text)


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\0", "\udc80", "\u202e"])
def test_a_string_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be shown"):
        encode_string(StringKind.PRODUCT, text)


# Words


def test_the_block_in_words(parameters: Parameters) -> None:
    assert {field.key: field.words for field in describe(parameters)} == {
        "work_mode": "2: keyboard and mouse (set by pins)",
        "serial_mode": "1: ASCII (set by pins)",
        "address": "05H",
        "baud": "115200",
        "packet_interval": "258 ms",
        "vid": "1A86",
        "pid": "E129",
        "upload_interval": "10 ms",
        "release_delay": "256 ms",
        "auto_enter": "on",
        "enter_characters": "0D 0A or 3B",
        "filter": "from 02 to 03",
        "string_flags": "manufacturer, serial number",
        "fast_upload": "on",
    }


def test_what_no_chip_should_say_has_words_too() -> None:
    words = {field.key: field.words for field in describe(Parameters.from_bytes(b"\x7f" * 50))}
    assert words["work_mode"] == "127: unknown (set by software)"
    assert words["auto_enter"] == "7FH, unknown"


# Frames


def frame(text: str) -> bytes:
    return bytes.fromhex(text)


def test_frames_without_data() -> None:
    assert get_para_cfg(0) == frame("57 AB 00 08 00 0A")
    assert set_default_cfg(0) == frame("57 AB 00 0C 00 0E")
    assert reset(0x12) == frame("57 AB 12 0F 00 23")


def test_the_block_is_written_without_the_pins(parameters: Parameters) -> None:
    head = frame("57 AB 05 09 32")
    body = head + CLEARED
    assert set_para_cfg(5, parameters) == body + bytes([sum(body) % 256])


def test_string_frames() -> None:
    assert get_usb_string(0, StringKind.PRODUCT) == frame("57 AB 00 0A 01 01 0E")
    assert set_usb_string(0, StringKind.SERIAL, b"AB") == frame("57 AB 00 0B 04 02 02 41 42 98")
    assert set_usb_string(0, StringKind.MANUFACTURER, b"") == frame("57 AB 00 0B 02 00 00 0F")
    with pytest.raises(UsageError, match="at most 23"):
        set_usb_string(0, StringKind.SERIAL, bytes(24))


def test_nothing_is_read_from_everybody() -> None:
    with pytest.raises(UsageError, match="none answers"):
        get_para_cfg(0xFF)
    with pytest.raises(UsageError, match="none answers"):
        get_usb_string(0xFF, StringKind.PRODUCT)
    assert reset(0xFF) == frame("57 AB FF 0F 00 10")
