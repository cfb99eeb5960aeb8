#include "check.h"

#include "chiplink/hid.h"

enum { SHIFT = 0x02, ALTGR = 0x40 };

/* A small German table: dead circumflex at 35H, y and z exchanged. */
static const cl_hid_key_t keys[] = {
    {0x0A, 1, {0x28}, {0}, 0},                 /* Enter */
    {0x20, 1, {0x2C}, {0}, 0},                 /* space */
    {0x40, 1, {0x14}, {ALTGR}, 0},             /* @ */
    {0x41, 1, {0x04}, {SHIFT}, 1},             /* A */
    {0x42, 1, {0x05}, {SHIFT}, 1},             /* B */
    {0x5E, 2, {0x35, 0x2C}, {0, 0}, 0},        /* ^ */
    {0x61, 1, {0x04}, {0}, 1},                 /* a */
    {0x62, 1, {0x05}, {0}, 1},                 /* b */
    {0xEA, 2, {0x35, 0x08}, {0, 0}, 1},        /* e circumflex */
    {0x1F600, 3, {4, 5, 6}, {SHIFT, 0, 0}, 0}, /* three strokes */
    {0x1F601, 4, {4, 5, 6}, {0}, 0},           /* unusable: four */
    {0x1F602, 1, {0xE1}, {0}, 0},              /* unusable: a modifier */
    {0x1F603, 2, {0x04, 0x00}, {0}, 0},        /* unusable: no second key */
};

static uint8_t out[512 * 14];
static uint32_t chars[512];

static int type(const uint32_t *text, size_t len, int caps) {
    memset(out, 0xEE, sizeof out);
    int counted = cl_hid_type(keys, 13, text, len, 0, caps, NULL, 0, NULL, 0);
    int count = cl_hid_type(keys, 13, text, len, 0, caps, out, sizeof out, chars, 512);
    CHECK(counted == count);
    return count;
}

