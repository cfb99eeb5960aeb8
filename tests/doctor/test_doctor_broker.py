"""The broker a step at a time, against a real one that is wrong in one way each."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from doctor_host import Host, all_well, the_one

from chiplink.doctor import broker, homeassistant
from chiplink.doctor.context import Heard
from chiplink.doctor.finding import Finding, Level
from chiplink.mqtt import visit
from chiplink.mqtt.message import Message
from chiplink.mqtt.url import parse_broker
from chiplink.mqtt.visit import Visit
from e2e.e2e_broker import free_port, mosquitto
from e2e.e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from chiplink.demo.broker import OwnBroker
    from chiplink.doctor.context import Context

DEADLINE = 30

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Collect such a socket here, not in somebody else's test."""
    yield
    gc.collect()


async def look(context: Context) -> list[Finding]:
    """As the command does: in a thread without a loop."""
    return await asyncio.to_thread(broker.check, context)


async def test_a_wrong_configuration_is_told_as_that(host: Host) -> None:
    host.config.write_text("")
    assert "configuration" in the_one(await look(host.context()), Level.WARN).text


async def test_a_name_that_does_not_resolve(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    host.configure(url="mqtt://broker.invalid")
    found = the_one(await look(host.context()), Level.FAIL)
    assert "'broker.invalid' cannot be resolved" in found.text
    assert "getent hosts broker.invalid" in found.fix


async def test_nobody_listens(host: Host) -> None:
    host.configure(url=f"mqtt://127.0.0.1:{free_port()}")
    found = the_one(await look(host.context()), Level.FAIL)
    assert "refuses connections" in found.text
    assert "systemctl status mosquitto" in found.fix


async def test_somebody_else_listens(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        host.configure(url=f"mqtt://127.0.0.1:{port}")
        found = the_one(await look(host.context()), Level.FAIL)
    assert "hung up" in found.text


async def test_a_broker_that_says_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "CONNECT_DEADLINE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host.configure(url=f"mqtt://127.0.0.1:{silent.getsockname()[1]}")
        found = the_one(await look(host.context()), Level.FAIL)
    assert "does not answer" in found.text


async def test_all_is_well(host: Host) -> None:
    async with mosquitto() as running:
        host.configure(url=running.url)
        found = await look(host.context())
    assert all_well(found)
    told = [finding.text for finding in found]
    assert told[0] == "127.0.0.1 is an address"
    assert told[-3:] == [
        "logged in without a user",
        "MQTT 5",
        "the broker lets us read and write chiplink/cellar/#",
    ]


async def test_nothing_is_left_on_the_broker(host: Host) -> None:
    async with mosquitto() as running:
        host.configure(url=running.url)
        await look(host.context())
        async with Visit(parse_broker(running.url), "test") as client:
            await client.subscribe(["#"])
            await client.publish([Message("end", b"")])
            assert await client.hears("end")
            assert [one.topic for one in client.messages] == ["end"]


# Who may


def hashed(password: str, salt: bytes = b"twelve bytes") -> str:
    """A password as mosquitto 2 keeps it: PBKDF2 with SHA-512."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    shown = [base64.b64encode(part).decode() for part in (salt, key)]
    return f"$7$101${shown[0]}${shown[1]}"


@contextlib.asynccontextmanager
async def guarded(folder: Path, acl: str = "") -> AsyncIterator[OwnBroker]:
    """A broker that asks for a password and has an ACL."""
    passwords = folder / "passwords"
    passwords.write_text(f"bridge:{hashed('sesame')}\n")
    passwords.chmod(0o600)
    settings = [f"password_file {passwords}"]
    if acl:
        (folder / "acl").write_text(acl)
        (folder / "acl").chmod(0o600)
        settings.append(f"acl_file {folder / 'acl'}")
    async with mosquitto(settings) as running:
        yield running


def with_password(host: Host, running: OwnBroker, password: str) -> Context:
    path = host.file("/etc/chiplink/password", password, mode=0o600)
    host.configure(url=f"mqtt://bridge@127.0.0.1:{running.port}", mqtt=f'password_file = "{path}"')
    return host.context()


async def test_the_password_is_right(host: Host, tmp_path: Path) -> None:
    async with guarded(tmp_path) as running:
        found = await look(with_password(host, running, "sesame"))
    assert all_well(found)
    assert "logged in as bridge" in [finding.text for finding in found]


async def test_the_password_is_wrong(host: Host, tmp_path: Path) -> None:
    async with guarded(tmp_path) as running:
        found = the_one(await look(with_password(host, running, "swordfish")), Level.FAIL)
    assert "refuses us" in found.text
    assert "password_file" in found.fix
    assert "swordfish" not in str(found)


@pytest.mark.parametrize(
    "acl",
    [
        "user bridge\ntopic read chiplink/cellar/#\n",
        "user bridge\ntopic write chiplink/cellar/#\n",
        "user bridge\ntopic readwrite chiplink/attic/#\n",
    ],
    ids=["no writing", "no reading", "another node"],
)
async def test_the_acl_forbids(
    host: Host, tmp_path: Path, acl: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "ANSWER_DEADLINE", 0.5)
    async with guarded(tmp_path, acl) as running:
        found = the_one(await look(with_password(host, running, "sesame")), Level.FAIL)
    assert found.text == "the broker does not let bridge read and write chiplink/cellar/#"
    assert "user bridge, topic readwrite chiplink/cellar/#" in found.fix


async def test_the_acl_allows(host: Host, tmp_path: Path) -> None:
    async with guarded(tmp_path, "user bridge\ntopic readwrite chiplink/cellar/#\n") as running:
        assert all_well(await look(with_password(host, running, "sesame")))


# TLS


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


AUTHORITY = """
[ca]
default_ca = here
[here]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def issue_in_the_past(folder: Path, name: str, where: str) -> None:
    (folder / "ca.cnf").write_text(AUTHORITY)
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
        "-addext", f"subjectAltName={where}",
    )  # fmt: skip
    openssl(
        folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem",
        "-keyfile", "ca.key", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
        "-in", f"{name}.csr", "-out", f"{name}.pem",
    )  # fmt: skip


def issue(folder: Path, name: str, where: str) -> None:
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
        "-subj", f"/CN={name}", "-addext", f"subjectAltName={where}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key",
    )  # fmt: skip


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority; servers for this host, for another, and one that has expired."""
    folder = tmp_path_factory.mktemp("papers")
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    issue(folder, "server", "IP:127.0.0.1")
    issue(folder, "elsewhere", "DNS:elsewhere.example")
    issue_in_the_past(folder, "expired", "IP:127.0.0.1")
    return folder


@contextlib.asynccontextmanager
async def secured(papers: Path, name: str, *more: str) -> AsyncIterator[OwnBroker]:
    settings = [f"cafile {papers / 'ca.pem'}", f"certfile {papers / f'{name}.pem'}"]
    async with mosquitto([*settings, f"keyfile {papers / f'{name}.key'}", *more]) as running:
        yield running


def over_tls(host: Host, port: int, authority: Path | None) -> Context:
    mqtt = f'ca_file = "{authority}"' if authority else ""
    host.configure(url=f"mqtts://127.0.0.1:{port}", mqtt=mqtt)
    return host.context()


async def test_tls_verifies(host: Host, papers: Path) -> None:
    async with secured(papers, "server") as running:
        found = await look(over_tls(host, running.port, papers / "ca.pem"))
    assert all_well(found)
    assert any("TLSv1" in finding.text for finding in found)


@pytest.mark.parametrize(
    ("server", "authority", "text", "fix"),
    [
        ("server", None, "does not verify", "ca_file = "),
        ("server", "elsewhere.pem", "does not verify", "is not the authority"),
        ("elsewhere", "ca.pem", "for another host", "mqtt.url"),
        ("expired", "ca.pem", "expired", "clock"),
        ("server", "nothing.pem", "nothing.pem", "correct the file"),
    ],
)
async def test_tls_does_not_verify(
    host: Host, papers: Path, server: str, authority: str | None, text: str, fix: str
) -> None:
    async with secured(papers, server) as running:
        path = papers / authority if authority else None
        found = the_one(await look(over_tls(host, running.port, path)), Level.FAIL)
    assert text in found.text
    assert fix in found.fix


async def test_tls_where_there_is_none(host: Host, papers: Path) -> None:
    async with mosquitto() as running:
        found = the_one(await look(over_tls(host, running.port, papers / "ca.pem")), Level.FAIL)
    assert "TLS" in found.text


async def test_a_client_certificate_is_wanted(host: Host, papers: Path) -> None:
    async with secured(papers, "server", "require_certificate true") as running:
        found = the_one(await look(over_tls(host, running.port, papers / "ca.pem")), Level.FAIL)
    assert "certificate" in found.text


def test_a_certificate_of_the_future_is_the_clocks_fault() -> None:
    error = ssl.SSLCertVerificationError(1, "not yet")
    error.verify_code = 9
    fix = broker._way_in(parse_broker("mqtts://there"), error)
    assert fix == "set this host's clock: sudo timedatectl set-ntp true"


# Versions


async def old_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse MQTT 5 with 84H, take 3.1.1, then hang up."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        head = await reader.readexactly(9)
        writer.write(b"\x20\x03\x00\x84\x00" if head[8] == 5 else b"\x20\x02\x00\x00")
        await writer.drain()
        await reader.read()
    writer.close()


async def test_an_old_broker_is_tried_again_with_its_version(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chiplink.mqtt.connection.MAX_DELAY", 0.01)
    monkeypatch.setattr(visit, "ANSWER_DEADLINE", 0.2)
    async with await asyncio.start_server(old_broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Visit(parse_broker(f"mqtt://127.0.0.1:{port}"), "test") as client:
            assert client.version == 4
            version = client.version
    found = the_one([broker._version(version)], Level.WARN)
    assert "3.1.1" in found.text


async def empty_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everybody and everything, and answer a subscription with nothing."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            kind, size = await reader.readexactly(2)
            if size & 0x80:
                size = (size & 0x7F) + 128 * (await reader.readexactly(1))[0]
            body = await reader.readexactly(size)
            if kind == 0x10:
                writer.write(b"\x20\x03\x00\x00\x00")
            elif kind == 0x82:
                writer.write(b"\x90\x03" + body[:2] + b"\x00")
            elif kind & 0xF0 == 0x30:
                at = 2 + int.from_bytes(body[:2], "big")
                writer.write(b"\x40\x02" + body[at : at + 2])
    writer.close()


async def test_a_broker_that_answers_no_filter(host: Host) -> None:
    async with await asyncio.start_server(empty_broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        host.configure(url=f"mqtt://127.0.0.1:{port}")
        found = the_one(await look(host.context()), Level.FAIL)
    assert "does not let anonymous read and write" in found.text


# What is there


async def heard(host: Host, running: OwnBroker, *retained: tuple[str, bytes]) -> Context:
    async with Visit(parse_broker(running.url), "test") as client:
        await client.publish(Message(topic, text, retain=True) for topic, text in retained)
    host.configure(url=running.url)
    context = host.context()
    await look(context)
    return context


async def test_a_bridge_runs_and_home_assistant_speaks(host: Host) -> None:
    async with mosquitto() as running:
        context = await heard(
            host,
            running,
            ("chiplink/cellar/status", b"online"),
            ("homeassistant/status", b"online"),
            ("homeassistant/device/chiplink-cellar/kvm/config", b"{}"),
            ("homeassistant/sensor/other/config", b"{}"),
        )
    assert all_well(homeassistant.check_bridge(context))
    said, count = homeassistant.check_home_assistant(context)
    assert said.text == "Home Assistant speaks on homeassistant/status: online"
    assert count.text == "2 discovery topics are retained below homeassistant/"


async def test_a_birth_while_listening(host: Host) -> None:
    async with mosquitto() as running:
        host.configure(url=running.url)
        context = host.context(listen=20.0)
        async with (
            asyncio.timeout(DEADLINE),
            Visit(parse_broker(running.url), "test") as client,
        ):
            await client.subscribe(["chiplink/cellar/response/#"])
            looking = asyncio.create_task(look(context))
            await until(lambda: any("doctor-" in topic for topic in client.heard))
            await client.publish([Message("homeassistant/status", b"online")])
            await looking
    assert "homeassistant/status" in (context.heard or Heard({})).live
    said = homeassistant.check_home_assistant(context)[0]
    assert said.text == "Home Assistant speaks on homeassistant/status"


@pytest.mark.parametrize(
    ("retained", "words"),
    [((), "is unknown"), ((("chiplink/cellar/status", b"offline"),), "is offline")],
)
async def test_no_bridge_and_no_home_assistant(
    host: Host, retained: tuple[tuple[str, bytes], ...], words: str
) -> None:
    async with mosquitto() as running:
        context = await heard(host, running, *retained)
    found = the_one(homeassistant.check_bridge(context), Level.WARN)
    assert words in found.text
    assert found.fix == f"chiplink run -c {host.config}"
    assert "nothing seen on homeassistant/status" in (
        homeassistant.check_home_assistant(context)[0].text
    )


def listening(host: Host, table: str) -> Context:
    host.configure(mqtt=f"[homeassistant]\n{table}")
    context = host.context()
    context.heard = Heard({})
    return context


def test_another_prefix_than_the_birth_topics(host: Host) -> None:
    context = listening(host, 'discovery_prefix = "ha"')
    found = the_one(homeassistant.check_home_assistant(context), Level.WARN)
    assert "prefix is ha" in found.text


def test_home_assistant_is_off(host: Host) -> None:
    (found,) = homeassistant.check_home_assistant(listening(host, 'mode = "off"'))
    assert found.text == "homeassistant.mode is off"


def test_nothing_heard_nothing_said(host: Host) -> None:
    assert homeassistant.check_bridge(host.context()) == []
    assert homeassistant.check_home_assistant(host.context()) == []


def test_the_whole_command(host: Host) -> None:
    """In a process of its own, as people run it: nobody answers at the broker's port."""
    host.configure(url=f"mqtt://127.0.0.1:{free_port()}")
    program = (
        "import sys; from chiplink.cli import doctor_command as command; import argparse;"
        "parser = argparse.ArgumentParser(); command.add_arguments(parser);"
        "sys.exit(command.run(parser.parse_args(sys.argv[1:])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "-c", str(host.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert "FAIL  broker: the broker 127.0.0.1:" in done.stdout
    assert done.stderr == ""
