"""The Home Assistant app: its form, what becomes of it, and every mistake in a line."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from chiplink import __version__
from chiplink.catalog import CHIPS
from chiplink.cli import app_command
from chiplink.config import Mode, check_config, load_config
from chiplink.config.modem import DataMode
from chiplink.config.stacks import CH392, MODEMS
from chiplink.driver.arming import ArmedMode
from chiplink.driver.modem_at import AtMode
from chiplink.driver.sockets import Kind
from chiplink.exceptions import ConfigError
from chiplink.protocol.ch392_profile import PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator

yaml = pytest.importorskip("yaml")

APP = Path(__file__).parents[2] / "app" / "chiplink"

SERVICE = {
    "addon": "core_mosquitto",
    "host": "core-mosquitto",
    "port": 1883,
    "ssl": False,
    "protocol": "3.1.1",
    "username": "addons",
    "password": "Xyzzy-4711",
}

KVM = {"name": "kvm", "chip": "ch9329", "port": "/dev/ttyUSB0"}
LAN = {"name": "lan", "chip": "ch392", "port": "/dev/ttyUSB1"}
PLC = {"device": "lan", "name": "plc", "kind": "tcp-client", "remote": "192.168.1.50:502"}


class Form:
    """What the Supervisor hands over, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "run"
        self.own = folder / "config"
        self.own.mkdir()
        (folder / "service.json").write_text(json.dumps(SERVICE))

    def arguments(self, **options: Any) -> list[str]:
        (self.folder / "options.json").write_text(json.dumps(options))
        folder = str(self.folder)
        options_file, own = f"{folder}/options.json", f"{folder}/config"
        return ["--options", options_file, "--folder", f"{folder}/run", "--own", own]

    def run(self, *more: str, **options: Any) -> int:
        parser = argparse.ArgumentParser()
        app_command.add_arguments(parser)
        given = self.arguments(**options)
        if "--ask" not in more:
            given += ["--service", str(self.folder / "service.json")]
        return app_command.run(parser.parse_args(given))

    def tables(self, **options: Any) -> dict[str, Any]:
        assert self.run(**options) == 0
        return tomllib.loads((self.out / "chiplink.toml").read_text())

    def problems(self, *more: str, **options: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.run(*more, **options)
        assert all("\n" not in line for line in caught.value.problems)
        return caught.value.problems


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return Form(tmp_path)


def test_the_form_becomes_a_configuration(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    device = {
        **KVM,
        "title": "Rack, links",
        "baud": 9600,
        "screen": "1920x1080",
        "layout": "de",
        "armed": "always",
        "disarm_after": 600,
    }
    secrets = [{"name": "desk", "value": 'p"ä\\ss\twörd'}]
    tables = form.tables(
        node="cellar",
        devices=[device],
        secrets=secrets,
        homeassistant_mode="mqtt",
        homeassistant_typing=True,
        log_level="debug",
    )
    assert tables == {
        "node": {"id": "cellar"},
        "mqtt": {
            "url": "mqtt://addons@core-mosquitto:1883",
            "allow_plain": True,
            "password_file": f"{form.out}/mqtt_password",
        },
        "homeassistant": {"mode": "mqtt", "typing": True},
        "secrets": {"desk": {"file": f"{form.out}/secret_desk"}},
        "device": {
            "kvm": {
                "chip": "ch9329",
                "port": "/dev/ttyUSB0?baud=9600",
                "name": "Rack, links",
                "layout": "de",
                "armed": "always",
                "disarm_after": 600,
                "screen": [1920, 1080],
            }
        },
    }
    config = load_config(form.out / "chiplink.toml")
    assert config.broker.password == "Xyzzy-4711"
    assert config.broker.user == "addons"
    assert config.secrets == {"desk": 'p"ä\\ss\twörd'}
    assert config.devices[0].port.baud == 9600
    assert config.devices[0].settings.screen == (1920, 1080)
    assert capsys.readouterr().out == "debug\n"


def test_links_become_tables_of_their_devices(form: Form) -> None:
    device = {**LAN, "dhcp": False, "ip": "10.0.0.2", "netmask": "255.0.0.0", "profile": "ch392t"}
    door = {
        "device": "lan",
        "name": "door",
        "kind": "tcp-server",
        "local": 5000,
        "peers": 2,
        "allow": ["10.0.0.0/8"],
        "open": False,
        "remote": "",
    }
    plc = {**PLC, "remote": "10.0.0.5:502", "allow": [], "keep_alive_idle": 30.5, "ttl": None}
    tables = form.tables(devices=[device], links=[plc, door])
    assert tables["device"]["lan"] == {
        "chip": "ch392",
        "port": "/dev/ttyUSB1",
        "dhcp": False,
        "ip": "10.0.0.2",
        "netmask": "255.0.0.0",
        "profile": "ch392t",
        "link": {
            "plc": {
                "kind": "tcp-client",
                "remote": "10.0.0.5:502",
                "keep_alive": {"idle": 30.5},
            },
            "door": {
                "kind": "tcp-server",
                "local": 5000,
                "peers": 2,
                "allow": ["10.0.0.0/8"],
                "open": False,
            },
        },
    }
    (found,) = load_config(form.out / "chiplink.toml").devices
    assert [link.id for link in found.settings.links] == ["plc", "door"]


def test_only_the_owner_may_read_what_was_written(form: Form) -> None:
    form.out.mkdir()
    (form.out / "mqtt_password").write_text("old")
    (form.out / "mqtt_password").chmod(0o644)
    form.tables(devices=[KVM], secrets=[{"name": "a", "value": "b"}])
    written = sorted(path.name for path in form.out.iterdir())
    assert written == ["chiplink.toml", "mqtt_password", "secret_a"]
    assert {path.stat().st_mode & 0o777 for path in form.out.iterdir()} == {0o600}
    assert "Xyzzy" not in (form.out / "chiplink.toml").read_text()


def test_what_was_left_empty_says_nothing(form: Form) -> None:
    tables = form.tables(devices=[{**KVM, "title": "", "layout": None, "screen": ""}], mqtt_url="")
    assert tables["device"] == {"kvm": {"chip": "ch9329", "port": "/dev/ttyUSB0"}}
    assert tables["node"] == {"id": "home"}


def test_another_broker(form: Form) -> None:
    tables = form.tables(
        devices=[KVM], mqtt_url="mqtts://me@broker.local", mqtt_password="secret words"
    )
    assert tables["mqtt"] == {
        "url": "mqtts://me@broker.local",
        "password_file": f"{form.out}/mqtt_password",
    }
    assert (form.out / "mqtt_password").read_text() == "secret words"


def test_a_broker_with_tls_and_a_strange_user(form: Form) -> None:
    service = {**SERVICE, "ssl": True, "port": 8883, "username": "a@b:c/d", "host": "fd00::1"}
    (form.folder / "service.json").write_text(json.dumps({"result": "ok", "data": service}))
    form.tables(devices=[KVM])
    broker = load_config(form.out / "chiplink.toml").broker
    assert (broker.host, broker.port, broker.tls) == ("fd00::1", 8883, True)
    assert broker.user == "a@b:c/d"


def test_a_file_of_ones_own(form: Form) -> None:
    (form.own / "my.toml").write_text(
        '[node]\nid = "attic"\n[device.desk]\nchip = "ch9329"\nport = "/dev/ttyACM0"\n'
    )
    tables = form.tables(configuration_file="my.toml", devices=[KVM], node="cellar")
    assert tables["node"] == {"id": "attic"}
    assert list(tables["device"]) == ["desk"]
    assert tables["mqtt"]["url"] == "mqtt://addons@core-mosquitto:1883"


def test_a_file_with_a_broker_asks_for_no_service(form: Form) -> None:
    (form.own / "my.toml").write_text('[mqtt]\nurl = "mqtt://127.0.0.1"\n')
    assert form.run("--ask", configuration_file="my.toml", devices=[KVM]) == 0
    assert not (form.out / "mqtt_password").exists()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "devices: none; add one with a name, a chip and its port"),
    "typo": (
        {"devices": [KVM], "log_levle": "info"},
        "log_levle: unknown option; did you mean 'log_level'?",
    ),
    "level": (
        {"devices": [KVM], "log_level": "debgu"},
        "log_level: unknown value 'debgu'; did you mean 'debug'?",
    ),
    "no list": ({"devices": "x"}, "devices: expected a list of entries with names and values"),
    "no name": (
        {"devices": [{"chip": "ch9329"}]},
        "devices[1].name: missing; write 1 to 32 of a-z 0-9 _",
    ),
    "twice": (
        {"devices": [KVM, {**KVM, "port": "/dev/ttyUSB1"}]},
        "devices[2].name: 'kvm' is another device's already",
    ),
    "no port": (
        {"devices": [{"name": "kvm", "chip": "ch9329"}]},
        "devices[1].port: missing; choose a serial port, or fill in port_url",
    ),
    "two ports": (
        {"devices": [{**KVM, "port_url": "serial:///dev/ttyS0"}]},
        "devices[1].port_url: either this or port",
    ),
    "screen": (
        {"devices": [{**KVM, "screen": "wide"}]},
        "devices[1].screen: 'wide' is no size; write 1920x1080",
    ),
    "secret's name": (
        {"devices": [KVM], "secrets": [{"name": "../x", "value": "y"}]},
        "secrets[1].name: write 1 to 32 of a-z 0-9 _",
    ),
    "secret's value": (
        {"devices": [KVM], "secrets": [{"name": "desk", "value": ""}]},
        "secrets[1].value: missing; it is what desk types",
    ),
    "link without a device": (
        {"devices": [LAN], "links": [{"name": "plc"}]},
        "links[1].device: there is no such device; known: lan",
    ),
    "link of another device": (
        {"devices": [LAN], "links": [{**PLC, "device": "lam"}]},
        "links[1].device: there is no such device; did you mean 'lan'?",
    ),
    "link without a name": (
        {"devices": [LAN], "links": [{**PLC, "name": ""}]},
        "links[1].name: missing; write 1 to 32 of a-z 0-9 _",
    ),
    "link twice": (
        {"devices": [LAN], "links": [PLC, PLC]},
        "links[2].name: 'plc' is another link's of lan already",
    ),
    "no list of links": (
        {"devices": [LAN], "links": "x"},
        "links: expected a list of entries with names and values",
    ),
    "secret twice": (
        {"devices": [KVM], "secrets": [{"name": "a", "value": "b"}, {"name": "a", "value": "c"}]},
        "secrets[2].name: a is another secret's already",
    ),
    # From here on the configuration's own check speaks.
    "chip": (
        {"devices": [{**KVM, "chip": "ch9328"}]},
        "device.kvm.chip: unknown chip 'ch9328'; did you mean 'ch9329'?",
    ),
    "link": (
        {"devices": [LAN], "links": [{**PLC, "remote": "plc"}]},
        "device.lan.link.plc.remote: 'plc' has no port",
    ),
    "link of a keyboard": (
        {"devices": [KVM], "links": [{**PLC, "device": "kvm"}]},
        "device.kvm.link: unknown key",
    ),
    "link that is no table": (
        {"devices": [{**LAN, "link": "plc"}], "links": [PLC]},
        "device.lan.link: expected tables",
    ),
    "layout": (
        {"devices": [{**KVM, "layout": "klingon"}]},
        "device.kvm.layout: unknown layout 'klingon'",
    ),
    "key": (
        {"devices": [{**KVM, "armde": "always"}]},
        "device.kvm.armde: unknown key; did you mean 'armed'?",
    ),
    "node": ({"devices": [KVM], "node": "Keller"}, "node.id: 'Keller' is no name"),
    "broker": ({"devices": [KVM], "mqtt_url": "broker"}, "mqtt.url: no broker; write mqtt://host"),
    "plain": (
        {"devices": [{**KVM, "armed": "always"}], "mqtt_url": "mqtt://broker.local"},
        'device.kvm.armed: "always" over a connection without TLS',
    ),
}


