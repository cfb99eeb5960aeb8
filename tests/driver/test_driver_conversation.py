"""One command in flight, its answer, its deadline and the way back."""

from __future__ import annotations

import asyncio

import pytest

from chiplink.driver.conversation import MAX_TRIES, MAX_WAITING
from chiplink.exceptions import (
    ChipError,
    DeadlineError,
    OfflineError,
    OutcomeUnknownError,
    PortError,
    ProbeError,
)
from chiplink.protocol.ch9329 import Info, Reply
from driver.driver_script import (
    FIVE_BYTES,
    GET_INFO,
    HEADLESS_KEY_ACK,
    HID_IN,
    INFO,
    KEY_A,
    KEY_ACK,
    KEY_B,
    KEY_E4,
    KEY_E5,
    LONG_ZEROS,
    MOVE,
    MOVE_ACK,
    MOVE_E4,
    RELEASE,
    ZEROS,
    Talk,
    moment,
)
from driver.virtual_clock import virtual

ONE_DEADLINE = 0.3
"""Seconds of virtual time in which one answer is missed at 9600 baud, but not a second."""

LATE = 0.5
"""Seconds in which the chip is looked for as well."""


@virtual
async def test_one_is_in_flight() -> None:
    talk = Talk()
    for frame in (KEY_A, RELEASE, KEY_B):
        talk.submit(frame)
    await moment()
    assert talk.written == [KEY_A]
    await talk.hear(KEY_ACK)
    assert talk.written == [KEY_A, RELEASE]
    await talk.hear(KEY_ACK)
    await talk.hear(KEY_ACK)
    assert talk.written == [KEY_A, RELEASE, KEY_B]
    assert talk.endings == [Reply(2, 0)] * 3
    await talk.conversation.close()


@virtual
async def test_first_overtakes_what_waits() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    talk.submit(KEY_B)
    talk.submit(RELEASE, first=True)
    for _ in range(3):
        await moment()
        talk.chip.say(KEY_ACK)
    await moment()
    assert talk.written == [KEY_A, RELEASE, KEY_B]
    await talk.conversation.close()


@virtual
async def test_a_doubled_answer_in_one_read_is_no_answer_to_the_next() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await talk.hear(KEY_ACK + KEY_ACK)
    assert talk.written == [KEY_A, RELEASE]
    assert len(talk.endings) == 1
    assert talk.counters["stale_replies"] == 1
    await talk.hear(KEY_ACK)
    assert len(talk.endings) == 2
    await talk.conversation.close()


@virtual
async def test_answers_of_other_commands_and_of_nobody_are_counted() -> None:
    talk = Talk()
    await talk.hear(KEY_ACK)
    talk.submit(KEY_A)
    await talk.hear(MOVE_ACK)
    assert talk.endings == []
    assert talk.counters["stale_replies"] == 2
    await talk.hear(KEY_ACK)
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@pytest.mark.parametrize(
    "answer",
    [
        KEY_ACK,
        HEADLESS_KEY_ACK,
        "00 00 " + KEY_ACK,
        "57 " + KEY_ACK,
        "57 AB 00 82 " + KEY_ACK,
        HID_IN + KEY_ACK,
        INFO + KEY_ACK,
        KEY_ACK + "57 AB",
    ],
)
@virtual
async def test_an_answer_whole_and_byte_by_byte(answer: str) -> None:
    data = bytes.fromhex(answer)
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        talk = Talk()
        talk.submit(KEY_A)
        for piece in pieces:
            await talk.hear(piece.hex())
        assert talk.endings == [Reply(2, 0)]
        assert talk.written == [KEY_A]
        await talk.conversation.close()


@virtual
async def test_what_comes_unasked() -> None:
    talk = Talk()
    await talk.hear(INFO + HID_IN)
    assert talk.infos == [Info(0x30, True, False, False, False)]
    assert talk.hid == [bytes.fromhex("CA FE")]
    await talk.conversation.close()


@virtual
async def test_noise_is_counted() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    await talk.hear("57 AB 00 82 01 00 86 FF")
    assert talk.endings == []
    assert talk.counters["noise_frames"] > 0
    await talk.hear(KEY_ACK)
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_lost_answer_zeros_and_the_state_again() -> None:
    talk = Talk({ZEROS + GET_INFO: INFO})
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await asyncio.sleep(ONE_DEADLINE)
    assert talk.written == [KEY_A, ZEROS + GET_INFO, KEY_A]
    await talk.hear(KEY_ACK)
    assert talk.endings == [Reply(2, 0)]
    assert talk.written[3:] == [RELEASE]
    assert talk.counters["timeouts"] == 1
    await talk.conversation.close()


