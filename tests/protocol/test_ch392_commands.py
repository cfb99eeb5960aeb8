"""Every builder against the bytes typed from the manual, and what each refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chiplink.exceptions import UsageError
from chiplink.protocol import ch392_commands as build
from chiplink.protocol.ch392 import BAUDS, SEARCH, FunctionBit, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = {
    vector["name"]: bytes.fromhex(vector["hex"])
    for vector in json.loads(
        (Path(__file__).parent.parent / "vectors" / "ch392.json").read_text("utf-8")
    )
}
MAC = bytes.fromhex("02 01 02 03 04 05")
BUILT = {
    "get_ic_ver": build.get_ic_ver(),
    "set_baudrate_115200": build.set_baudrate(115200),
    "set_baudrate_921600": build.set_baudrate(921600),
    "reset_all": build.reset_all(),
    "check_exist": build.check_exist(0x57),
    "set_mac_addr": build.set_mac_addr(MAC, force=True),
    "set_ip_addr": build.set_ip_addr("192.168.1.2"),
    "set_gwip_addr": build.set_gwip_addr("192.168.1.1"),
    "set_mask_addr": build.set_mask_addr("255.255.255.0"),
    "get_phy_status": build.get_phy_status(),
    "init_ch392": build.init_ch392(),
    "get_unreach_ipport": build.get_unreach_ipport(),
    "get_glob_int_status": build.get_glob_int_status(),
    "get_cmd_status": build.get_cmd_status(),
    "get_remot_ipp_sn": build.get_remot_ipp_sn(1),
    "clear_recv_buf_sn": build.clear_recv_buf_sn(2),
    "get_socket_status_sn": build.get_socket_status_sn(0),
    "get_int_status_sn": build.get_int_status_sn(3),
    "set_ip_addr_sn": build.set_ip_addr_sn(0, "192.168.1.50"),
    "udp_server_sn": build.udp_server_sn(1),
    "set_dest_port_sn": build.set_dest_port_sn(0, 502),
    "set_sour_port_sn": build.set_sour_port_sn(0, 600),
    "set_proto_type_sn_tcp": build.set_proto_type_sn(0, Protocol.TCP),
    "set_proto_type_sn_udp": build.set_proto_type_sn(1, Protocol.UDP),
    "open_socket_sn": build.open_socket_sn(0),
    "tcp_listen_sn": build.tcp_listen_sn(3),
    "tcp_connect_sn": build.tcp_connect_sn(0),
    "tcp_disconnect_sn": build.tcp_disconnect_sn(0),
    "write_send_buf_sn": build.write_send_buf_sn(0, b"hello"),
    "get_recv_len_sn": build.get_recv_len_sn(0),
    "read_recv_buf_sn": build.read_recv_buf_sn(0, 5),
    "close_socket_sn": build.close_socket_sn(0),
    "set_ipraw_pro_sn": build.set_ipraw_pro_sn(0, 89),
    "get_mac_addr": build.get_mac_addr(),
    "dhcp_enable": build.dhcp_enable(on=True),
    "dhcp_disable": build.dhcp_enable(on=False),
    "get_dhcp_status": build.get_dhcp_status(),
    "get_ip_inf": build.get_ip_inf(),
    "set_ttl": build.set_ttl(0, 128),
    "set_recv_buf": build.set_recv_buf(0, 0, 2),
    "set_send_buf": build.set_send_buf(1, 6, 2),
    "set_keep_live_idle": build.set_keep_live_idle(20000),
    "set_keep_live_intvl": build.set_keep_live_intvl(15000),
    "set_keep_live_cnt": build.set_keep_live_cnt(9),
    "set_keep_live_sn": build.set_keep_live_sn(0, on=True),
    "enter_sleep": build.enter_sleep(),
    "get_glob_int_status_all": build.get_glob_int_status_all(),
    "set_retran_count": build.set_retran_count(12),
    "set_retran_period": build.set_retran_period(500),
    "ping_enable": build.ping_enable(on=True),
    "set_tcp_mss": build.set_tcp_mss(536),
    "set_fun_para": build.set_fun_para(FunctionBit.SOCKET_CLOSE),
}


@pytest.mark.parametrize("name", VECTORS)
def test_built(name: str) -> None:
    assert b"\x57\xab" + BUILT[name] == VECTORS[name]


def test_nothing_is_built_without_a_vector() -> None:
    assert BUILT.keys() == VECTORS.keys()


# Section 5.2's table: rate, and its three bytes as they are sent.
RATES = {
    4800: "C0 12 00",
    9600: "80 25 00",
    19200: "00 4B 00",
    38400: "00 96 00",
    57600: "00 E1 00",
    76800: "00 2C 01",
    115200: "00 C2 01",
    460800: "00 08 07",
    921600: "00 10 0E",
}


def test_every_rate() -> None:
    assert tuple(RATES) == BAUDS
    assert sorted(SEARCH) == sorted(RATES)
    for rate, sent in RATES.items():
        assert build.set_baudrate(rate) == b"\x02" + bytes.fromhex(sent)


def test_function_bits() -> None:
    every = FunctionBit.TCP_SERVER | FunctionBit.SOCKET_CLOSE
    every |= FunctionBit.NO_SEND_OK | FunctionBit.FAST_UART
    assert build.set_fun_para(every) == bytes.fromhex("55 9A 00 00 00")
    assert build.set_fun_para(FunctionBit.NONE) == bytes.fromhex("55 00 00 00 00")


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "baud": (lambda: build.set_baudrate(230400), "nearest is 115200"),
    "mac": (lambda: build.set_mac_addr(MAC), "needs force"),
    "short mac": (lambda: build.set_mac_addr(MAC[1:], force=True), "6 bytes, not 5"),
    "group mac": (lambda: build.set_mac_addr(b"\x01" + MAC[1:], force=True), "of one device"),
    "empty mac": (lambda: build.set_mac_addr(bytes(6), force=True), "of one device"),
    "ip": (lambda: build.set_ip_addr("192.168.1"), "no IPv4 address"),
    "ip6": (lambda: build.set_ip_addr("::1"), "no IPv4 address"),
    "mask": (lambda: build.set_mask_addr("255.0.255.0"), "no netmask"),
    "inverted mask": (lambda: build.set_mask_addr("0.0.0.255"), "no netmask"),
    "client to all": (lambda: build.set_ip_addr_sn(0, "255.255.255.255"), "udp-server"),
    "client to none": (lambda: build.set_ip_addr_sn(0, "0.0.0.0"), "no destination"),  # noqa: S104
    "socket 4": (lambda: build.open_socket_sn(4), "socket 4 is outside 0 to 3"),
    "socket -1": (lambda: build.close_socket_sn(-1), "socket -1"),
    "port 0": (lambda: build.set_dest_port_sn(0, 0), "port 0 is outside 1 to 65535"),
    "port 65536": (lambda: build.set_sour_port_sn(0, 65536), "port 65536"),
    "macraw": (lambda: build.set_proto_type_sn(1, Protocol.MACRAW), "only socket 0"),
    "ipraw": (lambda: build.set_ipraw_pro_sn(0, 256), "256 is outside"),
    "ttl": (lambda: build.set_ttl(0, 129), "129 is outside 1 to 128"),
    "ttl 0": (lambda: build.set_ttl(0, 0), "0 is outside 1 to 128"),
    "blocks": (lambda: build.set_recv_buf(0, 7, 2), "from 7 on 2 is outside 1 to 1"),
    "no blocks": (lambda: build.set_send_buf(0, 0, 0), "0 is outside 1 to 8"),
    "block 8": (lambda: build.set_send_buf(0, 8, 1), "first block 8"),
    "idle": (lambda: build.set_keep_live_idle(20250), "nearest is 20000"),
    "interval": (lambda: build.set_keep_live_intvl(700), "nearest is 500"),
    "interval 0": (lambda: build.set_keep_live_intvl(0), "0 is outside 500"),
    "idle too long": (lambda: build.set_keep_live_idle(4294967500), "is outside 500"),
    "count": (lambda: build.set_keep_live_cnt(0), "0 is outside 1 to 255"),
    "write nothing": (lambda: build.write_send_buf_sn(0, b""), "0 is outside"),
    "write": (lambda: build.write_send_buf_sn(0, bytes(537), limit=536), "537 is outside 1 to 536"),
    "long write": (lambda: build.write_send_buf_sn(0, bytes(4097), limit=9999), "1 to 4096"),
    "read": (lambda: build.read_recv_buf_sn(0, 4097), "4097 is outside 1 to 4096"),
    "read nothing": (lambda: build.read_recv_buf_sn(0, 0), "0 is outside"),
    "test byte": (lambda: build.check_exist(256), "256 is outside 0 to 255"),
    "retries": (lambda: build.set_retran_count(21), "21 is outside 1 to 20"),
    "period": (lambda: build.set_retran_period(1001), "1001 is outside 1 to 1000"),
    "mss": (lambda: build.set_tcp_mss(1461), "1461 is outside 60 to 1460"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case: str) -> None:
    call, why = REFUSED[case]
    with pytest.raises(UsageError) as raised:
        call()
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_may_answer_everybody() -> None:
    sent = build.set_ip_addr_sn(2, "255.255.255.255", server=True)
    assert sent == bytes.fromhex("31 02 FF FF FF FF")


def test_masks() -> None:
    assert build.set_mask_addr("0.0.0.0") == bytes.fromhex("24 00 00 00 00")  # noqa: S104
    assert build.set_mask_addr("255.255.255.255") == bytes.fromhex("24 FF FF FF FF")
    assert build.set_mask_addr("255.255.240.0") == bytes.fromhex("24 FF FF F0 00")


def test_keep_alive_by_hand() -> None:
    longer = ["56 60 EA 00 00", "57 30 75 00 00", "58 05"]  # 60 s, 30 s
    shorter = ["57 E8 03 00 00", "56 88 13 00 00", "58 05"]  # 1 s, 5 s
    assert [each.hex(" ").upper() for each in build.keep_alive(60000, 30000, 5)] == longer
    assert [each.hex(" ").upper() for each in build.keep_alive(5000, 1000, 5)] == shorter


@pytest.mark.parametrize(("idle", "interval"), [(1000, 1000), (1000, 1500), (500, 0)])
def test_keep_alive_refused(idle: int, interval: int) -> None:
    with pytest.raises(UsageError):
        build.keep_alive(idle, interval, 3)


STEPS = st.integers(1, 200).map(lambda step: 500 * step)
TIMES = st.tuples(STEPS, STEPS).filter(lambda times: times[0] > times[1])


@given(old=st.none() | TIMES, new=TIMES)
@example(old=None, new=(15000, 10000))
@example(old=None, new=(15500, 15000))
def test_keep_alive_is_right_at_every_moment(
    old: tuple[int, int] | None, new: tuple[int, int]
) -> None:
    idle, interval = old or (20000, 15000)
    for command in build.keep_alive(*new, 9, was=old)[:2]:
        value = int.from_bytes(command[1:], "little")
        idle, interval = (value, interval) if command[0] == 0x56 else (idle, value)
        assert idle > interval
    assert (idle, interval) == new
