"""Every command as it goes over the line, by hand from the documents; and the tables."""

from __future__ import annotations

import pytest

from chiplink.exceptions import UsageError
from chiplink.protocol import at_common, at_gseries, at_sim800, at_sim7028
from chiplink.protocol.at_command import Command, Ends, Row, forms, lint, raw
from chiplink.protocol.at_models import user_command

SIM7028 = [
    (at_sim7028.netopen(), "AT+NETOPEN"),
    (at_sim7028.netopen_query(), "AT+NETOPEN?"),
    (at_sim7028.netclose(), "AT+NETCLOSE"),
    (at_sim7028.ipaddr(), "AT+IPADDR"),
    (at_sim7028.csocketpn(6), "AT+CSOCKETPN=1,6"),
    (
        at_sim7028.cdnscfg("183.230.126.224", "183.230.126.225"),
        'AT+CDNSCFG="183.230.126.224","183.230.126.225",0',
    ),
    (at_sim7028.cdnscfg("2409::1", ipv6=True), 'AT+CDNSCFG="2409::1",,1'),
    (at_sim7028.cdnscfg_query(), "AT+CDNSCFG?"),
    (at_sim7028.cdnsgip("www.baidu.com"), 'AT+CDNSGIP="www.baidu.com"'),
    (at_sim7028.setting("CIPHEAD", 1), "AT+CIPHEAD=1"),
    (at_sim7028.setting("CIPSENDMODE", 1), "AT+CIPSENDMODE=1"),
    (at_sim7028.query("CIPTIMEOUT"), "AT+CIPTIMEOUT?"),
    (at_sim7028.ciptimeout(3000, 3000, 3000), "AT+CIPTIMEOUT=3000,3000,3000"),
    (at_sim7028.cipccfg(), "AT+CIPCCFG=10,0,0,1,0,0,500"),
    (at_sim7028.cipccfg(receive_header=True), "AT+CIPCCFG=10,0,0,1,1,0,500"),
    (at_sim7028.ctcpka(on=True), "AT+CTCPKA=1,2,5,1"),
    (
        at_sim7028.cipopen_tcp(1, "117.131.85.139", 5253),
        'AT+CIPOPEN=1,"TCP","117.131.85.139",5253',
    ),
    (at_sim7028.cipopen_tcp(0, "a.example", 80, 1000), 'AT+CIPOPEN=0,"TCP","a.example",80,1000'),
    (at_sim7028.cipopen_udp(1, 5000), 'AT+CIPOPEN=1,"UDP",,,5000'),
    (
        at_sim7028.cipopen_transparent("UDP", "117.131.85.139", 5254, 5000),
        'AT+CIPOPEN=0,"UDP","117.131.85.139",5254,5000',
    ),
    (at_sim7028.cipopen_query(), "AT+CIPOPEN?"),
    (at_sim7028.cipsend(1, b"hello"), "AT+CIPSEND=1,5"),
    (
        at_sim7028.cipsend(1, b"hello", ("117.131.85.139", 5254)),
        'AT+CIPSEND=1,5,"117.131.85.139",5254',
    ),
    (at_sim7028.cipsend_variable(0, b"x"), "AT+CIPSEND=0"),
    (
        at_sim7028.cipsend_variable(1, b"x", ("117.131.85.139", 5254)),
        'AT+CIPSEND=1,,"117.131.85.139",5254',
    ),
    (at_sim7028.ciprxget_mode(pull=True), "AT+CIPRXGET=1"),
    (at_sim7028.ciprxget_mode_query(), "AT+CIPRXGET?"),
    (at_sim7028.ciprxget_read(0), "AT+CIPRXGET=2,0,1500"),
    (at_sim7028.ciprxget_read(0, 750, hexadecimal=True), "AT+CIPRXGET=3,0,750"),
    (at_sim7028.ciprxget_left(1), "AT+CIPRXGET=4,1"),
    (at_sim7028.cipclose(0), "AT+CIPCLOSE=0"),
    (at_sim7028.cipclose_query(), "AT+CIPCLOSE?"),
    (at_sim7028.cipack(0), "AT+CIPACK=0"),
    (at_sim7028.serverstart(8080), "AT+SERVERSTART=8080,0"),
    (at_sim7028.serverstart(8080, 1, 3), "AT+SERVERSTART=8080,1,3"),
    (at_sim7028.serverstart_query(), "AT+SERVERSTART?"),
    (at_sim7028.serverstop(1), "AT+SERVERSTOP=1"),
]

