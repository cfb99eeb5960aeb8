/* The scanner must say the same however the stream is cut and however little room there is, and
 * what is escaped must come back as it was.
 *
 * Input: a byte for the cut, one for the room, one for what is expected; the rest is the stream,
 * and is escaped too. */
#include "chiplink/at.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 6000, ITEMS_MAX = 6100, ROOM = 16 };

/* A line, or the joined pieces of a payload or of junk. */
typedef struct {
    int32_t kind;
    int32_t status;
    uint32_t length;
    uint32_t digest;
} seen_t;

typedef struct {
    seen_t seen[ITEMS_MAX];
    size_t count;
    int open; /* the last piece of a payload has not come */
} log_t;

static log_t whole;
static log_t pieces;

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static uint32_t digest(uint32_t seed, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        seed = seed * 16777619U ^ bytes[i];
    }
    return seed;
}

static void check(const uint8_t *text, size_t length, int32_t kind) {
    if (kind <= CL_AT_SENDER || kind == CL_AT_ECHO || kind == CL_AT_HEAD) {
        require(length > 0 && length <= CL_AT_LINE_MAX);
        for (size_t i = 0; i < length; i++) {
            require(text[i] != '\r' && text[i] != '\n' && text[i] != 0);
        }
    }
}

static void record(log_t *log, const uint8_t *base, size_t size, const cl_at_frame_t *frame) {
    int32_t kind = frame->kind & 0xFF;
    require(frame->start <= frame->end && frame->end <= size);
    const uint8_t *text = base + frame->start;
    uint32_t length = frame->end - frame->start;
    check(text, length, kind);
    seen_t *last = log->count > 0 ? &log->seen[log->count - 1] : NULL;
    int junk = (kind == CL_AT_JUNK || kind == CL_AT_BROKEN) && last != NULL && last->kind == kind;
    if (log->open) {
        require(kind == CL_AT_PAYLOAD || kind == CL_AT_TORN);
    } else if (!junk || last->status != frame->status) {
        require(log->count < ITEMS_MAX);
        last = &log->seen[log->count++];
        *last = (seen_t){kind, 0, 0, 1};
    }
    last->status = frame->status;
    last->length += length;
    last->digest = digest(last->digest, text, length);
    log->open = frame->status == CL_AT_PART;
}

static void record_all(log_t *log, const cl_at_t *modem, const uint8_t *data, size_t len,
                       const cl_at_frame_t *frames, int count) {
    for (int i = 0; i < count; i++) {
        int kept = (frames[i].kind & CL_AT_KEPT) != 0;
        require(!kept || i == 0);
        if (kept) {
            record(log, modem->buffer, sizeof modem->buffer, &frames[i]);
        } else {
            record(log, data, len, &frames[i]);
        }
    }
}

/* Splits `data` where even lines part, as Python does; the pieces must be what was reported. */
static void check_even(const cl_at_t *modem, const uint8_t *data, size_t len,
                       const cl_at_frame_t *frames) {
    size_t start = 0;
    for (size_t i = 0; i < modem->even; i++) {
        size_t end = start;
        while (end + 4 <= len && memcmp(data + end, "\r\n\r\n", 4) != 0) {
            end++;
        }
        require(end + 4 <= len && modem->kinds[i] == (frames[i].kind & 0xFF));
        require(i == 0 || (frames[i].start == start && frames[i].end == end));
        start = end + 4;
    }
}

static void run(log_t *log, uint32_t expected, const uint8_t *data, size_t len, size_t piece,
                size_t room) {
    static cl_at_t modem;
    cl_at_frame_t frames[ROOM];
    memset(log, 0, sizeof *log);
    cl_at_init(&modem);
    require(cl_at_expect(&modem, expected) == (expected > 7 ? CL_E_RANGE : 0));
    while (len > 0) {
        size_t size = piece < len ? piece : len;
        size_t used = 0;
        int count = cl_at_feed(&modem, data, size, &used, frames, room);
        require(count >= 0 && (size_t)count <= room && used <= size);
        require(used > 0 || count > 0);
        require((size_t)count + 1 >= room || used == size);
        record_all(log, &modem, data, size, frames, count);
        require(modem.even == 0 || modem.even == count);
        check_even(&modem, data, size, frames);
        data += used;
        len -= used;
    }
    size_t pending = cl_at_pending(&modem);
    int count = cl_at_flush(&modem, frames, room);
    require(count == (pending > 0));
    record_all(log, &modem, data, 0, frames, count);
    require(cl_at_pending(&modem) == 0);
}

static void escape(const uint8_t *data, size_t len) {
    static uint8_t out[CL_AT_DATA_MAX];
    int written = cl_at_data(data, len, 1, out, sizeof out);
    int plain = cl_at_data(data, len, 0, out, sizeof out);
    if (len == 0 || len > CL_AT_SEND_MAX) {
        require(written == CL_E_LENGTH && plain == CL_E_LENGTH);
        return;
    }
    require(plain == CL_E_RANGE ? 1 : (size_t)plain == len + 1 && memcmp(out, data, len) == 0);
    written = cl_at_data(data, len, 1, out, sizeof out);
    size_t at = 0;
    for (int i = 0; i < written - 1; i++) {
        i += out[i] == 0x03;
        require(at < len && out[i] == data[at++]);
    }
    require(at == len && out[written - 1] == 0x1A);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 3 || len > STREAM_MAX) {
        return 0;
    }
    uint32_t expected = data[2] % 16U;
    const uint8_t *stream = data + 3;
    len -= 3;
    run(&whole, expected, stream, len, STREAM_MAX, ROOM);
    run(&pieces, expected, stream, len, data[0] % 80U + 1U, data[1] % (ROOM - 1U) + 2U);
    if ((expected & CL_AT_EXPECT_RAW) == 0 || expected > 7) {
        require(memcmp(&whole, &pieces, sizeof whole) == 0);
    }
    escape(stream, len);
    return 0;
}
