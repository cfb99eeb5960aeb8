"""What goes out, to a broker that does what it is told."""

from __future__ import annotations

from collections import Counter

import pytest

from chiplink.exceptions import BrokerError
from chiplink.mqtt.connection_events import Acknowledged
from chiplink.mqtt.message import Message
from chiplink.mqtt.outflow import Outflow

WINDOW = 20


class Bench:
    """An outflow; `sent` are the messages its broker has been given, by mid."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.sent: list[Message] = []
        self.problem: Exception | None = None
        self.now = 0.0
        self.taken: list[int] = []
        self.out = Outflow(self.publish, self.counters, lambda: self.now)

    def publish(self, message: Message) -> int:
        if self.problem is not None:
            raise self.problem
        self.sent.append(message)
        return len(self.sent) - 1

    def acknowledge(self, mid: int, refused: str = "") -> Message | None:
        return self.out.acknowledged(Acknowledged(mid, refused))

    def data(self, number: int, payload: bytes = b"x") -> Message:
        return Message("rx", payload, seq=number, taken=lambda: self.taken.append(number))

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.out.put_data(self.data(number))

    @property
    def numbers(self) -> list[int | None]:
        return [message.seq for message in self.sent]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_goes_out_before_it_is_open(bench: Bench) -> None:
    bench.put(1)
    bench.out.put_state(Message("s", b"", retain=True))
    assert (bench.sent, bench.out.waiting, bench.out.is_open) == ([], 2, False)
    bench.out.open()
    assert (len(bench.sent), bench.out.waiting, bench.out.in_flight) == (2, 0, 2)


def test_the_window(bench: Bench) -> None:
    bench.out.open()
    bench.put(*range(25))
    assert (len(bench.sent), bench.out.waiting, bench.out.in_flight) == (WINDOW, 5, WINDOW)
    bench.acknowledge(7)
    assert len(bench.sent) == WINDOW + 1


def test_idle_means_that_nothing_waits_and_nothing_is_unconfirmed(bench: Bench) -> None:
    bench.out.open()
    assert bench.out.idle.is_set()
    bench.put(1)
    assert not bench.out.idle.is_set()
    bench.acknowledge(0)
    assert bench.out.idle.is_set()


def test_data_is_taken_when_the_broker_has_it_and_once(bench: Bench) -> None:
    bench.out.open()
    bench.put(1, 2)
    assert bench.taken == []
    bench.acknowledge(1)
    bench.acknowledge(1)
    assert bench.taken == [2]
    bench.acknowledge(0)
    assert bench.taken == [2, 1]


def test_what_the_broker_refuses_is_told_and_taken(bench: Bench) -> None:
    bench.out.open()
    bench.put(1)
    refused = bench.acknowledge(0, "Not authorized")
    assert refused is not None
    assert (refused.topic, bench.taken) == ("rx", [1])
    assert bench.counters == {"publishes_refused": 1}


def test_what_nobody_sent_is_not_confirmed(bench: Bench) -> None:
    assert bench.acknowledge(99, "No matching subscribers") is None
    assert bench.counters == {}


def test_what_was_not_confirmed_comes_again_in_order(bench: Bench) -> None:
    bench.out.open()
    bench.put(*range(30))
    for mid in (0, 2, 19):
        bench.acknowledge(mid)
    bench.out.lost()
    assert (bench.out.in_flight, bench.out.waiting, bench.out.is_open) == (0, 27, False)
    bench.sent.clear()
    bench.out.open()
    for mid in range(27):
        bench.acknowledge(mid)
    assert bench.numbers == [number for number in range(30) if number not in (0, 2, 19)]
    assert sorted(bench.taken) == list(range(30))


def test_data_outlives_any_absence_and_events_do_not(bench: Bench) -> None:
    bench.put(1)
    bench.out.put_event(Message("e", b""))
    bench.now = 1e6
    bench.out.open()
    assert [message.topic for message in bench.sent] == ["rx"]
    assert bench.counters == {"events_expired": 1}


def test_a_connection_that_is_gone_when_we_speak(bench: Bench) -> None:
    bench.out.open()
    bench.put(1)
    bench.problem = BrokerError("gone")
    bench.put(2, 3)
    assert (bench.out.is_open, bench.out.waiting, bench.taken) == (False, 2, [])
    bench.problem = None
    bench.out.lost()
    bench.out.open()
    assert bench.numbers == [1, 1, 2, 3]


def test_what_can_never_be_sent_is_given_up_and_the_rest_goes_on(bench: Bench) -> None:
    bench.out.open()
    bench.problem = ValueError("no such topic")
    bench.put(1)
    bench.problem = None
    bench.put(2)
    assert (bench.taken, bench.numbers) == ([1], [2])
    assert bench.counters == {"unsendable": 1}


def test_what_the_broker_would_hang_up_on_is_not_sent(bench: Bench) -> None:
    topic, correlation = "chiplink/ä", b"c" * 9
    bench.out.open(200)
    most = 200 - len(topic.encode()) - len(correlation) - 44
    for size in (most, most + 1):
        bench.out.put_event(Message(topic, b"a" * size, seq=2**63, correlation=correlation))
    assert [len(message.payload) for message in bench.sent] == [most]
    bench.out.put_data(bench.data(1, b"a" * 200))
    assert (bench.taken, bench.counters) == ([1], {"unsendable": 2})
    bench.out.lost()
    bench.out.open()
    bench.out.put_data(bench.data(2, b"a" * 200))
    assert bench.numbers[-1] == 2


def test_the_end_takes_what_waits_what_is_on_its_way_and_what_comes_late(bench: Bench) -> None:
    bench.out.open()
    bench.put(*range(25))
    bench.out.put_state(Message("s", b"", retain=True))
    bench.out.end()
    assert sorted(bench.taken) == list(range(25))
    bench.put(99)
    assert bench.taken[-1] == 99
    bench.acknowledge(0)
    bench.out.end()
    assert len(bench.taken) == 26
    assert (bench.out.waiting, bench.out.in_flight) == (0, 0)


def test_whoever_is_let_go_may_say_more_at_once(bench: Bench) -> None:
    def more() -> None:
        bench.taken.append(1)
        bench.put(3)

    bench.out.open()
    bench.out.put_data(Message("rx", b"", seq=1, taken=more))
    bench.put(2)
    bench.acknowledge(0)
    assert (bench.numbers, bench.taken) == ([1, 2, 3], [1])
    for mid in (1, 2):
        bench.acknowledge(mid)
    assert bench.taken == [1, 2, 3]
    assert bench.out.idle.is_set()


def test_a_defect_of_whoever_waits_is_not_ours(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    bench.out.put_data(Message("rx", b"", taken=fails))
    bench.put(2)
    bench.out.open()
    bench.acknowledge(0)
    bench.acknowledge(1)
    assert bench.taken == [2]
    assert "what waited for rx failed" in caplog.text
    bench.out.put_data(Message("rx", b"", taken=fails))
    bench.put(3)
    bench.out.end()
    assert bench.taken == [2, 3]
