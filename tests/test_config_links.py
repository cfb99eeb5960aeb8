"""Links in the configuration: each kind, what it lacks, and what they take together."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from chiplink.config import check_config
from chiplink.config.link_forms import FORMS
from chiplink.config.links import LinkTable, read_links
from chiplink.config.remote import parse_remote
from chiplink.config.stacks import CH392, Stack
from chiplink.driver.ch392_layout import lay_out, sockets_needed
from chiplink.driver.links import LinkSettings
from chiplink.driver.sockets import KeepAlive, Kind
from chiplink.exceptions import ConfigError
from chiplink.protocol.ch392_profile import DEFAULT
from config_support import LAN, lan, line, lines, link, link_line, link_lines, settings

CLIENT: dict[str, Any] = {"kind": "tcp-client", "remote": "192.168.1.50:502"}
SERVER: dict[str, Any] = {"kind": "tcp-server", "local": 5000}
UDP: dict[str, Any] = {"kind": "udp", "remote": "192.168.1.50:514"}
UDP_SERVER: dict[str, Any] = {"kind": "udp-server", "local": 5001}
IPRAW: dict[str, Any] = {"kind": "ipraw", "remote": "192.168.1.50", "protocol": 253}
ZERO = IPv4Address(0)
EACH = [CLIENT, SERVER, UDP, UDP_SERVER, IPRAW]
BY_KIND = pytest.mark.parametrize("keys", EACH, ids=lambda keys: keys["kind"])


# What is right


def test_a_tcp_client() -> None:
    assert link(**CLIENT) == LinkSettings(
        id="plc", kind=Kind.TCP_CLIENT, host="192.168.1.50", port=502
    )
    full = link(
        **CLIENT,
        local=4000,
        ttl=64,
        open=False,
        receive_blocks=3,
        send_blocks=2,
        keep_alive={"idle": 30, "interval": 2.5, "count": 3},
    )
    assert full == LinkSettings(
        id="plc",
        kind=Kind.TCP_CLIENT,
        host="192.168.1.50",
        port=502,
        local_port=4000,
        ttl=64,
        open=False,
        receive_blocks=3,
        send_blocks=2,
        keep_alive=KeepAlive(30, 2.5, 3),
    )


def test_a_tcp_server() -> None:
    assert link(**SERVER) == LinkSettings(id="plc", kind=Kind.TCP_SERVER, local_port=5000)
    full = link(**SERVER, peers=3, allow=["192.168.1.0/24", "10.0.0.7"], keep_alive={})
    assert (full.peers, full.keep_alive) == (3, KeepAlive(20, 15, 9))
    assert full.allow == (IPv4Network("192.168.1.0/24"), IPv4Network("10.0.0.7/32"))


def test_datagrams() -> None:
    assert link(**UDP) == LinkSettings(id="plc", kind=Kind.UDP, host="192.168.1.50", port=514)
    assert link(**UDP, local=4000).local_port == 4000
    served = link(**UDP_SERVER, allow=["0.0.0.0/0"])
    assert (served.local_port, served.allow) == (5001, (IPv4Network("0.0.0.0/0"),))
    raw = link(**IPRAW)
    assert (raw.host, raw.port, raw.local_port) == ("192.168.1.50", 253, 0)


def test_links_keep_their_order_and_names() -> None:
    chosen = settings(link={"b": CLIENT, "a": UDP, "c_9": IPRAW})
    assert [each.id for each in chosen.links] == ["b", "a", "c_9"]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("plc.lan:65535", "plc.lan", 65535),
        ("PLC:502", "PLC", 502),
        ("a-b.example.org.:80", "a-b.example.org.", 80),
        ("_mqtt.example.org:1883", "_mqtt.example.org", 1883),
        ("3com.example:80", "3com.example", 80),
        (f"{'a' * 63}.lan:80", f"{'a' * 63}.lan", 80),
    ],
)
def test_remotes(text: str, host: str, port: int) -> None:
    chosen = link(kind="tcp-client", remote=text)
    assert (chosen.host, chosen.port) == (host, port)


# Tables and names


def test_the_tables_of_links_are_tables() -> None:
    for value in (5, "x", [], True):
        assert line(link=value) == "device.lan.link: expected tables [device.lan.link.NAME]"
        assert (
            line(link={"plc": value})
            == "device.lan.link.plc: expected a table [device.lan.link.plc]"
        )
    assert lines(link={}) == []


@pytest.mark.parametrize("name", ["status", "link", "tx", "rx", "set"])
def test_reserved_names(name: str) -> None:
    assert line(link={name: CLIENT}) == (
        f"device.lan.link.{name}: {name!r} is reserved; take another name"
    )


def test_what_is_no_name() -> None:
    assert line(link={"Plc 1": CLIENT}) == (
        "device.lan.link.\"Plc 1\": 'Plc 1' is no name; use 1 to 32 of a-z 0-9 _"
    )


def test_17_links_are_too_many() -> None:
    many = {f"l{number}": CLIENT for number in range(17)}
    assert line(link=many) == "device.lan.link: 17 links; at most 16 a device"


# What a kind needs and has not


def test_a_kind_is_needed_and_known() -> None:
    assert link_line(remote="a:1") == "device.lan.link.plc.kind: missing; it is required"
    assert link_line(kind="tcp-klient") == (
        "device.lan.link.plc.kind: unknown value 'tcp-klient'; did you mean 'tcp-client'?"
    )
    assert "ipraw, tcp-client, tcp-server, udp, udp-server" in link_line(kind="?")


LACKING = {
    "tcp-client": {"remote": 'remote = "192.168.1.50:502"'},
    "tcp-server": {"local": "local = 5000"},
    "udp": {"remote": 'remote = "192.168.1.50:502"'},
    "udp-server": {"local": "local = 5000"},
    "ipraw": {"protocol": "protocol = 253", "remote": 'remote = "192.168.1.50"'},
}


@pytest.mark.parametrize("kind", LACKING)
def test_what_a_kind_lacks(kind: str) -> None:
    assert link_lines(kind=kind) == [
        f'device.lan.link.plc.{key}: missing; kind = "{kind}" needs it: {example}'
        for key, example in LACKING[kind].items()
    ]


GOOD = {
    "remote": "192.168.1.60:502",
    "local": 4000,
    "peers": 2,
    "allow": ["10.0.0.0/8"],
    "keep_alive": {},
    "protocol": 253,
}
OWNERS = {
    "remote": "tcp-client, udp, ipraw",
    "local": "tcp-client, tcp-server, udp, udp-server",
    "peers": "tcp-server",
    "allow": "tcp-server, udp-server",
    "keep_alive": "tcp-client, tcp-server",
    "protocol": "ipraw",
}


@BY_KIND
@pytest.mark.parametrize("key", GOOD)
def test_what_a_kind_has_not(keys: dict[str, Any], key: str) -> None:
    if keys["kind"] in OWNERS[key].split(", "):
        assert key in keys or link_lines(**keys, **{key: GOOD[key]}) == []
    else:
        assert link_line(**keys, **{key: GOOD[key]}) == (
            f'device.lan.link.plc.{key}: kind = "{keys["kind"]}" has none; it is for {OWNERS[key]}'
        )


@BY_KIND
def test_what_every_kind_has(keys: dict[str, Any]) -> None:
    assert link_lines(**keys, ttl=1, open=False, receive_blocks=1, send_blocks=7) == []
    assert link_line(**keys, tls=True).startswith("device.lan.link.plc.tls: unknown key")


def test_every_kind_has_a_form() -> None:
    assert set(FORMS) == set(Kind)
    keys = set(LinkTable.__struct_fields__)
    assert all(form.needs | form.takes <= keys for form in FORMS.values())


def test_a_chip_without_a_kind() -> None:
    modem = Stack(chip="Modem", kinds=frozenset({Kind.UDP, Kind.TCP_CLIENT}), sockets=6)
    found: list[str] = []
    links = read_links(
        {"a": SERVER, "b": {**CLIENT, "send_blocks": 1}}, "device.x.link", modem, found
    )
    assert [each.id for each in links] == ["b"]
    assert found == [
        'device.x.link.a.kind: a Modem has no "tcp-server"; it has tcp-client, udp',
        "device.x.link.b.send_blocks: a Modem has no buffers to share out; take it away",
    ]


# Values


@pytest.mark.parametrize("value", [5, True, [], {}, 1.5], ids=repr)
def test_a_remote_is_a_text(value: Any) -> None:
    assert link_line(kind="tcp-client", remote=value).startswith(
        "device.lan.link.plc.remote: expected text in quotes"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.168.1.50", "'192.168.1.50' has no port; write for example '192.168.1.50:502'"),
        ("plc", "'plc' has no port; write for example 'plc:502'"),
        ("192.168.1.300:502", "'192.168.1.300' is no IPv4 address; write for example "),
        ("192.168.01.5:502", "'192.168.01.5' is no IPv4 address; write for example "),
        ("1.2.3:502", "'1.2.3' is no IPv4 address; write for example "),
        ("5:502", "'5' is no IPv4 address; write for example "),
        ("192.168.1.50:0", "'0' is no port; write 1 to 65535"),
        ("192.168.1.50:65536", "'65536' is no port; write 1 to 65535"),
        ("192.168.1.50:", "'' is no port; write 1 to 65535"),
        ("192.168.1.50:http", "'http' is no port; write 1 to 65535"),
        ("192.168.1.50:-1", "'-1' is no port; write 1 to 65535"),
        ("192.168.1.50:\u0661", "'\u0661' is no port; write 1 to 65535"),
        (":502", "'' is no host; write an IPv4 address or a name"),
        ("plc lan:502", "'plc lan' is no host; write an IPv4 address or a name"),
        ("-plc:502", "'-plc' is no host; write an IPv4 address or a name"),
        ("plc..lan:502", "'plc..lan' is no host; write an IPv4 address or a name"),
        (f"{'a' * 64}.lan:502", f"'{'a' * 64}.lan' is no host; write an IPv4 address or a name"),
        ("b\u00fcro:502", "'b\u00fcro' is no host; write an IPv4 address or a name"),
        ("[::1]:502", "'[::1]:502' is no IPv4 address; links have no other"),
        ("fd00::5:502", "'fd00::5:502' is no IPv4 address; links have no other"),
        ("http://plc:80", "'http://plc:80' is no IPv4 address; links have no other"),
    ],
)
def test_what_is_no_remote(text: str, words: str) -> None:
    assert link_line(kind="tcp-client", remote=text).startswith(
        f"device.lan.link.plc.remote: {words}"
    )


def test_ip_packets_have_no_port() -> None:
    assert link_line(kind="ipraw", remote="192.168.1.50:1", protocol=5) == (
        "device.lan.link.plc.remote: '192.168.1.50:1' has a port, which IP packets have not;"
        " write '192.168.1.50'"
    )


def test_everybody_is_a_server() -> None:
    assert link_line(kind="udp", remote="255.255.255.255:5000") == (
        "device.lan.link.plc.remote: to 255.255.255.255 a CH392 becomes a server;"
        ' write kind = "udp-server" and local'
    )


@pytest.mark.parametrize("kind", ["tcp-client", "udp", "ipraw"])
def test_destinations_that_are_none(kind: str) -> None:
    form = {"kind": kind, **({"protocol": 253} if kind == "ipraw" else {})}
    colon = "" if kind == "ipraw" else ":5000"
    nobody = "{} is nobody's address; write the other side's"
    assert link_line(**form, remote=f"{ZERO}{colon}").endswith(nobody.format(ZERO))
    if kind != "udp":
        everybody = "255.255.255.255"
        assert link_line(**form, remote=everybody + colon).endswith(nobody.format(everybody))


def test_tcp_to_a_group() -> None:
    assert link_line(kind="tcp-client", remote="239.1.2.3:80") == (
        "device.lan.link.plc.remote: 239.1.2.3 is a group's address; TCP speaks to one host"
    )
    assert link_lines(kind="udp", remote="239.1.2.3:80") == []
    assert link_lines(kind="udp", remote="192.168.1.255:9") == []


@pytest.mark.parametrize("value", [0, -1, 65536, "5000", True, 1.5], ids=repr)
def test_local_is_a_port(value: Any) -> None:
    assert link_line(kind="tcp-server", local=value).startswith(
        "device.lan.link.plc.local: expected a"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "'x' is no network; write for example '192.168.1.0/24'"),
        ("192.168.1.0/33", "'192.168.1.0/33' is no network; write for example "),
        ("", "'' is no network; write for example "),
        ("fd00::/8", "'fd00::/8' is no network; write for example "),
        ("192.168.1.5/24", "'192.168.1.5/24' is an address inside of a network; write '192."),
    ],
)
def test_what_is_no_network(text: str, words: str) -> None:
    only = link_line(**SERVER, allow=["10.0.0.0/8", text])
    assert only.startswith(f"device.lan.link.plc.allow: {words}")


def test_an_empty_list_lets_nobody_in() -> None:
    assert link_line(**SERVER, allow=[]) == (
        "device.lan.link.plc.allow: an empty list lets nobody in; leave it out to let everybody in"
    )


@pytest.mark.parametrize("value", ["10.0.0.0/8", [5], {}, True, ["10.0.0.0/8"] * 65], ids=repr)
def test_allow_is_a_list_of_texts(value: Any) -> None:
    assert link_line(**SERVER, allow=value).startswith("device.lan.link.plc.allow: expected ")


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [("ttl", 1, 128), ("receive_blocks", 1, 7), ("send_blocks", 1, 7)],
)
def test_ranges(key: str, low: int, high: int) -> None:
    for good in (low, high):
        assert link_lines(**CLIENT, **{key: good}) == []
    for bad in (low - 1, high + 1, "1", True, 10**40):
        assert len(link_lines(**CLIENT, **{key: bad})) == 1


def test_the_chip_s_longest_way() -> None:
    assert link_line(**CLIENT, ttl=129) == ("device.lan.link.plc.ttl: a CH392's is at most 128")


@pytest.mark.parametrize("value", [-1, 256, "udp", True], ids=repr)
def test_a_protocol_is_a_number(value: Any) -> None:
    assert link_line(kind="ipraw", remote="10.0.0.1", protocol=value).startswith(
        "device.lan.link.plc.protocol: expected a"
    )
    for number in (0, 255):
        assert link_lines(kind="ipraw", remote="10.0.0.1", protocol=number) == []


# Keep-alive


def keep_alive_lines(**keys: Any) -> list[str]:
    return link_lines(**CLIENT, keep_alive=keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"idle": 20.2}, ["idle: 20.2 s is no multiple of 0.5 s; write 20"]),
        ({"interval": 0.1}, ["interval: 0.1 s is no multiple of 0.5 s; write 0.5"]),
        (
            {"idle": 1.4, "interval": 1.1},
            [
                "idle: 1.4 s is no multiple of 0.5 s; write 1.5",
                "interval: 1.1 s is no multiple of 0.5 s; write 1",
            ],
        ),
        (
            {"idle": 15},
            ["idle: 15 s is not longer than the interval of 15 s; write a longer one"],
        ),
        ({"idle": 0}, ["idle: expected a number > 0.0"]),
        ({"count": 0}, ["count: expected a whole number >= 1"]),
        ({"count": 256}, ["count: expected a whole number <= 255"]),
        ({"idle": "x"}, ["idle: expected a number, got text in quotes"]),
        ({"interval": float("nan")}, ["interval: expected a number > 0.0"]),
        ({"idle": float("inf")}, ["idle: expected a number <= 86400.0"]),
        ({"intervall": 5}, ["intervall: unknown key; did you mean 'interval'?"]),
    ],
    ids=repr,
)
def test_keep_alives_that_are_none(keys: dict[str, Any], words: list[str]) -> None:
    assert keep_alive_lines(**keys) == [f"device.lan.link.plc.keep_alive.{word}" for word in words]


@pytest.mark.parametrize("value", [True, 20, "on", []], ids=repr)
def test_keep_alive_is_a_table(value: Any) -> None:
    assert link_line(**CLIENT, keep_alive=value) == (
        "device.lan.link.plc.keep_alive: expected a table [device.lan.link.plc.keep_alive]"
    )


def test_a_chip_has_one_keep_alive() -> None:
    first = {**CLIENT, "keep_alive": {"idle": 30}}
    other = {**CLIENT, "keep_alive": {"idle": 60, "count": 2}}
    assert line(link={"a": first, "b": CLIENT, "c": other}) == (
        "device.lan.link.c.keep_alive: a CH392 has one for all links, and device.lan.link.a's is"
        " { idle = 30, interval = 15, count = 9 }; write the same"
    )
    assert lines(link={"a": first, "c": first}) == []
    tables = lan(link={"a": first})
    tables["device"]["lan2"] = {**LAN, "port": "/dev/ttyUSB1", "link": {"c": other}}
    assert check_config(tables)


# Ports


@pytest.mark.parametrize(
    ("first", "second", "transport"),
    [
        (SERVER, {**CLIENT, "local": 5000}, "TCP"),
        ({**CLIENT, "local": 5000}, SERVER, "TCP"),
        (SERVER, SERVER, "TCP"),
        ({**CLIENT, "local": 5000}, {**CLIENT, "local": 5000}, "TCP"),
        ({**UDP, "local": 5000}, {**UDP_SERVER, "local": 5000}, "UDP"),
        ({**UDP, "local": 5000}, {**UDP, "local": 5000}, "UDP"),
    ],
)
def test_one_port_serves_one_link(
    first: dict[str, Any], second: dict[str, Any], transport: str
) -> None:
    assert line(link={"a": first, "b": second}) == (
        f"device.lan.link.b.local: {transport} port 5000 is device.lan.link.a's already;"
        " take another"
    )


def test_tcp_and_udp_have_ports_of_their_own() -> None:
    assert lines(link={"a": SERVER, "b": {**UDP_SERVER, "local": 5000}}) == []
    assert lines(link={"a": CLIENT, "b": CLIENT, "c": UDP, "d": UDP}) == []


# Sockets and buffers


def test_four_sockets() -> None:
    assert lines(link={"a": CLIENT, "b": SERVER, "c": UDP, "d": IPRAW}) == []
    assert lines(link={"a": {**SERVER, "peers": 2}, "b": CLIENT}) == []
    assert lines(link={"a": {**SERVER, "peers": 3}}) == []


def test_more_than_four() -> None:
    links = {"plc": CLIENT, "door": {**SERVER, "peers": 2}, "log": {**UDP, "open": False}}
    assert line(link=links) == (
        "device.lan.link: the links take 5 sockets, a CH392 has 4:"
        " plc 1, door 3 (one listens, 2 connect), log 1; take some away, or lower peers"
    )


@pytest.mark.parametrize("peers", [4, 64])
def test_more_than_three_peers(peers: int) -> None:
    assert link_line(**SERVER, peers=peers) == (
        f"device.lan.link.plc.peers: {peers} connections take {peers + 1} sockets,"
        " a CH392 has 4; at most 3"
    )


@pytest.mark.parametrize("peers", [0, 65, "2", True], ids=repr)
def test_what_is_no_number_of_peers(peers: Any) -> None:
    assert link_line(**SERVER, peers=peers).startswith("device.lan.link.plc.peers: expected a")


def test_buffers_that_do_not_fit() -> None:
    links = {
        "plc": {**CLIENT, "receive_blocks": 3, "send_blocks": 2},
        "door": {**SERVER, "peers": 2, "receive_blocks": 1},
    }
    assert line(link=links) == (
        "device.lan.link: the buffers take 11 blocks, a CH392 has 8 of 536 bytes:"
        " plc 1 x (3 to receive, 2 to send), door 3 x (1 to receive, 1 to send);"
        " lower receive_blocks or send_blocks"
    )
    assert lines(link={"a": {**CLIENT, "receive_blocks": 5}, "b": CLIENT}) == []
    assert len(lines(link={"a": {**CLIENT, "receive_blocks": 6}, "b": CLIENT})) == 1


def test_every_mistake_of_every_link_is_told_in_one_go() -> None:
    links = {
        "a": {"kind": "tcp-client", "remote": "x", "peers": 2, "ttl": 200},
        "B": {"kind": "udp-server", "allow": ["y"]},
        "c": {"remote": "10.0.0.1:1"},
        "d": {**SERVER, "peers": 3},
        "e": {**CLIENT, "local": 5000},
    }
    starts = [each.split(": ")[0] for each in lines(link=links)]
    assert starts == [
        "device.lan.link.a.peers",
        "device.lan.link.a.ttl",
        "device.lan.link.a.remote",
        "device.lan.link.B",
        "device.lan.link.B.local",
        "device.lan.link.B.allow",
        "device.lan.link.c.kind",
        "device.lan.link.e.local",
        "device.lan.link",
    ]


# Anything at all

NUMBERS = st.integers(-1, 9) | st.sampled_from([500, 5000, 65535, 70000])
BLOCKS = st.none() | st.integers(1, 7)


@st.composite
def sound_links(draw: st.DrawFn) -> dict[str, Any]:
    """Links without a mistake of their own; together they may be too many."""
    links = {}
    for number in range(draw(st.integers(1, 5))):
        keys = dict(draw(st.sampled_from(EACH)))
        if "local" in keys:
            keys["local"] = 6000 + number
        if keys["kind"] == "tcp-server":
            keys["peers"] = draw(st.integers(1, 3))
        for key in ("receive_blocks", "send_blocks"):
            blocks = draw(BLOCKS)
            if blocks is not None:
                keys[key] = blocks
        links[f"l{number}"] = keys
    return links


@given(sound_links())
def test_what_is_accepted_can_be_laid_out(links: dict[str, Any]) -> None:
    found: list[str] = []
    chosen = read_links(links, "device.lan.link", CH392, found)
    assert sum(sockets_needed(each, DEFAULT) for each in chosen) <= 4 or found
    if not found:
        layout = lay_out(chosen, DEFAULT, 4)
        assert all(min(each.receive.blocks, each.send.blocks) >= 1 for each in layout.plan.sockets)


ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=8)
    | st.sampled_from(["tcp-client", "udp", "10.0.0.1:1", "10.0.0.0/8", "a:b", "[", "1.2.3.4"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["kind", "idle", "count"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from([*LinkTable.__struct_fields__, "x y"])
DEVICE_KEYS = st.sampled_from(["dhcp", "ip", "netmask", "gateway", "profile", "link", "port"])


@tuned(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(DEVICE_KEYS, ANYTHING, max_size=4),
    st.dictionaries(st.text("ab_ ", max_size=3), st.dictionaries(KEYS, ANYTHING), max_size=4),
)
def test_whatever_it_is_only_lines_come_out(device: dict[str, Any], links: dict[str, Any]) -> None:
    lines(**{"link": links, **device})


@given(st.text() | st.text("ab.:[]-0123456789/ ", max_size=20), st.booleans())
def test_any_text_as_a_remote(text: str, with_port: bool) -> None:  # noqa: FBT001
    with contextlib.suppress(ConfigError):
        remote = parse_remote(text, with_port=with_port)
        assert remote.host
        assert 1 <= remote.port <= 65535 or not with_port
