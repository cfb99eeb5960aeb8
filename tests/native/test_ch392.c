#include "check.h"

#include "chiplink/ch392.h"

static cl_ch392_t chip;
static cl_frame_t frames[32];
static size_t used;
static const uint8_t *fed;

static int feed(const uint8_t *data, size_t len) {
    int count = cl_ch392_feed(&chip, data, len, &used, frames, 32);
    CHECK(used == len);
    fed = data;
    return count;
}

/* The bytes stay: ranges point into them. */
#define FEED(...)                                                                                  \
    do {                                                                                           \
        static const uint8_t bytes_[] = {__VA_ARGS__};                                             \
        got = feed(bytes_, sizeof bytes_);                                                         \
    } while (0)
#define KEPT(i, ...) SAME(chip.buffer + frames[i].offset, frames[i].length, __VA_ARGS__)
#define RANGE(i, ...) SAME(fed + frames[i].offset, frames[i].length, __VA_ARGS__)

static void is(size_t i, int32_t status, int32_t kind, uint32_t length) {
    CHECK(frames[i].status == status);
    CHECK(frames[i].kind == kind);
    CHECK(frames[i].length == length);
}

/* Every command, by hand: the manual's table in its order, then the others. `extra` is the number
 * of argument bytes, `reply` that of reply bytes, `chips` 1 F, 2 T, 4 optional; `status` where
 * GET_CMD_STATUS follows. */
