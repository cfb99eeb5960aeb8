"""The CH392's commands and replies read plainly; the C core is compared with it."""

HEX = (  # code, argument bytes, reply bytes: the manual's table and sections, then the CH395's
    "01 0 1, 02 3 1, 05 0 0, 06 1 1, 21 6 0, 22 4 0, 23 4 0, 24 4 0, 26 0 1, 27 0 0, 29 0 1,"
    "2C 0 1, 2D 1 6, 2E 1 0, 2F 1 2, 30 1 1, 31 5 0, 32 3 0, 33 3 0, 34 2 0, 35 1 0, 36 1 0,"
    "37 1 0, 38 1 0, 39 3 0, 3B 1 2, 3C 3 0, 3D 1 0, 3E 2 0, 40 0 6, 41 1 0, 42 0 1, 43 0 20,"
    "51 2 0, 52 3 0, 53 3 0, 56 4 0, 57 4 0, 58 1 0, 59 2 0,"
    "28 0 8, 55 4 0, 03 0 0, 19 0 2, 2A 1 0, 2B 2 0, 3F 1 0, 50 2 0"
)
ROWS = {int(c, 16): (int(a), int(r)) for c, a, r in map(str.split, HEX.split(","))}
WRITE, READ = 0x39, 0x3C


def reply(command: bytes) -> int | None:
    """Reply bytes of a command, or None if it is none."""
    if not command or command[0] not in ROWS:
        return None
    arguments, answer = ROWS[command[0]]
    count = command[2] + 256 * command[3] if command[0] in (WRITE, READ) and command[3:] else 0
    arguments += count if command[0] == WRITE else 0
    answer += count if command[0] == READ else 0
    return answer if len(command) == 1 + arguments and count <= 4096 else None


def frames(expected: list[tuple[int, int]], stream: bytes) -> list[tuple[int, bytes, str]]:
    """Code, payload and status of everything in a stream that came after these were expected."""
    found, replies = [], [each for each in expected if each[1]]
    for at, (code, length) in enumerate(replies):
        start = sum(before for _, before in replies[:at])
        payload = stream[start : start + length]
        found.append((code, payload, "OK" if len(payload) == length else "BAD_LENGTH"))
    rest = stream[sum(length for _, length in replies) :]
    return [*found, (-1, rest, "GARBAGE")] if rest else found
