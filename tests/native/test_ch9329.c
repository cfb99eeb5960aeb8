#include "check.h"

#include "chiplink/ch9329.h"

static cl_ch9329_t chip;
static cl_frame_t frames[16];
static size_t used;

static int feed(const uint8_t *data, size_t len) {
    int count = cl_ch9329_feed(&chip, data, len, &used, frames, 16);
    CHECK(used == len);
    return count;
}

#define FEED(...) feed((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define PAYLOAD(i, ...) SAME(chip.buffer + frames[i].offset, frames[i].length, __VA_ARGS__)

static int flush(void) { return cl_ch9329_flush(&chip, frames, 16); }

static void is(size_t i, int32_t status, int32_t kind, uint32_t length) {
    CHECK(frames[i].status == status);
    CHECK(frames[i].kind == kind);
    CHECK(frames[i].length == length);
}

static void test_whole_frames(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85) == 1);
    is(0, 0, 0x82, 1);
    PAYLOAD(0, 0x00);
    CHECK(FEED(0x57, 0xAB, 0x07, 0x01, 0x00, 0x0A, 0x57, 0xAB, 0x07, 0xC2, 0x01, 0xE4, 0xB0) == 2);
    is(0, 0, 0x0701, 0);
    is(1, 0, 0x07C2, 1);
    PAYLOAD(1, 0xE4);
    CHECK(cl_ch9329_pending(&chip) == 0);
}

static void test_head_inside_a_payload(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x87, 0x03, 0x57, 0xAB, 0x00, 0x8E) == 1);
    is(0, 0, 0x87, 3);
    PAYLOAD(0, 0x57, 0xAB, 0x00);
}

static void test_byte_by_byte(void) {
    static const uint8_t reply[] = {0x57, 0xAB, 0x00, 0x81, 0x08, 0x38, 0x01,
                                    0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0xC6};
    cl_ch9329_init(&chip);
    for (size_t i = 0; i + 1 < sizeof reply; i++) {
        CHECK(feed(reply + i, 1) == 0);
        CHECK(cl_ch9329_pending(&chip) == i + 1);
    }
    CHECK(feed(reply + 13, 1) == 1);
    is(0, 0, 0x81, 8);
    PAYLOAD(0, 0x38, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00);
}

static void test_bad_sum_and_the_frame_inside(void) {
    cl_ch9329_init(&chip);
    /* A torn keyboard command, and a good reply whose bytes completed it. */
    CHECK(FEED(0x57, 0xAB, 0x00, 0x02, 0x08, 0x00, 0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85,
               0x00) == 4);
    is(0, 1, 0x02, 8);
    PAYLOAD(0, 0x00, 0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85);
    is(1, 3, -1, 4);
    PAYLOAD(1, 0x00, 0x02, 0x08, 0x00);
    is(2, 0, 0x82, 1);
    is(3, 3, -1, 1);
}

static void test_bad_length(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x81, 0x09, 0x57, 0xAB, 0x00, 0x8F, 0x01, 0x00, 0x92) == 3);
    is(0, 2, 0x81, 0);
    is(1, 3, -1, 3);
    PAYLOAD(1, 0x00, 0x81, 0x09);
    is(2, 0, 0x8F, 1);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x03, 0x03) == 2);
    is(0, 2, 0x03, 0);
}

/* Least and most data bytes of every code, by hand from sections 2.2 and 2.3; others 0 to 64. */
static const struct {
    int first, last, least, most;
} legal[] = {
    {0x01, 0x01, 0, 0},  {0x02, 0x02, 8, 8},   {0x03, 0x03, 2, 4},   {0x04, 0x04, 7, 7},
    {0x05, 0x05, 5, 5},  {0x08, 0x08, 0, 0},   {0x09, 0x09, 50, 50}, {0x0A, 0x0A, 1, 1},
    {0x0B, 0x0B, 2, 25}, {0x0C, 0x0C, 0, 0},   {0x0F, 0x0F, 0, 0},   {0x81, 0x81, 8, 8},
    {0x82, 0x86, 1, 1},  {0x88, 0x88, 50, 50}, {0x89, 0x89, 1, 1},   {0x8A, 0x8A, 2, 25},
    {0x8B, 0x8C, 1, 1},  {0x8F, 0x8F, 1, 1},   {0xC1, 0xFF, 1, 1},
};