static const struct {
    int code, extra, reply, chips, status;
    long pause, typical;
} commands[] = {
    {0x01, 0, 1, 3, 0, 0, 0},           {0x02, 3, 1, 3, 0, 1000, 1000},
    {0x05, 0, 0, 3, 0, 50000, 50000},   {0x06, 1, 1, 3, 0, 0, 0},
    {0x21, 6, 0, 3, 0, 100000, 100000}, {0x22, 4, 0, 3, 0, 0, 0},
    {0x23, 4, 0, 3, 0, 0, 0},           {0x24, 4, 0, 3, 0, 0, 0},
    {0x26, 0, 1, 3, 0, 0, 0},           {0x27, 0, 0, 3, 1, 2000, 350000},
    {0x29, 0, 1, 3, 0, 0, 0},           {0x2C, 0, 1, 3, 0, 2000, 0},
    {0x2D, 1, 6, 3, 0, 0, 0},           {0x2E, 1, 0, 3, 0, 0, 0},
    {0x2F, 1, 2, 3, 0, 0, 0},           {0x30, 1, 1, 3, 0, 0, 0},
    {0x31, 5, 0, 3, 0, 0, 0},           {0x32, 3, 0, 3, 0, 0, 0},
    {0x33, 3, 0, 3, 0, 0, 0},           {0x34, 2, 0, 3, 0, 0, 0},
    {0x35, 1, 0, 3, 1, 2000, 0},        {0x36, 1, 0, 3, 1, 2000, 0},
    {0x37, 1, 0, 3, 1, 2000, 0},        {0x38, 1, 0, 3, 1, 2000, 0},
    {0x39, 3, 0, 3, 0, 0, 0},           {0x3B, 1, 2, 3, 0, 0, 0},
    {0x3C, 3, 0, 3, 0, 0, 0},           {0x3D, 1, 0, 3, 1, 2000, 0},
    {0x3E, 2, 0, 3, 0, 0, 0},           {0x40, 0, 6, 3, 0, 0, 0},
    {0x41, 1, 0, 3, 1, 2000, 20000},    {0x42, 0, 1, 3, 0, 0, 0},
    {0x43, 0, 20, 3, 0, 0, 0},          {0x51, 2, 0, 3, 0, 0, 0},
    {0x52, 3, 0, 3, 0, 0, 0},           {0x53, 3, 0, 3, 0, 0, 0},
    {0x56, 4, 0, 3, 0, 0, 0},           {0x57, 4, 0, 3, 0, 0, 0},
    {0x58, 1, 0, 3, 0, 0, 0},           {0x59, 2, 0, 3, 0, 0, 0},
    {0x28, 0, 8, 3, 0, 0, 0},           {0x55, 4, 0, 3, 0, 0, 0},
    {0x03, 0, 0, 6, 0, 0, 0},           {0x19, 0, 2, 6, 0, 0, 0},
    {0x2A, 1, 0, 4, 0, 0, 0},           {0x2B, 2, 0, 4, 0, 0, 0},
    {0x3F, 1, 0, 4, 0, 0, 0},           {0x50, 2, 0, 4, 0, 0, 0},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int find(int code) {
    for (int i = 0; i < COMMANDS; i++) {
        if (commands[i].code == code) {
            return i;
        }
    }
    return -1;
}

static void test_every_row(void) {
    int rows = 0;
    for (int code = 0; code < 256; code++) {
        const cl_ch392_row_t *row = cl_ch392_lookup((uint8_t)code);
        int at = find(code);
        CHECK((row != NULL) == (at >= 0));
        if (row == NULL || at < 0) {
            continue;
        }
        rows++;
        CHECK(row->code == code);
        CHECK(row->least == commands[at].extra);
        CHECK(row->most == (code == 0x39 ? 4099 : commands[at].extra));
        CHECK(row->reply == commands[at].reply);
        CHECK(row->chips == commands[at].chips);
        CHECK(row->flags == (code == 0x39 ? 2 : code == 0x3C ? 4 : commands[at].status));
        CHECK((long)row->pause == commands[at].pause);
        CHECK((long)row->typical == commands[at].typical);
        CHECK(row->gap == 2 && row->turn == 2);
    }
    CHECK(rows == 48);
}

static void test_every_length_of_every_code(void) {
    static const uint8_t zeros[32];
    int wrong = 0;
    for (int code = 0; code < 256; code++) {
        int at = find(code);
        for (int extra = 0; extra < 24; extra++) {
            uint8_t command[32] = {(uint8_t)code};
            int legal = at >= 0 && extra == commands[at].extra;
            int reply = cl_ch392_reply(command, (size_t)extra + 1);
            wrong += reply != (at < 0 ? -4 : legal ? commands[at].reply : -3);
            const uint32_t length = (uint32_t)extra + 1;
            uint8_t out[40];
            int size = cl_ch392_encode(command, &length, 1, out, sizeof out);
            wrong += size != (at < 0 ? -4 : legal ? extra + 3 : -3);
            if (legal) {
                wrong += out[0] != 0x57 || out[1] != 0xAB || out[2] != code;
                wrong += memcmp(out + 3, zeros, (size_t)extra) != 0;
            }
        }
        for (size_t length = 0; length < 24; length++) {
            cl_ch392_init(&chip);
            int count = cl_ch392_expect(&chip, (uint8_t)code, length);
            int legal = at >= 0 && (code == 0x3C || (int)length == commands[at].reply);
            wrong += count != (at < 0 ? -4 : legal ? length > 0 : -3);
        }
    }
    CHECK(wrong == 0);
}

static void test_counts(void) {
    static uint8_t command[4101];
    command[0] = 0x39;
    command[1] = 3;
    command[2] = 0x01;
    CHECK(cl_ch392_reply(command, 5) == 0);
    CHECK(cl_ch392_reply(command, 4) == -3);
    CHECK(cl_ch392_reply(command, 6) == -3);
    command[2] = 0x00;
    command[3] = 0x10;
    CHECK(cl_ch392_reply(command, 4100) == 0);
    command[2] = 0x01;
    CHECK(cl_ch392_reply(command, 4101) == -3); /* 4097 */
    CHECK(cl_ch392_reply((const uint8_t[]){0x3C, 0, 0x34, 0x02}, 4) == 0x234);
    CHECK(cl_ch392_reply((const uint8_t[]){0x3C, 0, 0x00, 0x10}, 4) == 4096);
    CHECK(cl_ch392_reply((const uint8_t[]){0x3C, 0, 0x01, 0x10}, 4) == -3);
    CHECK(cl_ch392_reply((const uint8_t[]){0x3C, 0, 0x00, 0x00}, 4) == 0);
    CHECK(cl_ch392_reply(command, 0) == -1);
    CHECK(cl_ch392_reply(NULL, 1) == -1);
}

static void test_encode(void) {
    static const uint8_t two[] = {0x22, 192, 168, 1, 2, 0x27};
    static const uint32_t lengths[] = {5, 1};
    uint8_t out[16];
    int size = cl_ch392_encode(two, lengths, 2, out, sizeof out);
    SAME(out, size, 0x57, 0xAB, 0x22, 192, 168, 1, 2, 0x57, 0xAB, 0x27);
    CHECK(cl_ch392_encode(two, lengths, 2, out, 10) == 10);
    CHECK(cl_ch392_encode(two, lengths, 2, out, 9) == -2);
    CHECK(cl_ch392_encode(two, lengths, 2, out, 0) == -2);
    CHECK(cl_ch392_encode(NULL, NULL, 0, out, 0) == 0);
    CHECK(cl_ch392_encode(NULL, lengths, 1, out, 16) == -1);
    CHECK(cl_ch392_encode(two, NULL, 1, out, 16) == -1);
    CHECK(cl_ch392_encode(two, lengths, 2, NULL, 16) == -1);
    CHECK(cl_ch392_encode(two, (const uint32_t[]){0}, 1, out, 16) == -1);
    CHECK(cl_ch392_encode(two, (const uint32_t[]){5, 2}, 2, out, 16) == -3);
}

static void segment(const cl_ch392_segment_t *part, uint32_t offset, uint32_t length,
                    uint32_t reads, uint32_t gap) {
    CHECK(part->offset == offset && part->length == length);
    CHECK(part->reads == reads && part->gap == gap);
}

static void test_segments(void) {
    cl_ch392_segment_t parts[3];
    CHECK(cl_ch392_segments((const uint8_t[]){0x27}, 1, 2, 3, parts, 3) == 1);
    segment(&parts[0], 0, 1, 0, 0);
    CHECK(cl_ch392_segments((const uint8_t[]){0x43}, 1, 2, 3, parts, 3) == 2);
    segment(&parts[0], 0, 1, 0, 3);
    segment(&parts[1], 0, 20, 1, 0);
    CHECK(cl_ch392_segments((const uint8_t[]){0x29}, 1, 5, 3, parts, 2) == 2);
    segment(&parts[0], 0, 1, 0, 5);
    CHECK(cl_ch392_segments((const uint8_t[]){0x22, 1, 2, 3, 4}, 5, 2, 3, parts, 3) == 2);
    segment(&parts[0], 0, 1, 0, 2);
    segment(&parts[1], 1, 4, 0, 0);
    CHECK(cl_ch392_segments((const uint8_t[]){0x3C, 1, 0x30, 0x04}, 4, 2, 3, parts, 3) == 3);
    segment(&parts[0], 0, 1, 0, 2);
    segment(&parts[1], 1, 3, 0, 3);
    segment(&parts[2], 0, 1072, 1, 0);
    CHECK(cl_ch392_segments((const uint8_t[]){0x3C, 1, 0, 0}, 4, 2, 3, parts, 2) == 2);
    CHECK(cl_ch392_segments((const uint8_t[]){0x3C, 1, 1, 0}, 4, 2, 3, parts, 2) == -2);
    CHECK(cl_ch392_segments((const uint8_t[]){0x27}, 1, 2, 3, parts, 0) == -2);
    CHECK(cl_ch392_segments((const uint8_t[]){0x27}, 1, 2, 3, NULL, 3) == -1);
    CHECK(cl_ch392_segments((const uint8_t[]){0x27, 0}, 2, 2, 3, parts, 3) == -3);
    CHECK(cl_ch392_segments((const uint8_t[]){0x99}, 1, 2, 3, parts, 3) == -4);
}

static void test_whole_replies(void) {
    int got;
    cl_ch392_init(&chip);
    CHECK(cl_ch392_expect(&chip, 0x06, 1) == 1);
    CHECK(cl_ch392_pending(&chip) == 1);
    FEED(0xA8);
    CHECK(got == 1);
    is(0, 0, 0x06, 1);
    KEPT(0, 0xA8);
    CHECK(cl_ch392_pending(&chip) == 0);
    CHECK(cl_ch392_expect(&chip, 0x2D, 6) == 1);
    CHECK(cl_ch392_expect(&chip, 0x35, 0) == 1); /* it answers nothing */
    CHECK(cl_ch392_expect(&chip, 0x3B, 2) == 2);
    CHECK(cl_ch392_pending(&chip) == 8);
    FEED(192, 168, 1, 50, 0xF6, 0x01, 0x00, 0x10);
    CHECK(got == 2);
    is(0, 0, 0x2D, 6);
    KEPT(0, 192, 168, 1, 50, 0xF6, 0x01);
    is(1, 0, 0x3B, 2);
    KEPT(1, 0x00, 0x10);
}

static void test_byte_by_byte(void) {
    cl_ch392_init(&chip);
    cl_ch392_expect(&chip, 0x43, 20);
    cl_ch392_expect(&chip, 0x40, 6);
    for (uint8_t i = 0; i < 26; i++) {
        uint8_t byte = (uint8_t)(0x80 + i);
        CHECK(feed(&byte, 1) == (i == 19 || i == 25));
        CHECK(cl_ch392_pending(&chip) == 25U - i);
        if (i == 19) {
            is(0, 0, 0x43, 20);
            KEPT(0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C,
                 0x8D, 0x8E, 0x8F, 0x90, 0x91, 0x92, 0x93);
        }
    }
    is(0, 0, 0x40, 6);
    KEPT(0, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99);
}

static void test_cut_inside_the_second_reply(void) {
    int got;
    cl_ch392_init(&chip);
    cl_ch392_expect(&chip, 0x2F, 2);
    cl_ch392_expect(&chip, 0x2F, 2);
    FEED(0x05, 0x04, 0x00);
    CHECK(got == 1);
    KEPT(0, 0x05, 0x04);
    FEED(0x0A);
    CHECK(got == 1);
    is(0, 0, 0x2F, 2);
    KEPT(0, 0x00, 0x0A);
}

static void test_read_payload_in_pieces(void) {
    int got;
    cl_ch392_init(&chip);
    CHECK(cl_ch392_expect(&chip, 0x3C, 5) == 1);
    CHECK(cl_ch392_expect(&chip, 0x3B, 2) == 2);
    FEED('h', 'e');
    CHECK(got == 1);
    is(0, 16, 0x3C, 2);
    RANGE(0, 'h', 'e');
    CHECK(cl_ch392_pending(&chip) == 5);
    FEED('l', 'l', 'o', 0x07, 0x00, 0x99, 0x98);
    CHECK(got == 3);
    is(0, 0, 0x3C, 3);
    RANGE(0, 'l', 'l', 'o');
    is(1, 0, 0x3B, 2);
    KEPT(1, 0x07, 0x00);
    is(2, 3, -1, 2);
    RANGE(2, 0x99, 0x98);
}

static void test_longest_read(void) {
    static uint8_t data[4097];
    cl_ch392_init(&chip);
    CHECK(cl_ch392_expect(&chip, 0x3C, 4097) == -3);
    CHECK(cl_ch392_expect(&chip, 0x3C, 4096) == 1);
    CHECK(feed(data, 4097) == 2);
    is(0, 0, 0x3C, 4096);
    is(1, 3, -1, 1);
    CHECK(frames[1].offset == 4096);
}

static void test_nothing_is_expected(void) {
    int got;
    cl_ch392_init(&chip);
    CHECK(feed(NULL, 0) == 0);
    FEED(0x04, 0x10);
    CHECK(got == 1);
    is(0, 3, -1, 2);
    RANGE(0, 0x04, 0x10);
    cl_ch392_expect(&chip, 0x01, 1);
    FEED(0x41);
    CHECK(got == 1);
    is(0, 0, 0x01, 1);
}

static void test_flush(void) {
    int got;
    cl_ch392_init(&chip);
    CHECK(cl_ch392_flush(&chip, frames, 32) == 0);
    cl_ch392_expect(&chip, 0x01, 1);
    cl_ch392_expect(&chip, 0x40, 6);
    cl_ch392_expect(&chip, 0x2C, 1);
    FEED(0x41, 0x00, 0x11, 0x22);
    CHECK(got == 1);
    CHECK(cl_ch392_pending(&chip) == 4);
    CHECK(cl_ch392_flush(&chip, frames, 32) == 2);
    is(0, 2, 0x40, 3);
    KEPT(0, 0x00, 0x11, 0x22);
    is(1, 2, 0x2C, 0);
    CHECK(cl_ch392_pending(&chip) == 0);
    CHECK(cl_ch392_expect(&chip, 0x3C, 9) == 1);
    FEED(1, 2, 3);
    is(0, 16, 0x3C, 3);
    CHECK(cl_ch392_flush(&chip, frames, 1) == 1);
    is(0, 2, 0x3C, 0);
    cl_ch392_expect(&chip, 0x06, 1);
    FEED(0x55);
    is(0, 0, 0x06, 1);
}

static void test_flush_with_room_for_one(void) {
    cl_ch392_init(&chip);
    cl_ch392_expect(&chip, 0x2F, 2);
    cl_ch392_expect(&chip, 0x40, 6);
    feed((const uint8_t[]){0x05}, 1);
    CHECK(cl_ch392_flush(&chip, frames, 1) == 1);
    is(0, 2, 0x2F, 1);
    KEPT(0, 0x05);
    CHECK(cl_ch392_pending(&chip) == 6);
    /* What still comes belongs to the next reply, and its bytes do not run into the first's. */
    feed((const uint8_t[]){1, 2, 3, 4, 5, 6}, 6);
    is(0, 0, 0x40, 6);
    KEPT(0, 1, 2, 3, 4, 5, 6);
}

static void test_sixteen_of_the_longest(void) {
    static uint8_t data[16 * 20 + 1];
    cl_ch392_init(&chip);
    for (int i = 1; i <= 16; i++) {
        CHECK(cl_ch392_expect(&chip, 0x43, 20) == i);
    }
    CHECK(cl_ch392_expect(&chip, 0x43, 20) == -2);
    CHECK(cl_ch392_expect(&chip, 0x35, 0) == 16);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i / 20);
    }
    CHECK(feed(data, sizeof data) == 17);
    for (size_t i = 0; i < 16; i++) {
        is(i, 0, 0x43, 20);
        CHECK(chip.buffer[frames[i].offset] == i && chip.buffer[frames[i].offset + 19] == i);
    }
    is(16, 3, -1, 1);
}

