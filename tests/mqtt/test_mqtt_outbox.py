from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chiplink.mqtt import outbox
from chiplink.mqtt.message import Message
from chiplink.mqtt.outbox import Outbox

TTL = 300.0
MOST = 512
MOST_BYTES = 1024 * 1024


def state(topic: str, payload: bytes = b"x") -> Message:
    return Message(topic, payload, retain=True)


def event(number: int, payload: bytes = b"x") -> Message:
    return Message("t", payload, seq=number)


def data(number: int, payload: bytes = b"x") -> Message:
    return Message("rx", payload, seq=number, taken=lambda: None)


ROOM = MOST_BYTES - event(1, b"").packet_size
"""Bytes of the longest payload."""


def drain(box: Outbox, now: float = 0.0) -> list[Message]:
    taken = []
    while (message := box.take(now)) is not None:
        taken.append(message)
    return taken


def made() -> tuple[Outbox, Counter[str]]:
    counters: Counter[str] = Counter()
    return Outbox(counters), counters


def test_bounds_are_these() -> None:
    assert (outbox.MAX_EVENTS, outbox.MAX_BYTES, outbox.EVENT_TTL) == (MOST, MOST_BYTES, TTL)


def test_empty() -> None:
    box, counters = made()
    assert (box.take(0.0), len(box), counters) == (None, 0, {})


def test_messages_go_out_in_order() -> None:
    box, _ = made()
    messages = [state("a"), event(1), state("b"), event(2)]
    for message in messages:
        if message.retain:
            box.put_state(message)
        else:
            box.put_event(message, 0.0)
    assert len(box) == 4
    assert drain(box) == messages
    assert len(box) == 0


def test_the_latest_state_of_a_topic_wins() -> None:
    box, _ = made()
    for payload in (b"1", b"2", b"3"):
        box.put_state(state("a", payload))
    box.put_state(state("b"))
    assert len(box) == 2
    assert drain(box) == [state("a", b"3"), state("b")]


def test_a_newer_state_goes_out_after_what_came_before_it() -> None:
    box, _ = made()
    box.put_state(state("a", b"1"))
    box.put_event(event(1), 0.0)
    box.put_state(state("a", b"2"))
    assert drain(box) == [event(1), state("a", b"2")]


def test_events_of_one_topic_are_all_kept() -> None:
    box, _ = made()
    for number in range(3):
        box.put_event(event(1), float(number))
    assert drain(box, 5.0) == [event(1)] * 3


def test_a_state_and_an_event_of_one_topic_are_apart() -> None:
    box, _ = made()
    box.put_state(state("t", b"s"))
    box.put_event(event(1), 0.0)
    box.put_state(state("t", b"new"))
    assert drain(box) == [event(1), state("t", b"new")]


def test_an_event_has_a_time_to_live() -> None:
    box, counters = made()
    box.put_event(event(1), 0.0)
    box.put_event(event(2), 1.0)
    assert box.take(TTL) == event(2)
    assert counters == {"events_expired": 1}


def test_a_state_does_not_expire() -> None:
    box, counters = made()
    box.put_state(state("a"))
    assert drain(box, 1e9) == [state("a")]
    assert counters == {}


def test_512_events_wait_and_the_oldest_makes_room() -> None:
    box, counters = made()
    for number in range(MOST):
        box.put_event(event(number), 0.0)
    assert (len(box), counters) == (MOST, {})
    box.put_event(event(MOST), 0.0)
    assert (len(box), counters) == (MOST, {"events_dropped": 1})
    assert [message.seq for message in drain(box)] == list(range(1, MOST + 1))


def test_bytes_are_bounded() -> None:
    box, counters = made()
    box.put_event(event(1, b"a" * (ROOM - event(2, b"b").packet_size)), 0.0)
    box.put_event(event(2, b"b"), 0.0)
    assert (len(box), counters) == (2, {})
    box.put_event(event(3, b"c"), 0.0)
    assert [message.seq for message in drain(box)] == [2, 3]
    assert counters == {"events_dropped": 1}