@pytest.mark.parametrize(("options", "line"), BAD.values(), ids=BAD)
def test_each_mistake_is_a_line(form: Form, options: dict[str, Any], line: str) -> None:
    (problem,) = form.problems(**options)
    assert problem.startswith(line)


def test_lists_within_lists_without_end(form: Form) -> None:
    layout: list[Any] = []
    for _level in range(700):
        layout = [layout]
    assert form.problems(devices=[{**KVM, "layout": layout}]) == [
        "the tables are nested too deeply"
    ]


def test_all_mistakes_at_once(form: Form) -> None:
    devices = [{"name": "a"}, {**KVM, "screen": "x"}]
    assert len(form.problems(devices=devices, log_level="loud", nodes="x")) == 4


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected options by name"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'{"node": "\\ud800"}', "half a character"),
        (b"[" * 100_000, "not JSON"),
        (b" " * 2_000_000, "larger than"),
        (b'{"node": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_unreadable_options(form: Form, content: bytes, line: str) -> None:
    arguments = form.arguments()
    (form.folder / "options.json").write_bytes(content)
    parser = argparse.ArgumentParser()
    app_command.add_arguments(parser)
    with pytest.raises(ConfigError) as caught:
        app_command.run(parser.parse_args(arguments))
    (problem,) = caught.value.problems
    assert line in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nothing.toml", "cannot be read: No such file"),
        ("../options.json", "is not in the app's folder"),
        ("/etc/passwd", "is not in the app's folder"),
        ("bad.toml", "not TOML"),
        (".", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("loop", "cannot be read"),
        ("number.toml", "not TOML"),
        ("deep.toml", "nested too deeply"),
    ],
)
def test_an_unreadable_file_of_ones_own(form: Form, name: str, line: str) -> None:
    (form.own / "bad.toml").write_text("[")
    (form.own / "number.toml").write_text(f"a = {'9' * 5000}")
    (form.own / "deep.toml").write_text(f"{'a.' * 2000}a = 1")
    (form.own / "loop").symlink_to("loop")
    (problem,) = form.problems(configuration_file=name, devices=[KVM])
    assert line in problem


