/* The AT scanner beside the plainest thing that could be done with the same bytes.
 *
 * at_scanner STREAM KIND CHUNK ROUNDS: prints the nanoseconds a megabyte of the best round took, of
 * the scanner, and of memchr line splitting (KIND lines) or memcpy (KIND payload). */
#include "chiplink/at.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STREAM_MAX = 1 << 24, FRAMES = 64 };

static uint8_t stream[STREAM_MAX];
static uint8_t copy[STREAM_MAX];
static cl_at_t modem;
static volatile size_t sink;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static size_t scan(size_t len, size_t chunk) {
    cl_at_frame_t frames[FRAMES];
    size_t count = 0;
    cl_at_init(&modem);
    for (size_t at = 0; at < len;) {
        size_t size = len - at < chunk ? len - at : chunk;
        size_t used = 0;
        int result = cl_at_feed(&modem, stream + at, size, &used, frames, FRAMES);
        count += (size_t)result;
        at += used;
    }
    return count;
}

static size_t split(size_t len, size_t chunk) {
    cl_at_frame_t frames[FRAMES];
    size_t count = 0;
    for (size_t at = 0; at < len; at += chunk) {
        const uint8_t *text = stream + at;
        const uint8_t *end = text + (len - at < chunk ? len - at : chunk);
        const uint8_t *stop;
        while ((stop = memchr(text, '\n', (size_t)(end - text))) != NULL) {
            frames[count % FRAMES] = (cl_at_frame_t){(uint32_t)(text - stream),
                                                     (uint32_t)(stop - stream), CL_AT_LINE, 0};
            count++;
            text = stop + 1;
        }
    }
    return count + frames[0].end;
}

static size_t move(size_t len, size_t chunk) {
    for (size_t at = 0; at < len; at += chunk) {
        memcpy(copy + at, stream + at, len - at < chunk ? len - at : chunk);
    }
    return copy[len / 2];
}

/* The nanoseconds a megabyte takes, if that is less than `least`. */
static double once(double least, size_t (*way)(size_t, size_t), size_t len, size_t chunk) {
    double begin = now();
    sink += way(len, chunk);
    double took = (now() - begin) * 1e6 / (double)len;
    return took < least ? took : least;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) {
        return 1;
    }
    size_t len = fread(stream, 1, sizeof stream, file);
    fclose(file);
    size_t chunk = (size_t)atol(argv[3]);
    int rounds = atoi(argv[4]);
    int lines = strcmp(argv[2], "lines") == 0;
    if (len == 0 || chunk == 0) {
        return 1;
    }
    double ours = 1e18;
    double theirs = 1e18;
    for (int i = 0; i < rounds; i++) { /* in turn: a busy machine slows both */
        ours = once(ours, scan, len, chunk);
        theirs = once(theirs, lines ? split : move, len, chunk);
    }
    printf("%.0f %.0f\n", ours, theirs);
    return 0;
}