SIM800 = [
    (at_sim800.setting("CIPMUX", 1), "AT+CIPMUX=1"),
    (at_sim800.setting("CIPMODE", 1), "AT+CIPMODE=1"),
    (at_sim800.setting("CIPSPRT", 2), "AT+CIPSPRT=2"),
    (at_sim800.setting("CIPSGTXT", 1), "AT+CIPSGTXT=1"),
    (at_sim800.setting("CSCLK", 1), "AT+CSCLK=1"),
    (at_sim800.query("CIPUDPMODE"), "AT+CIPUDPMODE?"),
    (at_sim800.cipccfg(), "AT+CIPCCFG=5,2,1024,1,0,1460,50"),
    (at_sim800.cstt("CMNET"), 'AT+CSTT="CMNET"'),
    (at_sim800.cstt("CMNET", "u", "p"), 'AT+CSTT="CMNET","u","p"'),
    (at_sim800.ciicr(), "AT+CIICR"),
    (at_sim800.cifsr(), "AT+CIFSR"),
    (at_sim800.cipshut(), "AT+CIPSHUT"),
    (at_sim800.clport("UDP", 8888), 'AT+CLPORT="UDP",8888'),
    (at_sim800.clport("TCP", 0, 2), 'AT+CLPORT=2,"TCP",0'),
    (at_sim800.cipats(on=True, seconds=5), "AT+CIPATS=1,5"),
    (at_sim800.ciptka(on=True), "AT+CIPTKA=1,7200,75,9"),
    (at_sim800.cdnsgip("www.baidu.com"), 'AT+CDNSGIP="www.baidu.com"'),
    (
        at_sim800.cipstart("TCP", "116.228.221.51", 8500),
        'AT+CIPSTART="TCP","116.228.221.51","8500"',
    ),
    (
        at_sim800.cipstart("UDP", "116.228.221.51", 9600, 1),
        'AT+CIPSTART=1,"UDP","116.228.221.51","9600"',
    ),
    (at_sim800.cipsend(b"hello"), "AT+CIPSEND=5"),
    (at_sim800.cipsend(b"hello", 0), "AT+CIPSEND=0,5"),
    (at_sim800.cipsend_variable(b"hello"), "AT+CIPSEND"),
    (at_sim800.cipsend_variable(b"hello", 0), "AT+CIPSEND=0"),
    (at_sim800.cipsend_query(), "AT+CIPSEND?"),
    (at_sim800.cipack(), "AT+CIPACK"),
    (at_sim800.cipack(1), "AT+CIPACK=1"),
    (at_sim800.ciprxget_mode(pull=True), "AT+CIPRXGET=1"),
    (at_sim800.ciprxget_read(), "AT+CIPRXGET=2,1460"),
    (at_sim800.ciprxget_read(hexadecimal=True), "AT+CIPRXGET=3,730"),
    (at_sim800.ciprxget_read(10, 3), "AT+CIPRXGET=2,3,10"),
    (at_sim800.ciprxget_left(3), "AT+CIPRXGET=4,3"),
    (at_sim800.ciprxget_left(), "AT+CIPRXGET=4"),
    (at_sim800.cipstatus(several=True), "AT+CIPSTATUS"),
    (at_sim800.cipstatus_link(1), "AT+CIPSTATUS=1"),
    (at_sim800.cipclose(), "AT+CIPCLOSE=1"),
    (at_sim800.cipclose(2), "AT+CIPCLOSE=2,1"),
    (at_sim800.cipclose(2, quick=False), "AT+CIPCLOSE=2,0"),
    (at_sim800.cipudpmode(1), "AT+CIPUDPMODE=1"),
    (at_sim800.cipudpmode(2, "211.136.131.65", 4500), 'AT+CIPUDPMODE=2,"211.136.131.65",4500'),
    (at_sim800.cipserver(8888), "AT+CIPSERVER=1,8888"),
    (at_sim800.cipserver(None), "AT+CIPSERVER=0"),
]