static int is_legal(int code, int length) {
    for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
        if (code >= legal[i].first && code <= legal[i].last) {
            return length >= legal[i].least && length <= legal[i].most &&
                   !(code == 0x03 && length == 3);
        }
    }
    return length <= 64;
}

static void test_every_length_of_every_code(void) {
    static const uint8_t zeros[255];
    uint8_t out[261];
    int wrong = 0;
    for (int code = 0; code < 256; code++) {
        for (int length = 0; length < 256; length++) {
            uint8_t frame[261] = {0x57, 0xAB, 0x00, (uint8_t)code, (uint8_t)length};
            frame[5 + length] = (uint8_t)(0x02 + code + length);
            cl_ch9329_init(&chip);
            feed(frame, 6 + (size_t)length);
            int status = code == 0xFE && length == 0 ? 4 : is_legal(code, length) ? 0 : 2;
            int size = cl_ch9329_encode(0, (uint8_t)code, zeros, (size_t)length, out, sizeof out);
            wrong += frames[0].status != status || frames[0].kind != code;
            wrong += size != (is_legal(code, length) ? 6 + length : -3);
        }
    }
    CHECK(wrong == 0);
}

static void test_unknown_command(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0x57, 0xAB, 0x00, 0xFE, 0x00, 0x57, 0xAB, 0x00, 0xFE, 0x01, 0xE3, 0xE4) == 2);
    is(0, 4, 0xFE, 0);
    is(1, 0, 0xFE, 1);
    PAYLOAD(1, 0xE3);
    CHECK(FEED(0x57, 0xAB, 0x00, 0xFE, 0x00, 0x99) == 2);
    is(0, 4, 0xFE, 0);
    is(1, 3, -1, 1);
}

static void test_headless(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0xAB, 0x00, 0x89, 0x01, 0x00, 0x8C) == 1);
    is(0, 6, 0x89, 1);
    PAYLOAD(0, 0x00);
    CHECK(FEED(0xAB, 0x00, 0x89, 0x01, 0x00, 0x8D) == 1); /* a wrong sum */
    is(0, 3, -1, 6);
    CHECK(FEED(0xAB, 0x00, 0x87, 0x01, 0x00, 0x8A) == 1); /* not a status reply */
    is(0, 3, -1, 6);
    CHECK(FEED(0xAB, 0x05, 0xCF, 0x01, 0xE6, 0xBD) == 1);
    is(0, 6, 0x05CF, 1);
    CHECK(FEED(0xAB, 0x00, 0xD0, 0x01, 0x00, 0xD3) == 1); /* beyond the codes accepted */
    is(0, 3, -1, 6);
    CHECK(FEED(0xAB, 0x00, 0x0A, 0x01, 0x00, 0x0D) == 1); /* a command */
    is(0, 3, -1, 6);
    CHECK(FEED(0xAB, 0x00, 0x89, 0x02) == 1); /* more than a status byte */
    is(0, 3, -1, 4);
    CHECK(FEED(0xFF, 0xFF, 0xFF, 0xFF) == 1);
    CHECK(FEED(0xAB) == 0 && FEED(0x00) == 0 && FEED(0x82) == 0 && FEED(0x01) == 0);
    CHECK(FEED(0xE1) == 0 && FEED(0x66) == 1);
    is(0, 6, 0x82, 1);
    PAYLOAD(0, 0xE1);
}

