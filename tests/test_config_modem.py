"""A modem's table: what becomes of it, and every mistake in a line that names its key."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.config import check_config
from chiplink.config.stacks import MODEMS
from chiplink.driver.modem import ModemSettings
from chiplink.driver.modem_at import AtMode
from chiplink.driver.modem_models import MODELS
from chiplink.driver.sockets import KeepAlive, Kind
from config_support import Tables, problems

if TYPE_CHECKING:
    from pathlib import Path

CELL = {"chip": "sim800", "port": "/dev/ttyUSB0", "apn": "internet"}
TCP = {"kind": "tcp-client", "remote": "192.0.2.1:502"}
UDP = {"kind": "udp", "remote": "192.0.2.1:502"}
SERVER = {"kind": "tcp-server", "local": 8080}
EVERYBODY = {"kind": "udp-server", "local": 5000}


def cell(**keys: Any) -> Tables:
    return {
        "node": {"id": "cellar"},
        "mqtt": {"url": "mqtts://bridge@broker.local"},
        "device": {"cell": copy.deepcopy({**CELL, **keys})},
    }


def settings(**keys: Any) -> ModemSettings:
    (device,) = check_config(cell(**keys)).devices
    assert isinstance(device.settings, ModemSettings)
    return device.settings


def line(**keys: Any) -> str:
    (only,) = problems(cell(**keys))
    return only


def test_a_whole_table(tmp_path: Path) -> None:
    secrets = {"password": "Geheim!", "pin": "4711"}
    for name, text in secrets.items():
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    found = settings(
        name="Pump",
        user="me",
        password_file=str(tmp_path / "password"),
        pin_file=str(tmp_path / "pin"),
        at="all",
        mode="pull",
        quick_send=True,
        link={"plc": TCP},
    )
    assert (found.id, found.title, found.chip) == ("cell", "Pump", "sim800")
    assert (found.apn, found.user, found.password, found.pin) == (
        "internet",
        "me",
        "Geheim!",
        "4711",
    )
    assert (found.at, found.pull, found.quick_send) == (AtMode.ALL, True, True)
    assert [link.id for link in found.links] == ["plc"]
    assert "Geheim" not in repr(found)
    assert "4711" not in repr(found)
    assert "Geheim" not in repr(found.bearing)


def test_what_need_not_be_said() -> None:
    found = settings()
    assert (found.pin, found.at, found.pull) == ("", AtMode.QUERY, None)
    assert settings(chip="sim7028", apn="").apn == ""
    assert settings(pin="1234").pin == "1234"


@pytest.mark.parametrize(
    ("chip", "links", "pull", "several"),
    [
        ("sim800", {"a": TCP}, True, True),
        ("sim800", {"a": TCP, "b": UDP}, False, True),
        ("sim800", {"a": EVERYBODY}, False, False),
        ("sim7028", {"a": EVERYBODY}, False, True),
        ("sim7028", {"a": TCP, "b": SERVER}, True, True),
        ("gseries", {"a": TCP}, False, False),
    ],
)
def test_how_links_are_carried(
    chip: str, links: dict[str, Any], *, pull: bool, several: bool
) -> None:
    bearing = settings(chip=chip, link=links).bearing
    assert (bearing.pull, bearing.several) == (pull, several)


def test_keep_alive_is_the_whole_modems() -> None:
    times = {"idle": 60, "interval": 30, "count": 3}
    found = settings(link={"a": {**TCP, "keep_alive": times}, "b": TCP})
    assert found.bearing.keep_alive == KeepAlive(60, 30, 3)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no apn": ({"apn": ""}, "device.cell.apn: missing; a SIM800 needs the operator's"),
    "apn": ({"apn": 'a"b'}, "device.cell.apn: an AT argument cannot hold '\"'"),
    "apn of two lines": ({"apn": "a\rb"}, "device.cell.apn: an AT argument cannot hold '\\r'"),
    "user": ({"user": "ü"}, "device.cell.user: an AT argument cannot hold 'ü'"),
    "user of an NB modem": (
        {"chip": "sim7028", "user": "me"},
        "device.cell.user: a SIM7028 is told no user",
    ),
    "short pin": ({"pin": "123"}, "device.cell.pin: a SIM's PIN has 4 to 8 digits"),
    "pin of letters": ({"pin": "abcd"}, "device.cell.pin: a SIM's PIN has 4 to 8 digits"),
    "two pins": ({"pin": "1234", "pin_file": "/x"}, "device.cell.pin_file: either this or pin"),
    "no pin file": ({"pin_file": "/nowhere/pin"}, "device.cell.pin_file: /nowhere/pin cannot be"),
    "at": ({"at": "some"}, "device.cell.at: unknown value 'some'"),
    "mode": ({"mode": "poll"}, "device.cell.mode: unknown value 'poll'; did you mean 'pull'?"),
    "mode of a G series": ({"chip": "gseries", "mode": "pull"}, "device.cell.mode: a Kingcom"),
    "pulled datagrams": ({"mode": "pull", "link": {"a": UDP}}, "device.cell.mode: fetched, the"),
    "quick": ({"chip": "sim7028", "quick_send": True}, "device.cell.quick_send: a SIM7028 has"),
    "spi": ({"port": "spi:///dev/spidev0.0"}, "device.cell.port: a SIM800 has neither SPI"),
    "baud": ({"port": "serial:///dev/x?baud=300"}, "device.cell.port: a SIM800 on Linux knows"),
    "key": ({"apm": "x"}, "device.cell.apm: unknown key; did you mean 'apn'?"),
    "ipraw": (
        {"link": {"a": {"kind": "ipraw", "remote": "1.2.3.4", "protocol": 1}}},
        'device.cell.link.a.kind: a SIM800 has no "ipraw"; it has tcp-client, tcp-server, udp',
    ),
    "server of a G series": (
        {"chip": "gseries", "link": {"a": SERVER}},
        'device.cell.link.a.kind: a G series modem has no "tcp-server"',
    ),
    "seven links": (
        {"link": {f"l{number}": TCP for number in range(7)}},
        "device.cell.link: the links take 7 sockets, a SIM800 has 6",
    ),
    "three links": (
        {"chip": "sim7028", "link": {f"l{number}": TCP for number in range(3)}},
        "device.cell.link: the links take 3 sockets, a SIM7028 has 2",
    ),
    "two links": (
        {"chip": "gseries", "link": {"a": TCP, "b": TCP}},
        "device.cell.link: the links take 2 sockets, a G series modem has 1",
    ),
    "server and six": (
        {"link": {"s": SERVER, **{f"l{number}": TCP for number in range(5)}}},
        "device.cell.link: the links take 7 sockets, a SIM800 has 6: s 2 (one listens, 1 connect)",
    ),
    "peers": (
        {"link": {"a": {**SERVER, "peers": 6}}},
        "device.cell.link.a.peers: 6 connections take 7 sockets, a SIM800 has 6; at most 5",
    ),
    "two servers": (
        {"link": {"a": SERVER, "b": {**SERVER, "local": 8081}}},
        "device.cell.link: a SIM800 has 1 server(s), and these are 2: a, b",
    ),
    "not alone": (
        {"link": {"a": EVERYBODY, "b": TCP}},
        'device.cell.link.a.kind: a SIM800 has "udp-server" as its only link',
    ),
    "ttl": ({"link": {"a": {**TCP, "ttl": 3}}}, "device.cell.link.a.ttl: a SIM800 has none"),
    "local": (
        {"chip": "gseries", "link": {"a": {**TCP, "local": 5}}},
        "device.cell.link.a.local: a G series modem chooses its own ports",
    ),
    "keep alive": (
        {"link": {"a": {**TCP, "keep_alive": {"idle": 20, "interval": 15}}}},
        "device.cell.link.a.keep_alive.idle: a SIM800's is 30 to 7200, not 20",
    ),
    "keep alive of minutes": (
        {
            "chip": "sim7028",
            "link": {"a": {**TCP, "keep_alive": {"idle": 90, "interval": 60}}},
        },
        "device.cell.link.a.keep_alive.idle: 90 s is no multiple of 60 s; write 120",
    ),
    "no keep alive": (
        {"chip": "gseries", "link": {"a": {**TCP, "keep_alive": {}}}},
        "device.cell.link.a.keep_alive: a G series modem has none",
    ),
}


@pytest.mark.parametrize(("keys", "start"), BAD.values(), ids=BAD)
def test_each_mistake_is_a_line(keys: dict[str, Any], start: str) -> None:
    assert [each for each in problems(cell(**keys)) if each.startswith(start)]


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    for name, text in {"password": "Geh\x07eim", "pin": "Geheim"}.items():
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        assert "eim" not in line(**{f"{name}_file": str(path)})


def test_the_limits_are_the_drivers() -> None:
    assert MODEMS.keys() == MODELS.keys()
    for name, stack in MODEMS.items():
        model = MODELS[name]
        assert stack.sockets == model.links
        assert (stack.servers or 0) == model.servers or not model.servers
        assert (Kind.TCP_SERVER in stack.kinds) == bool(model.servers)
        assert (Kind.UDP_SERVER in stack.kinds) == (model.everybody or model.retarget is not None)
        assert stack.local_ports == model.local_ports