GSERIES = [
    (at_gseries.cipstart("TCP", "117.143.237.70", 1100), 'AT+CIPSTART="TCP","117.143.237.70",1100'),
    (at_gseries.cipsend(b"1"), "AT+CIPSEND"),
    (at_gseries.cipclose(), "AT+CIPCLOSE"),
    (at_gseries.cipshut(), "AT+CIPSHUT"),
    (at_gseries.ciphead(on=True), "AT+CIPHEAD=1"),
    (at_gseries.ciphead_query(), "AT+CIPHEAD?"),
    (at_gseries.cifsr(), "AT+CIFSR"),
    (at_gseries.cipstatus(), "AT+CIPSTATUS"),
]

COMMON = [
    (at_common.attention(), "AT"),
    (at_common.echo(on=False), "ATE0"),
    (at_common.identification(), "ATI"),
    (at_common.back_to_data(), "ATO"),
    (at_common.manufacturer(), "AT+CGMI"),
    (at_common.model(), "AT+CGMM"),
    (at_common.revision(), "AT+CGMR"),
    (at_common.imei(), "AT+CGSN"),
    (at_common.imsi(), "AT+CIMI"),
    (at_common.iccid(), "AT+CCID"),
    (at_common.sim(), "AT+CPIN?"),
    (at_common.enter_pin("1234"), 'AT+CPIN="1234"'),
    (at_common.signal(), "AT+CSQ"),
    (at_common.registration(), "AT+CREG?"),
    (at_common.registration("CGREG"), "AT+CGREG?"),
    (at_common.report_registration("CEREG", 2), "AT+CEREG=2"),
    (at_common.operator(), "AT+COPS?"),
    (at_common.error_form(1), "AT+CMEE=1"),
    (at_common.functionality(1), "AT+CFUN=1"),
    (at_common.functionality(1, restart=True), "AT+CFUN=1,1"),
    (at_common.functionality_query(), "AT+CFUN?"),
    (at_common.attach(on=True), "AT+CGATT=1"),
    (at_common.attached(), "AT+CGATT?"),
    (at_common.define_context("CMNET"), 'AT+CGDCONT=1,"IP","CMNET"'),
    (at_common.define_context("CMNET", cid=0, kind="IPV6"), 'AT+CGDCONT=0,"IPV6","CMNET"'),
    (at_common.contexts(), "AT+CGDCONT?"),
    (at_common.activate_context(on=True), "AT+CGACT=1,1"),
    (at_common.activate_context(on=False), "AT+CGACT=0,1"),
    (at_common.active_contexts(), "AT+CGACT?"),
]

EVERY = pytest.mark.parametrize(
    ("command", "text"),
    SIM7028 + SIM800 + GSERIES + COMMON,
    ids=lambda value: value if isinstance(value, str) else "",
)


@EVERY
def test_as_it_is_sent(command: Command, text: str) -> None:
    assert command.text == text
    assert command.wire == text.encode() + b"\r"


@EVERY
def test_what_it_says_of_itself(command: Command, text: str) -> None:
    assert 0 < command.wait <= 645
    assert command.least <= command.most
    assert command.ok or command.ends
    assert (command.result is None) == (command.result_wait == 0)
    if text.endswith("?"):
        assert command.again
    if command.data is not None:
        assert not command.again


@pytest.mark.parametrize(
    ("table", "commands"),
    [
        (at_sim7028.TABLE, SIM7028),
        (at_sim800.TABLE, SIM800),
        (at_gseries.TABLE, GSERIES + COMMON),
        (at_common.TABLE, COMMON),
    ],
    ids=["sim7028", "sim800", "gseries", "common"],
)
def test_every_row_has_a_builder(
    table: dict[str, Row], commands: list[tuple[Command, str]]
) -> None:
    settings = {"CIPSRIP", "CIPHEAD", "CIPMODE", "CIPQSEND", "CIPSHOWTP"}  # as the ones above
    assert set(table) - {command.name for command, _ in commands} <= settings
    assert lint(table.values()) == []


