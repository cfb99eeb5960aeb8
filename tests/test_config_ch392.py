"""The configuration of a CH392: its address, its line, and every way of being wrong."""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from chiplink.catalog import CHIPS
from chiplink.config import check_config
from chiplink.config.devices import READERS
from chiplink.driver.ch392 import Ch392Settings
from chiplink.driver.ch9329 import Ch9329Settings
from chiplink.driver.sockets import Kind
from config_support import lan, line, lines, problems, settings

ZERO = str(IPv4Address(0))
STATIC: dict[str, Any] = {"dhcp": False, "ip": "192.168.1.10", "netmask": "255.255.255.0"}


def static(**keys: Any) -> dict[str, Any]:
    return {key: value for key, value in {**STATIC, **keys}.items() if value is not None}


def test_every_chip_of_the_catalog_can_be_configured() -> None:
    assert set(READERS) == set(CHIPS)


# What is right


def test_the_smallest() -> None:
    chosen = settings()
    assert (chosen.id, chosen.title, chosen.profile.name) == ("lan", "", "ch392f")
    assert (chosen.dhcp, chosen.ip, chosen.netmask, chosen.gateway) == (True, None, None, None)
    assert (chosen.links, chosen.sockets) == ((), 4)


def test_everything() -> None:
    tables = lan(
        port="serial:///dev/ttyUSB1?baud=921600",
        name="Plant",
        profile="ch392t",
        gateway="192.168.1.1",
        **STATIC,
    )
    (device,) = check_config(tables).devices
    assert (device.port.path, device.port.baud) == ("/dev/ttyUSB1", 921600)
    assert device.port_text == "serial:///dev/ttyUSB1?baud=921600"
    chosen = device.settings
    assert isinstance(chosen, Ch392Settings)
    assert (chosen.title, chosen.profile.model, chosen.dhcp) == ("Plant", "CH392T", False)
    assert chosen.ip == IPv4Address("192.168.1.10")
    assert chosen.netmask == IPv4Address("255.255.255.0")
    assert chosen.gateway == IPv4Address("192.168.1.1")


def test_the_document_s_examples() -> None:
    text = (Path(__file__).parents[1] / "docs" / "ch392.md").read_text("utf-8")
    device, fixed, *links = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    rest = lan()
    del rest["device"]
    assert problems({**rest, **tomllib.loads(device + fixed)}) == []
    kinds = set()
    for each in links:
        (found,) = check_config({**rest, **tomllib.loads(device + each)}).devices
        assert isinstance(found.settings, Ch392Settings)
        kinds |= {link.kind for link in found.settings.links}
    assert kinds == set(Kind)


def test_two_kinds_of_chips_side_by_side() -> None:
    tables = lan()
    tables["device"]["kvm"] = {"chip": "ch9329", "port": "/dev/ttyUSB1"}
    devices = check_config(tables).devices
    assert [type(device.settings) for device in devices] == [Ch392Settings, Ch9329Settings]


def test_two_chips_on_one_port() -> None:
    tables = lan()
    tables["device"]["kvm"] = {"chip": "ch9329", "port": "serial:///dev/ttyUSB0"}
    (only,) = problems(tables)
    assert only == "device.kvm.port: serial:///dev/ttyUSB0 is device.lan's already"


def test_a_simulated_one() -> None:
    assert lines(port="sim://") == []


# The line


@pytest.mark.parametrize("baud", [4800, 9600, 19200, 38400, 57600, 115200, 460800, 921600])
def test_rates_of_the_chip(baud: int) -> None:
    (device,) = check_config(lan(port=f"/dev/ttyUSB0?baud={baud}")).devices
    assert device.port.baud == baud


@pytest.mark.parametrize("baud", [76800, 230400, 1200, 1_000_000])
def test_rates_that_it_cannot_have_here(baud: int) -> None:
    assert line(port=f"/dev/ttyUSB0?baud={baud}") == (
        f"device.lan.port: a CH392 on Linux knows no {baud} baud; it knows 4800, 9600, 19200,"
        " 38400, 57600, 115200, 460800, 921600"
    )


def test_a_port_that_is_none_hides_nothing_else() -> None:
    starts = [each.split(":")[0] for each in lines(port="x", profile="x", link={"a": {}})]
    assert starts == ["device.lan.profile", "device.lan.link.a.kind", "device.lan.port"]


def test_an_unknown_profile() -> None:
    assert line(profile="ch392x") == (
        "device.lan.profile: unknown profile 'ch392x'; did you mean 'ch392t'?"
    )
    assert "ch392f, ch392t" in line(profile="?")


def test_keys_of_another_chip() -> None:
    assert line(layout="de").startswith("device.lan.layout: unknown key")
    assert line(links={}) == "device.lan.links: unknown key; did you mean 'link'?"


@pytest.mark.parametrize("key", ["profile", "dhcp", "ip", "netmask", "gateway", "name", "port"])
@pytest.mark.parametrize("value", [5, 1.5, [], {}, ["x"]], ids=repr)
def test_types(key: str, value: Any) -> None:
    assert line(**static(**{key: value})).startswith(f"device.lan.{key}: expected ")


