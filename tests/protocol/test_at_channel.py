"""The conversation: what ends a command, what comes later, and what comes besides."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from chiplink.exceptions import LocalMisuseError
from chiplink.protocol import at_common, at_gseries, at_sim800, at_sim7028
from chiplink.protocol.at_channel import RESULTS_MAX, SILENCE, Channel
from chiplink.protocol.at_command import raw
from chiplink.protocol.at_events import (
    Accepted,
    DataWaiting,
    Event,
    Junk,
    NetworkLost,
    Outcome,
    Payload,
    PeerClosed,
    Power,
    Prompt,
    Reply,
    Restarted,
    Stage,
    TimedOut,
    Urc,
)

SIZES = pytest.mark.parametrize("size", [1, 3, 1000])


def received(channel: Channel, data: bytes, size: int = 1000, now: float = 0) -> list[Event]:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [event for piece in pieces for event in channel.receive(piece, now)]


# Replies


@SIZES
def test_a_reply(size: int) -> None:
    channel = Channel()
    command = at_common.signal()
    assert channel.send(command, 0) == b"AT+CSQ\r"
    assert channel.pending is command
    assert received(channel, b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n", size) == [
        Reply(command, ("+CSQ: 20,0",), "OK")
    ]
    assert channel.pending is None
    assert channel.deadline is None


def test_an_error_and_its_reason() -> None:
    channel = Channel()
    command = at_sim7028.ipaddr()
    channel.send(command, 0)
    (reply,) = received(channel, b"\r\n+IP ERROR: Network not opened\r\n\r\nERROR\r\n")
    assert reply == Reply(command, (), "ERROR", "+IP ERROR: Network not opened")
    assert not reply.ok
    channel.send(at_common.sim(), 0)
    (reply,) = received(channel, b"\r\n+CME ERROR: 10\r\n")
    assert isinstance(reply, Reply)
    assert reply.error == "+CME ERROR: 10"


@SIZES
def test_texts_that_end_a_command_without_ok(size: int) -> None:
    channel = Channel()
    for command, answer, final in (
        (at_sim800.cifsr(), b"\r\n10.78.245.128\r\n", "10.78.245.128"),
        (at_sim800.cipshut(), b"\r\nSHUT OK\r\n", "SHUT OK"),
        (at_sim800.cipclose(), b"\r\nCLOSE OK\r\n", "CLOSE OK"),
        (at_sim800.cipclose(2), b"\r\n2, CLOSE OK\r\n", "2, CLOSE OK"),
        (at_sim800.cipclose(2), b"\r\n2,CLOSE OK\r\n", "2,CLOSE OK"),
    ):
        channel.send(command, 0)
        assert received(channel, answer, size) == [Reply(command, (), final)]


@SIZES
def test_the_status_comes_behind_ok(size: int) -> None:
    channel = Channel()
    command = at_sim800.cipstatus(several=False)
    channel.send(command, 0)
    assert received(channel, b"\r\nOK\r\n\r\nSTATE: CONNECT OK\r\n", size) == [
        Reply(command, (), "STATE: CONNECT OK")
    ]
    command = at_sim800.cipstatus(several=True)
    channel.send(command, 0)
    links = [f'C: {n},,"","","","INITIAL"' for n in range(6)]
    text = "\r\nOK\r\n\r\nSTATE: IP PROCESSING\r\n\r\n" + "\r\n".join(links) + "\r\n"
    (reply,) = received(channel, text.encode(), size)
    assert reply == Reply(command, ("STATE: IP PROCESSING", *links[:5]), links[5])


def test_a_line_of_echo_is_no_answer() -> None:
    channel = Channel()
    assert not channel.echoes
    channel.send(raw("ATI"), 0)
    (reply,) = received(channel, b"ATI\r\r\nKingcom_Ltd\r\nKingcom_G3524\r\n\r\nOK\r\n")
    assert isinstance(reply, Reply)
    assert reply.lines == ("Kingcom_Ltd", "Kingcom_G3524")
    assert channel.echoes


# Results, before OK, behind it, and late


@SIZES
@pytest.mark.parametrize(
    "answer", [b"\r\nOK\r\n\r\n+CIPOPEN: 0,0\r\n", b"\r\n+CIPOPEN: 0,0\r\n\r\nOK\r\n"]
)
def test_a_result_in_either_order(answer: bytes, size: int) -> None:
    channel = Channel()
    command = at_sim7028.cipopen_tcp(0, "example.com", 80)
    assert channel.send(command, 0) == b'AT+CIPOPEN=0,"TCP","example.com",80\r'
    events = received(channel, answer, size)
    assert set(events) == {Reply(command, (), "OK"), Outcome(command, "+CIPOPEN: 0,0", ok=True)}
    assert channel.awaited == ()


def test_a_failure_at_once() -> None:
    channel = Channel()
    command = at_sim7028.cipopen_tcp(0, "example.com", 80)
    channel.send(command, 0)
    assert received(channel, b"\r\n+CIPOPEN: 0,4\r\n\r\nERROR\r\n") == [
        Outcome(command, "+CIPOPEN: 0,4", ok=False),
        Reply(command, (), "ERROR", "+CIPOPEN: 0,4"),
    ]
    assert channel.awaited == ()


def test_a_result_behind_other_commands() -> None:
    channel = Channel()
    command = at_sim7028.cipopen_tcp(1, "example.com", 80)
    channel.send(command, 0)
    received(channel, b"\r\nOK\r\n")
    channel.send(at_common.signal(), 1)
    events = received(channel, b"\r\n+CSQ: 9,0\r\n\r\n+CIPOPEN: 1,0\r\n\r\nOK\r\n")
    assert [type(event) for event in events] == [Outcome, Reply]
    assert events[0] == Outcome(command, "+CIPOPEN: 1,0", ok=True)


def test_a_late_connect_fail_is_no_other_commands_answer() -> None:
    channel = Channel()
    start = at_sim800.cipstart("TCP", "1.2.3.4", 80)
    channel.send(start, 0)
    received(channel, b"\r\nOK\r\n")
    channel.send(status := at_sim800.cipstatus(several=False), 1)
    events = received(channel, b"\r\nOK\r\n\r\nCONNECT FAIL\r\n\r\nSTATE: TCP CLOSED\r\n")
    assert events == [
        Outcome(start, "CONNECT FAIL", ok=False),
        Reply(status, (), "STATE: TCP CLOSED"),
    ]
    # Its own deadline over, nobody waits for it, and still it is no answer to another command.
    channel.send(iccid := at_common.iccid(), 2)
    events = received(channel, b"\r\nCONNECT FAIL\r\n89860000000000000001\r\n\r\nOK\r\n")
    assert events == [
        Urc("CONNECT FAIL", (), "CONNECT FAIL"),
        Reply(iccid, ("89860000000000000001",), "OK"),
    ]


def test_cme_error_50_belongs_to_the_cipstart() -> None:
    channel = Channel()
    start = at_gseries.cipstart("TCP", "117.143.237.70", 1100)
    channel.send(start, 0)
    received(channel, b"\r\nOK\r\n")
    channel.send(signal := at_common.signal(), 1)
    events = received(channel, b"\r\n+CME ERROR: 50\r\n\r\n+CSQ: 3,0\r\n\r\nOK\r\n")
    assert events == [
        Outcome(start, "+CME ERROR: 50", ok=False),
        Reply(signal, ("+CSQ: 3,0",), "OK"),
    ]
    channel.send(signal, 2)
    (reply,) = received(channel, b"\r\n+CME ERROR: 50\r\n")
    assert reply == Reply(signal, (), "+CME ERROR: 50", "+CME ERROR: 50")


def test_the_gseries_connects_in_either_order() -> None:
    for answer in (b"\r\nOK\r\n\r\nCONNECT OK\r\n", b"\r\nCONNECT OK\r\n\r\nOK\r\n"):
        channel = Channel()
        start = at_gseries.cipstart("UDP", "a.example", 9)
        channel.send(start, 0)
        assert set(received(channel, answer)) == {
            Reply(start, (), "OK"),
            Outcome(start, "CONNECT OK", ok=True),
        }


def test_a_result_that_does_not_come() -> None:
    channel = Channel()
    start = at_gseries.cipstart("TCP", "a.example", 9)
    channel.send(start, 100)
    received(channel, b"\r\nOK\r\n", now=101)
    assert channel.deadline == 130
    assert channel.tick(129.9) == []
    assert channel.tick(130) == [TimedOut(start, Stage.RESULT)]
    assert channel.deadline is None


def test_answers_that_look_alike_wait_for_one_another() -> None:
    channel = Channel()
    opening = at_sim7028.netopen()
    channel.send(opening, 0)
    received(channel, b"\r\nOK\r\n")
    assert channel.conflict(at_sim7028.netopen_query()) is opening
    with pytest.raises(LocalMisuseError, match=r"AT\+NETOPEN must come first"):
        channel.send(at_sim7028.netopen_query(), 1)
    assert received(channel, b"\r\n+NETOPEN: 0\r\n") == [Outcome(opening, "+NETOPEN: 0", ok=True)]
    channel.send(query := at_sim7028.netopen_query(), 2)
    assert received(channel, b"\r\n+NETOPEN: 0\r\n\r\nOK\r\n") == [
        Reply(query, ("+NETOPEN: 0",), "OK")
    ]


def test_two_links_open_at_once() -> None:
    channel = Channel()
    first = at_sim7028.cipopen_tcp(0, "a.example", 80)
    second = at_sim7028.cipopen_udp(1, 5000)
    channel.send(first, 0)
    received(channel, b"\r\nOK\r\n")
    channel.send(second, 0)
    events = received(channel, b"\r\n+CIPOPEN: 1,0\r\n\r\n+CIPOPEN: 0,10\r\n\r\nOK\r\n")
    assert events == [
        Outcome(second, "+CIPOPEN: 1,0", ok=True),
        Outcome(first, "+CIPOPEN: 0,10", ok=False),
        Reply(second, (), "OK"),
    ]


def test_netclose_with_links_open() -> None:
    channel = Channel()
    command = at_sim7028.netclose()
    channel.send(command, 0)
    answer = b"\r\nOK\r\n\r\n+CIPCLOSE: 0,0\r\n\r\n+CIPCLOSE: 1,1\r\n\r\n+NETCLOSE: 0\r\n"
    assert received(channel, answer) == [
        Reply(command, (), "OK"),
        PeerClosed(0, "closed", "+CIPCLOSE: 0,0"),
        PeerClosed(1, "network failure", "+CIPCLOSE: 1,1"),
        Outcome(command, "+NETCLOSE: 0", ok=True),
    ]


# Sends


@SIZES
def test_a_send_of_sim7028(size: int) -> None:
    channel = Channel()
    command = at_sim7028.cipsend(0, b"12345")
    assert channel.send(command, 0) == b"AT+CIPSEND=0,5\r"
    assert received(channel, b"\r\n>", size) == [Prompt(command, b"12345")]
    assert received(channel, b"\r\nOK\r\n\r\n+CIPSEND: 0,5,5\r\n", size) == [
        Reply(command, (), "OK"),
        Outcome(command, "+CIPSEND: 0,5,5", ok=True),
    ]
    for result in ("0,5,-1", "0,5,0", "0,5,4", "0,5,55"):
        channel.send(command, 0)
        received(channel, b"\r\n>")
        text = f"+CIPSEND: {result}"
        events = received(channel, f"\r\nOK\r\n\r\n{text}\r\n".encode(), size)
        assert events[-1] == Outcome(command, text, ok=False)


@SIZES
def test_a_send_of_sim800(size: int) -> None:
    channel = Channel()
    for command, answer in (
        (at_sim800.cipsend(b"hello"), "SEND OK"),
        (at_sim800.cipsend(b"hello", 0), "0, SEND OK"),
        (at_sim800.cipsend(b"hello", 0), "0,SEND OK"),
        (at_sim800.cipsend(b"hello"), "DATA ACCEPT:5"),
        (at_sim800.cipsend(b"hello", 1), "DATA ACCEPT:1,5"),
    ):
        channel.send(command, 0)
        assert received(channel, b"\r\n> ", size) == [Prompt(command, b"hello")]
        assert received(channel, f"\r\n{answer}\r\n".encode(), size) == [Reply(command, (), answer)]
    channel.send(command := at_sim800.cipsend(b"x", 1), 0)
    received(channel, b"\r\n> ")
    assert received(channel, b"\r\n1, SEND FAIL\r\n") == [
        Reply(command, (), "1, SEND FAIL", "1, SEND FAIL")
    ]


def test_a_send_that_is_refused() -> None:
    channel = Channel()
    command = at_sim7028.cipsend(0, b"1")
    channel.send(command, 0)
    assert received(channel, b"\r\n+CIPERROR: 4\r\n\r\nERROR\r\n") == [
        Reply(command, (), "ERROR", "+CIPERROR: 4")
    ]
    assert channel.awaited == ()
    assert channel.deadline is None


def test_a_link_that_closes_during_its_send_is_told() -> None:
    channel = Channel()
    command = at_sim800.cipsend(b"hello", 0)
    channel.send(command, 0)
    received(channel, b"\r\n> ")
    assert received(channel, b"\r\n0, CLOSED\r\n") == [
        PeerClosed(0, "closed by the peer", "0, CLOSED")
    ]
    assert channel.pending is command
    assert channel.give_up() == [TimedOut(command, Stage.DATA)]


def test_the_deadline_of_a_send_begins_again_with_its_data() -> None:
    channel = Channel()
    command = at_sim7028.cipsend(0, b"x")
    channel.send(command, 0)
    assert channel.deadline == 30
    received(channel, b"\r\n>", now=20)
    assert channel.deadline == 140
    assert channel.tick(140) == [TimedOut(command, Stage.DATA)]
    assert channel.awaited == ()
    channel.send(command, 200)
    assert channel.tick(230) == [TimedOut(command, Stage.PROMPT)]


# Deadlines, late answers


def test_the_deadline() -> None:
    channel = Channel()
    command = at_common.sim()
    channel.send(command, 10)
    assert channel.deadline == 15
    assert channel.tick(14.9) == []
    received(channel, b"\r\n+CPIN: READY\r\n", now=14.9)
    assert channel.tick(15) == [TimedOut(command, Stage.REPLY, ("+CPIN: READY",))]
    assert channel.pending is None
    assert channel.tick(20) == []


def test_a_late_ok_is_not_the_next_commands() -> None:
    channel = Channel()
    channel.send(at_sim800.ciicr(), 0)
    channel.tick(85)
    assert channel.suspect
    channel.send(command := at_common.functionality_query(), 86)
    assert received(channel, b"\r\nOK\r\n\r\n+CFUN: 1\r\n\r\nOK\r\n") == [
        Junk(b"OK", "the late OK of an earlier command"),
        Reply(command, ("+CFUN: 1",), "OK"),
    ]
    assert not channel.suspect


def test_the_end_of_nothing() -> None:
    assert received(Channel(), b"\r\nOK\r\n") == [
        Junk(b"OK", "the end of a command that nobody waits for")
    ]


def test_a_line_or_payload_that_falls_silent() -> None:
    channel = Channel()
    assert received(channel, b"+IPD,5:he", now=1) == []
    assert channel.deadline == 1 + SILENCE
    assert channel.tick(1 + SILENCE) == [Payload(b"he", complete=False)]
    assert received(channel, b"\r\n> ", now=20) == []
    (event,) = channel.tick(20 + SILENCE)
    assert event == Junk(b"> ", "a prompt that nobody waits for")
    assert received(channel, b"\r\n> \r\n+CS", now=30) == [
        Junk(b"> ", "a prompt that nobody waits for")
    ]
    assert channel.tick(30 + SILENCE) == [Junk(b"+CS", "a line without an end")]
    assert channel.deadline is None


def test_misuse() -> None:
    channel = Channel()
    channel.send(at_common.signal(), 0)
    with pytest.raises(LocalMisuseError, match="AT\\+CSQ is pending"):
        channel.send(at_common.signal(), 0)
    assert channel.give_up() == [TimedOut(at_common.signal(), Stage.REPLY)]
    assert channel.give_up() == []


def test_results_awaited_have_a_bound() -> None:
    channel = Channel()
    for number in range(RESULTS_MAX):
        command = replace(at_sim7028.netopen(), name=f"NETOPEN{number}", link=number)
        channel.send(command, 0)
        received(channel, b"\r\nOK\r\n")
    with pytest.raises(LocalMisuseError, match="16 results are awaited"):
        channel.send(at_sim7028.netclose(), 0)
    channel.forget(3)
    assert len(channel.awaited) == RESULTS_MAX - 1
    channel.forget(None)
    assert channel.awaited == ()


# What comes besides


@SIZES
def test_urcs_inside_a_reply(size: int) -> None:
    channel = Channel()
    command = at_common.imsi()
    channel.send(command, 0)
    answer = (
        b'\r\n*PSUTTZ: 2020,6,15,7,0,0,"+32",0\r\n\r\nDST: 0\r\n\r\n460001234567890\r\n'
        b"\r\n1, CLOSED\r\n+IPD,8:\r\nOK\r\n\r\n\r\n+CSQ: 9,0\r\n\r\nOK\r\n"
    )
    events = received(channel, answer, size)
    assert events[-1] == Reply(command, ("460001234567890",), "OK")
    assert Payload(b"\r\nOK\r\n\r\n") in events
    assert PeerClosed(1, "closed by the peer", "1, CLOSED") in events
    assert [event.name for event in events if isinstance(event, Urc)] == [
        "*PSUTTZ",
        "DST",
        "+CSQ",
    ]


def test_an_unsolicited_csq_with_nothing_pending() -> None:
    assert received(Channel(), b"\r\n+CSQ: 20,0\r\n") == [Urc("+CSQ", ("20", "0"), "+CSQ: 20,0")]


def test_one_prefix_with_two_meanings() -> None:
    channel = Channel()
    assert received(channel, b"\r\n+CIPRXGET: 1\r\n\r\n+CIPRXGET: 1,3\r\n") == [
        DataWaiting(None),
        DataWaiting(3),
    ]
    channel.send(command := at_sim800.ciprxget_mode_query(), 0)
    answer = b"\r\n+CIPRXGET: 1,0\r\n\r\n+CIPRXGET: 1\r\n\r\n+CIPRXGET: 1\r\n\r\nOK\r\n"
    assert received(channel, answer) == [
        DataWaiting(0),
        DataWaiting(None),
        Reply(command, ("+CIPRXGET: 1",), "OK"),
    ]
    channel.send(command := at_sim7028.cipclose_query(), 0)
    assert received(channel, b"\r\n+CIPCLOSE: 0,1\r\n\r\nOK\r\n") == [
        Reply(command, ("+CIPCLOSE: 0,1",), "OK")
    ]
    channel.send(command := at_sim7028.cipclose(0), 0)
    assert received(channel, b"\r\nOK\r\n\r\n+CIPCLOSE: 0,1\r\n") == [
        Reply(command, (), "OK"),
        Outcome(command, "+CIPCLOSE: 0,1", ok=False),
    ]


def test_a_change_of_registration_is_no_answer() -> None:
    channel = Channel()
    channel.send(command := at_common.registration("CEREG"), 0)
    answer = (
        b'\r\n+CEREG: 5,"1A2B","0001"\r\n\r\n+CEREG: 2\r\n'
        b'\r\n+CEREG: 2,1,"1A2B","01",9\r\n\r\nOK\r\n'
    )
    events = received(channel, answer)
    assert [type(event) for event in events] == [Urc, Urc, Reply]
    assert events[2] == Reply(command, ('+CEREG: 2,1,"1A2B","01",9',), "OK")


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("CLOSED", PeerClosed(None, "closed by the peer", "CLOSED")),
        ("+IPCLOSE: 1,1", PeerClosed(1, "closed by the peer", "+IPCLOSE: 1,1")),
        ("+IPCLOSE: 0,0", PeerClosed(0, "closed by us", "+IPCLOSE: 0,0")),
        ("+IPCLOSE: 0,7", PeerClosed(0, "closed", "+IPCLOSE: 0,7")),
        ("+TCPCLOSED:0", PeerClosed(0, "closed by the peer", "+TCPCLOSED:0")),
        ("+IPCLOSE: x", Urc("+IPCLOSE", ("x",), "+IPCLOSE: x")),
        ("+PDP: DEACT", NetworkLost("+PDP: DEACT")),
        ("+PDP DEACT", NetworkLost("+PDP DEACT")),
        (
            "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY",
            NetworkLost("+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY"),
        ),
        ("+CLIENT: 0,1,192.168.108.5:57202", Accepted(0, 1, "192.168.108.5:57202")),
        ("+CLIENT: 1,0,2409::7118:57202", Accepted(1, 0, "[2409::7118]:57202")),
        ("0, REMOTE IP: 10.76.40.73", Accepted(0, None, "10.76.40.73")),
        ("REMOTE IP: 10.76.40.73", Accepted(None, None, "10.76.40.73")),
        ("UNDER-VOLTAGE WARNNING", Power("UNDER-VOLTAGE WARNNING", off=False)),
        ("UNDER-VOLTAGE POWER DOWN", Power("UNDER-VOLTAGE POWER DOWN", off=True)),
        ("NORMAL POWER DOWN", Power("NORMAL POWER DOWN", off=True)),
        ("0, CONNECT OK", Urc("CONNECT OK", (), "0, CONNECT OK", 0)),
        ("SMS Ready", Urc("SMS Ready", (), "SMS Ready")),
        ('+CMTI: "SM",10', Urc("+CMTI", ("SM", "10"), '+CMTI: "SM",10')),
    ],
)
def test_lines_that_nobody_asked_for(line: str, event: Event) -> None:
    assert received(Channel(), f"\r\n{line}\r\n".encode()) == [event]


@SIZES
def test_boot_junk_and_a_restart(size: int) -> None:
    channel = Channel()
    start = at_sim800.cipstart("TCP", "1.2.3.4", 80)
    channel.send(start, 0)
    received(channel, b"\r\nOK\r\n")
    signal = at_common.signal()
    channel.send(signal, 0)
    boot = b"\x00IIII\xff\xff\xff\xff\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n"
    events = [e for e in received(channel, boot, size) if not isinstance(e, Junk)]
    assert events == [
        Restarted((signal, start)),
        Urc("+CFUN", ("1",), "+CFUN: 1"),
        Urc("+CPIN", ("READY",), "+CPIN: READY"),
    ]
    assert channel.pending is None
    assert channel.awaited == ()
    channel.send(signal, 1)
    assert received(channel, b"\r\n+CSQ: 1,0\r\n\r\nOK\r\n") == [
        Reply(signal, ("+CSQ: 1,0",), "OK")
    ]


def test_strange_letters() -> None:
    (event,) = received(Channel(), b"\x80\x81\x82\r\n")
    assert event == Junk(b"\x80\x81\x82", "a line of strange letters")


# Payloads


HELLO = b"\r\nOK\r\n0, CLOSED\r\n> \x1a\x00\xff+IPD,5:"


@SIZES
@pytest.mark.parametrize(
    ("head", "payload"),
    [
        (b"\r\n+IPD%d\r\n", Payload(HELLO)),
        (b"+IPD,%d:", Payload(HELLO)),
        (b"+IPD,%d,TCP:", Payload(HELLO, protocol="TCP")),
        (b"\r\n+IPD:%d\r\n", Payload(HELLO)),
        (b"+IPD, %d:", Payload(HELLO)),
        (b"+CIPRCV:%d,", Payload(HELLO)),
        (b"\r\n+RECEIVE,3,%d:\r\n", Payload(HELLO, link=3)),
        (b"\r\n+RECEIVE,1,%d\r\n", Payload(HELLO, link=1)),
        (b"\r\n+RECEIVE,0,%d,1.2.3.4:80:\r\n", Payload(HELLO, link=0, peer="1.2.3.4:80")),
        (b"\r\nRECV FROM:1.2.3.4:80\r\n+IPD%d\r\n", Payload(HELLO, peer="1.2.3.4:80")),
        (b"\r\nRECV FROM: 1.2.3.4: 80\r\n+IPD,%d:", Payload(HELLO, peer="1.2.3.4:80")),
        (b"\r\nRECV FROM:2409::1:80\r\n+IPD%d\r\n", Payload(HELLO, peer="[2409::1]:80")),
    ],
)
def test_pushed_data_is_never_read_as_lines(head: bytes, payload: Payload, size: int) -> None:
    channel = Channel()
    command = at_common.signal()
    channel.send(command, 0)
    stream = head % len(HELLO) + HELLO + b"\r\n+CSQ: 5,0\r\n\r\nOK\r\n"
    assert received(channel, stream, size) == [payload, Reply(command, ("+CSQ: 5,0",), "OK")]


@SIZES
def test_reads(size: int) -> None:
    channel = Channel()
    for command, answer, payload in (
        (
            at_sim7028.ciprxget_read(1, 5),
            b"+CIPRXGET: 2,1,5,11\r\n\r\nOK\r",
            Payload(b"\r\nOK\r", link=1, left=11),
        ),
        (at_sim800.ciprxget_read(), b"+CIPRXGET:2,2,0\r\nOK", Payload(b"OK", left=0)),
        (at_sim800.ciprxget_read(9, 4), b"+CIPRXGET: 2,4,0,0\r\n", Payload(b"", link=4, left=0)),
        (
            at_sim7028.ciprxget_read(0, hexadecimal=True),
            b"+CIPRXGET: 3,0,5,6\r\n66726F6D20",
            Payload(b"from ", link=0, left=6),
        ),
    ):
        channel.send(command, 0)
        events = received(channel, b"\r\n" + answer + b"\r\n\r\n+CIPRXGET: 1,0\r\n\r\nOK\r\n", size)
        assert events[:2] == [payload, DataWaiting(0)]
        assert isinstance(events[2], Reply)
        assert events[2].ok
    channel.send(at_sim7028.ciprxget_read(0), 0)
    (reply,) = received(channel, b"\r\n+IP ERROR: No data\r\n\r\nERROR\r\n")
    assert isinstance(reply, Reply)
    assert reply.error == "+IP ERROR: No data"


def test_hexadecimal_that_is_none() -> None:
    channel = Channel()
    channel.send(at_sim800.ciprxget_read(hexadecimal=True), 0)
    (event, _) = received(channel, b"+CIPRXGET:3,2,0\r\nxxyy\r\nOK\r\n")
    assert event == Junk(b"xxyy", "data that should be hexadecimal")


def test_transparent_mode() -> None:
    channel = Channel()
    command = at_sim7028.cipopen_transparent("TCP", "1.2.3.4", 80)
    channel.send(command, 0)
    assert received(channel, b"\r\nCONNECT 115200\r\n") == [Reply(command, (), "CONNECT 115200")]
    channel.transparent(on=True)
    assert received(channel, b"\r\nOK\r\n") == [Payload(b"\r\nOK\r\n")]
    with pytest.raises(LocalMisuseError, match="transparent"):
        channel.send(at_common.signal(), 0)
    channel.transparent(on=False)
    channel.send(command := at_common.back_to_data(), 0)
    assert received(channel, b"\r\nCONNECT\r\n") == [Reply(command, (), "CONNECT")]
    channel.reset()
    assert received(channel, b"\r\nCLOSED\r\n") == [
        PeerClosed(None, "closed by the peer", "CLOSED")
    ]


def test_a_users_command() -> None:
    channel = Channel()
    command = raw("at+cclk?")
    channel.send(command, 0)
    answer = b'\r\n+CREG: 1\r\n\r\n+CCLK: "20/06/15,07:00:00+32"\r\n\r\n0, CLOSED\r\n\r\nOK\r\n'
    events = received(channel, answer)
    assert [type(event) for event in events] == [Urc, PeerClosed, Reply]
    assert events[2] == Reply(command, ('+CCLK: "20/06/15,07:00:00+32"',), "OK")
    assert re.match(r"AT\+CCLK", command.text, re.IGNORECASE)
