from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chiplink.mqtt import sequences
from chiplink.mqtt.sequences import MAX_PEERS, Sequences


def test_each_stream_rises_by_one_from_one() -> None:
    numbers = Sequences()
    assert [numbers.next(topic) for topic in "aabab"] == [1, 2, 1, 3, 2]
    assert [numbers.next_of_peer(topic) for topic in "aabab"] == [1, 2, 1, 3, 2]


def test_a_forgotten_peer_goes_on_above() -> None:
    numbers = Sequences()
    for _ in range(7):
        last = numbers.next_of_peer("old")
    assert last == 7
    for number in range(MAX_PEERS):
        assert numbers.next_of_peer(f"p{number}") == 1
    assert numbers.next_of_peer("old") == 8
    assert numbers.next_of_peer("new") == 8
    assert numbers.next_of_peer(f"p{MAX_PEERS - 1}") == 2


def test_the_one_that_was_silent_longest_is_forgotten() -> None:
    numbers = Sequences()
    for number in range(MAX_PEERS):
        numbers.next_of_peer(f"p{number}")
    assert numbers.next_of_peer("p0") == 2
    numbers.next_of_peer("new")
    assert numbers.next_of_peer("p0") == 3


def test_only_peers_are_forgotten() -> None:
    numbers = Sequences()
    numbers.next("result")
    for number in range(2 * MAX_PEERS):
        numbers.next_of_peer(f"p{number}")
    assert numbers.next("result") == 2
    assert len(numbers._peers) == MAX_PEERS


@given(st.lists(st.sampled_from("abcde"), max_size=60), st.integers(1, 4))
def test_no_number_of_a_topic_comes_twice(topics: list[str], remembered: int) -> None:
    before, sequences.MAX_PEERS = sequences.MAX_PEERS, remembered
    try:
        numbers = Sequences()
        seen = [(topic, numbers.next_of_peer(topic)) for topic in topics]
    finally:
        sequences.MAX_PEERS = before
    assert len(set(seen)) == len(seen)
    for wanted in "abcde":
        stream = [number for topic, number in seen if topic == wanted]
        assert stream == sorted(stream)