@virtual
async def test_lost_answer_motion_is_not_sent_again() -> None:
    talk = Talk({ZEROS + GET_INFO: INFO})
    talk.submit(MOVE)
    talk.submit(KEY_A)
    await asyncio.sleep(ONE_DEADLINE)
    assert talk.written == [MOVE, ZEROS + GET_INFO, KEY_A]
    assert [type(ending) for ending in talk.endings] == [OutcomeUnknownError]
    await talk.conversation.close()


@virtual
async def test_a_torn_long_frame_needs_more_zeros() -> None:
    talk = Talk({LONG_ZEROS + GET_INFO: KEY_E4 + INFO, KEY_A: ["", KEY_ACK]})
    talk.submit(KEY_A)
    await asyncio.sleep(2 * LATE)
    assert talk.written == [KEY_A, ZEROS + GET_INFO, LONG_ZEROS + GET_INFO, KEY_A]
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_a_late_answer_belongs_to_what_was_asked_then() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await asyncio.sleep(ONE_DEADLINE)
    assert talk.written == [KEY_A, ZEROS + GET_INFO]
    await talk.hear(KEY_ACK)  # late, to KEY_A
    assert talk.written == [KEY_A, ZEROS + GET_INFO]
    assert talk.endings == []
    await talk.hear(INFO)
    await talk.hear(KEY_ACK)  # to KEY_A again
    assert talk.written[2:] == [KEY_A, RELEASE]
    assert len(talk.endings) == 1
    await talk.conversation.close()


@virtual
async def test_silence_ends_it() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await asyncio.sleep(3 * LATE)
    assert talk.written == [
        KEY_A,
        ZEROS + GET_INFO,
        LONG_ZEROS + GET_INFO,
        LONG_ZEROS + GET_INFO,
    ]
    assert [type(ending) for ending in talk.endings] == [OutcomeUnknownError, OfflineError]
    assert [type(error) for error in talk.dead] == [ProbeError]
    talk.submit(KEY_A)
    assert len(talk.endings) == 3
    await talk.conversation.close()
    assert len(talk.dead) == 1


@virtual
async def test_three_times_at_most() -> None:
    talk = Talk({ZEROS + GET_INFO: INFO})
    talk.submit(KEY_A)
    await asyncio.sleep(10 * LATE)
    assert talk.written.count(KEY_A) == MAX_TRIES == 3
    assert [type(ending) for ending in talk.endings] == [OutcomeUnknownError]
    assert talk.dead == []
    await talk.conversation.close()


@virtual
async def test_a_read_without_answer_is_a_timeout() -> None:
    params = "57 AB 00 08 00 0A"
    talk = Talk({ZEROS + GET_INFO: INFO})
    talk.submit(params)
    await asyncio.sleep(10 * LATE)
    assert talk.written.count(params) == 3
    assert [type(ending) for ending in talk.endings] == [DeadlineError]
    await talk.conversation.close()


@pytest.mark.parametrize(
    ("frame", "answer", "error"), [(KEY_A, KEY_ACK, KEY_E4), (MOVE, MOVE_ACK, MOVE_E4)]
)
@virtual
async def test_a_wrong_checksum_is_answered_by_the_frame_again(
    frame: str, answer: str, error: str
) -> None:
    talk = Talk({frame: [error, answer]})
    talk.submit(frame)
    await moment()
    assert talk.written == [frame, frame]
    assert talk.endings == [Reply(int(frame[9:11], 16), 0)]
    assert talk.counters["chip_errors"] == 1
    await talk.conversation.close()


@virtual
async def test_wrong_checksums_end_after_three() -> None:
    talk = Talk({KEY_A: KEY_E4, RELEASE: KEY_ACK})
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await moment()
    assert talk.written == [KEY_A, KEY_A, KEY_A, RELEASE]
    assert type(talk.endings[0]) is ChipError
    assert "E4" in str(talk.endings[0])
    await talk.conversation.close()


@virtual
async def test_a_refused_parameter_is_not_tried_again() -> None:
    talk = Talk({KEY_A: KEY_E5})
    talk.submit(KEY_A)
    await moment()
    assert talk.written == [KEY_A]
    assert type(talk.endings[0]) is ChipError
    assert "E5" in str(talk.endings[0])
    await talk.conversation.close()


@virtual
async def test_an_error_under_another_code_is_not_taken_for_leave_to_move_again() -> None:
    talk = Talk({MOVE: KEY_E4})
    talk.submit(MOVE)
    await moment()
    assert talk.written == [MOVE]
    assert [type(ending) for ending in talk.endings] == [ChipError]
    await talk.conversation.close()


