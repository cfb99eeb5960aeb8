"""The CH392's commands (section 5, table, and what the CH395 adds): one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ch392_actions as chip
from . import ch392_socket_actions as socket
from .ch392_socket_actions import on_socket, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ch392_chip import Chip

    Run = Callable[[Chip, bytes], bytes]
    Work = Callable[[Chip, bytes], int]


@dataclass(frozen=True, slots=True)
class Command:
    """A row: code, the document's name, a short name, bytes of arguments, action.

    An action answers at once (run) or keeps the chip BUSY for a time of Times and leaves a
    status (work). With stream the two last argument bytes count data that follows them.
    """

    code: int
    name: str
    short: str
    size: int
    run: Run | None = None
    work: Work | None = None
    time: str = "socket"
    stream: bool = False

    @property
    def labels(self) -> tuple[str, str, str]:
        """The words a fault's argument may call it by."""
        return self.short, self.name.lower(), f"0x{self.code:02x}"


_ROWS = (
    Command(0x01, "CMD_GET_IC_VER", "version", 0, chip.get_version),
    Command(0x02, "CMD_SET_BAUDRATE", "baud", 3, chip.set_baudrate),
    Command(0x03, "CMD_ENTER_SLEEP", "sleep", 0, chip.nothing),
    Command(0x05, "CMD_RESET_ALL", "reset", 0, chip.reset_all),
    Command(0x06, "CMD_CHECK_EXIST", "check", 1, chip.check_exist),
    Command(0x19, "CMD_GET_GLOB_INT_STATUS_ALL", "int_all", 0, chip.get_interrupts(2)),
    Command(0x21, "CMD_SET_MAC_ADDR", "set_mac", 6, chip.set_mac),
    Command(0x22, "CMD_SET_IP_ADDR", "set_ip", 4, chip.set_net("ip")),
    Command(0x23, "CMD_SET_GWIP_ADDR", "set_gateway", 4, chip.set_net("gateway")),
    Command(0x24, "CMD_SET_MASK_ADDR", "set_mask", 4, chip.set_net("mask")),
    Command(0x26, "CMD_GET_PHY_STATUS", "phy", 0, chip.get_phy),
    Command(0x27, "CMD_INIT_CH392", "init", 0, work=chip.init, time="init"),
    Command(0x28, "CMD_GET_UNREACH_IPPORT", "unreachable", 0, chip.get_unreachable),
    Command(0x29, "CMD_GET_GLOB_INT_STATUS", "int", 0, chip.get_interrupts(1)),
    Command(0x2A, "CMD_SET_RETRAN_COUNT", "retry_count", 1, chip.set_number("retry_count")),
    Command(0x2B, "CMD_SET_RETRAN_PERIOD", "retry_period", 2, chip.set_number("retry_period")),
    Command(0x2C, "CMD_GET_CMD_STATUS", "status", 0, chip.get_status),
    Command(0x2D, "CMD_GET_REMOT_IPP_SN", "remote", 1, on_socket(socket.get_remote, 6)),
    Command(0x2E, "CMD_CLEAR_RECV_BUF_SN", "clear", 1, on_socket(socket.clear_receive)),
    Command(
        0x2F,
        "CMD_GET_SOCKET_STATUS_SN",
        "socket_status",
        1,
        on_socket(socket.get_socket_status, 2),
    ),
    Command(
        0x30,
        "CMD_GET_INT_STATUS_SN",
        "socket_int",
        1,
        on_socket(socket.get_socket_interrupts, 1),
    ),
    Command(0x31, "CMD_SET_IP_ADDR_SN", "dest_ip", 5, on_socket(socket.set_ip)),
    Command(0x32, "CMD_SET_DEST_PORT_SN", "dest_port", 3, on_socket(socket.set_port)),
    Command(0x33, "CMD_SET_SOUR_PORT_SN", "source_port", 3, on_socket(socket.set_source_port)),
    Command(0x34, "CMD_SET_PROTO_TYPE_SN", "protocol", 2, on_socket(socket.set_protocol)),
    Command(0x35, "CMD_OPEN_SOCKET_SN", "open", 1, work=status_of(socket.open_socket)),
    Command(0x36, "CMD_TCP_LISTEN_SN", "listen", 1, work=status_of(socket.listen)),
    Command(0x37, "CMD_TCP_CONNECT_SN", "connect", 1, work=status_of(socket.connect)),
    Command(0x38, "CMD_TCP_DISCONNECT_SN", "disconnect", 1, work=status_of(socket.disconnect)),
    Command(0x39, "CMD_WRITE_SEND_BUF_SN", "write", 3, on_socket(socket.write), stream=True),
    Command(0x3B, "CMD_GET_RECV_LEN_SN", "recv_len", 1, on_socket(socket.get_receive_length, 2)),
    Command(0x3C, "CMD_READ_RECV_BUF_SN", "read", 3, on_socket(socket.read)),
    Command(0x3D, "CMD_CLOSE_SOCKET_SN", "close", 1, work=status_of(socket.close_socket)),
    Command(0x3E, "CMD_SET_IPRAW_PRO_SN", "ip_protocol", 2, on_socket(socket.set_ip_protocol)),
    Command(0x3F, "CMD_PING_ENABLE", "ping", 1, chip.nothing),
    Command(0x40, "CMD_GET_MAC_ADDR", "mac", 0, chip.get_mac),
    Command(0x41, "CMD_DHCP_ENABLE", "dhcp", 1, work=chip.dhcp_enable, time="dhcp_enable"),
    Command(0x42, "CMD_GET_DHCP_STATUS", "dhcp_status", 0, chip.get_dhcp_status),
    Command(0x43, "CMD_GET_IP_INF", "ip_info", 0, chip.get_ip_info),
    Command(0x50, "CMD_SET_TCP_MSS", "mss", 2, chip.set_number("mss")),
    Command(0x51, "CMD_SET_TTL", "ttl", 2, on_socket(socket.set_ttl)),
    Command(0x52, "CMD_SET_RECV_BUF", "recv_buf", 3, on_socket(socket.set_receive_area)),
    Command(0x53, "CMD_SET_SEND_BUF", "send_buf", 3, on_socket(socket.set_send_area)),
    Command(0x55, "CMD_SET_FUN_PARA", "functions", 4, chip.set_number("set_functions")),
    Command(0x56, "CMD_SET_KEEP_LIVE_IDLE", "keep_idle", 4, chip.set_keep_idle),
    Command(0x57, "CMD_SET_KEEP_LIVE_INTVL", "keep_interval", 4, chip.set_keep_interval),
    Command(0x58, "CMD_SET_KEEP_LIVE_CNT", "keep_count", 1, chip.set_number("keep_count")),
    Command(0x59, "CMD_SET_KEEP_LIVE_SN", "keep_alive", 2, on_socket(socket.set_keep_alive)),
)
COMMANDS = {row.code: row for row in _ROWS}
COMMAND_LABELS = frozenset(label for row in COMMANDS.values() for label in row.labels)
