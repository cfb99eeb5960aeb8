from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiplink.mqtt.peers import read_peer


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("192.0.2.7:80", "192.0.2.7:80"),
        ("0.0.0.0:1", "0.0.0.0:1"),
        ("255.255.255.255:65535", "255.255.255.255:65535"),
        ("[::]:5", "[::]:5"),
        ("[2001:db8::1]:502", "[2001:db8::1]:502"),
        ("[2001:0DB8:0:0:0:0:0:1]:502", "[2001:db8::1]:502"),
        ("[fe80:1:2:3:4:5:6:7]:65535", "[fe80:1:2:3:4:5:6:7]:65535"),
    ],
)
def test_peers(text: str, peer: str) -> None:
    assert read_peer(text) == peer


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "x",
        "tx",
        "host:80",
        "192.0.2.7",
        "192.0.2.7:",
        "192.0.2.7:0",
        "192.0.2.7:080",
        "192.0.2.7:65536",
        "192.0.2.7:99999",
        "192.0.2.7:+80",
        "192.0.2.7:80 ",
        "192.0.2.7:80\n",
        " 192.0.2.7:80",
        "192.0.2.7:80:80",
        "192.0.2:80",
        "192.0.2.7.1:80",
        "192.0.2.256:80",
        "192.0.2.07:80",
        "[192.0.2.7]:80",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1]:",
        "[:::1]:80",
        "[fe80::1%eth0]:80",
        "[12345::]:80",
        "\u0661\u0661.0.0.1:80",
        "192.0.2.7:\u0668",
    ],
)
def test_what_is_no_peer(text: str) -> None:
    assert read_peer(text) is None


@given(st.text() | st.from_regex(r"[\[\].:0-9a-f]{1,30}:[0-9]{1,6}", fullmatch=True))
def test_a_peer_holds_a_colon_and_reads_as_itself(text: str) -> None:
    peer = read_peer(text)
    if peer is not None:
        assert re.fullmatch(r"[0-9.]+:[0-9]+|\[[0-9a-f:.]+\]:[0-9]+", peer)
        assert read_peer(peer) == peer


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_address_is_read(address: object, port: int) -> None:
    text = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    assert read_peer(text) == text