@virtual
async def test_the_five_byte_answer_to_an_unknown_command() -> None:
    talk = Talk({KEY_A: [FIVE_BYTES, KEY_ACK]})
    talk.submit(KEY_A)
    await moment()
    assert talk.written == [KEY_A, KEY_A]
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_the_long_answer_of_a_ch9329f() -> None:
    params = "57 AB 00 08 00 0A"
    body = bytes.fromhex("57 AB 00 88 32") + bytes(range(65))
    answer = body + bytes([sum(body) & 0xFF])
    talk = Talk({params: answer.hex(), KEY_A: KEY_ACK})
    talk.submit(params)
    talk.submit(KEY_A)
    await moment()
    assert talk.endings == [Reply(8, 0, bytes(range(50))), Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_a_request_and_its_errors() -> None:
    talk = Talk({GET_INFO: INFO, KEY_A: KEY_E5})
    asked = await talk.conversation.request(bytes.fromhex(GET_INFO), 1, repeatable=True)
    assert asked == Info(0x30, True, False, False, False)
    with pytest.raises(ChipError, match="E5"):
        await talk.conversation.request(bytes.fromhex(KEY_A), 2, repeatable=True)
    await talk.conversation.close()


@virtual
async def test_a_request_given_up_disturbs_nobody() -> None:
    talk = Talk()
    request = asyncio.create_task(
        talk.conversation.request(bytes.fromhex(KEY_A), 2, repeatable=True)
    )
    await moment()
    request.cancel()
    await moment()
    talk.submit(RELEASE)
    await talk.hear(KEY_ACK)
    await talk.hear(KEY_ACK)
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_too_many_frames() -> None:
    talk = Talk()
    for _ in range(1 + MAX_WAITING + 1):
        talk.submit(KEY_A)
    assert [type(ending) for ending in talk.endings] == [OutcomeUnknownError]
    await talk.conversation.close()
    assert len(talk.endings) == MAX_WAITING + 2


@virtual
async def test_a_lost_port_fails_what_is_pending_once() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    talk.submit(RELEASE)
    await moment()
    talk.line.break_line()
    assert [type(ending) for ending in talk.endings] == [OutcomeUnknownError, OfflineError]
    assert [type(error) for error in talk.dead] == [PortError]
    await talk.conversation.close()
    assert (len(talk.endings), len(talk.dead)) == (2, 1)


@virtual
async def test_a_port_lost_while_looking_for_the_chip() -> None:
    talk = Talk()
    talk.submit(KEY_A)
    await asyncio.sleep(ONE_DEADLINE)
    assert talk.written == [KEY_A, ZEROS + GET_INFO]
    talk.line.break_line()
    await asyncio.sleep(LATE)
    assert len(talk.endings) == 1
    assert len(talk.dead) == 1
    await talk.conversation.close()


@virtual
async def test_identify() -> None:
    talk = Talk({LONG_ZEROS + GET_INFO: INFO})
    await talk.conversation.identify()
    assert talk.written == [LONG_ZEROS + GET_INFO]
    assert len(talk.infos) == 1
    await talk.conversation.close()


@virtual
async def test_identify_twice_when_the_first_frame_is_refused() -> None:
    talk = Talk({LONG_ZEROS + GET_INFO: "57 AB 00 C1 01 E4 A8", ZEROS + GET_INFO: INFO})
    await talk.conversation.identify()
    assert talk.written == [LONG_ZEROS + GET_INFO, ZEROS + GET_INFO]
    await talk.conversation.close()


@virtual
async def test_identify_nobody() -> None:
    talk = Talk()
    with pytest.raises(ProbeError, match="9600"):
        await talk.conversation.identify()
    await talk.conversation.close()


@pytest.mark.parametrize(("baud", "seconds"), [(9600, 0.01041), (115200, 0.00087), (0, 0.0)])
@virtual
async def test_time_on_the_wire(baud: int, seconds: float) -> None:
    talk = Talk(baud=baud)
    assert talk.conversation.wire_time(10) == pytest.approx(seconds, abs=1e-5)
    await talk.conversation.close()


@virtual
async def test_a_slow_line_has_a_later_deadline() -> None:
    talk = Talk(baud=1200)
    talk.submit(KEY_A)
    await asyncio.sleep(0.5)
    assert talk.written == [KEY_A]
    await talk.hear(KEY_ACK)
    assert talk.endings == [Reply(2, 0)]
    await talk.conversation.close()


@virtual
async def test_a_quick_frame_after_a_slow_one_keeps_its_own_deadline() -> None:
    """A custom HID report of 64 bytes takes longer than a key; the key's deadline is its own."""
    body = bytes.fromhex("57 AB 00 06 40") + bytes(64)
    hid = (body + bytes([sum(body) & 0xFF])).hex(" ").upper()
    talk = Talk({hid: "57 AB 00 86 01 00 89"}, baud=1200)
    talk.submit(hid, repeatable=False)
    talk.submit(KEY_A)
    # 0.12 s and 14 + 71 bytes at 1200 baud are 0.83 s; the report's deadline was 1.29 s.
    await asyncio.sleep(1.0)
    assert talk.written == [hid, KEY_A, ZEROS + GET_INFO]
    await talk.conversation.close()
