/* The framer must say the same however the stream is cut and however little room there is, and no
 * command that is accepted may be laid out otherwise than its bytes.
 *
 * Input: a byte for the cut, one for the room, one for the number of replies expected, two for each
 * of them (code, low byte of a length); the rest is the stream, and is read as a command too. */
#include "chiplink/ch392.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 2000, REPLIES_MAX = 64 };

/* A reply or a run of garbage, its pieces joined. */
typedef struct {
    int32_t kind;
    int32_t status;
    uint32_t length;
    uint32_t digest;
} seen_t;

typedef struct {
    seen_t seen[REPLIES_MAX];
    size_t count;
    int open; /* the last one's last piece has not come */
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

static void record(log_t *log, const uint8_t *base, size_t size, const cl_frame_t *frame) {
    require(frame->offset <= size && frame->length <= size - frame->offset);
    seen_t *last = log->count > 0 ? &log->seen[log->count - 1] : NULL;
    int garbage = frame->kind == -1 && last != NULL && last->kind == -1;
    if (!log->open && !garbage) {
        require(log->count < REPLIES_MAX);
        last = &log->seen[log->count++];
        *last = (seen_t){frame->kind, 0, 0, 1};
    }
    require(last->kind == frame->kind);
    last->status = frame->status;
    last->length += frame->length;
    last->digest = digest(last->digest, base + frame->offset, frame->length);
    log->open = frame->status == CL_CH392_PART;
}

static void record_all(log_t *log, const cl_ch392_t *chip, const uint8_t *data, size_t len,
                       const cl_frame_t *frames, int count) {
    for (int i = 0; i < count; i++) {
        int flushed = frames[i].status == CL_FRAME_BAD_LENGTH;
        if (frames[i].kind == -1 || (frames[i].kind == 0x3C && !flushed)) {
            record(log, data, len, &frames[i]);
        } else {
            record(log, chip->buffer, sizeof chip->buffer, &frames[i]);
        }
    }
}

static void run(log_t *log, const uint8_t *plan, size_t replies, const uint8_t *data, size_t len,
                size_t piece, size_t room) {
    static cl_ch392_t chip;
    cl_frame_t frames[32];
    size_t due = 0;
    memset(log, 0, sizeof *log);
    cl_ch392_init(&chip);
    for (size_t i = 0; i < replies; i++) {
        const cl_ch392_row_t *row = cl_ch392_lookup(plan[2 * i]);
        size_t length = row != NULL && plan[2 * i] != 0x3C ? row->reply : plan[2 * i + 1] * 17U;
        int count = cl_ch392_expect(&chip, plan[2 * i], length);
        require(row == NULL ? count == CL_E_RANGE
                            : count >= 0 || count == CL_E_LENGTH || count == CL_E_SPACE);
        due += count >= 0 ? length : 0;
    }
    require(cl_ch392_pending(&chip) == due);
    while (len > 0) {
        size_t size = piece < len ? piece : len;
        size_t used = 0;
        int count = cl_ch392_feed(&chip, data, size, &used, frames, room);
        require(count >= 0 && (size_t)count <= room && used <= size && used > 0);
        require((size_t)count == room || used == size);
        record_all(log, &chip, data, size, frames, count);
        data += used;
        len -= used;
        due -= used < due ? used : due;
        require(cl_ch392_pending(&chip) == due);
    }
    while (cl_ch392_pending(&chip) > 0) {
        int count = cl_ch392_flush(&chip, frames, room);
        require(count > 0);
        record_all(log, &chip, data, 0, frames, count);
    }
}

static void lay_out(const uint8_t *command, size_t len) {
    static uint8_t out[STREAM_MAX + 2];
    cl_ch392_segment_t parts[3];
    const uint32_t length = (uint32_t)len;
    int reply = cl_ch392_reply(command, len);
    int bytes = cl_ch392_encode(command, &length, 1, out, sizeof out);
    int count = cl_ch392_segments(command, len, 2, 2, parts, 3);
    if (reply < 0) {
        require(bytes == reply && count == reply);
        return;
    }
    require((size_t)bytes == len + 2 && memcmp(out + 2, command, len) == 0);
    size_t sent = 0;
    size_t read = 0;
    for (int i = 0; i < count; i++) {
        require(parts[i].length > 0 && parts[i].offset == (parts[i].reads ? read : sent));
        *(parts[i].reads ? &read : &sent) += parts[i].length;
    }
    require(sent == len && read == (size_t)reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 3 || len > STREAM_MAX) {
        return 0;
    }
    size_t replies = data[2] % 20U;
    if (len < 3 + 2 * replies) {
        return 0;
    }
    const uint8_t *stream = data + 3 + 2 * replies;
    size_t rest = len - 3 - 2 * replies;
    run(&whole, data + 3, replies, stream, rest, STREAM_MAX, 32);
    run(&pieces, data + 3, replies, stream, rest, data[0] % 40U + 1U, data[1] % 5U + 1U);
    require(memcmp(&whole, &pieces, sizeof whole) == 0);
    if (rest > 0) {
        lay_out(stream, rest);
    }
    return 0;
}