def test_what_surrounds_a_payload_counts_too() -> None:
    box, counters = made()
    answers = [
        Message(f"r/{number}", b"x", correlation=b"c" * (MOST_BYTES // 4)) for number in range(4)
    ]
    for answer in answers:
        box.put_event(answer, 0.0)
    assert drain(box) == answers[1:]
    assert counters["events_dropped"] == 1


def test_what_clears_a_topic_comes_back_unless_it_was_set_again() -> None:
    box, _ = made()
    box.put_state(state("a", b"new"))
    box.put_back([state("a", b""), state("b", b""), state("c")])
    assert drain(box) == [state("b", b""), state("a", b"new")]


def test_an_event_beyond_all_bounds_is_dropped_and_counted() -> None:
    box, counters = made()
    box.put_event(event(1, b"a" * (ROOM + 1)), 0.0)
    assert (drain(box), counters) == ([], {"events_dropped": 1})
    box.put_event(event(2, b"a" * ROOM), 0.0)
    assert [message.seq for message in drain(box)] == [2]


def test_what_was_taken_makes_room_again() -> None:
    box, counters = made()
    for number in range(5):
        box.put_event(event(number, b"a" * ROOM), 0.0)
        assert box.take(0.0) == event(number, b"a" * ROOM)
    assert counters == {}


def test_what_expired_makes_room_again() -> None:
    box, counters = made()
    box.put_event(event(1, b"a" * ROOM), 0.0)
    assert box.take(TTL) is None
    box.put_event(event(2, b"a" * ROOM), TTL)
    assert box.take(TTL) == event(2, b"a" * ROOM)
    assert counters == {"events_expired": 1}


def test_states_do_not_count_as_events_and_events_do_not_push_them_out() -> None:
    box, counters = made()
    for number in range(MOST):
        box.put_state(state(f"s{number}", b"a" * 4096))
    for number in range(MOST + 1):
        box.put_event(event(number), 0.0)
    assert len(box) == 2 * MOST
    assert counters == {"events_dropped": 1}
    assert [message.topic for message in drain(box)[:MOST]] == [f"s{n}" for n in range(MOST)]


def test_what_comes_back_goes_out_first_and_in_order() -> None:
    box, _ = made()
    box.put_state(state("a"))
    box.put_event(event(3), 0.0)
    box.put_back([event(1), event(2)])
    assert drain(box) == [event(1), event(2), state("a"), event(3)]


def test_what_comes_back_is_the_first_to_be_dropped() -> None:
    box, counters = made()
    for number in range(2, MOST + 1):
        box.put_event(event(number), 0.0)
    box.put_back([event(0), event(1)])
    assert counters == {"events_dropped": 1}
    assert [message.seq for message in drain(box)] == list(range(1, MOST + 1))


def test_coming_back_does_not_prolong_a_life() -> None:
    box, counters = made()
    box.put_event(event(1), 0.0)
    taken = box.take(10.0)
    assert taken is not None
    box.put_back([taken])
    assert box.take(TTL + 1) is None
    assert counters == {"events_expired": 1}


def test_data_of_links_is_neither_bounded_nor_expires() -> None:
    box, counters = made()
    messages = [data(number, b"a" * MOST_BYTES) for number in range(MOST + 1)]
    for message in messages:
        box.put_data(message)
    assert len(box) == MOST + 1
    assert drain(box, 1e9) == messages
    assert counters == {}


def test_data_and_events_keep_their_order_and_data_pushes_no_event_out() -> None:
    box, counters = made()
    box.put_event(event(1, b"a" * ROOM), 0.0)
    box.put_data(data(1, b"a" * MOST_BYTES))
    box.put_state(state("a"))
    box.put_data(data(2))
    assert [(m.topic, m.seq) for m in drain(box)] == [("t", 1), ("rx", 1), ("a", None), ("rx", 2)]
    assert counters == {}


def test_events_are_dropped_from_among_data() -> None:
    box, counters = made()
    for number in range(3):
        box.put_data(data(number))
        box.put_event(event(number, b"a" * ROOM), 0.0)
    assert [(m.topic, m.seq) for m in drain(box)] == [("rx", 0), ("rx", 1), ("rx", 2), ("t", 2)]
    assert counters == {"events_dropped": 2}


def test_data_comes_back_in_front_and_in_order_among_events() -> None:
    box, counters = made()
    box.put_data(data(3))
    box.put_event(event(2), 0.0)
    box.put_back([data(1), event(1), state("a"), data(2)])
    assert [(m.topic, m.seq) for m in drain(box)] == [
        ("rx", 1), ("t", 1), ("rx", 2), ("rx", 3), ("t", 2),
    ]  # fmt: skip
    assert counters == {}


def test_what_came_back_of_data_is_not_dropped_for_events() -> None:
    box, counters = made()
    box.put_back([data(1, b"a" * MOST_BYTES)] * 3)
    for number in range(MOST + 1):
        box.put_event(event(number), 0.0)
    assert [message.topic for message in drain(box)] == ["rx"] * 3 + ["t"] * MOST
    assert counters == {"events_dropped": 1}


def test_nothing_comes_back() -> None:
    box, counters = made()
    box.put_back([])
    assert (len(box), counters) == (0, {})


@given(st.lists(st.tuples(st.sampled_from("sebtdr"), st.integers(0, 700)), max_size=80))
def test_whatever_happens_the_bounds_hold(steps: list[tuple[str, int]]) -> None:
    box, counters = made()
    put = taken = 0
    data_put: list[int] = []
    data_taken: list[int] = []
    for what, number in steps:
        if what == "s":
            box.put_state(state(str(number % 3)))
        elif what == "d":
            box.put_data(data(number, b"a" * number * 1000))
            data_put.append(number)
        elif what == "r":
            box.put_back([data(number)])
            data_put.insert(len(data_taken), number)
        elif what == "e":
            box.put_event(event(number, b"a" * (number * 1000)), 0.0)
            put += 1
        elif what == "b":
            box.put_back([event(number, b"a" * number)])
            put += 1
        else:
            message = box.take(0.0)
            if message is not None and message.taken is not None:
                data_taken.append(message.seq or 0)
            else:
                taken += message is not None and not message.retain
    left = drain(box)
    data_taken += [message.seq or 0 for message in left if message.taken is not None]
    assert data_taken == data_put
    rest = [message for message in left if not message.retain and message.taken is None]
    assert len(rest) <= MOST
    assert sum(message.packet_size for message in rest) <= MOST_BYTES
    assert put == taken + len(rest) + counters["events_dropped"]
