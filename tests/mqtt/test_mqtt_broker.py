"""Where the broker is, what goes wrong on the way, and TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from chiplink.exceptions import BrokerError, ConfigError
from chiplink.mqtt.failures import explain_exception, explain_reason
from chiplink.mqtt.tls import make_context
from chiplink.mqtt.url import Broker, parse_broker

if TYPE_CHECKING:
    from pathlib import Path

BROKER = Broker(host="broker.local", port=8883, tls=True, user="bridge", password="hunter2")


# URLs


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("mqtt://h", Broker(host="h", port=1883)),
        ("mqtts://h", Broker(host="h", port=8883, tls=True)),
        ("ws://h", Broker(host="h", port=80, path="/mqtt")),
        ("wss://h", Broker(host="h", port=443, tls=True, path="/mqtt")),
        ("wss://h/bus", Broker(host="h", port=443, tls=True, path="/bus")),
        ("mqtt://h:1", Broker(host="h", port=1)),
        ("mqtt://h:65535", Broker(host="h", port=65535)),
        ("mqtt://H.Example", Broker(host="h.example", port=1883)),
        ("mqtt://[fe80::1]:1884", Broker(host="fe80::1", port=1884)),
        ("mqtt://me@h", Broker(host="h", port=1883, user="me")),
        ("mqtt://me:pw@h", Broker(host="h", port=1883, user="me", password="pw")),
        ("mqtt://a%40b:p%3Aw@h", Broker(host="h", port=1883, user="a@b", password="p:w")),
    ],
)
def test_urls(text: str, broker: Broker) -> None:
    assert parse_broker(text) == broker


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("h", "mqtt://host"),
        ("http://h", "mqtt://host"),
        ("mqtts://", "mqtts://host"),
        ("mqtt://:1883", "host"),
        ("mqtt://h:0", "1 to 65535"),
        ("mqtt://h:65536", "1 to 65535"),
        ("mqtt://h:x", "1 to 65535"),
        ("mqtt://h/path", "path"),
    ],
)
def test_what_is_no_url_says_what_would_be(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_broker(text)


@pytest.mark.parametrize("text", ["mqtt://[::1", "mqtt://a\u2100b", "mqtt://[x]", "mqtt://]"])
def test_what_python_cannot_read_is_no_url_either(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_broker(text)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("192.168.1.5", False),
        ("0.0.0.0", False),  # noqa: S104 - it is only looked at
        ("fe80::1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("broker.local", False),
    ],
)
def test_loopback(*, host: str, is_loopback: bool) -> None:
    broker = Broker(host=host, port=1883)
    assert (broker.is_loopback, broker.is_secure) == (is_loopback, is_loopback)
    assert Broker(host=host, port=8883, tls=True).is_secure
    assert Broker(host=host, port=1883, allow_plain=True).is_secure


def test_a_broker_shows_its_host_and_port_and_never_its_password() -> None:
    assert (str(BROKER), repr(BROKER)) == ("broker.local:8883", "Broker(broker.local:8883)")
    assert str(Broker(host="::1", port=1883)) == "[::1]:1883"


# Failures


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Not authorized", "ACL"),
        ("Bad user name or password", "password_file"),
        ("Session taken over", "second bridge"),
        ("Server unavailable", "starting"),
        ("Something new", "Something new"),
    ],
)
def test_reasons_in_words(reason: str, words: str) -> None:
    text = explain_reason(BROKER, reason)
    assert words in text
    assert text.startswith("the broker broker.local:8883 ")


def unverified() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def failed_handshake() -> ssl.SSLError:
    error = ssl.SSLError(1, "wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (unverified(), ["self-signed certificate", "mqtt.ca_file"]),
        (failed_handshake(), ["WRONG_VERSION_NUMBER", "TLS port"]),
        (ConnectionRefusedError(111, "Connection refused"), ["refuses", "running"]),
        (socket.gaierror(-2, "Name or service not known"), ["'broker.local'", "resolved"]),
        (TimeoutError(), ["does not answer", "firewall"]),
        (PermissionError(13, "Permission denied", "/etc/key.pem"), ["/etc/key.pem"]),
        (OSError(113, "No route to host"), ["broker.local:8883", "No route to host"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exceptions_in_words(error: Exception, words: list[str]) -> None:
    text = explain_exception(BROKER, error)
    assert [word for word in words if word not in text] == []
    assert "\n" not in text
    assert "hunter2" not in text


# TLS


def test_tls_verifies() -> None:
    context = make_context(BROKER)
    assert context.check_hostname is True
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def broker_with(ca: Path | None = None, cert: Path | None = None) -> Broker:
    return Broker(
        host="broker.local",
        port=8883,
        tls=True,
        ca_file=str(ca) if ca else None,
        cert_file=str(cert) if cert else None,
        key_file=str(cert) if cert else None,
    )


def explained(broker: Broker) -> str:
    with pytest.raises(BrokerError) as raised:
        make_context(broker)
    return explain_exception(broker, raised.value)


def test_a_missing_tls_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "ca.pem") in explained(broker_with(ca=tmp_path / "ca.pem"))
    assert str(tmp_path / "cert.pem") in explained(broker_with(cert=tmp_path / "cert.pem"))


def test_a_tls_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate\n", "utf-8")
    for broker in (broker_with(ca=tmp_path / "ca.pem"), broker_with(cert=tmp_path / "ca.pem")):
        text = explained(broker)
        assert str(tmp_path / "ca.pem") in text
        assert "TLS port" not in text
