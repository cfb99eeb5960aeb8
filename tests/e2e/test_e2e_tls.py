"""TLS to the broker: verified, or refused in words; and by a client certificate."""

from __future__ import annotations

import gc
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from e2e_broker import mosquitto
from e2e_house import house, running_bridge, tables
from e2e_observer import Observer
from e2e_waiting import until

from chiplink.mqtt import connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chiplink.sim import Ch9329Sim, PtyLine


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


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def issue(folder: Path, name: str, host: str) -> None:
    """A key and a certificate of the authority for `host`."""
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
        "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key",
    )  # fmt: skip


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server for this host, one for another, and a client."""
    folder = tmp_path_factory.mktemp("papers")
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    issue(folder, "server", "IP:127.0.0.1,DNS:localhost")
    issue(folder, "elsewhere", "DNS:elsewhere.example")
    issue(folder, "client", "DNS:bridge")
    return folder


def tls_broker(papers: Path, name: str = "server", *more: str) -> list[str]:
    return [
        f"cafile {papers / 'ca.pem'}",
        f"certfile {papers / f'{name}.pem'}",
        f"keyfile {papers / f'{name}.key'}",
        *more,
    ]


def config(port: int, line: PtyLine, **mqtt: str) -> dict[str, Any]:
    wanted = tables(f"mqtts://127.0.0.1:{port}", line.path)
    wanted["mqtt"] |= mqtt
    return wanted


def trusting(papers: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(papers / "ca.pem"))
    context.load_cert_chain(papers / "client.pem", papers / "client.key")
    return context


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if record.name.startswith("chiplink.mqtt")
    ]


async def test_it_works_with_the_authority(sim: Ch9329Sim, line: PtyLine, papers: Path) -> None:
    async with mosquitto(tls_broker(papers)) as broker:
        wanted = config(broker.port, line, ca_file=str(papers / "ca.pem"))
        async with (
            Observer(broker.port, tls=trusting(papers)) as observer,
            house(sim, line, observer, wanted) as home,
        ):
            await home.done("type", "in private")
    assert home.text == "in private"


@pytest.mark.parametrize(
    ("server", "authority", "words", "misleading"),
    [
        ("server", None, "does not verify", "mqtt.url"),
        ("elsewhere", "ca.pem", "127.0.0.1", "set mqtt.ca_file"),
        ("server", "elsewhere.pem", "does not verify", "mqtt.url"),
        ("server", "nothing.pem", "nothing.pem", "mqtt.url"),
    ],
    ids=["no authority", "wrong host", "wrong authority", "no such file"],
)
async def test_what_does_not_verify_is_refused_in_words(
    line: PtyLine,
    papers: Path,
    server: str,
    authority: str | None,
    words: str,
    misleading: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connection, "MAX_DELAY", 0.05)
    mqtt = {"ca_file": str(papers / authority)} if authority else {}
    async with mosquitto(tls_broker(papers, server)) as broker:
        async with running_bridge(config(broker.port, line, **mqtt)) as bridge:
            await until(lambda: warnings(caplog))
            assert not bridge.session.connected.is_set()
        first = warnings(caplog)[0]
        assert words in first
        assert misleading not in first
        assert "\n" not in first
        assert len(warnings(caplog)) == 1


async def test_a_certificate_for_another_host_is_told_as_that(
    line: PtyLine, papers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        mosquitto(tls_broker(papers, "elsewhere")) as broker,
        running_bridge(config(broker.port, line, ca_file=str(papers / "ca.pem"))),
    ):
        await until(lambda: warnings(caplog))
    assert "mismatch" in warnings(caplog)[0] or "another" in warnings(caplog)[0]


async def test_a_client_certificate_lets_it_in(sim: Ch9329Sim, line: PtyLine, papers: Path) -> None:
    settings = tls_broker(papers, "server", "require_certificate true")
    async with mosquitto(settings) as broker:
        wanted = config(
            broker.port,
            line,
            ca_file=str(papers / "ca.pem"),
            cert_file=str(papers / "client.pem"),
            key_file=str(papers / "client.key"),
        )
        async with (
            Observer(broker.port, tls=trusting(papers)) as observer,
            house(sim, line, observer, wanted) as home,
        ):
            await home.done("type", "by certificate")
    assert home.text == "by certificate"


async def test_a_missing_client_certificate_is_told(
    line: PtyLine, papers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = tls_broker(papers, "server", "require_certificate true")
    async with (
        mosquitto(settings) as broker,
        running_bridge(config(broker.port, line, ca_file=str(papers / "ca.pem"))) as bridge,
    ):
        await until(lambda: warnings(caplog))
        assert not bridge.session.connected.is_set()
    assert "certificate" in warnings(caplog)[0]


async def test_tls_to_a_port_without_it_is_told(
    line: PtyLine, papers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        mosquitto() as broker,
        running_bridge(config(broker.port, line, ca_file=str(papers / "ca.pem"))) as bridge,
    ):
        await until(lambda: warnings(caplog))
        assert not bridge.session.connected.is_set()
    assert "TLS" in warnings(caplog)[0]
