"""What is installed beside the program: unit, udev rules, examples, scripts, containers."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from containerfile import Step, read

from chiplink.config import DEFAULT_PATH, check_config
from chiplink.daemon import check_bridge
from chiplink.secret_files import TRUSTED
from chiplink.transport.listing import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "install"
CONTAINERFILES = {
    ROOT / "container" / "Containerfile": ROOT,
    ROOT / "app" / "chiplink" / "Dockerfile": ROOT / "app" / "chiplink",
}
"""Each with the folder that it is built from."""

SCRIPTS = [
    INSTALL / "install",
    INSTALL / "uninstall",
    INSTALL / "settings.sh",
    ROOT / "container" / "entrypoint",
    ROOT / "app" / "chiplink" / "run",
    ROOT / "tests" / "install" / "clean-root",
]

needs = {
    name: pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name}")
    for name in ("systemd-analyze", "udevadm", "shellcheck")
}


def told(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# The unit


def unit_keys() -> Iterator[tuple[str, str, str]]:
    """Sections, keys and values of the unit."""
    section = ""
    for line in (INSTALL / "chiplink.service").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield section, key, value


def values(wanted: str) -> list[str]:
    return [value for _section, key, value in unit_keys() if key == wanted]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as `install` writes it, for a program that is there."""
    program = tmp_path / "venv" / "bin" / "chiplink"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (INSTALL / "chiplink.service").read_text()
    text = text.replace("@PREFIX@", str(tmp_path)).replace("@GROUPS@", "dialout")
    # Known from systemd 254 on; `install` leaves them out before.
    text = re.sub(r"(?m)^Restart(Steps|MaxDelaySec)=.*\n", "", text)
    path = tmp_path / "chiplink.service"
    path.write_text(
        text.replace("User=chiplink", "User=root").replace("Group=chiplink", "Group=root")
    )
    return path


@needs["systemd-analyze"]
def test_systemd_takes_the_unit(unit: Path) -> None:
    code, words = told("systemd-analyze", "verify", unit)
    about_ours = [line for line in words.splitlines() if "chiplink" in line]
    assert (code, about_ours) == (0, [])


@needs["systemd-analyze"]
def test_systemd_finds_little_exposed(unit: Path) -> None:
    """Of 100; what remains is the network and its own user's devices."""
    unit.write_text(unit.read_text().replace("User=root", "User=daemon"))
    code, words = told(
        *("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=30"), unit
    )
    assert code == 0, words


def test_the_daemon_is_told_about_and_watched() -> None:
    assert values("Type") == ["notify"]
    assert values("Restart") == ["always"]
    assert values("StartLimitIntervalSec") == ["0"]
    assert values("WatchdogSec") == ["60"]
    assert values("StateDirectory") == ["chiplink"]
    (start,) = values("ExecStart")
    assert start == f"@PREFIX@/venv/bin/chiplink run -c {DEFAULT_PATH}"


def test_devices_are_named_as_the_kernel_does() -> None:
    """/proc/devices says `spi` for spidev (drivers/spi/spidev.c)."""
    assert values("DevicePolicy") == ["closed"]
    assert sorted(values("DeviceAllow")) == [
        f"char-{name} rw" for name in ("gpiochip", "spi", "ttyACM", "ttyAMA", "ttyS", "ttyUSB")
    ]
    assert values("PrivateDevices") == []


def test_rights_are_none() -> None:
    assert values("CapabilityBoundingSet") == values("AmbientCapabilities") == [""]
    assert values("NoNewPrivileges") == ["yes"]
    assert values("ProtectSystem") == ["strict"]
    assert "AF_NETLINK" in values("RestrictAddressFamilies")[0]


def test_the_credential_example_is_a_place_that_is_trusted() -> None:
    (path,) = re.findall(r'password_file = "(\S+)"', (INSTALL / "chiplink.service").read_text())
    assert path.startswith(TRUSTED)


# udev