# The documents' chapters: SIM7028 2.1, the SIM800 note's text, G series 3 to 9.
NAMES_7028 = """
    NETOPEN NETCLOSE CIPOPEN CIPSEND CIPRXGET CIPCLOSE IPADDR CIPHEAD CIPSRIP CIPMODE CIPSENDMODE
    CIPTIMEOUT CIPCCFG SERVERSTART SERVERSTOP CIPACK CDNSGIP CSOCKETPN CTCPKA CDNSCFG
"""
NAMES_800 = """
    CIPMUX CIPMODE CIPCCFG CSTT CIICR CIFSR CIPSTART CIPSEND CIPQSEND CIPACK CIPATS CIPRXGET
    CIPSERVER CIPUDPMODE CLPORT CIPSRIP CIPHEAD CIPSHOWTP CIPSPRT CIPSTATUS CIPCLOSE CIPSHUT
    CIPSGTXT CDNSGIP CSCLK CIPTKA
"""
NAMES_G = "CIFSR CIPSTART CIPSEND CIPHEAD CIPCLOSE CIPSTATUS CIPSHUT CGATT CGDCONT CGACT"


def test_the_documents_commands_are_all_there() -> None:
    assert set(at_sim7028.TABLE) == set(NAMES_7028.split())
    assert set(at_sim800.TABLE) == set(NAMES_800.split())
    assert set(at_gseries.TABLE) == set(NAMES_G.split())


def test_the_longest_waits() -> None:
    waits = {name: row.wait for name, row in at_sim7028.TABLE.items() if row.wait != 9}
    long = dict.fromkeys(("NETOPEN", "NETCLOSE", "CIPOPEN", "CIPSEND", "CIPCLOSE"), 120)
    assert waits == long | {"CIPRXGET": 8, "CDNSGIP": 6}
    assert at_sim800.TABLE["CIICR"].wait == 85
    assert at_sim800.TABLE["CIPSHUT"].wait == 65
    assert at_sim800.TABLE["CIPSEND"].wait == 645
    assert at_sim800.cipstart("TCP", "a", 1).result_wait == 160
    assert at_sim800.cipstart("TCP", "a", 1, 0).result_wait == 75
    assert at_gseries.cipstart("TCP", "a", 1).result_wait == 30


def test_bare_forms_that_change_something_are_marked() -> None:
    marked = {name for name, row in at_sim7028.TABLE.items() if row.sets}
    assert marked == {"CIPHEAD", "CIPSRIP", "CIPMODE", "CIPCCFG"}


def test_lint_notices() -> None:
    wrong = Row("cipx", "q", 1000, Ends.RESULT, True, "")
    assert len(lint([wrong])) == 4
    assert forms(at_common.TABLE["CSQ"]).text == "AT+CSQ=?"


def test_data_behind_a_prompt() -> None:
    data = b"\x03\x1a\x1b\r\n"
    assert at_sim7028.cipsend(0, data).data == data
    assert at_sim7028.cipsend_variable(0, data).data == b"\x03\x03\x03\x1a\x03\x1b\r\n\x1a"
    assert at_sim800.cipsend(data).data == data
    assert at_sim800.cipsend_variable(b"\x03\r\n").data == b"\x03\r\n\x1a"
    assert at_gseries.cipsend(b"hello").data == b"hello\x1a"
    for refused in (b"\x1a", b"a\x1bb"):
        with pytest.raises(ValueError, match="a value outside its range"):
            at_sim800.cipsend_variable(refused)
        with pytest.raises(ValueError, match="a value outside its range"):
            at_gseries.cipsend(refused)


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "١٢٣٤"])
def test_what_is_no_pin(pin: str) -> None:
    with pytest.raises(UsageError, match="4 to 8 digits"):
        at_common.enter_pin(pin)


def test_secrets_are_not_shown() -> None:
    assert at_common.enter_pin("1234").shown == "AT+CPIN=…"
    assert at_sim800.cstt("CMNET", "u", "p").shown == "AT+CSTT=…"
    assert at_sim800.cstt("CMNET").shown == 'AT+CSTT="CMNET"'


