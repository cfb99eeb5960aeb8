"""A modem's stream read plainly, whole and in one go; the C scanner is compared with it."""

import re

SPACES, NUMBER, COUNT, END = rb"\ {0,4}", rb"\d{1,5}", rb"(?P<n>\d{1,5})", rb"\r*\n"
ODD = rb"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xff"
RULES = (  # the first that fits; `text` is what is reported, `n` counts a payload
    ("PROMPT", rb"(?P<text>>)\ ?"),
    ("HEAD", rb"(?P<text>\+IPD[,:]?" + SPACES + COUNT + rb"(,[A-Z]{0,4})?:)"),
    ("HEAD", rb"(?P<text>\+IPD[,:]?" + SPACES + COUNT + rb")" + END),
    ("HEAD", rb"(?P<text>\+CIPRCV:" + SPACES + COUNT + rb",)"),
    ("ECHO", rb"(?P<text>[Aa][Tt][^\r\n" + ODD + rb"]*)\r"),
    ("JUNK", rb"(?P<text>[^\r\n" + ODD + rb"]*([" + ODD + rb"]|\r+(?=[^\r\n])))"),
    ("HEAD", rb"(?P<text>\+RECEIVE," + SPACES + NUMBER + rb"," + SPACES + COUNT
     + rb"(:|,[^\r\n]*:|))" + END),
    ("READ", rb"(?P<text>\+CIPRXGET:" + SPACES + rb"0{0,4}(?P<mode>[23])(," + SPACES + NUMBER
     + rb")?," + SPACES + COUNT + rb"," + SPACES + NUMBER + rb")" + END),
    ("FINAL", rb"(?P<text>OK|ERROR|\+CM[ES]\ ERROR[^\r\n]*)" + END),
    ("SENDER", rb"(?P<text>RECV\ FROM:[^\r\n]*)" + END),
    ("URC", rb"(?P<text>RDY|RING|Call\ Ready|SMS\ Ready|NORMAL\ POWER\ DOWN|(\d,\ {0,4})?CLOSED)"
     + END),
    ("URC", rb"(?P<text>((\d,\ {0,4})?REMOTE\ IP:|(UNDER|OVER)-VOLTAGE\ |\+PDP[:\ ]|DST:"
     rb"|\+(IPCLOSE|CIPEVENT|CLIENT|TCPCLOSED|CMTI|CTZV|CTZE|CIEV):|\*(PSUTTZ|PSNWID|ATREADY):)"
     rb"[^\r\n]*)" + END),
    ("LINE", rb"(?P<text>[^\r\n]+)" + END),
)  # fmt: skip


def frames(stream: bytes, *, read: bool = False, prompt: bool = False) -> list[tuple[str, bytes]]:
    """Kind and bytes of everything in a stream; what is incomplete at its end is left out."""
    found: list[tuple[str, bytes]] = []
    while stream := stream.lstrip(b"\r\n"):
        skipped = {"PROMPT": not prompt, "READ": not read}
        for name, rule in RULES:
            match = None if skipped.get(name) else re.match(rule, stream)
            groups = match.groupdict() if match else {}
            size = int(groups.get("n") or 0) * (2 if groups.get("mode") == b"3" else 1)
            if match and size <= 4096:
                break
        else:
            return found
        rest = stream[match.end() :]
        if "n" in groups and len(rest) < size:
            return [*found, ("HEAD", groups["text"])]
        found.append(("HEAD" if name == "READ" else name, groups["text"]))
        found += [("PAYLOAD", rest[:size])] if "n" in groups else []
        stream, prompt = rest[size:], prompt and name != "PROMPT"
    return found