/* As read from a CH9329F: 65 data bytes behind a length of 50, the sum at the end. */
static void parameters(uint8_t *reply, uint8_t extra, uint8_t sum) {
    static const uint8_t first[] = {0x57, 0xAB, 0x00, 0x88, 0x32, 0x80, 0x80, 0x00, 0x00,
                                    0x00, 0x25, 0x80, 0x08, 0x00, 0x00, 0x03, 0x86, 0x1A,
                                    0x2A, 0xE1, 0x00, 0x00, 0x00, 0x01, 0x00, 0x0D};
    memset(reply, 0, 71);
    memcpy(reply, first, sizeof first);
    reply[69] = extra;
    reply[70] = sum;
}

static void test_long(void) {
    uint8_t reply[71];
    cl_ch9329_init(&chip);
    parameters(reply, 0x00, 0x25);
    CHECK(feed(reply, 70) == 0);
    CHECK(feed(reply + 70, 1) == 1);
    is(0, 5, 0x88, 50);
    CHECK(memcmp(chip.buffer + frames[0].offset, reply + 5, 50) == 0);
    parameters(reply, 0x11, 0x36);
    CHECK(feed(reply, 71) == 1);
    is(0, 5, 0x88, 50);
    parameters(reply, 0x11, 0x25);
    CHECK(feed(reply, 71) == 2);
    is(0, 1, 0x88, 50);
    is(1, 3, -1, 69);
}

static void test_ordinary_parameters(void) {
    uint8_t reply[71];
    cl_ch9329_init(&chip);
    parameters(reply, 0x00, 0x00);
    reply[55] = 0x25;
    CHECK(feed(reply, 56) == 1);
    is(0, 0, 0x88, 50);
    reply[55] = 0x24;
    CHECK(feed(reply, 56) == 0); /* it may still become a long one */
    CHECK(flush() == 2);
    is(0, 1, 0x88, 50);
    is(1, 3, -1, 54);
}

static void test_flush(void) {
    cl_ch9329_init(&chip);
    CHECK(flush() == 0);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x87, 0x40, 0x11, 0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85) == 0);
    CHECK(flush() == 3);
    is(0, 2, 0x87, 8);
    PAYLOAD(0, 0x11, 0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85);
    is(1, 3, -1, 4);
    is(2, 0, 0x82, 1);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x82) == 0);
    CHECK(flush() == 1);
    is(0, 3, -1, 4);
    PAYLOAD(0, 0x57, 0xAB, 0x00, 0x82);
    CHECK(FEED(0x57) == 0);
    CHECK(flush() == 1);
    is(0, 3, -1, 1);
    CHECK(cl_ch9329_pending(&chip) == 0);
}

static void test_behind_a_good_frame(void) {
    cl_ch9329_init(&chip);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85, 0x57, 0xAB, 0x00) == 1);
    CHECK(FEED(0x84, 0x01, 0xE5, 0x6C, 0x57) == 1);
    is(0, 0, 0x84, 1);
    PAYLOAD(0, 0xE5);
    CHECK(flush() == 1);
    is(0, 3, -1, 1);
    PAYLOAD(0, 0x57);
    CHECK(FEED(0x57, 0xAB, 0x00, 0x82, 0x01, 0x00, 0x85, 0x57, 0xAB, 0x02, 0x83, 0x01) == 1);
    CHECK(flush() == 2); /* the header came, no data */
    is(0, 2, 0x0283, 0);
    is(1, 3, -1, 3);
    PAYLOAD(1, 0x02, 0x83, 0x01);
    CHECK(FEED(0x57, 0xAB, 0x02, 0x83, 0x01, 0xE6) == 0);
    CHECK(flush() == 2); /* only the sum is missing */
    is(0, 2, 0x0283, 1);
    PAYLOAD(0, 0xE6);
    CHECK(FEED(0xAB, 0x00) == 0);
    CHECK(flush() == 1);
    is(0, 3, -1, 2);
    PAYLOAD(0, 0xAB, 0x00);
}

