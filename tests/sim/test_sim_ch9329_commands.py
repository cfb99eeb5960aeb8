"""Every command of the CH9329's document, by frames written by hand."""

import pytest
from sim_support import Host, until

from chiplink.sim import events

GET_INFO = "57 AB 00 01 00 03"
INFO = "57 AB 00 81 08 30 01 00 00 00 00 00 00 BC"
FACTORY_ANSWER = (
    "57 AB 00 88 32 80 80 00 00 00 25 80 08 00 00 03 86 1A 29 E1 00 00 00 01 00 0D"
    + " 00" * 29
    + " 24"
)
# Software modes 0 and 0, address 05, 115200 baud.
SET_PARAMS = (
    "57 AB 00 09 32 00 00 05 00 01 C2 00 08 00 00 03 86 1A 29 E1 00 00 00 01 00 0D"
    + " 00" * 29
    + " C8"
)


def test_hand_written_parameter_frames_are_sound() -> None:
    for frame in (FACTORY_ANSWER, SET_PARAMS):
        raw = bytes.fromhex(frame)
        assert len(raw) == 56
        assert sum(raw[:-1]) & 0xFF == raw[-1]


async def test_info(host: Host) -> None:
    await host.ask(GET_INFO, INFO)


async def test_info_without_usb(host: Host) -> None:
    host.sim.pc.unplug()
    await host.ask(GET_INFO, "57 AB 00 81 08 30 00 00 00 00 00 00 00 BB")


async def test_a_key_down_and_up(host: Host) -> None:
    pc = host.sim.pc
    await host.ask("57 AB 00 02 08 00 00 04 00 00 00 00 00 10", "57 AB 00 82 01 00 85")
    assert pc.keys_down == {0x04}
    assert pc.anything_pressed
    await host.ask("57 AB 00 02 08 00 00 00 00 00 00 00 00 0C", "57 AB 00 82 01 00 85")
    assert pc.text == "a"
    assert not pc.anything_pressed


async def test_shift_and_a_key(host: Host) -> None:
    await host.ask("57 AB 00 02 08 02 00 04 00 00 00 00 00 12", "57 AB 00 82 01 00 85")
    assert host.sim.pc.modifiers == 0x02
    assert host.sim.pc.text == "A"


async def test_the_documents_misprinted_frame_is_torn(host: Host) -> None:
    # Seven data bytes under LEN 08: one byte is missing, so nothing happens yet.
    host.send("57 AB 00 02 08 00 00 04 00 00 00 00 10")
    await host.ask("00", "57 AB 00 C2 01 E4 A9")
    assert host.sim.pc.text == ""


async def test_media_key(host: Host) -> None:
    pc = host.sim.pc
    await host.ask("57 AB 00 03 04 02 04 00 00 0F", "57 AB 00 83 01 00 86")
    assert pc.media_down == {"mute"}
    await host.ask("57 AB 00 03 04 02 00 00 00 0B", "57 AB 00 83 01 00 86")
    assert pc.media_pressed == ["mute"]
    assert not pc.media_down


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("57 AB 00 03 04 02 01 00 00 0C", "volume_up"),
        ("57 AB 00 03 04 02 80 00 00 8B", "eject"),
        ("57 AB 00 03 04 02 00 01 00 0C", "email"),
        ("57 AB 00 03 04 02 00 80 00 8B", "www_refresh"),
        ("57 AB 00 03 04 02 00 00 04 0F", "calculator"),
        ("57 AB 00 03 04 02 00 00 80 8B", "rewind"),
    ],
)
async def test_media_bits(host: Host, frame: str, name: str) -> None:
    await host.ask(frame, "57 AB 00 83 01 00 86")
    assert host.sim.pc.media_down == {name}


async def test_power_keys(host: Host) -> None:
    await host.ask("57 AB 00 03 02 01 01 09", "57 AB 00 83 01 00 86")
    assert host.sim.pc.acpi_down == {"power"}
    await host.ask("57 AB 00 03 02 01 00 08", "57 AB 00 83 01 00 86")
    await host.ask("57 AB 00 03 02 01 04 0C", "57 AB 00 83 01 00 86")
    assert host.sim.pc.acpi_pressed == ["power", "wake"]


async def test_absolute_button(host: Host) -> None:
    host.sim.pc.mouse.linux = False
    await host.ask("57 AB 00 04 07 02 01 00 00 00 00 00 10", "57 AB 00 84 01 00 87")
    assert host.sim.pc.buttons_down == {"left"}
    await host.ask("57 AB 00 04 07 02 00 00 00 00 00 00 0F", "57 AB 00 84 01 00 87")
    assert host.sim.pc.clicks == [("left", 0, 0)]


