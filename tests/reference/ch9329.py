"""The CH9329's framing read plainly from a whole stream; the C core is compared with it."""

ONE, FREE = range(1, 2), range(65)
LENGTHS = dict.fromkeys([*range(0x82, 0x90), *range(0xC1, 0x100)], ONE)
LENGTHS |= {0x87: FREE, 0x88: [50], 0x8A: range(2, 26), 0x8D: FREE, 0x8E: FREE, 0x81: [8]}
LENGTHS |= {1: [0], 2: [8], 3: [2, 4], 4: [7], 5: [5], 8: [0], 9: [50], 0xA: ONE}
LENGTHS |= {0xB: range(2, 26), 0xC: [0], 0xF: [0]}


def judge(s: bytes) -> tuple[int, str, int, bytes]:
    """Bytes done with, status, kind and payload of what is at the beginning of a whole stream."""
    status_reply = len(s) >= 6 and s[3] == 1 and 0x80 <= s[2] <= 0xCF and LENGTHS.get(s[2]) is ONE
    if s[:1] == b"\xab" and status_reply and (0x57 + sum(s[:5])) % 256 == s[5]:
        return 6, "HEADLESS", s[1] << 8 | s[2], s[4:5]
    if s[:2] != b"\x57\xab" or len(s) < 5:
        size = 2 if s[:2] == b"\x57\xab" else 1
        return size, "GARBAGE", -1, s[:size]
    size, status, n, data = 2, "BAD_SUM", s[4], s[5 : 5 + s[4]]
    if s[3:5] == b"\xfe\x00":
        size, status = 5, "UNKNOWN_COMMAND"
    elif n not in LENGTHS.get(s[3], FREE):
        status, data = "BAD_LENGTH", b""
    elif len(s) < 6 + n:
        status = "BAD_LENGTH"
    elif sum(s[: 5 + n]) % 256 == s[5 + n]:
        size, status = 6 + n, "OK"
    elif s[3] == 0x88 and len(s) > 70 and sum(s[:70]) % 256 == s[70]:
        size, status = 71, "LONG"
    return size, status, s[2] << 8 | s[3], data