static void test_room_for_one_frame(void) {
    static const uint8_t torn[] = {0x57, 0xAB, 0x00, 0x87, 0x09, 0x57, 0xAB, 0x00,
                                   0x82, 0x01, 0x00, 0x85, 0x57, 0xAB, 0x01};
    static const int32_t expected[] = {1, 3, 0, 3, 3};
    size_t at = 0;
    size_t seen = 0;
    cl_ch9329_init(&chip);
    while (at < sizeof torn) {
        int count = cl_ch9329_feed(&chip, torn + at, sizeof torn - at, &used, frames, 1);
        at += used;
        if (count == 1) {
            CHECK(seen < 4 && frames[0].status == expected[seen]);
            seen++;
        }
    }
    CHECK(seen == 3);
    CHECK(cl_ch9329_pending(&chip) == 3);
    CHECK(cl_ch9329_flush(&chip, frames, 1) == 1);
    is(0, 3, -1, 3);
}

static void test_more_than_the_buffer(void) {
    static uint8_t zeros[5000];
    cl_ch9329_init(&chip);
    CHECK(cl_ch9329_feed(&chip, zeros, 5000, &used, frames, 16) == 1);
    CHECK(used == 4096);
    is(0, 3, -1, 4096);
}

static void test_misuse(void) {
    const uint8_t byte = 0;
    cl_ch9329_init(&chip);
    CHECK(cl_ch9329_feed(NULL, &byte, 1, &used, frames, 16) == -1);
    CHECK(cl_ch9329_feed(&chip, NULL, 1, &used, frames, 16) == -1);
    CHECK(cl_ch9329_feed(&chip, NULL, 0, &used, frames, 16) == 0);
    CHECK(cl_ch9329_feed(&chip, &byte, 1, NULL, frames, 16) == -1);
    CHECK(cl_ch9329_feed(&chip, &byte, 1, &used, NULL, 16) == -1);
    CHECK(cl_ch9329_feed(&chip, &byte, 1, &used, frames, 0) == -1);
    CHECK(cl_ch9329_flush(&chip, frames, 0) == -1);
    CHECK(cl_ch9329_flush(&chip, NULL, 16) == -1);
    CHECK(cl_ch9329_flush(NULL, frames, 16) == -1);
}

static void test_encode(void) {
    uint8_t out[70];
    const uint8_t data[64] = {0x02, 0x04};
    CHECK(cl_ch9329_encode(0, 0x01, NULL, 0, out, 6) == 6);
    SAME(out, 6, 0x57, 0xAB, 0x00, 0x01, 0x00, 0x03);
    CHECK(cl_ch9329_encode(0, 0x03, data, 4, out, 70) == 10);
    SAME(out, 10, 0x57, 0xAB, 0x00, 0x03, 0x04, 0x02, 0x04, 0x00, 0x00, 0x0F);
    CHECK(cl_ch9329_encode(0xFF, 0x06, data, 64, out, 70) == 70);
    CHECK(out[4] == 0x40 && out[69] == 0x4D);
    CHECK(cl_ch9329_encode(0, 0x06, data, 64, out, 69) == -2);
    CHECK(cl_ch9329_encode(0, 0x06, data, 65, out, 70) == -3);
    CHECK(cl_ch9329_encode(0, 0x02, data, 7, out, 70) == -3);
    CHECK(cl_ch9329_encode(0, 0x03, data, 3, out, 70) == -3);
    CHECK(cl_ch9329_encode(0, 0x06, NULL, 1, out, 70) == -1);
    CHECK(cl_ch9329_encode(0, 0x06, data, 1, NULL, 70) == -1);
}

int main(void) {
    test_whole_frames();
    test_head_inside_a_payload();
    test_byte_by_byte();
    test_bad_sum_and_the_frame_inside();
    test_bad_length();
    test_every_length_of_every_code();
    test_unknown_command();
    test_headless();
    test_long();
    test_ordinary_parameters();
    test_flush();
    test_behind_a_good_frame();
    test_room_for_one_frame();
    test_more_than_the_buffer();
    test_misuse();
    test_encode();
    return report("ch9329");
}