async def test_absolute_moves(host: Host) -> None:
    host.sim.pc.mouse.screen = (1280, 768)
    await host.ask("57 AB 00 04 07 02 00 40 01 15 02 00 67", "57 AB 00 84 01 00 87")
    # The document's own example lands a pixel above (100, 100).
    assert host.sim.pc.pointer == (100, 99)
    await host.ask("57 AB 00 04 07 02 00 19 0C 6B 0A 00 A9", "57 AB 00 84 01 00 87")
    assert host.sim.pc.pointer == (967, 500)


async def test_absolute_coordinates_are_masked_and_capped(host: Host) -> None:
    await host.ask("57 AB 00 04 07 02 00 FF FF 00 20 00 2D", "57 AB 00 84 01 00 87")
    assert host.sim.pc.pointer == (1919, 0)


async def test_linux_ignores_buttons_wheel_and_repeats_of_absolute_reports(host: Host) -> None:
    pc = host.sim.pc
    await host.ask("57 AB 00 04 07 02 01 00 08 00 08 01 21", "57 AB 00 84 01 00 87")
    assert pc.pointer == (960, 540)
    assert not pc.buttons_down
    assert pc.wheel == 0
    await host.ask("57 AB 00 05 05 01 00 05 00 00 12", "57 AB 00 85 01 00 88")
    await host.ask("57 AB 00 04 07 02 00 00 08 00 08 00 1F", "57 AB 00 84 01 00 87")
    assert pc.pointer == (965, 540)


async def test_relative_reports(host: Host) -> None:
    pc = host.sim.pc
    await host.ask("57 AB 00 05 05 01 01 00 00 00 0E", "57 AB 00 85 01 00 88")
    assert pc.buttons_down == {"left"}
    await host.ask("57 AB 00 05 05 01 00 00 00 00 0D", "57 AB 00 85 01 00 88")
    assert pc.clicks == [("left", 0, 0)]
    await host.ask("57 AB 00 05 05 01 00 00 05 00 12", "57 AB 00 85 01 00 88")
    await host.ask("57 AB 00 05 05 01 00 7F 00 00 8C", "57 AB 00 85 01 00 88")
    await host.ask("57 AB 00 05 05 01 00 FD 00 00 0A", "57 AB 00 85 01 00 88")
    assert pc.pointer == (124, 5)
    await host.ask("57 AB 00 05 05 01 18 00 00 FF 24", "57 AB 00 85 01 00 88")
    assert pc.wheel == -1
    assert pc.buttons_down == {"back", "forward"}


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ("57 AB 00 04 07 00 01 00 08 00 08 01 1F", "57 AB 00 84 01 00 87"),
        ("57 AB 00 05 05 00 01 05 05 01 18", "57 AB 00 85 01 00 88"),
        ("57 AB 00 03 04 00 04 00 00 0D", "57 AB 00 83 01 00 86"),
        ("57 AB 00 03 02 00 01 08", "57 AB 00 83 01 00 86"),
    ],
)
async def test_a_report_without_its_first_byte_does_nothing(
    host: Host, frame: str, answer: str
) -> None:
    host.sim.pc.mouse.linux = False
    await host.ask(frame, answer)
    pc = host.sim.pc
    assert not pc.anything_pressed
    assert (pc.pointer, pc.wheel) == ((0, 0), 0)


async def test_custom_hid_both_ways(host: Host) -> None:
    await host.ask("57 AB 00 06 03 01 02 03 11", "57 AB 00 86 01 00 89")
    await host.ask("57 AB 00 06 00 08", "57 AB 00 86 01 00 89")
    assert host.sim.pc.hid_received == [b"\x01\x02\x03", b""]
    host.sim.pc.send_hid(b"\xaa\x55")
    await host.hear("57 AB 00 87 02 AA 55 8A")
    with pytest.raises(ValueError, match="64"):
        host.sim.pc.send_hid(bytes(65))


async def test_parameters_are_stored_and_work_after_a_reset(host: Host) -> None:
    await host.ask("57 AB 00 08 00 0A", FACTORY_ANSWER)
    await host.ask(SET_PARAMS, "57 AB 00 89 01 00 8C")
    assert host.sim.baud == 9600
    await host.ask("57 AB 07 01 00 0A", "57 AB 07 81 08 30 01 00 00 00 00 00 00 C3")
    await host.ask("57 AB 00 0F 00 11", "57 AB 00 8F 01 00 92")
    await until(host.sim, lambda: host.sim.running and host.sim.pc.enumerated)
    assert host.sim.baud == 115200
    # Its address is 05 now: 00 is not heard, 05 is and comes back.
    host.send(GET_INFO)
    await host.ask("57 AB 05 01 00 08", "57 AB 05 81 08 30 01 00 00 00 00 00 00 C1")