#define TYPE(caps, ...)                                                                            \
    type((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4, caps)

/* Frame i is modifiers and one key, all else as the document has it. */
static void is(size_t i, uint8_t modifiers, uint8_t usage, uint32_t done) {
    const uint8_t *frame = out + 14 * i;
    SAME(frame, 5, 0x57, 0xAB, 0x00, 0x02, 0x08);
    CHECK(frame[5] == modifiers);
    CHECK(frame[6] == 0);
    CHECK(frame[7] == usage);
    SAME(frame + 8, 5, 0, 0, 0, 0, 0);
    CHECK(frame[13] == (uint8_t)(0x0C + modifiers + usage));
    CHECK(chars[i] == done);
}

static void test_document_examples(void) {
    CHECK(TYPE(0, 'a') == 2);
    SAME(out, 28, 0x57, 0xAB, 0, 0x02, 0x08, 0, 0, 0x04, 0, 0, 0, 0, 0, 0x10, /* press */
         0x57, 0xAB, 0, 0x02, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0x0C);
    CHECK(TYPE(0, 'A') == 2);
    SAME(out, 14, 0x57, 0xAB, 0, 0x02, 0x08, 0x02, 0, 0x04, 0, 0, 0, 0, 0, 0x12);
}

static void test_one_frame_a_character(void) {
    CHECK(TYPE(0, 'a', 'b', ' ', '\n') == 5);
    is(0, 0, 0x04, 1);
    is(1, 0, 0x05, 2);
    is(2, 0, 0x2C, 3);
    is(3, 0, 0x28, 4);
    is(4, 0, 0, 4);
}

static void test_same_key_again(void) {
    CHECK(TYPE(0, 'a', 'a', 'A') == 6);
    is(0, 0, 0x04, 1);
    is(1, 0, 0, 1);
    is(2, 0, 0x04, 2);
    is(3, 0, 0, 2);
    is(4, SHIFT, 0x04, 3);
    is(5, 0, 0, 3);
}

static void test_modifiers_go_first(void) {
    CHECK(TYPE(0, 'a', 'B', 'A', 'b', '@', 'A') == 9);
    is(0, 0, 0x04, 1);
    is(1, SHIFT, 0x05, 2); /* nothing held before: Shift may come with the key */
    is(2, SHIFT, 0x04, 3); /* the same Shift stays */
    is(3, 0, 0, 3);
    is(4, 0, 0x05, 4);
    is(5, ALTGR, 0x14, 5);
    is(6, 0, 0, 5);
    is(7, SHIFT, 0x04, 6);
    is(8, 0, 0, 6);
}

static void test_dead_keys(void) {
    CHECK(TYPE(0, 0xEA, '^') == 5);
    is(0, 0, 0x35, 0);
    is(1, 0, 0x08, 1);
    is(2, 0, 0x35, 1);
    is(3, 0, 0x2C, 2);
    is(4, 0, 0, 2);
    CHECK(TYPE(0, 0x1F600) == 5);
    is(0, SHIFT, 0x04, 0);
    is(1, 0, 0, 0);
    is(2, 0, 0x05, 0);
    is(3, 0, 0x06, 1);
    is(4, 0, 0, 1);
}

static void test_caps_lock(void) {
    CHECK(TYPE(1, 'a', 'B', ' ', '@') == 6);
    is(0, SHIFT, 0x04, 1);
    is(1, 0, 0, 1);
    is(2, 0, 0x05, 2);
    is(3, 0, 0x2C, 3);
    is(4, ALTGR, 0x14, 4);
    CHECK(TYPE(1, 0xEA) == 3);
    is(0, 0, 0x35, 0); /* the dead key keeps its own Shift */
    is(1, SHIFT, 0x08, 1);
}

static void test_text_refused(void) {
    const uint32_t text[] = {'a', 'b'};
    CHECK(TYPE(0, 'a', 'c') == -5);
    CHECK(TYPE(0, 0x1F601) == -6);
    CHECK(TYPE(0, 0x1F602) == -6);
    CHECK(TYPE(0, 0x1F603) == -6);
    CHECK(type(NULL, 0, 0) == 0);
    CHECK(cl_hid_type(keys, 13, text, 2, 0, 0, out, 42, chars, 3) == 3);
    CHECK(cl_hid_type(keys, 13, text, 2, 0, 0, out, 41, chars, 3) == -2);
    CHECK(cl_hid_type(keys, 13, text, 2, 0, 0, out, 42, chars, 2) == -2);
    CHECK(cl_hid_type(keys, 13, text, 2, 0, 0, out, 42, NULL, 0) == 3);
    CHECK(cl_hid_type(keys, 13, text, 1048577, 0, 0, NULL, 0, NULL, 0) == -3);
    CHECK(cl_hid_type(NULL, 0, text, 2, 0, 0, out, 42, chars, 3) == -5);
    const uint32_t twice[] = {'a', 'a'};
    CHECK(cl_hid_type(keys, 13, twice, 2, 0, 0, out, 14, chars, 4) == -2);
    CHECK(cl_hid_type(keys, 13, twice, 2, 0, 0, out, 28, chars, 4) == -2);
    CHECK(cl_hid_type(NULL, 13, text, 2, 0, 0, out, 42, chars, 3) == -1);
    CHECK(cl_hid_type(keys, 13, NULL, 2, 0, 0, out, 42, chars, 3) == -1);
}

static void test_right_shift_under_caps_lock(void) {
    static const cl_hid_key_t right[] = {{'A', 1, {0x04}, {0x20}, 1}, {'B', 1, {0x05}, {0x62}, 1}};
    const uint32_t text[] = {'A', 'B'};
    CHECK(cl_hid_type(right, 2, text, 2, 0, 1, out, sizeof out, chars, 512) == 3);
    is(0, 0, 0x04, 1);
    is(1, ALTGR, 0x05, 2);
    CHECK(cl_hid_type(right, 2, text, 2, 0, 0, out, sizeof out, chars, 512) == 4);
    is(0, 0x20, 0x04, 1);
    is(1, 0, 0, 1);
    is(2, 0x62, 0x05, 2);
}

static size_t frames;

static int mouse(cl_hid_step_t step) { return cl_hid_mouse(&step, 1, 0, out, sizeof out, &frames); }

static int relative(int32_t buttons, int32_t x, int32_t y, int32_t wheel) {
    return mouse((cl_hid_step_t){1, buttons, x, y, 0, 0, wheel});
}

static int absolute(int32_t buttons, int32_t x, int32_t y, int32_t width, int32_t height,
                    int32_t wheel) {
    return mouse((cl_hid_step_t){2, buttons, x, y, width, height, wheel});
}

static void test_relative(void) {
    CHECK(relative(1, 0, 0, 0) == 11 && frames == 1);
    SAME(out, 11, 0x57, 0xAB, 0, 0x05, 0x05, 0x01, 0x01, 0, 0, 0, 0x0E);
    CHECK(relative(0, -3, 0, 0) == 11 && frames == 1);
    SAME(out, 11, 0x57, 0xAB, 0, 0x05, 0x05, 0x01, 0, 0xFD, 0, 0, 0x0A);
    CHECK(relative(0x10, -128, 200, -1) == 22 && frames == 2);
    SAME(out, 22, 0x57, 0xAB, 0, 0x05, 0x05, 0x01, 0x10, 0x81, 0x7F, 0xFF, 0x1C, /* -127 127 -1 */
         0x57, 0xAB, 0, 0x05, 0x05, 0x01, 0x10, 0xFF, 0x49, 0x00, 0x65);
    CHECK(relative(0, 0, 0, 300) == 33 && frames == 3);
    CHECK(out[9] == 127 && out[20] == 127 && out[31] == 46);
    CHECK(relative(0, 0, -254, 0) == 22 && out[8] == 0x81 && out[19] == 0x81);
    CHECK(relative(31, 32767, -32767, 32767) == 259 * 11 && frames == 259);
    CHECK(out[258 * 11 + 7] == 1 && out[258 * 11 + 8] == 0xFF && out[258 * 11 + 9] == 1);
}

static void test_absolute(void) {
    CHECK(absolute(1, 0, 0, 1280, 768, 0) == 13 && frames == 1);
    SAME(out, 13, 0x57, 0xAB, 0, 0x04, 0x07, 0x02, 0x01, 0, 0, 0, 0, 0, 0x10);
    /* The document rounds down, which misses row 100 of 768: 534 (216H) meets it. */
    CHECK(absolute(0, 100, 100, 1280, 768, 0) == 13);
    SAME(out, 13, 0x57, 0xAB, 0, 0x04, 0x07, 0x02, 0, 0x40, 0x01, 0x16, 0x02, 0, 0x68);
    CHECK(absolute(0, 3, 0, 4096, 1, -2) == 24 && frames == 2);
    SAME(out, 24, 0x57, 0xAB, 0, 0x04, 0x07, 0x02, 0, 0x03, 0, 0, 0, 0, 0x12, /* then the wheel */
         0x57, 0xAB, 0, 0x05, 0x05, 0x01, 0, 0, 0, 0xFE, 0x0B);
    /* 5120 wide: value 4 lands on 5, value 3 on 3; pixel 4 is reached from 5. */
    CHECK(absolute(2, 4, 0, 5120, 1440, 0) == 24 && frames == 2);
    SAME(out, 24, 0x57, 0xAB, 0, 0x04, 0x07, 0x02, 0x02, 0x04, 0, 0, 0, 0, 0x15, 0x57, 0xAB, 0,
         0x05, 0x05, 0x01, 0x02, 0xFF, 0, 0, 0x0E);
    /* The last column lies behind value 4095, which lands on 5118. */
    CHECK(absolute(0, 5119, 0, 5120, 1440, 0) == 24 && frames == 2);
    CHECK(out[7] == 0xFF && out[8] == 0x0F && out[20] == 0x01);
}

/* Where the pointer ends on an axis, by the landing rule v * extent / 4096. */
static void test_every_pixel(void) {
    static const int32_t extents[] = {1,    2,    768,  1080, 1280, 1920,  2560, 3840,
                                      4095, 4096, 4097, 5120, 7680, 32768, 65535};
    for (size_t e = 0; e < sizeof extents / sizeof *extents; e++) {
        int wrong = 0;
        for (int32_t pixel = 0; pixel < extents[e]; pixel++) {
            int bytes = absolute(0, pixel, 0, extents[e], 1, 0);
            int32_t value = out[7] | out[8] << 8;
            int32_t nudge = bytes == 24 ? (int8_t)out[20] : 0;
            wrong += value > 4095 || value * extents[e] / 4096 + nudge != pixel;
            wrong += extents[e] <= 4096 && bytes != 13;
            wrong += nudge > 16 || nudge < -8; /* the last pixel of 65535 is 15 away */
        }
        CHECK(wrong == 0);
    }
}

static void test_mouse_refused(void) {
    const cl_hid_step_t path[2] = {{1, 0, 1, 1, 0, 0, 0}, {2, 0, 0, 0, 10, 10, 0}};
    CHECK(relative(32, 0, 0, 0) == -4);
    CHECK(relative(-1, 0, 0, 0) == -4);
    CHECK(relative(0, 32768, 0, 0) == -4);
    CHECK(relative(0, 0, -32768, 0) == -4);
    CHECK(relative(0, 0, 0, 32768) == -4);
    CHECK(absolute(0, 0, 0, 0, 10, 0) == -4);
    CHECK(absolute(0, 0, 0, 10, 65536, 0) == -4);
    CHECK(absolute(0, 10, 0, 10, 10, 0) == -4);
    CHECK(absolute(0, 0, -1, 10, 10, 0) == -4);
    CHECK(mouse((cl_hid_step_t){0, 0, 0, 0, 10, 10, 0}) == -4);
    CHECK(cl_hid_mouse(path, 2, 0, NULL, 0, &frames) == 24 && frames == 2);
    CHECK(cl_hid_mouse(path, 2, 0, out, 24, &frames) == 24 && frames == 2);
    CHECK(cl_hid_mouse(path, 2, 0, out, 23, &frames) == -2);
    CHECK(cl_hid_mouse(path, 1, 0, out, 10, &frames) == -2);
    CHECK(cl_hid_mouse(path, 65537, 0, NULL, 0, &frames) == -3);
    CHECK(cl_hid_mouse(NULL, 1, 0, out, 24, &frames) == -1);
    CHECK(cl_hid_mouse(path, 2, 0, out, 24, NULL) == -1);
    CHECK(cl_hid_mouse(NULL, 0, 0, out, 24, &frames) == 0 && frames == 0);
}

static void test_keyboard(void) {
    const uint8_t six[7] = {0x04, 0x05, 0x06, 0x07, 0x08, 0xDF, 0x0A};
    const uint8_t modifier = 0xE0;
    const uint8_t overrun = 0x01;
    CHECK(cl_hid_keyboard(0x09, 0x05, six, 6, out, 14) == 14);
    SAME(out, 14, 0x57, 0xAB, 0x09, 0x02, 0x08, 0x05, 0, 0x04, 0x05, 0x06, 0x07, 0x08, 0xDF, 0x17);
    CHECK(cl_hid_keyboard(0, 0, NULL, 0, out, 14) == 14);
    SAME(out, 14, 0x57, 0xAB, 0, 0x02, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0x0C);
    CHECK(cl_hid_keyboard(0, 0, six, 7, out, 14) == -3);
    CHECK(cl_hid_keyboard(0, 0, six, 6, out, 13) == -2);
    CHECK(cl_hid_keyboard(0, 0, &modifier, 1, out, 14) == -4);
    CHECK(cl_hid_keyboard(0, 0, &overrun, 1, out, 14) == -4);
    CHECK(cl_hid_keyboard(0, 0, NULL, 1, out, 14) == -1);
}

int main(void) {
    test_document_examples();
    test_one_frame_a_character();
    test_same_key_again();
    test_modifiers_go_first();
    test_dead_keys();
    test_caps_lock();
    test_right_shift_under_caps_lock();
    test_text_refused();
    test_relative();
    test_absolute();
    test_every_pixel();
    test_mouse_refused();
    test_keyboard();
    return report("hid");
}
