"""Playing a score: one frame after the other, and letting go when it is stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from chiplink.driver.player import Player
from chiplink.driver.score import Chunks, Score
from chiplink.exceptions import (
    CancelledCommandError,
    ChipError,
    OfflineError,
    OutcomeUnknownError,
)
from driver.driver_script import (
    BUTTONS_UP,
    GET_INFO,
    INFO,
    KEY_A,
    KEY_ACK,
    KEY_B,
    KEY_E5,
    MOVE,
    MOVE_ACK,
    RELEASE,
    ZEROS,
    Talk,
    moment,
)
from driver.virtual_clock import virtual

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAY = [KEY_A, RELEASE, KEY_B, RELEASE]


def score(frames: list[str], holds: float | Sequence[float] = 0.0, rest: str = RELEASE) -> Score:
    return Score([bytes.fromhex(frame) for frame in frames], holds, (bytes.fromhex(rest),))


def answering() -> Talk:
    return Talk(dict.fromkeys(PLAY, KEY_ACK) | {MOVE: MOVE_ACK, BUTTONS_UP: MOVE_ACK})


@virtual
async def test_every_frame_after_the_answer_to_the_one_before() -> None:
    talk = Talk()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    for number, frame in enumerate(PLAY, 1):
        await moment()
        assert talk.written == PLAY[:number]
        assert talk.written[-1] == frame
        talk.chip.say(KEY_ACK)
    await player.wait()
    assert player.acknowledged == 4
    await talk.conversation.close()


@pytest.mark.parametrize("holds", [0.05, [0.05, 0.05, 0.05, 0.05]])
@virtual
async def test_each_frame_stays_as_long_as_it_must(holds: float | Sequence[float]) -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY, holds))
    player.start()
    await player.wait()
    assert talk.chip.times == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert player.not_before == pytest.approx(0.2)
    await talk.conversation.close()


@virtual
async def test_a_hold_counts_from_the_sending_not_from_the_answer() -> None:
    talk = Talk()
    player = Player(talk.conversation, score(PLAY, 0.05))
    player.start()
    await asyncio.sleep(0.06)
    assert talk.written == [KEY_A]
    await talk.hear(KEY_ACK)
    assert talk.written == [KEY_A, RELEASE]
    player.stop(CancelledCommandError("enough"))
    await talk.conversation.close()
    with pytest.raises(OutcomeUnknownError):
        await player.wait()


@virtual
async def test_nothing_before_its_time() -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY), not_before=0.2)
    player.start()
    await asyncio.sleep(0.19)
    assert talk.written == []
    await asyncio.sleep(0.02)
    assert talk.written == PLAY
    await player.wait()
    await talk.conversation.close()


@pytest.mark.parametrize("sent", [1, 2, 3, 4])
@virtual
async def test_stopped_with_a_frame_on_its_way(sent: int) -> None:
    talk = Talk()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    for _ in range(sent - 1):
        await talk.hear(KEY_ACK)
    await moment()
    player.stop(CancelledCommandError("enough"))
    await moment()
    assert talk.written == PLAY[:sent]
    await talk.hear(KEY_ACK)
    assert talk.written == [*PLAY[:sent], RELEASE]
    await talk.hear(KEY_ACK)
    with pytest.raises(CancelledCommandError, match="enough"):
        await player.wait()
    await asyncio.sleep(1)
    assert talk.written == [*PLAY[:sent], RELEASE]
    await talk.conversation.close()


@pytest.mark.parametrize("sent", [1, 2, 3])
@virtual
async def test_stopped_while_a_frame_is_held(sent: int) -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY, 1.0))
    player.start()
    await asyncio.sleep(sent - 0.5)
    player.stop(CancelledCommandError("enough"))
    player.stop(CancelledCommandError("again"))
    with pytest.raises(CancelledCommandError, match="enough"):
        await player.wait()
    await asyncio.sleep(5)
    assert talk.written == [*PLAY[:sent], RELEASE]
    await talk.conversation.close()


@virtual
async def test_stopped_before_it_may_begin() -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY), not_before=1.0)
    player.start()
    await moment()
    player.stop(CancelledCommandError("enough"))
    with pytest.raises(CancelledCommandError):
        await player.wait()
    await asyncio.sleep(2)
    assert KEY_A not in talk.written
    await talk.conversation.close()


@virtual
async def test_stopping_what_is_over_changes_nothing() -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    await player.wait()
    player.stop(CancelledCommandError("too late"))
    await player.wait()
    assert talk.written == PLAY
    await talk.conversation.close()


@pytest.mark.parametrize("refused", [2, 3, 4])
@virtual
async def test_an_error_lets_go_and_says_what_it_was(refused: int) -> None:
    talk = Talk()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    for _ in range(refused - 1):
        await talk.hear(KEY_ACK)
    await talk.hear(KEY_E5)
    await moment()
    assert talk.written == [*PLAY[:refused], RELEASE]
    await talk.hear(KEY_ACK)
    with pytest.raises(ChipError, match="E5"):
        await player.wait()
    assert player.acknowledged == refused - 1
    assert len(talk.written) == refused + 1
    await talk.conversation.close()


@virtual
async def test_lost_motion_ends_it_with_the_buttons_up() -> None:
    talk = Talk({ZEROS + GET_INFO: INFO, BUTTONS_UP: MOVE_ACK})
    player = Player(talk.conversation, score([MOVE, MOVE], rest=BUTTONS_UP))
    player.start()
    with pytest.raises(OutcomeUnknownError):
        await player.wait()
    assert talk.written == [MOVE, ZEROS + GET_INFO, BUTTONS_UP]
    await talk.conversation.close()


@virtual
async def test_what_was_not_let_go_is_told() -> None:
    talk = Talk({KEY_A: KEY_ACK, RELEASE: KEY_E5})
    player = Player(talk.conversation, score([KEY_A, RELEASE]))
    player.start()
    with pytest.raises(OutcomeUnknownError, match="may still be pressed"):
        await player.wait()
    await talk.conversation.close()


@virtual
async def test_refused_from_the_first_frame_on_nothing_is_pressed() -> None:
    """A keyboard-only chip refuses the mouse, and its release too: nothing is in doubt."""
    talk = Talk({KEY_A: KEY_E5, RELEASE: KEY_E5})
    player = Player(talk.conversation, score([KEY_A, RELEASE]))
    player.start()
    with pytest.raises(ChipError, match="E5"):
        await player.wait()
    await talk.conversation.close()


@virtual
async def test_a_lost_port_after_a_frame_is_unknown() -> None:
    talk = Talk()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    await talk.hear(KEY_ACK)
    talk.line.break_line()
    with pytest.raises(OutcomeUnknownError):
        await player.wait()
    await talk.conversation.close()


@virtual
async def test_a_dead_conversation_is_offline() -> None:
    talk = Talk()
    talk.line.break_line()
    player = Player(talk.conversation, score(PLAY))
    player.start()
    with pytest.raises(OfflineError):
        await player.wait()
    await talk.conversation.close()


@virtual
async def test_who_waits_may_be_cancelled() -> None:
    talk = answering()
    player = Player(talk.conversation, score(PLAY, 1.0))
    player.start()
    waiting = asyncio.create_task(player.wait())
    await moment()
    waiting.cancel()
    await asyncio.sleep(5)
    assert waiting.cancelled()
    assert talk.written == [KEY_A, RELEASE]
    await talk.conversation.close()


def test_chunks() -> None:
    chunks = Chunks(bytes(range(7)), 3)
    assert list(chunks) == [b"\0\1\2", b"\3\4\5"]
    assert len(chunks) == 2
    for number in (-1, 2):
        with pytest.raises(IndexError):
            chunks[number]


def test_holds_for_all_and_for_each() -> None:
    assert Score([b""], 0.5, ()).hold(7) == 0.5
    assert Score([b"", b""], [0.5, 0.25], ()).hold(1) == 0.25