def rules() -> list[str]:
    text = (INSTALL / "60-chiplink.rules").read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@needs["udevadm"]
def test_udev_takes_the_rules() -> None:
    code, words = told("udevadm", "verify", INSTALL / "60-chiplink.rules")
    if "Unknown command" in words:
        pytest.skip("this udevadm has no verify")
    assert code == 0, words


def test_rules_have_the_form_of_rules() -> None:
    item = re.compile(r'[A-Z]+(?:\{[\w.]+\})?(?:==|!=|\+=|=)"[^"]*"')
    for line in rules():
        assert all(item.fullmatch(part) for part in re.split(r",\s*", line)), line
    text = "\n".join(rules())
    assert set(re.findall(r'GOTO="(\w+)"', text)) == set(re.findall(r'LABEL="(\w+)"', text))


def test_only_adapters_are_kept_from_modemmanager() -> None:
    """WCH's identities are known to `chiplink ports` too; others stay commented."""
    text = "\n".join(rules())
    (products,) = re.findall(r'ATTRS\{idVendor\}=="1a86", ATTRS\{idProduct\}=="([^"]+)"', text)
    known = {f"{product:04x}" for vendor, product in ADAPTERS if vendor == 0x1A86}
    assert set(products.split("|")) == known
    assert re.findall(r'idVendor\}=="(\w+)"', text) == ["1a86"]
    assert text.count("ID_MM_PORT_IGNORE") == 1


def test_commented_rules_would_work_too() -> None:
    text = (INSTALL / "60-chiplink.rules").read_text()
    pairs = re.findall(r'#ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="([^"]+)"', text)
    named = {(int(vendor, 16), int(one, 16)) for vendor, more in pairs for one in more.split("|")}
    assert named <= set(ADAPTERS)
    assert len(pairs) == 3


# The examples


def test_the_example_is_a_configuration() -> None:
    config = check_config(tomllib.loads((INSTALL / "chiplink.toml.example").read_text()))
    check_bridge(config)
    assert [device.settings.id for device in config.devices] == ["kvm"]


def test_the_example_without_its_comment_signs_is_one_too(tmp_path: Path) -> None:
    text = (INSTALL / "chiplink.toml.example").read_text()
    text = re.sub(r"(?m)^#(?=[\[a-z])", "", text).replace("/etc/chiplink", str(tmp_path))
    text = text.replace("mqtt://127.0.0.1", "mqtts://bridge@broker.local")
    for name, secret in (("mqtt_password", "x"), ("desk_password", "x"), ("pin", "1234")):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    config = check_config(tomllib.loads(text))
    assert config.secrets == {"desk_password": "x"}
    assert config.broker.allow_plain
    assert config.devices[0].settings.screen == (1920, 1080)


# Scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash_without_mistakes(script: Path) -> None:
    assert told("bash", "-n", script) == (0, "")
    if script.suffix != ".sh":
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in script.read_text()
        assert script.stat().st_mode & 0o111 == 0o111


@needs["shellcheck"]
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    code, words = told("shellcheck", "-x", "-P", ROOT, script)
    assert code == 0, words


BAD_PLACES = {
    "PREFIX=/": "take a folder like /opt/chiplink",
    "PREFIX=relative": "must begin with /",
    "PREFIX=/opt/a b": "take a folder like /opt/chiplink",
    "PREFIX=/opt/../etc": "take a folder like /opt/chiplink",
    "PREFIX=/root/chiplink": "hidden from services",
    "PREFIX=/home/me/chiplink": "hidden from services",
    "DESTDIR=relative": "must begin with /",
}


@pytest.mark.parametrize("given", BAD_PLACES)
@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_a_place_that_cannot_be_is_told_in_a_line(script: str, given: str) -> None:
    code, words = told("env", given, INSTALL / script)
    assert code == 1
    assert words.count("\n") == 1
    assert words.startswith(f"{script}: ")
    assert BAD_PLACES[given] in words


