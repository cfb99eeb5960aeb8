/* The text and mouse encoders: whatever table, text and steps they are given, they refuse or write
 * exactly as many frames as they counted, each well formed, the typing ending all-released.
 *
 * Input: one byte of options, then rows of the key table, then the text (each character an index
 * into the rows, or a wild one); the same bytes are then read as mouse steps. */
#include "chiplink/ch9329.h"
#include "chiplink/hid.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, TEXT_MAX = 256, STEPS = 4, OUT = 1 << 16 };

static uint8_t out[OUT];
static uint32_t chars[TEXT_MAX * 6 + 1];

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static void well_formed(size_t bytes, size_t frames) {
    size_t at = 0;
    while (frames-- > 0) {
        uint8_t sum = 0;
        size_t end = at + 5 + out[at + 4];
        require(end < bytes && out[at] == 0x57 && out[at + 1] == 0xAB);
        for (size_t i = at; i < end; i++) {
            sum = (uint8_t)(sum + out[i]);
        }
        require(out[end] == sum);
        at = end + 1;
    }
    require(at == bytes);
}

static void fuzz_type(const uint8_t *data, size_t len) {
    cl_hid_key_t rows[ROWS];
    uint32_t text[TEXT_MAX];
    uint8_t caps = data[0] & 1;
    if (len < 1 + sizeof rows) {
        return;
    }
    memcpy(rows, data + 1, sizeof rows);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i].codepoint = i; /* found; the rest of the row stays wild */
    }
    size_t size = len - 1 - sizeof rows;
    size = size < TEXT_MAX ? size : TEXT_MAX;
    for (size_t i = 0; i < size; i++) {
        text[i] = data[1 + sizeof rows + i] % (ROWS + (data[0] >> 7));
    }
    int count = cl_hid_type(rows, ROWS, text, size, 0, caps, NULL, 0, NULL, 0);
    int written =
        cl_hid_type(rows, ROWS, text, size, 0, caps, out, sizeof out, chars, TEXT_MAX * 6 + 1);
    require(written == count);
    if (count > 0) {
        well_formed((size_t)count * 14, (size_t)count);
        require(chars[count - 1] == size && out[14 * (count - 1) + 13] == 0x0C);
        require(cl_hid_type(rows, ROWS, text, size, 0, caps, out, (size_t)count * 14 - 1, NULL,
                            0) == CL_E_SPACE);
    }
}

static void fuzz_mouse(const uint8_t *data, size_t len) {
    cl_hid_step_t steps[STEPS];
    size_t frames = 0;
    memset(steps, 0, sizeof steps);
    memcpy(steps, data, len < sizeof steps ? len : sizeof steps);
    for (size_t i = 0; i < STEPS; i++) {
        steps[i].kind &= 3;
        if ((data[0] & 2) == 0) { /* most wild numbers are refused: bring them near */
            steps[i].buttons &= 31;
            steps[i].wheel %= 40000;
            steps[i].width = (steps[i].width & 0xFFFF) + 1;
            steps[i].height = (steps[i].height & 0xFFFF) + 1;
            steps[i].x %= 33000;
            steps[i].y %= 33000;
        }
    }
    int bytes = cl_hid_mouse(steps, STEPS, 0, NULL, 0, &frames);
    int written = cl_hid_mouse(steps, STEPS, 0, out, sizeof out, &frames);
    require(written == bytes);
    if (bytes > 0) {
        well_formed((size_t)bytes, frames);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1) {
        return 0;
    }
    fuzz_type(data, len);
    fuzz_mouse(data, len);
    return 0;
}