# Its address


def test_dhcp_says_the_address() -> None:
    words = "device.lan.dhcp: a server gives the address, but there is also {};"
    advice = " write dhcp = false, or take them away"
    assert line(ip="192.168.1.10") == words.format("ip") + advice
    assert line(dhcp=True, gateway="x", ip="y") == words.format("ip and gateway") + advice


def test_a_fixed_address_needs_address_and_netmask() -> None:
    assert lines(dhcp=False) == [
        'device.lan.ip: missing; dhcp = false needs it: ip = "192.168.1.10"',
        'device.lan.netmask: missing; dhcp = false needs it: netmask = "255.255.255.0"',
    ]
    assert lines(**static(gateway=None)) == []


@pytest.mark.parametrize(
    "text", ["", "192.168.1", "192.168.1.300", "192.168.01.1", "::1", "plc.lan", "192.168.1.5/24"]
)
@pytest.mark.parametrize("key", ["ip", "netmask", "gateway"])
def test_what_is_no_address(key: str, text: str) -> None:
    assert line(**static(**{key: text})) == (
        f"device.lan.{key}: {text!r} is no IPv4 address; write for example '192.168.1.50'"
    )


@pytest.mark.parametrize(
    "ip", [ZERO, "127.0.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]
)
def test_what_is_no_address_of_one_device(ip: str) -> None:
    assert line(**static(ip=ip)) == (
        f"device.lan.ip: {ip} is no address of one device; write for example '192.168.1.10'"
    )


@pytest.mark.parametrize(
    "mask", ["255.255.0.255", "0.0.0.255", "255.255.255.1", "192.168.1.0", "0.255.255.255"]
)
def test_what_is_no_netmask(mask: str) -> None:
    assert line(**static(netmask=mask)) == (
        f"device.lan.netmask: {mask} is no netmask; write for example '255.255.255.0'"
    )


@pytest.mark.parametrize("mask", ["255.255.255.255", "255.255.255.254", ZERO])
def test_netmasks_that_leave_nobody(mask: str) -> None:
    assert line(**static(netmask=mask)).startswith(
        f"device.lan.netmask: {mask} leaves no room for others; "
    )


@pytest.mark.parametrize("mask", ["255.255.255.252", "255.255.254.0", "255.0.0.0", "128.0.0.0"])
def test_netmasks(mask: str) -> None:
    assert lines(**static(ip="192.168.1.9", netmask=mask)) == []


@pytest.mark.parametrize(
    ("ip", "whose"), [("192.168.1.0", "the network's"), ("192.168.1.255", "everybody's")]
)
def test_the_ends_of_a_network_are_nobodys(ip: str, whose: str) -> None:
    words = f"{ip} is {whose} in 192.168.1.0/24; take another"
    assert line(**static(ip=ip)) == f"device.lan.ip: {words}"
    assert line(**static(gateway=ip)) == f"device.lan.gateway: {words}"


@pytest.mark.parametrize("gateway", ["192.168.2.1", "10.0.0.1", ZERO])
def test_a_gateway_outside(gateway: str) -> None:
    assert line(**static(gateway=gateway)) == (
        f"device.lan.gateway: {gateway} is outside of 192.168.1.0/24; take one inside"
    )


def test_a_gateway_that_is_the_chip() -> None:
    assert line(**static(gateway="192.168.1.10")) == (
        "device.lan.gateway: 192.168.1.10 is the device's own; write the router's"
    )


def test_all_at_once() -> None:
    starts = [
        each.split(":")[0]
        for each in lines(dhcp=False, ip="x", gateway="y", profile="z", port="/dev/a?baud=1")
    ]
    assert starts == [
        "device.lan.profile",
        "device.lan.netmask",
        "device.lan.ip",
        "device.lan.gateway",
        "device.lan.port",
    ]


# Where its links lead


def client(remote: str) -> dict[str, Any]:
    return {"link": {"plc": {"kind": "tcp-client", "remote": remote}}}


def test_a_link_out_of_the_network_needs_a_gateway() -> None:
    far = client("10.0.0.5:502")
    assert line(**static(**far)) == (
        "device.lan.link.plc.remote: 10.0.0.5 is outside of 192.168.1.0/24; set device.lan.gateway"
    )
    assert lines(**static(**far, gateway="192.168.1.1")) == []
    assert lines(**far) == []
    assert lines(**static(**client("192.168.1.50:502"))) == []
    assert lines(**static(**client("plc.lan:502"))) == []


def test_a_group_needs_no_gateway() -> None:
    group = {"link": {"plc": {"kind": "udp", "remote": "239.1.1.1:5000"}}}
    assert lines(**static(**group)) == []


def test_a_link_to_the_chip_itself() -> None:
    assert line(**static(**client("192.168.1.10:502"))) == (
        "device.lan.link.plc.remote: 192.168.1.10 is device.lan's own address;"
        " write the other side's"
    )
