"""What can be wrong with any simulated modem, beyond the faults of its line."""

from __future__ import annotations

from .faults import LINE_FAULTS, Fault, fault_table

MODEM_FAULTS = LINE_FAULTS | fault_table(
    Fault("no-answer", "chip", "commands are neither carried out nor answered"),
    Fault("lost-answer", "chip", "commands are carried out, but their final result gets lost"),
    Fault("error", "chip", "commands are answered by ERROR and not carried out"),
    Fault("urc-inside-reply", "chip", "unsolicited lines stand inside a command's reply"),
    Fault("time-urcs", "chip", "the network's time (*PSUTTZ, DST) comes before a reply"),
    Fault("under-voltage", "chip", "UNDER-VOLTAGE WARNNING comes before a reply"),
    Fault("closed-during-send", "chip", "the peer closes while a send waits for its result"),
    Fault("send-fail", "chip", "sends fail"),
    Fault("late-connect-fail", "chip", "a connection fails inside the next command's reply"),
    Fault("lost-notice", "chip", "the notice that data wait gets lost; none is ever repeated"),
    Fault("payload-ok", "chip", "a peer's payload ends in OK, CLOSED and a prompt, none meant so"),
    Fault("pin-wrong", "chip", "the card refuses the right PIN, and counts the try"),
    Fault("boot-junk", "chip", "binary junk comes before RDY"),
    Fault("restart", "switch", "the modem restarts by itself: AFTER"),
    Fault("power-dip", "switch", "UNDER-VOLTAGE POWER DOWN, and the modem starts again: AFTER"),
    Fault("pdp-deact", "switch", "the network takes the data context away: AFTER"),
    Fault("no-network", "switch", "there is no network to register with: AFTER,FOR"),
    Fault("sim-missing", "switch", "there is no SIM card in the holder: AFTER,FOR"),
    Fault("pin-needed", "switch", "the SIM card asks for its PIN (1234): AFTER"),
    Fault("double-cr", "quirk", "lines of information end in two CRs and a LF"),
    Fault("lf-error", "quirk", "an LF behind a command's CR is answered ERROR"),
)

# What is publicly known to break drivers that search where they should count.
TRAP_PAYLOAD = b"\r\nOK\r\n\r\nERROR\r\n\r\n0, CLOSED\r\nCLOSED\r\n+CIPRXGET: 2,0,9,9\r\n\r\n> "
STRAY_URCS = ("+CREG: 1", "+CSQ: 21,0", "RING", '+CMTI: "SM",10')
TIME_URCS = (
    "+CTZV: +32,0",
    '*PSUTTZ: 2026,11,20,13,25,2,"+32",0',
    "DST: 0",
    '+CIEV: 10,"46000","CMCC","CMCC", 0, 0',
)
BOOT_JUNK = bytes.fromhex("00 49 49 49 49 FF FF FF FF")