@pytest.mark.parametrize(
    "build",
    [
        lambda: at_sim7028.cipsend(0, b""),
        lambda: at_sim7028.cipsend(0, bytes(1501)),
        lambda: at_sim7028.cipsend(0, bytes(1401), ("a", 1)),
        lambda: at_sim800.cipsend(bytes(1461)),
        lambda: at_sim800.cipsend(b"", 0),
        lambda: at_gseries.cipsend(b""),
        lambda: at_sim7028.cipclose(2),
        lambda: at_sim800.cipclose(6),
        lambda: at_sim7028.cipopen_tcp(0, 'a"b', 80),
        lambda: at_sim7028.cipopen_tcp(0, "a\rAT+CFUN=0", 80),
        lambda: at_sim7028.cipopen_tcp(0, "a", 65536),
        lambda: at_sim7028.cipopen_tcp(0, "", 80),
        lambda: at_sim7028.cipopen_transparent("ICMP", "a", 80),
        lambda: at_sim7028.ciprxget_read(0, 1501),
        lambda: at_sim7028.ciprxget_read(0, 751, hexadecimal=True),
        lambda: at_sim7028.ciptimeout(2999, 3000, 3000),
        lambda: at_sim7028.ctcpka(on=True, idle_min=121),
        lambda: at_sim7028.serverstart(80, 2),
        lambda: at_sim7028.serverstart(80, 0, 4),
        lambda: at_sim7028.csocketpn(2),
        lambda: at_sim7028.cdnscfg("example"),
        lambda: at_sim7028.setting("CIPCCFG", 1),
        lambda: at_sim7028.query("IPADDR"),
        lambda: at_sim800.setting("CIPMUX", 2),
        lambda: at_sim800.query("CIPSHUT"),
        lambda: at_sim800.cipstart("ICMP", "a", 1),
        lambda: at_sim800.cipudpmode(2),
        lambda: at_sim800.cipudpmode(1, "1.2.3.4", 5),
        lambda: at_sim800.ciprxget_read(1461),
        lambda: at_gseries.cipstart("tcp", "a", 1),
        lambda: at_common.registration("CSQ"),
        lambda: at_common.functionality(2),
        lambda: at_common.define_context("x" * 100),
        lambda: at_common.define_context("x", kind="PPP"),
        lambda: at_common.define_context("ü"),
        lambda: raw("AT+CSQ\r"),
        lambda: raw("hello"),
        lambda: raw("AT+" + "X" * 560),
    ],
)
def test_what_is_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(UsageError):
        build()


def test_a_users_line() -> None:
    assert raw(" AT+CCLK? ").text == "AT+CCLK?"
    assert raw("AT+CCLK?").name == "CCLK"
    assert raw("ATI").name == "I"
    assert not raw("AT&W").again


@pytest.mark.parametrize(
    ("model", "text", "ok", "wait"),
    [
        ("sim800", "AT+CIFSR", False, 9),
        ("sim800", "AT+CIPSHUT", False, 65),
        ("sim800", "AT+CIPCLOSE=1,1", False, 9),
        ("sim800", "AT+CIPSTATUS", False, 9),
        ("sim800", "AT+CIPSTATUS=1", True, 9),
        ("sim800", "AT+CIPCLOSE=?", True, 9),
        ("gseries", "AT+CIFSR", True, 9),
        ("gseries", "AT+CIPSTATUS", True, 9),
        ("sim7028", "AT+CIPCLOSE=1", True, 120),
        ("sim7028", "at+cops=?", True, 120),
        ("sim7028", "AT+XYZ", True, 9),
    ],
)
def test_a_users_line_ends_as_the_model_ends_it(
    model: str, text: str, wait: float, *, ok: bool
) -> None:
    command = user_command(model, text)
    assert (command.text, command.ok, command.wait) == (text, ok, wait)
    assert command.ok or command.ends


def test_a_users_line_that_needs_more() -> None:
    for model in ("sim800", "sim7028", "gseries"):
        with pytest.raises(UsageError, match="through a link"):
            user_command(model, "AT+CIPSEND")
    assert user_command("sim7028", "AT+CIPSEND=?").again
    assert user_command("sim800", "AT+CIPRXGET=2,100").read
    assert not user_command("sim800", "AT+CIPRXGET=4").read
    several = user_command("sim800", "AT+CIPSTATUS", several=True).ends
    assert several is not None
    assert several.match('C: 5,,"","","","INITIAL"')
