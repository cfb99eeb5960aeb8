"""The documents' own examples, whole and in pieces; and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.exceptions import LocalMisuseError
from chiplink.protocol import at_common, at_gseries, at_sim800, at_sim7028
from chiplink.protocol.at_channel import RESULTS_MAX, Channel
from chiplink.protocol.at_command import Command
from chiplink.protocol.at_events import (
    Accepted,
    DataWaiting,
    Event,
    Outcome,
    Payload,
    PeerClosed,
    Prompt,
    Reply,
    Urc,
)

Step = tuple[Command | None, str, list[str]]


def told(event: Event) -> str:  # noqa: PLR0911 (one line a kind)
    """Return an event in short, as the dialogues below write it."""
    match event:
        case Reply(_, lines, final, error):
            return " ".join(["reply", *lines, final, *([error] if error else [])])
        case Outcome(command, text, ok):
            return f"{command.name} {'good' if ok else 'bad'} {text}"
        case Prompt(_, data):
            return f"prompt {data!r}"
        case Payload(data, link, peer, _, left):
            return f"data {data!r} {link} {peer} {left}"
        case PeerClosed(link, reason, _):
            return f"{link} {reason}"
        case Accepted(link, server, peer):
            return f"accepted {link} {server} {peer}"
        case DataWaiting(link):
            return f"waiting {link}"
        case Urc(_, _, text, _):
            return f"urc {text}"
    return repr(event)


SIM7028_PUSH: list[Step] = [  # 3.2.1
    (at_sim7028.netopen(), "OK|+NETOPEN: 0", ["reply OK", "NETOPEN good +NETOPEN: 0"]),
    (at_sim7028.ipaddr(), "+IPADDR: 10.148.0.17|OK", ["reply +IPADDR: 10.148.0.17 OK"]),
    (
        at_sim7028.cipopen_tcp(1, "117.131.85.139", 5253),
        "OK|+CIPOPEN: 1,0",
        ["reply OK", "CIPOPEN good +CIPOPEN: 1,0"],
    ),
    (at_sim7028.cipsend(1, b"HELLO"), "\r\n>", ["prompt b'HELLO'"]),
    (None, "OK|+CIPSEND: 1,5,5", ["reply OK", "CIPSEND good +CIPSEND: 1,5,5"]),
    (
        None,
        "\r\nRECV FROM:117.131.85.139:5253\r\n+IPD16\r\ndata from server",
        ["data b'data from server' None 117.131.85.139:5253 None"],
    ),
    (
        at_sim7028.cipclose(1),
        "OK|+CIPCLOSE: 1,0",
        ["reply OK", "CIPCLOSE good +CIPCLOSE: 1,0"],
    ),
    (at_sim7028.cipclose(1), "+CIPCLOSE: 1,4|ERROR", [
        "CIPCLOSE bad +CIPCLOSE: 1,4",
        "reply ERROR +CIPCLOSE: 1,4",
    ]),
    (at_sim7028.netclose(), "OK|+NETCLOSE: 0", ["reply OK", "NETCLOSE good +NETCLOSE: 0"]),
    (at_sim7028.ipaddr(), "+IP ERROR: Network not opened|ERROR", [
        "reply ERROR +IP ERROR: Network not opened"
    ]),
]  # fmt: skip

SIM7028_PULL: list[Step] = [  # 3.3.2
    (at_sim7028.ciprxget_mode(pull=True), "OK", ["reply OK"]),
    (at_sim7028.cipopen_udp(1, 5000), "+CIPOPEN: 1,0|OK", [
        "CIPOPEN good +CIPOPEN: 1,0",
        "reply OK",
    ]),
    (
        at_sim7028.cipsend_variable(1, b"HELLOSERVER", ("117.131.85.139", 5254)),
        "\r\n>",
        ["prompt b'HELLOSERVER\\x1a'"],
    ),
    (None, "OK|+CIPSEND: 1,11,11", ["reply OK", "CIPSEND good +CIPSEND: 1,11,11"]),
    (None, "+CIPRXGET: 1,1", ["waiting 1"]),
    (at_sim7028.ciprxget_left(1), "+CIPRXGET: 4,1,16|OK", ["reply +CIPRXGET: 4,1,16 OK"]),
    (at_sim7028.ciprxget_read(1, 5), "+CIPRXGET: 2,1,5,11\r\ndata \r\nOK", [
        "data b'data ' 1 None 11",
        "reply +CIPRXGET: 2,1,5,11 OK",
    ]),
    (
        at_sim7028.ciprxget_read(1, 5, hexadecimal=True),
        "+CIPRXGET: 3,1,5,6\r\n66726F6D20\r\nOK",
        ["data b'from ' 1 None 6", "reply +CIPRXGET: 3,1,5,6 OK"],
    ),
    (at_sim7028.ciprxget_read(1), "+IP ERROR: No data|ERROR", [
        "reply ERROR +IP ERROR: No data"
    ]),
    (at_sim7028.cipclose(1), "+CIPCLOSE: 1,0|OK", [
        "CIPCLOSE good +CIPCLOSE: 1,0",
        "reply OK",
    ]),
]  # fmt: skip

SIM7028_SERVER: list[Step] = [  # 3.4.2
    (at_sim7028.serverstart(8080), "OK", ["reply OK"]),
    (None, "+CLIENT: 0,0,192.168.108.5:57202", ["accepted 0 0 192.168.108.5:57202"]),
    (
        at_sim7028.cipopen_query(),
        '+CIPOPEN: 0,"TCP","192.168.108.5",57202,1|+CIPOPEN: 1|OK',
        ['reply +CIPOPEN: 0,"TCP","192.168.108.5",57202,1 +CIPOPEN: 1 OK'],
    ),
    (at_sim7028.serverstop(0), "+SERVERSTOP: 0,0|OK", [
        "SERVERSTOP good +SERVERSTOP: 0,0",
        "reply OK",
    ]),
    (at_sim7028.serverstop(1), "OK|+SERVERSTOP: 1,0", [
        "reply OK",
        "SERVERSTOP good +SERVERSTOP: 1,0",
    ]),
]  # fmt: skip

SIM800_ONE: list[Step] = [  # 3.1.1
    (at_common.sim(), "+CPIN: READY|OK", ["reply +CPIN: READY OK"]),
    (at_common.registration(), "+CREG: 0,1|OK", ["reply +CREG: 0,1 OK"]),
    (at_sim800.cstt("CMNET"), "OK", ["reply OK"]),
    (at_sim800.ciicr(), "OK", ["reply OK"]),
    (at_sim800.cifsr(), "10.78.245.128", ["reply 10.78.245.128"]),
    (at_sim800.cipstart("TCP", "116.228.221.51", 8500), "OK|CONNECT OK", [
        "reply OK",
        "CIPSTART good CONNECT OK",
    ]),
    (at_sim800.cipsend_variable(b"hello TCP serve"), "\r\n> ", ["prompt b'hello TCP serve\\x1a'"]),
    (None, "SEND OK", ["reply SEND OK"]),
    (None, "+IPD,12:hello SIM800\r\nCLOSED", [
        "data b'hello SIM800' None None None",
        "None closed by the peer",
    ]),
    (at_sim800.cipclose(), "ERROR", ["reply ERROR ERROR"]),
]  # fmt: skip

SIM800_SEVERAL: list[Step] = [  # 4.1, 4.2
    (at_sim800.setting("CIPMUX", 1), "OK", ["reply OK"]),
    (at_sim800.cipserver(8888), "OK|SERVER OK", ["reply OK", "CIPSERVER good SERVER OK"]),
    (None, "0, REMOTE IP: 10.76.40.73", ["accepted 0 None 10.76.40.73"]),
    (None, "+RECEIVE,0,9:\r\nhello\r\nOK", ["data b'hello\\r\\nOK' 0 None None"]),
    (at_sim800.cipstart("UDP", "116.228.221.51", 9600, 2), "OK|2, CONNECT OK", [
        "reply OK",
        "CIPSTART good 2, CONNECT OK",
    ]),
    (at_sim800.cipsend(b"UDP", 2), "\r\n> ", ["prompt b'UDP'"]),
    (None, "0, CLOSED|2, SEND OK", ["0 closed by the peer", "reply 2, SEND OK"]),
    (at_sim800.cipack(2), "+CIPACK: 3, 0, 3|OK", ["reply +CIPACK: 3, 0, 3 OK"]),
    (at_sim800.cipclose(2), "2, CLOSE OK", ["reply 2, CLOSE OK"]),
    (at_sim800.cipserver(None), "OK|SERVER CLOSE", ["reply OK", "CIPSERVER good SERVER CLOSE"]),
    (at_sim800.cdnsgip("www.baidu.com"), 'OK|+CDNSGIP: 1,"www.baidu.com","119.75.218.77"', [
        "reply OK",
        'CDNSGIP good +CDNSGIP: 1,"www.baidu.com","119.75.218.77"',
    ]),
    (at_sim800.cdnsgip("abctest"), "OK|+CDNSGIP: 0,8", [
        "reply OK",
        "CDNSGIP bad +CDNSGIP: 0,8",
    ]),
    (at_sim800.cipshut(), "SHUT OK", ["reply SHUT OK"]),
]  # fmt: skip

GSERIES: list[Step] = [  # 2 to 8
    (
        at_common.identification(),
        "Kingcom_Ltd|Kingcom_G3524|Revision: G3524_SHNZ_B5_R04_A01_D160927|OK",
        ["reply Kingcom_Ltd Kingcom_G3524 Revision: G3524_SHNZ_B5_R04_A01_D160927 OK"],
    ),
    (at_common.sim(), "+CPIN:READY|OK", ["reply +CPIN:READY OK"]),
    (at_common.attach(on=True), "OK", ["reply OK"]),
    (at_common.define_context("CMNET"), "OK", ["reply OK"]),
    (at_common.activate_context(on=True), "OK", ["reply OK"]),
    (at_gseries.ciphead(on=True), "OK", ["reply OK"]),
    (at_gseries.cipstart("TCP", "117.143.237.70", 1100), "OK|CONNECT OK", [
        "reply OK",
        "CIPSTART good CONNECT OK",
    ]),
    (at_gseries.cifsr(), "10.36.76.255|OK", ["reply 10.36.76.255 OK"]),
    (at_gseries.cipsend(b"1"), "\r\n> ", ["prompt b'1\\x1a'"]),
    (None, "OK", ["reply OK"]),
    (None, "+IPD:11\r\nKINGCOMTEST", ["data b'KINGCOMTEST' None None None"]),
    (at_gseries.cipstatus(), "+IPSTATUS: CONNECT OK|OK", ["reply +IPSTATUS: CONNECT OK OK"]),
    (at_gseries.cipclose(), "OK", ["reply OK"]),
    (at_gseries.cipstart("TCP", "117.143.237.70", 1100), "OK|COMMAND NO RESPONSE!", [
        "reply OK",
        "CIPSTART bad COMMAND NO RESPONSE!",
    ]),
]  # fmt: skip

DIALOGUES = {
    "sim7028_push": SIM7028_PUSH,
    "sim7028_pull": SIM7028_PULL,
    "sim7028_server": SIM7028_SERVER,
    "sim800_one": SIM800_ONE,
    "sim800_several": SIM800_SEVERAL,
    "gseries": GSERIES,
}


def wire(answer: str) -> bytes:
    """Return an answer's lines, parted by `|`; a prompt has no line end."""
    if answer.startswith("\r\n>"):
        return answer.encode()
    start = "" if answer.startswith("+IPD,") else "\r\n"
    return (start + answer.replace("|", "\r\n\r\n") + "\r\n").encode()


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("echo", [False, True], ids=["", "echo"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue(name: str, size: int, *, echo: bool) -> None:
    channel = Channel()
    for command, answer, events in DIALOGUES[name]:
        data = wire(answer)
        if command is not None:
            sent = channel.send(command, 0)
            data = sent + data if echo else data
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        seen = [told(event) for piece in pieces for event in channel.receive(piece, 0)]
        assert seen == events
    assert channel.pending is None
    assert channel.awaited == ()
    assert channel.echoes is echo


COMMANDS = [step[0] for steps in DIALOGUES.values() for step in steps if step[0]]
ANSWERS = [wire(step[1]) for steps in DIALOGUES.values() for step in steps]
ACTIONS = st.one_of(
    st.sampled_from(COMMANDS),
    st.sampled_from(ANSWERS),
    st.binary(max_size=30),
    st.sampled_from([b"\r\nRDY\r\n", b"\r\n> ", b"+IPD,9:", b"\xff" * 9, b"x" * 2000]),
    st.sampled_from([b"\r\nERROR\r\n", b"\r\nOK\r\n", b"\r\n+CME ERROR: 50\r\n"]),
    st.floats(0, 200),
)  # fmt: skip


@given(st.lists(ACTIONS, max_size=40))
def test_whatever_comes_nothing_breaks(actions: list[Command | bytes | float]) -> None:
    channel = Channel()
    now = 0.0
    for action in actions:
        before = channel.pending
        if isinstance(action, Command):
            try:
                assert channel.send(action, now).endswith(b"\r")
            except LocalMisuseError:
                assert before or channel.conflict(action) or len(channel.awaited) == RESULTS_MAX
            continue
        if isinstance(action, float):
            now += action
            events = channel.tick(now)
            assert channel.deadline is None or channel.deadline > now
        else:
            events = channel.receive(action, now)
        ended = [event for event in events if isinstance(event, Reply)]
        assert len(ended) <= (before is not None)
        assert len(channel.awaited) <= RESULTS_MAX