static void test_room_for_one_frame(void) {
    static const uint8_t data[] = {0x01, 'a', 'b', 0x02, 0x99};
    static const int32_t kinds[] = {0x2C, 0x3C, 0x2C, -1};
    cl_ch392_init(&chip);
    cl_ch392_expect(&chip, 0x2C, 1);
    cl_ch392_expect(&chip, 0x3C, 2);
    cl_ch392_expect(&chip, 0x2C, 1);
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        CHECK(cl_ch392_feed(&chip, data + at, sizeof data - at, &used, frames, 1) == 1);
        is(0, i < 3 ? 0 : 3, kinds[i], i == 1 ? 2 : 1);
        at += used;
    }
    CHECK(at == sizeof data);
}

static void test_misuse(void) {
    static const uint8_t byte;
    cl_ch392_init(&chip);
    CHECK(cl_ch392_expect(NULL, 0x01, 1) == -1);
    CHECK(cl_ch392_feed(NULL, &byte, 1, &used, frames, 1) == -1);
    CHECK(cl_ch392_feed(&chip, NULL, 1, &used, frames, 1) == -1);
    CHECK(cl_ch392_feed(&chip, &byte, 1, NULL, frames, 1) == -1);
    CHECK(cl_ch392_feed(&chip, &byte, 1, &used, NULL, 1) == -1);
    CHECK(cl_ch392_feed(&chip, &byte, 1, &used, frames, 0) == -1);
    CHECK(cl_ch392_flush(NULL, frames, 1) == -1);
    CHECK(cl_ch392_flush(&chip, NULL, 1) == -1);
    CHECK(cl_ch392_flush(&chip, frames, 0) == -1);
}

int main(void) {
    test_every_row();
    test_every_length_of_every_code();
    test_counts();
    test_encode();
    test_segments();
    test_whole_replies();
    test_byte_by_byte();
    test_cut_inside_the_second_reply();
    test_read_payload_in_pieces();
    test_longest_read();
    test_nothing_is_expected();
    test_flush();
    test_flush_with_room_for_one();
    test_sixteen_of_the_longest();
    test_room_for_one_frame();
    test_misuse();
    return report("ch392");
}
