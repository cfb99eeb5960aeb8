"""What can be wrong with a simulated CH392: line faults, faults of the chip, and its quirks."""

from __future__ import annotations

from .faults import LINE_FAULTS, Fault, fault_table

CH392_FAULTS = LINE_FAULTS | fault_table(
    Fault("no-answer", "chip", "commands are neither carried out nor answered"),
    Fault("busy-forever", "chip", "a command with a status stays BUSY until the chip is reset"),
    Fault("spi-echo", "chip", "an answer over SPI begins with the echo of its command's code"),
    Fault("int-lost", "chip", "INT# goes low, but its edge gets lost"),
    Fault("int-spurious", "chip", "INT# goes low after a command, with nothing behind it"),
    Fault("int-stuck-low", "chip", "INT# stays low whatever is read"),
    Fault("open-after-close-20h", "chip", "OPEN within 200ms (unless told) of CLOSE answers 20H"),
    Fault("phy-garbage", "chip", "GET_PHY_STATUS answers what is no state of a PHY"),
    Fault("recv-length-garbage", "chip", "GET_RECV_LEN answers more than the buffer holds"),
    Fault("dhcp-none", "chip", "no DHCP server answers"),
    Fault("dhcp-change", "switch", "the DHCP server gives another address: AFTER"),
    Fault("cable", "switch", "the Ethernet cable is out: AFTER,FOR"),
    Fault("silent-reset", "switch", "the chip resets itself and tells nobody: AFTER"),
    Fault("stray-status", "quirk", "the global interrupt status goes out on the UART unasked"),
)
