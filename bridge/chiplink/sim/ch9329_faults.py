"""What can be wrong with a simulated CH9329: line faults, faults of the chip, and its quirks."""

from __future__ import annotations

from .faults import LINE_FAULTS, Fault, fault_table

CH9329_FAULTS = LINE_FAULTS | fault_table(
    Fault("no-answer", "chip", "commands are neither carried out nor answered"),
    Fault("lost-answer", "chip", "commands are carried out, but their answers get lost"),
    Fault("error", "chip", "commands are answered by an error (E6 unless told), not carried out"),
    Fault("restart", "switch", "the chip loses power for a moment: AFTER"),
    Fault("unplugged", "switch", "the USB cable to the PC is out: AFTER,FOR"),
    Fault("first-e4", "quirk", "the first frame after power-up is answered E4"),
    Fault("unknown-fe", "quirk", "an unknown command is answered 57 AB 00 FE 00, without a sum"),
    Fault("unknown-silent", "quirk", "an unknown command is not answered"),
    Fault("long-params", "quirk", "GET_PARA_CFG is answered by 71 bytes, as a CH9329F does"),
    Fault("params-active", "quirk", "reads show settings only once a restart has made them work"),
    Fault("lost-head", "quirk", "an answer loses its first byte"),
    Fault("split-reply", "quirk", "an answer arrives in two pieces, 32 ms apart"),
    Fault("overrun", "quirk", "a command sent before the answer to the last is answered E4"),
    Fault("drop-torn", "quirk", "a torn frame is dropped after the packet interval, as documented"),
    Fault("baud-fallback", "quirk", "after a replug or power-up the chip is back at 9600 baud"),
    Fault("slow-write", "quirk", "writing settings or strings takes the chip 4 s"),
    Fault("lost-reset-ack", "quirk", "the answer to RESET gets lost"),
)
