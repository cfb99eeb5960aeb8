"""What answers say, by hand from the documents."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.exceptions import UsageError
from chiplink.protocol import at_gseries, at_replies, at_sim800_replies, at_sim7028_replies
from chiplink.protocol.at_errors import CME, ERR, ERR_INFO, error_words, is_harmless
from chiplink.protocol.at_replies import Registered, Registration, Signal
from chiplink.protocol.at_text import (
    fields,
    hexadecimal,
    host,
    integer,
    integers,
    joined,
    named,
    peer,
    place_of,
    quote,
    values,
)
from chiplink.protocol.at_urcs import event_of, payload_of

# Text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("20,0", ("20", "0")),
        ('1,"a,b",,2', ("1", "a,b", "", "2")),
        (
            '0,0,"TCP","1.2.3.4","8500","CONNECTED"',
            ("0", "0", "TCP", "1.2.3.4", "8500", "CONNECTED"),
        ),
        ('2,,"","","","INITIAL"', ("2", "", "", "", "", "INITIAL")),
        ("12, 12, 0", ("12", "12", "0")),
        ("", ("",)),
        ("a,", ("a", "")),
        ('"open', ("open",)),
        ('"a"b,c', ("a", "c")),
    ],
)
def test_fields(text: str, parts: tuple[str, ...]) -> None:
    assert fields(text) == parts


@example("²")
@given(st.text(max_size=300))
def test_anything_is_read_without_an_error(text: str) -> None:
    assert len(fields(text)) <= 64
    named(text), values(text), integers(text), peer(text), integer(text), hexadecimal(text)
    lines = [text, f"+CSQ: {text}", f"+CREG: {text}", f"C: {text}", f"S: {text}"]
    for reader in (
        at_replies.read_signal,
        at_replies.read_registration,
        at_replies.read_sim,
        at_replies.read_operator,
        at_replies.read_digits,
        at_replies.read_iccid,
        at_replies.read_text,
        at_replies.read_number,
        at_sim7028_replies.read_links,
        at_sim7028_replies.read_states,
        at_sim7028_replies.read_traffic,
        at_sim7028_replies.read_left,
        at_sim7028_replies.read_ip,
        at_sim7028_replies.read_dns,
        at_sim7028_replies.read_servers,
        at_sim800_replies.read_status,
        at_sim800_replies.read_acked,
        at_sim800_replies.read_room,
        at_sim800_replies.read_left,
        at_gseries.read_status,
        at_gseries.read_ip,
    ):
        for line in lines:
            reader([line])
    for line in (*lines, f"+IPCLOSE: {text}", f"+CLIENT: {text}", f"+CIPRXGET: {text}"):
        event_of(line)
        error_words(line)
        at_sim800_replies.read_accepted(line)
        at_sim800_replies.read_dns(line)
        at_sim7028_replies.read_sent(line)


@given(st.text(alphabet="+IPDRECEIVE,:0123456789. ", max_size=40), st.binary(max_size=20))
def test_any_header_is_read_without_an_error(head: str, data: bytes) -> None:
    for text in (head, f"+RECEIVE,{head}", f"+CIPRXGET: 2,{head}", f"+CIPRXGET: 3,{head}"):
        payload_of(text, data, None, complete=True)


def test_quoting() -> None:
    assert quote("internet") == '"internet"'
    assert quote("") == '""'
    for wrong in ('a"', "a\r", "a\n", "\x1a", "\x00", "\x7f", "ü", "a" * 256):
        with pytest.raises(UsageError, match="an AT argument"):
            quote(wrong)
    for wrong in ("", "a b", "a" * 255):
        with pytest.raises(UsageError, match="is no host"):
            host(wrong)
    assert joined(1, None, 2, None) == "1,,2"


def test_peers() -> None:
    assert peer("1.2.3.4:80") == "1.2.3.4:80"
    assert peer(" 10.78.103.220: 5678") == "10.78.103.220:5678"
    assert peer("2409:8960:1e64:94d8:1:0:3b3b:7118:80") == "[2409:8960:1e64:94d8:1:0:3b3b:7118]:80"
    assert peer("nobody") == "nobody"
    assert peer("1.2.3.4:99999") == "1.2.3.4:99999"


@given(st.text(alphabet="0123456789abcdef:.[]% /+#²", max_size=30))
@example("fe80::1%+/#:80")
@example("1.2.3.4:²")
def test_a_place_is_an_address_and_a_port(text: str) -> None:
    if place_of(text) is None:
        assert peer(text) == text.strip()
    else:
        assert re.fullmatch(r"([0-9.]+|\[[0-9a-f:.]+\]):[0-9]+", peer(text))
        assert place_of(peer(text)) == place_of(text)


def test_names() -> None:
    assert named("+CSQ: 20,0") == (None, "+CSQ", ("20", "0"))
    assert named("0, CLOSED") == (0, "CLOSED", ())
    assert named("5,SEND OK") == (5, "SEND OK", ())
    assert named("0, REMOTE IP: 1.2.3.4") == (0, "REMOTE IP", ("1.2.3.4",))


# Everybody's


def test_signal() -> None:
    assert at_replies.read_signal(["+CSQ: 20,0"]) == Signal(-73, 65, 0)
    assert at_replies.read_signal(["+CSQ:23,0"]) == Signal(-67, 74, 0)
    assert at_replies.read_signal(["+CSQ: 0,99"]) == Signal(-113, 0, None)
    assert at_replies.read_signal(["+CSQ: 31,7"]) == Signal(-51, 100, 7)
    assert at_replies.read_signal(["+CSQ: 99,99"]) == Signal(None, None, None)
    assert at_replies.read_signal(["CSQ"]) is None
    assert at_replies.read_signal([]) is None


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("+CREG: 0,1", Registration(Registered.HOME)),
        ("+CREG: 1,5", Registration(Registered.ROAMING)),
        ('+CREG: 2,1,"1A2B","00FF"', Registration(Registered.HOME, 0x1A2B, 0xFF)),
        ('+CEREG: 2,5,"1A2B","0001C101",9', Registration(Registered.ROAMING, 0x1A2B, 0x1C101, 9)),
        ("+CREG: 2", Registration(Registered.SEARCHING)),
        ('+CREG: 3,"1A2B","00FF"', Registration(Registered.DENIED, 0x1A2B, 0xFF)),
        ("+CREG: 0,9", None),
        ("+CREG:", None),
    ],
)
def test_registration(line: str, right: Registration | None) -> None:
    found = at_replies.read_registration([line])
    assert found == right
    if found:
        assert found.there == (found.state in (1, 5))
        assert found.state in at_replies.REGISTERED_WORDS


def test_identity() -> None:
    assert at_replies.read_digits(["460001234567890"]) == "460001234567890"
    assert at_replies.read_digits(['+CGSN: "867723030000000"']) == "867723030000000"
    assert at_replies.read_digits(["DST: 0"]) is None
    assert at_replies.read_iccid(["89860000000000000001"]) == "89860000000000000001"
    assert at_replies.read_iccid(["+CCID: 8986000000000000000F"]) == "8986000000000000000F"
    assert at_replies.read_text(["SIMCOM_Ltd"]) == "SIMCOM_Ltd"
    assert at_replies.read_text(["Revision:1418B04SIM800L24"]) == "1418B04SIM800L24"
    assert at_replies.read_text([]) is None
    assert at_replies.read_sim(["+CPIN: READY"]) == "READY"
    assert at_replies.read_sim(["+CPIN:SIM PIN"]) == "SIM PIN"
    assert at_replies.read_operator(['+COPS: 0,0,"CHINA MOBILE"']) == "CHINA MOBILE"
    assert at_replies.read_operator(["+COPS: 0"]) is None
    assert at_replies.read_number(["+CGATT: 1"]) == 1
    assert at_replies.read_number([]) is None


# SIM7028


def test_sim7028() -> None:
    lines = ["+CIPOPEN: 0", '+CIPOPEN: 1,"TCP","183.230.174.137",6031,-1']
    assert at_sim7028_replies.read_links(lines) == [
        at_sim7028_replies.Link(0),
        at_sim7028_replies.Link(1, "TCP", "183.230.174.137", 6031),
    ]
    assert at_sim7028_replies.read_links(['+CIPOPEN: 0,"TCP","192.168.108.5",57202,1']) == [
        at_sim7028_replies.Link(0, "TCP", "192.168.108.5", 57202, 1)
    ]
    assert at_sim7028_replies.read_states(["+CIPCLOSE: 0,1"]) == (False, True)
    assert at_sim7028_replies.read_sent("+CIPSEND: 1,5,-1") == at_sim7028_replies.Sent(1, 5, -1)
    assert at_sim7028_replies.read_traffic(["+CIPACK: 10,0,5"]) == at_sim7028_replies.Traffic(10, 5)
    assert at_sim7028_replies.read_left(["+CIPRXGET: 4,0,18"]) == 18
    assert at_sim7028_replies.read_ip(["+IPADDR: 10.148.0.17"]) == "10.148.0.17"
    ipv6 = "2409:8960:1e64:94d8:1:0:3b3b:7118"
    assert at_sim7028_replies.read_ip([f"+IPADDR: {ipv6}"]) == ipv6
    line = '+CDNSGIP: 1,"www.baidu.com","61.135.169.121"'
    assert at_sim7028_replies.read_dns([line]) == ["61.135.169.121"]
    assert at_sim7028_replies.read_dns(["+CDNSGIP: 0,10"]) == []
    assert at_sim7028_replies.read_servers(["+SERVERSTART: 0,8080"]) == {0: 8080}


# SIM800


def test_sim800() -> None:
    status = at_sim800_replies.read_status(
        [
            "STATE: IP PROCESSING",
            'S: 0,0,"8888","LISTENING"',
            'C: 0,0,"TCP","10.76.40.73","2020","CONNECTED"',
            'C: 1,1,"UDP","116.228.221.51","9600","CLOSED "',
            'C: 2,,"","","","INITIAL"',
            'C: 3, "","","","INITIAL "',
        ]
    )
    assert status == at_sim800_replies.Status(
        "IP PROCESSING",
        8888,
        (
            at_sim800_replies.Link(0, "CONNECTED", 0, "TCP", "10.76.40.73", 2020),
            at_sim800_replies.Link(1, "CLOSED", 1, "UDP", "116.228.221.51", 9600),
            at_sim800_replies.Link(2, "INITIAL"),
            at_sim800_replies.Link(3, "INITIAL"),
        ),
    )
    line = '+CIPSTATUS: 1,0,"TCP","1.2.3.4","80","CONNECTED"'
    assert at_sim800_replies.read_status([line]).links == (
        at_sim800_replies.Link(1, "CONNECTED", 0, "TCP", "1.2.3.4", 80),
    )
    assert at_sim800_replies.read_acked(["+CIPACK: 12, 12, 0"]) == at_sim800_replies.Acked(
        12, 12, 0
    )
    assert at_sim800_replies.read_ip("10.78.245.128") == "10.78.245.128"
    assert at_sim800_replies.read_ip("ERROR") is None
    assert at_sim800_replies.read_room(["+CIPSEND: 1460"]) == {None: 1460}
    assert at_sim800_replies.read_room(["+CIPSEND: 0,1460", "+CIPSEND: 1,100"]) == {0: 1460, 1: 100}
    assert at_sim800_replies.read_accepted("DATA ACCEPT:5") == 5
    assert at_sim800_replies.read_accepted("DATA ACCEPT:0,10") == 10
    assert at_sim800_replies.read_accepted("SEND OK") is None
    assert at_sim800_replies.read_left(["+CIPRXGET: 4,1,7"]) == 7
    text = '+CDNSGIP: 1,"www.baidu.com","119.75.218.77","119.75.218.76"'
    assert at_sim800_replies.read_dns(text) == ["119.75.218.77", "119.75.218.76"]
    assert at_sim800_replies.read_dns("+CDNSGIP: 0,8") == []


# G series


def test_gseries() -> None:
    assert at_gseries.read_status(["+IPSTATUS: CONNECT OK"]) == "CONNECT OK"
    assert at_gseries.read_status(["+IPSTATUS:IP CLOSE"]) == "IP CLOSE"
    assert at_gseries.read_status(["+IPSTATUS: 8"]) == "CONNECT OK"
    assert at_gseries.read_status(["+IPSTATUS: nowhere"]) is None
    assert at_gseries.read_ip(["10.36.76.255"]) == "10.36.76.255"
    assert set(at_gseries.STATES) >= at_gseries.MAY_CONNECT | at_gseries.HAVE_ADDRESS


# Errors


def test_errors_in_words() -> None:
    assert len(ERR) == 13
    assert len(ERR_INFO) == 23
    assert CME[10] == "SIM not inserted"
    for text, words in (
        ("+CIPERROR: 2", "network not opened"),
        ("+CIPOPEN: 0,11", "DNS parse failed for AT+CIPOPEN: the host's name was not found"),
        ("+IP ERROR: 22", "No data"),
        ("+CME ERROR: 30", "no network service"),
        ("+CME ERROR: 9999", "unknown code"),
        ("+CDNSGIP: 0,8", "DNS common error: the name was not found"),
        ("+CIPERROR: 77", "unknown error 77"),
    ):
        assert error_words(text) == f"{text} ({words})"
    assert error_words("+IP ERROR: No data") == "+IP ERROR: No data"
    assert error_words("+CIPERROR: 4") == (
        "+CIPERROR: 4 (operation not supported; on a socket the peer has closed, usually that)"
    )


@pytest.mark.parametrize(
    ("name", "error", "harmless"),
    [
        ("NETOPEN", "+IP ERROR: Network is already opened", True),
        ("NETOPEN", "ERROR", False),
        ("NETCLOSE", "+NETCLOSE: 2", True),
        ("NETCLOSE", "+NETCLOSE: 1", False),
        ("CIPCLOSE", "+CIPCLOSE: 1,4", True),
        ("CIPCLOSE", "ERROR", True),
        ("CIPCLOSE", "+CIPCLOSE: 1,1", False),
        ("CIPRXGET", "+IP ERROR: No data", True),
        ("CIPRXGET", "+IP ERROR: Invalid parameter", False),
        ("CIFSR", "ERROR", True),
        ("CSQ", "ERROR", False),
    ],
)
def test_errors_that_are_harmless(name: str, error: str, *, harmless: bool) -> None:
    assert is_harmless(name, error) is harmless
