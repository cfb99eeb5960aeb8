"""The configuration: what is right, and every way of being wrong with its line."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chiplink import secret_files
from chiplink.config import Config, Mode, check_config, load_config
from chiplink.driver.arming import ArmedMode
from chiplink.exceptions import ConfigError
from chiplink.mqtt.url import parse_broker
from chiplink.transport.url import parse_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Tables = dict[str, Any]

SMALL: Tables = {
    "node": {"id": "cellar"},
    "mqtt": {"url": "mqtts://bridge@broker.local"},
    "device": {"kvm": {"chip": "ch9329", "port": "/dev/ttyUSB0"}},
}

FULL = """
[node]
id = "cellar"
[mqtt]
url = "mqtts://bridge@broker.local:8884"
password_file = "{password}"
ca_file = "/etc/ca.pem"
cert_file = "/etc/cert.pem"
key_file = "/etc/key.pem"
[homeassistant]
mode = "mqtt"
discovery_prefix = "ha"
status_topic = "ha/status"
typing = true
[secrets]
desk_password = {{ file = "{secret}" }}
[device.kvm]
chip = "ch9329"
port = "serial:///dev/serial/by-id/usb-1a86?baud=115200"
name = "Desk"
layout = "de"
armed = "always"
disarm_after = 90
address = 3
pace_ms = 20
max_text = 500
"""


def changed(path: str, value: Any) -> Tables:
    tables = copy.deepcopy(SMALL)
    place = tables
    *steps, last = path.split(".")
    for step in steps:
        place = place.setdefault(step, {})
    place[last] = value
    return tables


def without(path: str) -> Tables:
    tables = changed(path, None)
    place = tables
    *steps, last = path.split(".")
    for step in steps:
        place = place[step]
    del place[last]
    return tables


def problems(tables: Tables) -> list[str]:
    """Return the lines that refuse the tables, or nothing."""
    try:
        check_config(tables)
    except ConfigError as error:
        return error.problems
    return []


def only_problem(tables: Tables) -> str:
    lines = problems(tables)
    assert len(lines) == 1, lines
    assert "\n" not in lines[0]
    return lines[0]


@pytest.fixture
def private(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file that only its owner may read."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    return write


# What is right


def test_the_smallest() -> None:
    config = check_config(SMALL)
    assert config.node == "cellar"
    assert (config.broker.host, config.broker.port, config.broker.tls) == (
        "broker.local",
        8883,
        True,
    )
    assert (config.broker.user, config.broker.password) == ("bridge", None)
    assert config.homeassistant.mode is Mode.AUTO
    assert config.homeassistant.status_topic == "homeassistant/status"
    assert config.homeassistant.discovery_prefix == "homeassistant"
    assert config.homeassistant.typing is False
    assert config.secrets == {}
    (device,) = config.devices
    assert (device.settings.id, device.settings.title) == ("kvm", "")
    assert (device.settings.layout, device.settings.armed) == ("us", ArmedMode.MANUAL)
    assert device.settings.disarm_after is None
    assert device.settings.max_text == 10_000
    assert (device.port.scheme, device.port.path, device.port.baud) == (
        "serial",
        "/dev/ttyUSB0",
        None,
    )


def test_everything(tmp_path: Path, private: Callable[[str, bytes], Path]) -> None:
    text = FULL.format(
        password=private("password", b"hunter2\n"), secret=private("secret", b"let me in\r\n")
    )
    (tmp_path / "chiplink.toml").write_text(text, "utf-8")
    config = load_config(tmp_path / "chiplink.toml")
    assert config.broker.port == 8884
    assert config.broker.password == "hunter2"
    assert (config.broker.ca_file, config.broker.cert_file, config.broker.key_file) == (
        "/etc/ca.pem",
        "/etc/cert.pem",
        "/etc/key.pem",
    )
    assert config.homeassistant.mode is Mode.MQTT
    assert (config.homeassistant.discovery_prefix, config.homeassistant.status_topic) == (
        "ha",
        "ha/status",
    )
    assert config.homeassistant.typing is True
    assert config.secrets == {"desk_password": "let me in"}
    (device,) = config.devices
    assert device.port.baud == 115200
    chosen = device.settings
    assert (chosen.id, chosen.title, chosen.layout) == ("kvm", "Desk", "de")
    assert (chosen.armed, chosen.disarm_after) == (ArmedMode.ALWAYS, 90.0)
    assert (chosen.address, chosen.max_text) == (3, 500)
    assert chosen.pace == pytest.approx(0.020)


def test_nothing_shows_the_password(private: Callable[[str, bytes], Path]) -> None:
    config = check_config(changed("mqtt.password_file", str(private("password", b"hunter2"))))
    assert config.broker.password == "hunter2"
    assert "hunter2" not in f"{config.broker} {config.broker!r} {config!r}"


def test_no_secret_is_shown_with_the_configuration(private: Callable[[str, bytes], Path]) -> None:
    config = check_config(changed("secrets.door", {"file": str(private("door", b"hunter2"))}))
    assert config.secrets == {"door": "hunter2"}
    assert "hunter2" not in repr(config)


# Every mistake at once


def test_every_problem_is_told_in_one_go() -> None:
    tables: Tables = {
        "nodes": {},
        "node": {"id": "Cellar"},
        "mqtt": {"url": "mqtt://"},
        "homeassistant": {"mode": "mqqt"},
        "secrets": {"door": {}},
        "device": {
            "kvm": {"chip": "ch9328", "port": "/dev/a"},
            "desk": {"chip": "ch9329"},
            "x y": {"chip": "ch9329", "port": "/dev/c", "layout": "dee"},
        },
    }
    starts = [line.split(":")[0] for line in problems(tables)]
    assert sorted(starts) == [
        'device."x y"',
        'device."x y".layout',
        "device.desk.port",
        "device.kvm.chip",
        "homeassistant.mode",
        "mqtt.url",
        "node.id",
        "nodes",
        "secrets.door",
    ]


def test_every_problem_of_one_device_is_told_in_one_go() -> None:
    tables = changed(
        "device.kvm",
        {"chip": "ch9329", "port": "usb:1", "layout": "dee", "pace": 3, "address": "one"},
    )
    starts = [line.split(":")[0] for line in problems(tables)]
    assert sorted(starts) == [
        "device.kvm.address",
        "device.kvm.layout",
        "device.kvm.pace",
        "device.kvm.port",
    ]


def test_a_wrong_key_beside_the_url_hides_no_other_problem() -> None:
    tables = changed("mqtt", {"url": "mqtt://broker.local", "pasword_file": "/x"})
    tables["device"]["kvm"]["armed"] = "always"
    starts = [line.split(":")[0] for line in problems(tables)]
    assert sorted(starts) == ["device.kvm.armed", "mqtt.pasword_file"]


@pytest.mark.parametrize("path", ["node", "node.id", "mqtt", "mqtt.url"])
def test_what_is_missing_is_named(path: str) -> None:
    key = {"node": "node.id", "mqtt": "mqtt.url"}.get(path, path)
    line = only_problem(without(path))
    assert line.startswith(f"{key}: ")
    assert "missing" in line


@pytest.mark.parametrize("key", ["chip", "port"])
def test_what_is_missing_of_a_device_is_named(key: str) -> None:
    line = only_problem(without(f"device.kvm.{key}"))
    assert line.startswith(f"device.kvm.{key}: ")
    assert "missing" in line


@pytest.mark.parametrize(
    ("path", "value", "near"),
    [
        ("nodes", {}, "'node'"),
        ("devise", {}, "'device'"),
        ("mqtt.pasword_file", "/x", "'password_file'"),
        ("homeassistant.typeing", True, "'typing'"),
        ("homeassistant.mode", "mqqt", "'mqtt'"),
        ("device.kvm.layuot", "de", "'layout'"),
        ("device.kvm.layout", "latm", "'latam'"),
        ("device.kvm.armed", "allways", "'always'"),
        ("device.kvm.chip", "ch9328", "'ch9329'"),
    ],
)
def test_the_nearest_right_word_is_offered(path: str, value: Any, near: str) -> None:
    line = only_problem(changed(path, value))
    assert line.startswith(f"{path}: ")
    assert near in line


@pytest.mark.parametrize(
    ("path", "value", "known"),
    [
        ("device.kvm.armed", "??", ["always", "manual", "never"]),
        ("homeassistant.mode", "??", ["auto", "component", "mqtt", "off"]),
        ("device.kvm.chip", "??", ["ch392", "ch9329"]),
    ],
)
def test_without_a_near_word_all_are_listed(path: str, value: str, known: list[str]) -> None:
    line = only_problem(changed(path, value))
    assert [word for word in known if word not in line] == []


# Types

TEXTS = [
    "node.id", "mqtt.url", "mqtt.password_file", "mqtt.password_env", "mqtt.ca_file",
    "mqtt.cert_file", "mqtt.key_file", "homeassistant.discovery_prefix",
    "homeassistant.status_topic", "homeassistant.mode", "device.kvm.port", "device.kvm.name",
    "device.kvm.layout", "device.kvm.armed",
]  # fmt: skip
NUMBERS = [f"device.kvm.{key}" for key in ("address", "pace_ms", "max_text", "disarm_after")]
TRUTHS = ["mqtt.allow_plain", "homeassistant.typing"]
OTHERS = [[], {}, [1], date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), float("nan")]


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("value", [5, True, 1.5, *OTHERS], ids=repr)
def test_texts_are_texts(path: str, value: Any) -> None:
    assert any(line.startswith(f"{path}: ") for line in problems(changed(path, value)))


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize("value", ["1", True, float("inf"), 10**40, -(10**40), *OTHERS], ids=repr)
def test_numbers_are_numbers(path: str, value: Any) -> None:
    assert only_problem(changed(path, value)).startswith(f"{path}: ")


@pytest.mark.parametrize("path", TRUTHS)
@pytest.mark.parametrize("value", ["true", 1, 0, *OTHERS], ids=repr)
def test_truths_are_truths(path: str, value: Any) -> None:
    assert only_problem(changed(path, value)).startswith(f"{path}: ")


@pytest.mark.parametrize("path", ["node", "mqtt", "homeassistant", "secrets", "device"])
@pytest.mark.parametrize("value", [5, "text", [], [{}], True])
def test_tables_are_tables(path: str, value: Any) -> None:
    assert any(line.startswith(f"{path}: ") for line in problems(changed(path, value)))


@pytest.mark.parametrize("path", ["device.kvm", "secrets.door"])
@pytest.mark.parametrize("value", [5, "text", [], True])
def test_tables_of_a_name_are_tables(path: str, value: Any) -> None:
    assert only_problem(changed(path, value)).startswith(f"{path}: ")


@pytest.mark.parametrize("value", [5, True, 1.5, *OTHERS], ids=repr)
def test_a_chip_is_a_text(value: Any) -> None:
    assert only_problem(changed("device.kvm.chip", value)).startswith("device.kvm.chip: ")


def test_without_a_chip_only_what_every_device_has_is_told() -> None:
    starts = [line.split(":")[0] for line in problems(changed("device.kvm", {"layout": "dee"}))]
    assert starts == ["device.kvm.chip", "device.kvm.port"]


def test_types_are_told_in_the_user_s_words() -> None:
    assert only_problem(changed("device.kvm.address", "one")) == (
        "device.kvm.address: expected a whole number, got text in quotes"
    )
    assert only_problem(changed("homeassistant.typing", [])) == (
        "homeassistant.typing: expected true or false, got a list in [ ]"
    )
    assert only_problem(changed("mqtt.ca_file", 5)) == (
        "mqtt.ca_file: expected text in quotes, got a whole number"
    )


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("address", 0, 254),
        ("pace_ms", 0, 1000),
        ("max_text", 1, 1_000_000),
        ("disarm_after", 1, 86400),
    ],
)
def test_ranges(key: str, low: int, high: int) -> None:
    path = f"device.kvm.{key}"
    assert problems(changed(path, low)) == []
    assert problems(changed(path, high)) == []
    assert only_problem(changed(path, low - 1)).startswith(path)
    assert only_problem(changed(path, high + 1)).startswith(path)


def test_a_title_has_64_characters_at_most() -> None:
    assert problems(changed("device.kvm.name", "n" * 64)) == []
    assert only_problem(changed("device.kvm.name", "n" * 65)).startswith("device.kvm.name: ")


# Names


def _place(table: str, name: str) -> str:
    """Where a key stands, on one line: names that TOML must quote are quoted as JSON does."""
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return f"{table}.{name}: " if bare else f"{table}.{json.dumps(name)}: "


@pytest.mark.parametrize("name", ["a", "cellar_2", "0", "a" * 32])
def test_names(name: str) -> None:
    assert problems(changed("node.id", name)) == []
    assert problems(changed(f"device.{name}", {"chip": "ch9329", "port": "/dev/b"})) == []


@pytest.mark.parametrize(
    "name", ["", "A", "a-b", "a b", "a/b", "+", "#", "ä", "a" * 33, "a\n", "a\0", "\u0661"]
)
def test_what_is_no_name(name: str) -> None:
    assert only_problem(changed("node.id", name)).startswith("node.id: ")
    tables = copy.deepcopy(SMALL)
    tables["device"][name] = {"chip": "ch9329", "port": "/dev/b"}
    assert only_problem(tables).startswith(_place("device", name))


@pytest.mark.parametrize(
    "name",
    [
        "status", "descriptor", "health", "homeassistant", "response", "availability", "result",
        "link", "set", "tx", "rx",
    ],
)  # fmt: skip
def test_reserved_names(name: str) -> None:
    assert "reserved" in only_problem(changed("node.id", name))
    tables = changed(f"device.{name}", {"chip": "ch9329", "port": "/dev/b"})
    assert "reserved" in only_problem(tables)


# Ports


@pytest.mark.parametrize(
    "second",
    [
        "serial:///dev/ttyUSB0",
        "/dev/ttyUSB0",
        "serial:///dev/ttyUSB0?baud=9600",
        "serial:///dev/tty%55SB0",
        "/dev//ttyUSB0",
        "/dev/../dev/ttyUSB0",
    ],
)
def test_one_port_serves_one_device(second: str) -> None:
    line = only_problem(changed("device.desk", {"chip": "ch9329", "port": second}))
    assert line.startswith("device.desk.port: ")
    assert "device.kvm" in line


def test_two_ports_serve_two_devices() -> None:
    assert problems(changed("device.desk", {"chip": "ch9329", "port": "/dev/ttyUSB1"})) == []


@pytest.mark.parametrize(
    "port",
    [
        "",
        "ttyUSB0",
        "usb:///dev/ttyUSB0",
        "serial://dev/ttyUSB0",
        "serial://",
        "/dev/ttyUSB0?baud=0",
        "/dev/ttyUSB0?baud=-9600",
        "/dev/ttyUSB0?baud=fast",
        "/dev/ttyUSB0?baud=",
        "/dev/ttyUSB0?baud=4000001",
        "/dev/ttyUSB0?baud=\u0661",
        "/dev/ttyUSB0?speed=9600",
        "serial://[",
        "/dev/ttyUSB0?baud=" + "9" * 5000,
    ],
)
def test_what_is_no_port(port: str) -> None:
    assert only_problem(changed("device.kvm.port", port)).startswith("device.kvm.port: ")


def test_a_rate_that_the_chip_does_not_know() -> None:
    line = only_problem(changed("device.kvm.port", "/dev/ttyUSB0?baud=12345"))
    assert line.startswith("device.kvm.port: ")
    assert "12345" in line
    assert "9600, " in line


@pytest.mark.parametrize("baud", [1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200])
def test_rates_of_the_chip(baud: int) -> None:
    config = check_config(changed("device.kvm.port", f"/dev/ttyUSB0?baud={baud}"))
    assert config.devices[0].port.baud == baud


def test_33_devices_are_too_many() -> None:
    devices = {f"d{n}": {"chip": "ch9329", "port": f"/dev/{n}"} for n in range(33)}
    assert any(line.startswith("device: ") for line in problems(changed("device", devices)))


# The broker


@pytest.mark.parametrize(
    ("url", "port", "tls", "path"),
    [
        ("mqtt://127.0.0.1", 1883, False, None),
        ("mqtts://broker.local", 8883, True, None),
        ("mqtts://broker.local/", 8883, True, None),
        ("mqtt://[::1]:1884", 1884, False, None),
        ("ws://127.0.0.1", 80, False, "/mqtt"),
        ("wss://broker.local/bus", 443, True, "/bus"),
    ],
)
def test_broker_urls(*, url: str, port: int, tls: bool, path: str | None) -> None:
    broker = check_config(changed("mqtt.url", url)).broker
    assert (broker.port, broker.tls, broker.path) == (port, tls, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.local",
        "broker.local:1883",
        "http://broker.local",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://user@",
        "mqtt:broker",
        "mqtt://broker:0",
        "mqtt://broker:65536",
        "mqtt://broker:-1",
        "mqtt://broker:port",
        "mqtt://broker/path",
        "mqtt://[::1",
        "mqtt://a\u2100b",
        "mqtt://bro ker",
        "mqtt://broker?tls=1",
    ],
)
def test_what_is_no_broker(url: str) -> None:
    assert only_problem(changed("mqtt.url", url)).startswith("mqtt.url: ")


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://bridge:hunter2@broker.local",
        "mqtts://:hunter2@broker.local",
        "mqtts://bridge:hunter2@broker.local:99999",
        "mqtts://bridge:hunter2@broker.local/path",
        "mqtts://bridge:hunter2@",
        "mqqt://bridge:hunter2@broker.local",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    lines = problems(changed("mqtt.url", url))
    assert any(line.startswith("mqtt.url: ") for line in lines)
    assert [line for line in lines if "hunter2" in line] == []


def test_a_password_in_the_url_belongs_into_a_file() -> None:
    assert "password_file" in only_problem(changed("mqtt.url", "mqtts://a:hunter2@broker.local"))


def test_a_password_needs_a_user(private: Callable[[str, bytes], Path]) -> None:
    tables = changed("mqtt.url", "mqtts://broker.local")
    tables["mqtt"]["password_file"] = str(private("password", b"hunter2"))
    line = only_problem(tables)
    assert line.startswith("mqtt.url: ")
    assert "user@" in line


def test_one_password_only(
    private: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIPLINK_TEST_PASSWORD", "hunter2")
    tables = changed("mqtt.password_file", str(private("password", b"hunter2")))
    tables["mqtt"]["password_env"] = "CHIPLINK_TEST_PASSWORD"
    assert only_problem(tables).startswith("mqtt.password_env: ")


@pytest.mark.parametrize("key", ["cert_file", "key_file"])
def test_a_client_certificate_needs_both_files(key: str) -> None:
    line = only_problem(changed(f"mqtt.{key}", "/etc/x.pem"))
    assert line.startswith("mqtt.")
    assert "cert_file" in line
    assert "key_file" in line


def test_certificates_only_with_tls() -> None:
    tables = changed("mqtt", {"url": "mqtt://127.0.0.1", "ca_file": "/etc/ca.pem"})
    assert only_problem(tables).startswith("mqtt.ca_file: ")


@pytest.mark.parametrize("topic", ["#", "homeassistant/#", "+/status", "a/#/b", "a\0b"])
def test_a_status_topic_has_no_wildcards(topic: str) -> None:
    lines = problems(changed("homeassistant.status_topic", topic))
    assert [line.split(":")[0] for line in lines] == ["homeassistant.status_topic"]


# Typing over a connection that others can read


def armed_over(url: str, armed: str, *, allow_plain: bool | None = None) -> list[str]:
    tables = changed("mqtt.url", url)
    tables["device"]["kvm"]["armed"] = armed
    if allow_plain is not None:
        tables["mqtt"]["allow_plain"] = allow_plain
    return problems(tables)


@pytest.mark.parametrize(
    "url", ["mqtt://192.168.1.5", "mqtt://broker.local", "ws://10.0.0.1", "mqtt://[fe80::1]"]
)
def test_always_armed_needs_tls(url: str) -> None:
    (line,) = armed_over(url, "always")
    assert line.startswith("device.kvm.armed: ")
    assert "mqtts://" in line
    assert "allow_plain" in line
    assert armed_over(url, "always", allow_plain=False) == [line]
    assert armed_over(url, "always", allow_plain=True) == []


@pytest.mark.parametrize("armed", ["manual", "never"])
def test_the_other_positions_do_not(armed: str) -> None:
    assert armed_over("mqtt://192.168.1.5", armed) == []


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://192.168.1.5",
        "wss://broker.local",
        "mqtt://127.0.0.1",
        "mqtt://127.8.8.8",
        "mqtt://localhost",
        "mqtt://LOCALHOST",
        "mqtt://[::1]",
    ],
)
def test_tls_and_loopback_are_secure(url: str) -> None:
    assert armed_over(url, "always") == []


@pytest.mark.parametrize("host", ["localhost.evil.example", "127.0.0.1.example", "10.0.0.1"])
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert len(armed_over(f"mqtt://{host}", "always")) == 1


# Secrets


@pytest.mark.parametrize("path", ["mqtt.password_file", "secrets.door"])
def test_a_private_file_is_read(path: str, private: Callable[[str, bytes], Path]) -> None:
    file = str(private("secret", "pässword \n".encode()))
    config = check_config(changed(path, {"file": file} if path.startswith("s") else file))
    assert "pässword " in {config.broker.password, config.secrets.get("door")}


def secret_problem(file: Path) -> str:
    line = only_problem(changed("secrets.door", {"file": str(file)}))
    assert line.startswith("secrets.door: ")
    assert str(file) in line
    return line


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(
    mode: int, private: Callable[[str, bytes], Path]
) -> None:
    file = private("secret", b"hunter2")
    file.chmod(mode)
    line = secret_problem(file)
    assert f"chmod 600 {file}" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_that_only_its_owner_may_read_is_good(
    mode: int, private: Callable[[str, bytes], Path]
) -> None:
    file = private("secret", b"hunter2")
    file.chmod(mode)
    assert problems(changed("secrets.door", {"file": str(file)})) == []


def test_where_the_system_mounts_secrets_its_permissions_count(
    private: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = private("secret", b"hunter2")
    file.chmod(0o444)
    monkeypatch.setattr(secret_files, "TRUSTED", (f"{file.parent}/",))
    assert problems(changed("secrets.door", {"file": str(file)})) == []


def test_the_system_s_mounts_are_these_two() -> None:
    assert secret_files.TRUSTED == ("/run/credentials/", "/run/secrets/")


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\n"])
def test_an_empty_file_is_refused(content: bytes, private: Callable[[str, bytes], Path]) -> None:
    secret_problem(private("secret", content))


def test_a_binary_file_is_refused(private: Callable[[str, bytes], Path]) -> None:
    line = secret_problem(private("secret", b"\x80\xff"))
    assert "UTF-8" in line


def test_4096_bytes_are_a_secret_and_more_are_not(private: Callable[[str, bytes], Path]) -> None:
    most = private("most", b"x" * 4096)
    assert problems(changed("secrets.door", {"file": str(most)})) == []
    assert "4096" in secret_problem(private("more", b"x" * 4097))


def test_a_file_too_large_is_told_so_wherever_it_is_cut(
    private: Callable[[str, bytes], Path],
) -> None:
    assert "4096" in secret_problem(private("more", ("x" + "ä" * 4096).encode()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in secret_problem(tmp_path / "nowhere")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    secret_problem(tmp_path)


def test_a_name_that_cannot_be_a_file() -> None:
    assert only_problem(changed("secrets.door", {"file": "a\0b"})).startswith("secrets.door: ")


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPLINK_TEST_SECRET", "hunter2")
    monkeypatch.setenv("CHIPLINK_TEST_EMPTY", "")
    monkeypatch.delenv("CHIPLINK_TEST_NOTHING", raising=False)
    config = check_config(changed("secrets.door", {"env": "CHIPLINK_TEST_SECRET"}))
    assert config.secrets == {"door": "hunter2"}
    config = check_config(changed("mqtt.password_env", "CHIPLINK_TEST_SECRET"))
    assert config.broker.password == "hunter2"
    for name in ("CHIPLINK_TEST_EMPTY", "CHIPLINK_TEST_NOTHING"):
        line = only_problem(changed("secrets.door", {"env": name}))
        assert line.startswith("secrets.door: ")
        assert name in line


def test_a_missing_password_variable_is_named_under_its_own_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHIPLINK_TEST_NOTHING", raising=False)
    line = only_problem(changed("mqtt.password_env", "CHIPLINK_TEST_NOTHING"))
    assert line.startswith("mqtt.password_env: ")


def test_a_secret_is_a_file_or_a_variable(private: Callable[[str, bytes], Path]) -> None:
    both = {"file": str(private("secret", b"x")), "env": "HOME"}
    for item in ({}, both):
        assert only_problem(changed("secrets.door", item)).startswith("secrets.door: ")


def test_a_secret_s_name_is_a_name() -> None:
    assert any(
        line.startswith('secrets."Front Door": ')
        for line in problems(changed("secrets.Front Door", {"env": "HOME"}))
    )


# The file


def load(path: Path, content: bytes) -> Config:
    path.write_bytes(content)
    return load_config(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chiplink.toml"


GOOD_FILE = b"""
[node]
id = "cellar"
[mqtt]
url = "mqtt://127.0.0.1"
"""


def test_a_file_without_devices_is_good(file: Path) -> None:
    assert load(file, GOOD_FILE).devices == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[node\n", "TOML"),
        (b"id = \n", "TOML"),
        (b"a = 1\na = 2\n", "TOML"),
        (b"a = " + b"[" * 5000, "TOML"),
        (b"a = " + b"1" * 5000, "TOML"),
        (b"a = 2026-02-31\n", "TOML"),
        (b"a = 'x\x00'\n", "TOML"),
        (b"[node]\nid = '\xff'\n", "UTF-8 at byte 13"),
        (b"#" * (1024 * 1024 + 1), "1048576"),
        (b"", "node.id"),
    ],
    ids=lambda value: str(value)[:16],
)
def test_what_is_no_configuration(file: Path, content: bytes, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(file, content)
    assert words in str(raised.value)


def test_a_file_of_just_the_size_is_read(file: Path) -> None:
    padding = b"#" * (1024 * 1024 - len(GOOD_FILE))
    assert load(file, GOOD_FILE + padding).node == "cellar"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(ConfigError) as raised:
            load_config(path)
        (line,) = raised.value.problems
        assert line.startswith(f"{path}: ")


# Anything at all

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
KEYS = st.sampled_from(
    ["id", "url", "chip", "port", "name", "layout", "armed", "mode", "file", "env", "kvm"]
) | st.text(max_size=4)
WORDS = st.sampled_from(
    ["ch9329", "/dev/a", "mqtt://a", "mqtts://b@c", "always", "de", "sim://", "HOME", "a\0"]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TABLES = st.dictionaries(
    st.sampled_from(["node", "mqtt", "homeassistant", "secrets", "device"]) | KEYS,
    VALUES | st.dictionaries(KEYS, VALUES, max_size=3),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@example({"device": {"kvm": {"chip": []}}})
@example({"device": {"kvm": {"chip": {}}}})
@example({"mqtt": {"url": "mqtt://["}})
@example({"device": {"kvm": {"chip": "ch9329", "port": "serial://["}}})
@given(TABLES)
def test_whatever_it_is_only_config_errors_come_out(tables: Tables) -> None:
    with contextlib.suppress(ConfigError):
        check_config(tables)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.sampled_from(["node", "mqtt", "device.kvm", "secrets.door", "homeassistant"]))
def test_a_good_one_with_anything_in_it(value: Any, path: str) -> None:
    tables = changed(path, value)
    lines = problems(tables)
    assert all(isinstance(line, str) for line in lines)
    assert lines or isinstance(value, dict)


@example("mqtt://[::1")
@example("mqtt://a\u2100b")
@given(st.text() | st.text("mqtswx:/@[]%?#.0123456789 \0", max_size=30).map("mqtt://".__add__))
def test_any_text_as_a_broker(text: str) -> None:
    try:
        broker = parse_broker(text)
    except ConfigError:
        return
    assert 1 <= broker.port <= 65535
    assert broker.host


@example("serial://[")
@given(st.text() | st.text("abd/:[]%?#=&.0123456789 \0", max_size=30).map("serial:///".__add__))
def test_any_text_as_a_port(text: str) -> None:
    try:
        port = parse_port(text)
    except ConfigError:
        return
    assert port.baud is None or 1 <= port.baud <= 4_000_000


@pytest.mark.parametrize("port", ["spi:///dev/spidev0.0", "/dev/ttyUSB0?int=gpiochip0:25"])
def test_a_ch9329_has_neither_spi_nor_int(port: str) -> None:
    tables = copy.deepcopy(SMALL)
    tables["device"]["kvm"]["port"] = port
    with pytest.raises(ConfigError) as caught:
        check_config(tables)
    assert caught.value.problems == [
        "device.kvm.port: a CH9329 has neither SPI nor INT#; write serial:///dev/…"
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Desk\u202e", "cannot be seen"),
        ("a\u2028b", "cannot be seen"),
        ("{{ states }}", "begin templates"),
        ("{% raw %}", "begin templates"),
    ],
)
def test_a_name_that_home_assistant_would_not_show(name: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_config(
            SMALL | {"device": {"kvm": {"chip": "ch9329", "port": "sim://", "name": name}}}
        )
    (problem,) = caught.value.problems
    assert problem.startswith("device.kvm.name: ")
    assert words in problem