def test_a_python_that_is_too_old_is_told_in_a_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    code, words = told("env", f"DESTDIR={tmp_path}", f"PYTHON={old}", INSTALL / "install")
    assert (code, words.count("\n")) == (1, 1)
    assert "no Python 3.11 or later" in words
    assert [path.name for path in tmp_path.iterdir()] == ["python3"]


def test_nothing_installed_is_no_error(tmp_path: Path) -> None:
    code, words = told("env", f"DESTDIR={tmp_path}", INSTALL / "uninstall")
    assert (code, words) == (
        0,
        "uninstall: nothing in /opt/chiplink; installed elsewhere? PREFIX=…\n",
    )


# Containers


def steps() -> list[tuple[Path, Step]]:
    return [(path, step) for path in CONTAINERFILES for step in read(path)]


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_everything_copied_is_there(path: Path) -> None:
    for step in read(path):
        if step.word == "COPY" and step.copied[2] is None:
            for source in step.copied[0]:
                assert (CONTAINERFILES[path] / source).exists(), source


def test_the_container_needs_nothing_that_is_ignored() -> None:
    container = ROOT / "container"
    lines = (container / "Containerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copies = [step.copied for step in read(container / "Containerfile") if step.word == "COPY"]
    assert {
        source for sources, _, stage in copies if stage is None for source in sources
    } == allowed


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_stages_are_named_before_they_are_used(path: Path) -> None:
    names: set[str] = set()
    for step in read(path):
        if step.word == "FROM":
            image, *named = step.rest.split(" AS ")
            assert image == "python:3.13-slim"
            names |= set(named)
        elif step.word == "COPY" and step.copied[2] is not None:
            assert step.copied[2] in names


def test_programs_in_json_form_are_lists() -> None:
    """The shell form would swallow signals."""
    words = [
        step.listed for _, step in steps() if step.word in ("CMD", "ENTRYPOINT", "HEALTHCHECK")
    ]
    assert words == [
        ["chiplink", "run", "--check"],
        ["/usr/local/bin/entrypoint"],
        ["run"],
        ["/run.sh"],
    ]


def test_the_container_runs_as_nobody_of_the_host() -> None:
    container = [step for path, step in steps() if path.name == "Containerfile"]
    assert [step.rest for step in container if step.word == "USER"] == ["chiplink"]
    last = [step.word for step in container]
    assert last.index("USER") > max(place for place, word in enumerate(last) if word == "RUN")


def test_compose_names_what_is_there() -> None:
    yaml = pytest.importorskip("yaml")
    folder = ROOT / "container"
    content = yaml.safe_load((folder / "compose.yaml").read_text())
    ours = content["services"]["chiplink"]
    assert (folder / ours["build"]["context"] / ours["build"]["dockerfile"]).is_file()
    assert set(ours["secrets"]) <= set(content["secrets"])
    named = {
        volume.split(":")[0]
        for service in content["services"].values()
        for volume in service["volumes"]
        if volume[0] not in "./"
    }
    assert named == set(content["volumes"])
    assert {item["source"] for item in content["services"]["mosquitto"]["configs"]} == set(
        content["configs"]
    )
    assert "allow_anonymous false" in content["configs"]["mosquitto"]["content"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([], "no {}; mount one"),
        (["run"], "no {}; mount one"),
    ],
)
def test_a_container_without_configuration_says_so(
    tmp_path: Path, given: list[str], line: str
) -> None:
    missing = tmp_path / "chiplink.toml"
    entrypoint = ROOT / "container" / "entrypoint"
    code, words = told("env", f"CHIPLINK_CONFIG={missing}", entrypoint, *given)
    assert (code, words.count("\n")) == (2, 1)
    assert line.format(missing) in words


# The Makefile


def test_make_knows_the_targets() -> None:
    for target in ("install", "uninstall"):
        code, words = told("make", "-C", ROOT, "-n", target)
        assert code == 0
        assert f"install/{target}" in words