# The Supervisor


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, bytes]]]:
    """What it answers, a status and a body; it takes the right token only."""
    answers: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0)
            if (self.path, self.headers["Authorization"]) != ("/services/mqtt", "Bearer T"):
                status, body = 401, b"{}"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("CHIPLINK_SUPERVISOR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("SUPERVISOR_TOKEN", "T")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_broker_comes_from_the_supervisor(
    form: Form, supervisor: list[tuple[int, bytes]]
) -> None:
    supervisor.append((200, json.dumps({"result": "ok", "data": SERVICE}).encode()))
    assert form.run("--ask", devices=[KVM]) == 0
    assert load_config(form.out / "chiplink.toml").broker.host == "core-mosquitto"


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (400, b'{"result": "error"}', "Home Assistant offers no MQTT broker"),
        (200, b'{"result": "ok", "data": {}}', "Home Assistant offers no MQTT broker"),
        (200, b"[]", "Home Assistant offers no MQTT broker"),
        (200, b"<html>", "the Supervisor does not answer"),
        (200, b"[" * 30_000, "the Supervisor does not answer"),
        (200, b'{"data": {"host": "\\ud800"}}', "the Supervisor does not answer"),
        (-1, b"", "the Supervisor does not answer"),
    ],
)
def test_no_broker(
    form: Form, supervisor: list[tuple[int, bytes]], status: int, body: bytes, line: str
) -> None:
    supervisor.append((status, body))
    (problem,) = form.problems("--ask", devices=[KVM])
    assert problem.startswith(line)


