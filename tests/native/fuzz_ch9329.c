/* The framer must say the same however the stream is cut and however little room there is.
 *
 * The first two input bytes choose the cut and the room, the rest is the stream. It is decoded once
 * whole and once in pieces, adjacent garbage merged; both must cover the same frames. */
#include "chiplink/ch9329.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 3000, FRAMES_MAX = 2 * STREAM_MAX };

typedef struct {
    cl_frame_t frame;
    uint32_t digest; /* of the payload */
} seen_t;

typedef struct {
    seen_t seen[FRAMES_MAX];
    size_t count;
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

static void record(log_t *log, const cl_ch9329_t *chip, const cl_frame_t *frames, int count) {
    for (int i = 0; i < count; i++) {
        cl_frame_t frame = frames[i];
        require(frame.offset <= sizeof chip->buffer);
        require(frame.length <= sizeof chip->buffer - frame.offset);
        const uint8_t *payload = chip->buffer + frame.offset;
        seen_t *last = log->count > 0 ? &log->seen[log->count - 1] : NULL;
        frame.offset = 0;
        if (last != NULL && frame.status == CL_FRAME_GARBAGE &&
            last->frame.status == CL_FRAME_GARBAGE) {
            last->digest = digest(last->digest, payload, frame.length);
            last->frame.length += frame.length;
            continue;
        }
        require(log->count < FRAMES_MAX);
        log->seen[log->count++] = (seen_t){frame, digest(1, payload, frame.length)};
    }
}

static void run(log_t *log, const uint8_t *data, size_t len, size_t piece, size_t room) {
    static cl_ch9329_t chip;
    cl_frame_t frames[256];
    log->count = 0;
    cl_ch9329_init(&chip);
    while (len > 0) {
        size_t size = piece < len ? piece : len;
        size_t used = 0;
        int count = cl_ch9329_feed(&chip, data, size, &used, frames, room);
        require(count >= 0 && (size_t)count <= room && used <= size && (used > 0 || count > 0));
        require((size_t)count == room || used == size || size > sizeof chip.buffer - 70);
        record(log, &chip, frames, count);
        data += used;
        len -= used;
        require(cl_ch9329_pending(&chip) <= 70);
    }
    while (cl_ch9329_pending(&chip) > 0) {
        int count = cl_ch9329_flush(&chip, frames, room);
        require(count > 0);
        record(log, &chip, frames, count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 2 || len > STREAM_MAX) {
        return 0;
    }
    run(&whole, data + 2, len - 2, STREAM_MAX, 256);
    run(&pieces, data + 2, len - 2, data[0] % 80U + 1U, data[1] % 5U + 1U);
    require(whole.count == pieces.count);
    require(memcmp(whole.seen, pieces.seen, whole.count * sizeof(seen_t)) == 0);
    return 0;
}
