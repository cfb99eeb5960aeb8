"""Versions, configuration, secrets, state, clock and service; and the command itself."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING

import pytest
from doctor_host import NOW, Host, all_well, the_one, user

from chiplink.cli.doctor_command import examine_all
from chiplink.doctor import checks, clock, configuration, service, storage, versions
from chiplink.doctor import context as context_module
from chiplink.doctor.checks import CHECKS, Check, examine
from chiplink.doctor.context import make_context, run_command
from chiplink.doctor.finding import Finding, Level, fail, ok, warn
from chiplink.doctor.identity import current, group_id, group_name, named

if TYPE_CHECKING:
    from pathlib import Path


def test_the_packages_of_this_test_are_good(host: Host) -> None:
    found = host.find(versions.check)
    assert all_well(found)
    assert "paho-mqtt" in found[1].text


def test_an_old_python() -> None:
    assert "3.10.9" in the_one([versions.look_at_python((3, 10, 9))], Level.FAIL).text


def test_an_old_package() -> None:
    wanted = ["paho-mqtt>=2.1", "rich>=13"]
    found = versions.look_at_packages(wanted, {"paho-mqtt": "1.6.1", "rich": "13.0"}.__getitem__)
    wrong = the_one(found, Level.FAIL)
    assert wrong.text == "paho-mqtt 1.6.1 is older than 2.1"
    assert "pip install 'paho-mqtt>=2.1'" in wrong.fix


def test_a_missing_package() -> None:
    def installed(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    found = versions.look_at_packages(["msgspec>=0.19", "odd @ file:///x"], installed)
    assert the_one(found, Level.FAIL).text == "msgspec is not installed"


def test_a_good_configuration(host: Host) -> None:
    (found,) = host.find(configuration.check)
    assert found.level is Level.OK
    assert "1 device" in found.text


def test_no_configuration(host: Host) -> None:
    host.config.unlink()
    found = the_one(host.find(configuration.check), Level.FAIL)
    assert "No such file" in found.text
    assert "-c FILE" in found.fix


@pytest.mark.parametrize("content", [b"[node", b"\xff", b"#" * (1024 * 1024 + 1)])
def test_a_configuration_that_is_none(host: Host, content: bytes) -> None:
    host.config.write_bytes(content)
    assert str(host.config) in the_one(host.find(configuration.check), Level.FAIL).text


def test_every_mistake_of_the_configuration(host: Host) -> None:
    host.configure(more='layout = "xx"\narmed = "sometimes"')
    found = host.find(configuration.check)
    assert [finding.level for finding in found] == [Level.FAIL, Level.FAIL]
    assert all(finding.fix for finding in found)
    assert found[0].text.startswith("device.kvm.")


def test_a_configuration_that_others_may_change(host: Host) -> None:
    host.config.chmod(0o666)
    found = the_one(host.find(configuration.check), Level.WARN)
    assert found.fix == f"chmod go-w {host.config}"


def test_a_configuration_that_the_bridge_cannot_read(host: Host) -> None:
    host.config.chmod(0o600)
    found = the_one(host.find(configuration.check), Level.FAIL)
    assert found.fix == f"sudo chown bridge {host.config}"


@pytest.mark.parametrize(
    ("problem", "fix"),
    [
        ("mqtt.password_file: /x cannot be read: Permission denied", "sudo -u bridge"),
        ("mqtt.password_file: /run/credentials/a/b cannot be read: No such file", "as root"),
    ],
)
def test_a_secret_that_only_the_bridge_can_read(host: Host, problem: str, fix: str) -> None:
    context = host.context()
    context.problems = [problem]
    assert fix in the_one(configuration.check(context), Level.FAIL).fix


@pytest.fixture
def secret(host: Host) -> Path:
    path = host.file("/etc/chiplink/password", "sesame\n", mode=0o600)
    host.configure(url="mqtt://me@127.0.0.1", mqtt=f'password_file = "{path}"')
    return path


def test_a_secret_of_the_bridges_own(host: Host, secret: Path) -> None:
    found = host.find(storage.check_secrets, daemon=user(uid=secret.stat().st_uid))
    assert found
    assert all_well(found)


def test_a_secret_that_the_bridge_cannot_read(host: Host, secret: Path) -> None:
    found = the_one(host.find(storage.check_secrets), Level.FAIL)
    assert found.fix == f"sudo chown bridge {secret}"
    assert "sesame" not in str(found)


def test_a_missing_secret(host: Host, secret: Path) -> None:
    secret.unlink()
    assert "No such file" in the_one(host.find(storage.check_secrets), Level.FAIL).text


def test_a_secret_behind_a_closed_door(
    host: Host, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_self: object, _path: object) -> bool:
        raise PermissionError

    monkeypatch.setattr("chiplink.doctor.identity.Identity.may_read", denied)
    assert the_one(host.find(storage.check_secrets), Level.WARN).fix == "sudo chiplink doctor"


def test_the_services_credentials_are_not_looked_for(host: Host) -> None:
    host.configure(mqtt='password_file = "/run/credentials/chiplink.service/password"')
    assert host.find(storage.check_secrets) == []


def test_a_secret_to_type_is_looked_at_too(host: Host) -> None:
    host.config.write_text('[secrets]\ndesk = { file = "/nonexistent/desk" }\nodd = 1\n')
    found = the_one(host.find(storage.check_secrets), Level.FAIL)
    assert found.text.startswith("secrets.desk: ")


@pytest.mark.parametrize(
    ("free", "level"), [(0, Level.FAIL), (10 * 2**20, Level.WARN), (2**30, Level.OK)]
)
def test_room_on_the_disk(
    host: Host, free: int, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "free_bytes", lambda _folder: free)
    (found,) = host.find(storage.check_state, daemon=user(uid=0))
    assert found.level is level
    assert f"{free // 2**20} MiB" in found.text


def test_a_state_folder_of_somebody_else(host: Host) -> None:
    found = the_one(host.find(storage.check_state), Level.FAIL)
    assert found.fix.startswith("sudo install -d -o bridge ")


def test_a_clock_kept_right(host: Host) -> None:
    host.said["timedatectl"] = "yes\n"
    found = host.find(clock.check)
    assert len(found) == 2
    assert all_well(found)


def test_no_timedatectl_no_word(host: Host) -> None:
    assert all_well(host.find(clock.check))


def test_a_clock_that_nobody_keeps(host: Host) -> None:
    host.said["timedatectl"] = "no\n"
    assert the_one(host.find(clock.check), Level.WARN).fix == "sudo timedatectl set-ntp true"


@pytest.mark.parametrize(("now", "shown"), [(0.0, "1970"), (NOW * 2, "2084")])
def test_a_clock_gone_wrong(host: Host, now: float, shown: str) -> None:
    assert shown in the_one(host.find(clock.check, now=lambda: now), Level.FAIL).text


UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "User": "root",
    "SupplementaryGroups": "",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "StateDirectory": "chiplink",
}


@pytest.mark.parametrize(
    ("changes", "level", "words", "fix"),
    [
        ({"ActiveState": "failed", "Result": "exit-code"}, Level.FAIL, "exit-code", "journalctl"),
        ({"SubState": "auto-restart"}, Level.FAIL, "auto-restart", "journalctl"),
        ({"ActiveState": "inactive", "SubState": "dead"}, Level.WARN, "dead", "systemctl start"),
        ({"UnitFileState": "disabled"}, Level.WARN, "at boot", "systemctl enable"),
        ({"UnitFileState": "masked"}, Level.WARN, "at boot", "systemctl unmask"),
        ({"LoadState": "bad-setting"}, Level.FAIL, "bad-setting", "systemctl status"),
    ],
)
def test_the_service(
    host: Host, changes: dict[str, str], level: Level, words: str, fix: str
) -> None:
    host.said["systemctl"] = "".join(f"{key}={text}\n" for key, text in {**UNIT, **changes}.items())
    found = the_one(host.find(service.check), level)
    assert words in found.text
    assert fix in found.fix


def test_a_running_service(host: Host) -> None:
    host.said["systemctl"] = "".join(f"{key}={text}\n" for key, text in UNIT.items())
    assert all_well(host.find(service.check))
    assert service.user(host.run, user()).name == "root"
    assert str(service.state_folder(host.run)) == "/var/lib/chiplink"


@pytest.mark.parametrize("said", [None, "LoadState=not-found\nActiveState=inactive\n"])
def test_no_service(host: Host, said: str | None) -> None:
    if said is not None:
        host.said["systemctl"] = said
    assert all_well(host.find(service.check))
    assert service.user(host.run, user()) == user()
    assert service.state_folder(host.run) is None


def test_a_services_user_that_is_not_there_counts_as_nobody_in_particular(host: Host) -> None:
    host.said["systemctl"] = "LoadState=loaded\nUser=nobody-has-this-name\n"
    assert service.user(host.run, user()) == user()


def test_who_this_is() -> None:
    me = current()
    assert named("no-such-user-here", []) is None
    root = named("root", ["no-such-group-here", group_name(0)])
    assert root is not None
    assert 0 in root.groups
    assert group_name(2**31 - 3) == str(2**31 - 3)
    assert group_id("no-such-group-here") is None
    assert me.listed <= me.groups | me.listed


def test_commands_that_cannot_be_run() -> None:
    assert run_command(["/nonexistent/program"]) is None
    assert run_command(["false"]) is None
    assert run_command(["echo", "yes"]) == "yes\n"


# The command


def only(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(checks, "CHECKS", (Check("one", lambda _context: list(findings)),))
    monkeypatch.setattr(
        "chiplink.cli.doctor_command.examine", lambda context: examine(context, checks.CHECKS)
    )


@pytest.mark.parametrize(
    ("finding", "code"),
    [(ok("good"), 0), (warn("odd", "do this"), 0), (fail("bad", "do that"), 1)],
)
def test_the_exit_code(
    host: Host,
    finding: Finding,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    only(monkeypatch, finding)
    assert examine_all(host.context(), as_json=False) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [str(finding.level), "one:", finding.text]
    assert lines[1:] == ([f"      fix: {finding.fix}"] if finding.fix else [])


def test_a_wrong_configuration_is_exit_code_2(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, ok("good"))
    host.config.unlink()
    assert examine_all(host.context(), as_json=True) == 2
    told = json.loads(capsys.readouterr().out)
    assert told == {"findings": [{"check": "one", "level": "ok", "text": "good", "fix": ""}]}


def test_a_check_that_breaks_is_a_finding(host: Host) -> None:
    def breaks(_context: object) -> list[Finding]:
        raise RuntimeError("of its own")

    table = (Check("odd", breaks), Check("even", lambda _context: [ok("good")]))
    found = [finding for _check, finding in examine(host.context(), table)]
    assert [finding.level for finding in found] == [Level.FAIL, Level.OK]
    assert "of its own" in found[0].text


def test_the_table_has_each_name_once() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


def test_what_others_chose_cannot_control_the_terminal(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, fail("\x1b[2Jgone", "line\nbreak"))
    examine_all(host.context(), as_json=False)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_this_host_can_be_looked_at(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "run_command", host.run)
    context = make_context(host.config)
    assert context.config is not None
    assert context.config.node == "cellar"
    assert host.asked