def test_no_supervisor(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPERVISOR_TOKEN", raising=False)
    (problem,) = form.problems("--ask", devices=[KVM])
    assert "fill in mqtt_url" in problem


# TOML


def test_what_is_written_is_read_again() -> None:
    tables = {
        "plain": {"a-b_1": 1, "float": 1e100, "small": 1e-7, "yes": True, "no": False},
        "te.xt": {"": "empty", 'quo"te': 'a"b\\c', "ü": "\n\r\t\x00\x1f\x7f\u2028💾"},
        "lists": {
            "numbers": [1, 2.5],
            "texts": ["a", '"'],
            "deep": [{"a": [{"b": 1}]}],
            "none": [],
        },
        "a": {"b": {"c": {"d": {}}}, "x": 1},
        "top": "level",
    }
    assert tomllib.loads(app_command.to_toml(tables)) == tables


def test_what_toml_cannot_say_is_told() -> None:
    with pytest.raises(ConfigError, match=r"a\.b: None cannot be written"):
        app_command.to_toml({"a": {"b": None}})


# The app's own files


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text())
    return content


def choices(schema: str) -> set[str]:
    return set(schema.rstrip("?").removeprefix("list(").removesuffix(")").split("|"))


def test_the_form_is_what_the_program_knows(config: dict[str, Any]) -> None:
    schema = config["schema"]
    assert set(schema) == set(app_command.OPTIONS)
    assert set(config["options"]) <= set(schema)
    (device,), (link,) = schema["devices"], schema["links"]
    assert choices(device["chip"]) == set(CHIPS)
    assert choices(device["profile"]) == set(PROFILES)
    assert choices(link["kind"]) == {str(kind) for kind in Kind}
    assert choices(device["at"]) == {str(mode) for mode in AtMode}
    assert choices(device["mode"]) == {str(mode) for mode in DataMode}
    assert choices(device["armed"]) == {str(mode) for mode in ArmedMode}
    assert choices(schema["homeassistant_mode"]) == {str(mode) for mode in Mode}
    assert choices(schema["log_level"]) == set(app_command.LOG_LEVELS)
    assert config["version"] == __version__