async def test_parameters_take_effect_on_power_up(host: Host) -> None:
    await host.ask(SET_PARAMS, "57 AB 00 89 01 00 8C")
    host.sim.restart()
    assert not host.sim.pc.enumerated
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.baud == 115200


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0x80), (0, 0x04), (1, 0x80), (1, 0x03), (6, 0x01), (19, 0x02), (37, 0x02)],
)
async def test_parameters_out_of_range_are_refused(host: Host, at: int, value: int) -> None:
    raw = bytearray.fromhex(SET_PARAMS)
    raw[5 + at] = value
    raw[-1] = sum(raw[:-1]) & 0xFF
    await host.ask(raw.hex(), "57 AB 00 C9 01 E5 B1")
    await host.ask("57 AB 00 08 00 0A", FACTORY_ANSWER)


async def test_strings(host: Host) -> None:
    await host.ask("57 AB 00 0A 01 01 0E", "57 AB 00 8A 08 01 06 43 48 39 33 32 39 FD")
    await host.ask("57 AB 00 0B 04 01 02 48 69 C5", "57 AB 00 8B 01 00 8E")
    await host.ask("57 AB 00 0A 01 01 0E", "57 AB 00 8A 04 01 02 48 69 44")
    await host.ask("57 AB 00 0A 01 03 10", "57 AB 00 CA 01 E5 B2")
    await host.ask("57 AB 00 0B 04 01 03 48 69 C6", "57 AB 00 CB 01 E5 B3")
    await host.ask("57 AB 00 0C 00 0E", "57 AB 00 8C 01 00 8F")
    await host.ask("57 AB 00 0A 01 01 0E", "57 AB 00 8A 08 01 06 43 48 39 33 32 39 FD")


async def test_a_string_is_shown_only_if_enabled(host: Host) -> None:
    await host.ask("57 AB 00 0B 04 01 02 48 69 C5", "57 AB 00 8B 01 00 8E")
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.pc.identity.product == "CH9329"
    raw = bytearray.fromhex(SET_PARAMS)
    raw[5 + 36] = 0x82  # bit 7 enables, bit 1 the product's
    raw[-1] = sum(raw[:-1]) & 0xFF
    await host.ask(raw.hex(), "57 AB 00 89 01 00 8C")
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    assert host.sim.pc.identity == events.UsbChanged(True, 0x1A86, 0xE129, "WCH.CN", "Hi", "")


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (0x87, ("v", "p", "s")),
        (0x84, ("v", "CH9329", "")),
        (0x81, ("WCH.CN", "CH9329", "s")),
        (0x07, ("WCH.CN", "CH9329", "")),
    ],
)
async def test_string_flags(host: Host, flags: int, shown: tuple[str, ...]) -> None:
    await host.ask("57 AB 00 0B 03 00 01 76 87", "57 AB 00 8B 01 00 8E")
    await host.ask("57 AB 00 0B 03 01 01 70 82", "57 AB 00 8B 01 00 8E")
    await host.ask("57 AB 00 0B 03 02 01 73 86", "57 AB 00 8B 01 00 8E")
    raw = bytearray.fromhex(SET_PARAMS)
    raw[5 + 36] = flags
    raw[-1] = sum(raw[:-1]) & 0xFF
    await host.ask(raw.hex(), "57 AB 00 89 01 00 8C")
    host.sim.restart()
    await until(host.sim, lambda: host.sim.pc.enumerated)
    identity = host.sim.pc.identity
    assert (identity.manufacturer, identity.product, identity.serial) == shown


async def test_wrong_sum_length_and_command(host: Host) -> None:
    await host.ask("57 AB 00 02 08 00 00 04 00 00 00 00 00 11", "57 AB 00 C2 01 E4 A9")
    await host.ask("57 AB 00 02 01 00 05", "57 AB 00 C2 01 E5 AA")
    await host.ask("57 AB 00 20 00 22", "57 AB 00 E0 01 E3 C6")
    assert host.sim.pc.text == ""


async def test_broadcast_is_carried_out_and_not_answered(host: Host) -> None:
    host.send("57 AB FF 02 08 00 00 04 00 00 00 00 00 0F", "57 AB FF 02 08 00 00 04 00")
    host.send("00 00 00 00 99", "57 AB FF 01 00 02")
    await host.ask(GET_INFO, INFO)
    assert host.sim.pc.text == "a"


async def test_noise_before_a_frame_and_bytes_one_by_one(host: Host) -> None:
    host.send("00 57 00 57 57 AB 00 01 00 03")
    await host.hear(INFO)
    for byte in bytes.fromhex(GET_INFO):
        host.sim.receive(bytes([byte]))
    await host.hear(INFO)
    await host.ask("57 AB 00 06 41" + GET_INFO, INFO)


async def test_lock_lights_are_told_unasked(host: Host) -> None:
    host.sim.pc.toggle_light("caps")
    await host.hear("57 AB 00 81 08 30 01 02 00 00 00 00 00 BE")
    host.send("57 AB 00 02 08 00 00 53 00 00 00 00 00 5F")
    await host.hear("57 AB 00 82 01 00 85 57 AB 00 81 08 30 01 03 00 00 00 00 00 BF")
    assert host.sim.pc.lights == {"num": True, "caps": True, "scroll": False}