FILLED = [
    {
        "name": "kvm",
        "chip": "ch9329",
        "port": "/dev/ttyUSB0",
        "baud": 9600,
        "title": "x",
        "layout": "us",
        "armed": "manual",
        "disarm_after": 60,
        "screen": "800x600",
        "pace_ms": 12,
        "max_text": 100,
        "address": 0,
    },
    {
        "name": "lan",
        "chip": "ch392",
        "port_url": "serial:///dev/ttyS0",
        "profile": "ch392f",
        "dhcp": False,
        "ip": "10.0.0.2",
        "netmask": "255.0.0.0",
        "gateway": "10.0.0.1",
    },
    {
        "name": "cell",
        "chip": "sim800",
        "port": "/dev/ttyUSB2",
        "apn": "internet",
        "user": "me",
        "password": "Xyzzy-4712",
        "pin": "4711",
        "at": "off",
        "mode": "push",
        "quick_send": True,
    },
]
FILLED_LINKS = [
    {
        **PLC,
        "local": 4000,
        "open": True,
        "ttl": 64,
        "keep_alive_idle": 30.0,
        "keep_alive_interval": 10.0,
        "keep_alive_count": 3,
        "receive_blocks": 3,
        "send_blocks": 1,
    },
    {
        "device": "lan",
        "name": "door",
        "kind": "tcp-server",
        "local": 5000,
        "peers": 1,
        "allow": ["10.0.0.0/8"],
    },
    {"device": "lan", "name": "raw", "kind": "ipraw", "remote": "10.0.0.5", "protocol": 253},
]


def test_the_form_can_be_filled_in_wholly(form: Form, config: dict[str, Any]) -> None:
    """Every field of a device and of a link is one that the configuration takes."""
    (device,), (link,) = config["schema"]["devices"], config["schema"]["links"]
    assert {key for item in FILLED for key in item} == set(device)
    assert {key for item in FILLED_LINKS for key in item} == set(link)
    form.tables(**{**config["options"], "devices": FILLED, "links": FILLED_LINKS})


def test_a_modems_secrets_are_files(form: Form) -> None:
    tables = form.tables(devices=FILLED)
    cell = tables["device"]["cell"]
    assert "4711" not in str(tables)
    assert Path(cell["pin_file"]).read_text() == "4711"
    assert Path(cell["password_file"]).read_text() == "Xyzzy-4712"
    assert Path(cell["pin_file"]).stat().st_mode & 0o077 == 0


def test_no_bound_of_the_form_forbids_what_is_right(config: dict[str, Any]) -> None:
    (link,) = config["schema"]["links"]
    most_peers = max(stack.peers_max for stack in (CH392, *MODEMS.values()))
    assert link["peers"] == f"int(1,{most_peers})?"
    assert link["ttl"] == f"int(1,{CH392.ttl_max})?"
    assert CH392.buffers is not None
    most = CH392.buffers.blocks - 1
    assert link["receive_blocks"] == link["send_blocks"] == f"int(1,{most})?"


# What supervisor/apps/options.py takes (Home Assistant Supervisor).
ELEMENT = re.compile(
    r"^(?:bool|email|url|port|device(?:\(subsystem=[a-z]+\))?"
    r"|(?:str|password)(?:\(\d*,\d*\))?|int(?:\(-?\d*,-?\d*\))?|float(?:\([-.\d]*,[-.\d]*\))?"
    r"|match\(.*\)|list\(.+\))\??$"
)


def elements(schema: Any) -> Iterator[str]:
    if isinstance(schema, str):
        yield schema
    else:
        for item in schema.values() if isinstance(schema, dict) else schema:
            yield from elements(item)


def test_the_supervisor_takes_the_form(config: dict[str, Any]) -> None:
    assert [item for item in elements(config["schema"]) if not ELEMENT.match(item)] == []
    assert {"name", "version", "slug", "description", "arch"} <= set(config)
    assert set(config["arch"]) == {"aarch64", "amd64"}
    assert config["startup"] in {"initialize", "system", "services", "application", "once"}
    assert "build.yaml" not in {path.name for path in APP.iterdir()}, "deprecated since 2026.04"


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_field_has_words(config: dict[str, Any], language: str) -> None:
    words = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text())
    assert set(words) == {"configuration"}
    assert set(words["configuration"]) == set(config["schema"])
    for key, schema in config["schema"].items():
        entry = words["configuration"][key]
        assert set(entry) <= {"name", "description", "fields"}
        assert entry["name"]
        if isinstance(schema, list):
            assert set(entry["fields"]) == set(schema[0])
            assert all(item["name"] for item in entry["fields"].values())


def test_the_document_names_every_option(config: dict[str, Any]) -> None:
    text = (APP / "DOCS.md").read_text()
    (device,), (link,) = config["schema"]["devices"], config["schema"]["links"]
    named = [*config["schema"], *device, *link]
    assert [key for key in named if f"`{key}`" not in text] == []
    assert f"## {config['version']}" in (APP / "CHANGELOG.md").read_text()


def test_the_repository_is_one() -> None:
    repository = yaml.safe_load((APP.parent.parent / "repository.yaml").read_text())
    assert set(repository) == {"name", "url", "maintainer"}


def test_an_empty_form_is_what_the_app_starts_with(form: Form, config: dict[str, Any]) -> None:
    (problem,) = form.problems(**config["options"])
    assert problem == "devices: none; add one with a name, a chip and its port"
    with pytest.raises(ConfigError):
        check_config({})
