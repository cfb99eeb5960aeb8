#include "check.h"

#include "chiplink/at.h"

static cl_at_t modem;
static cl_at_frame_t frames[64];
static size_t used;
static const uint8_t *fed;
static int got;

static int feed(const char *text, size_t len) {
    fed = (const uint8_t *)text;
    int count = cl_at_feed(&modem, fed, len, &used, frames, 64);
    CHECK(used == len);
    return count;
}

/* A text, which may hold NULs, fed to a scanner that goes on from before, or to a new one. */
#define MORE(text) got = feed(text, sizeof(text) - 1)
#define FEED(text)                                                                                 \
    do {                                                                                           \
        cl_at_init(&modem);                                                                        \
        MORE(text);                                                                                \
    } while (0)

static void is(int i, int32_t kind, int32_t status, const char *text, size_t len, int line) {
    const cl_at_frame_t *frame = &frames[i];
    int kept = (frame->kind & CL_AT_KEPT) != 0;
    const uint8_t *bytes = (kept ? modem.buffer : fed) + frame->start;
    int right = i < got && (frame->kind & 0xFF) == kind && frame->status == status &&
                frame->end - frame->start == len && memcmp(bytes, text, len) == 0;
    if (!right) {
        printf("line %d: kind %d, status %d: %.*s\n", line, frame->kind, frame->status,
               (int)(frame->end - frame->start), (const char *)bytes);
    }
    CHECK(right);
}

#define IS(i, kind, status, text) is(i, kind, status, text, sizeof(text) - 1, __LINE__)
#define LINE(i, text) IS(i, CL_AT_LINE, 0, text)
#define FINAL(i, text) IS(i, CL_AT_FINAL, 0, text)
#define HEAD(i, text) IS(i, CL_AT_HEAD, 0, text)
#define DATA(i, text) IS(i, CL_AT_PAYLOAD, 0, text)
#define PART(i, text) IS(i, CL_AT_PAYLOAD, CL_AT_PART, text)
#define JUNK(i, text) IS(i, CL_AT_JUNK, CL_FRAME_GARBAGE, text)

static void test_lines(void) {
    FEED("\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    CHECK(got == 2);
    LINE(0, "+CSQ: 20,0");
    FINAL(1, "OK");
    FEED("\r\r\n10.78.245.128\r\r\r\nERROR\n");
    CHECK(got == 2);
    LINE(0, "10.78.245.128");
    FINAL(1, "ERROR");
    FEED("+CME ERROR: 50\r\n+CMS ERROR: 500\r\nOKAY\r\nERRORS\r\n");
    FINAL(0, "+CME ERROR: 50");
    FINAL(1, "+CMS ERROR: 500");
    LINE(2, "OKAY");
    LINE(3, "ERRORS");
    FEED("\r\n\r\n\n\r");
    CHECK(got == 0 && cl_at_pending(&modem) == 0);
}

static void test_lines_that_answer_nothing(void) {
    static const char *const urcs[] = {"RDY",
                                       "RING",
                                       "CLOSED",
                                       "0, CLOSED",
                                       "5,CLOSED",
                                       "REMOTE IP: 10.76.40.73",
                                       "0, REMOTE IP: 10.76.40.73",
                                       "Call Ready",
                                       "SMS Ready",
                                       "NORMAL POWER DOWN",
                                       "UNDER-VOLTAGE WARNNING",
                                       "UNDER-VOLTAGE POWER DOWN",
                                       "OVER-VOLTAGE WARNNING",
                                       "+PDP: DEACT",
                                       "+PDP DEACT",
                                       "+IPCLOSE: 1,1",
                                       "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY",
                                       "+CLIENT: 0,0,192.168.108.5:57202",
                                       "+TCPCLOSED:0",
                                       "+CMTI: \"SM\",10",
                                       "+CTZV: 32,0",
                                       "DST: 0",
                                       "*PSUTTZ: 2020,6,15,7,0,0,\"+32\",0"};
    static const char *const others[] = {
        "0, CONNECT OK",     "CONNECT FAIL",   "SEND OK", "1, SEND OK",
        "+CFUN: 1",          "+CPIN: READY",   "RDYX",    "9",
        "460001234567890",   "CLOSE OK",       "SHUT OK", "1, CLOSE OK",
        "+CIPCLOSE: 0,1",    "+CIPRXGET: 1,0", "+",       "+C",
        "STATE: IP INITIAL", "+NETOPEN: 0"};
    char text[80];
    for (size_t i = 0; i < sizeof urcs / sizeof *urcs; i++) {
        cl_at_init(&modem);
        got = feed(text, (size_t)snprintf(text, sizeof text, "\r\n%s\r\n", urcs[i]));
        is(0, CL_AT_URC, 0, urcs[i], strlen(urcs[i]), __LINE__);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cl_at_init(&modem);
        got = feed(text, (size_t)snprintf(text, sizeof text, "\r\n%s\r\n", others[i]));
        is(0, CL_AT_LINE, 0, others[i], strlen(others[i]), __LINE__);
    }
}

static void test_prompts(void) {
    cl_at_init(&modem);
    CHECK(cl_at_expect(&modem, CL_AT_EXPECT_PROMPT) == 0);
    MORE("\r\n> \r\nOK\r\n"); /* SIM800 */
    CHECK(got == 2);
    IS(0, CL_AT_PROMPT, 0, ">");
    FINAL(1, "OK");
    CHECK(cl_at_expect(&modem, CL_AT_EXPECT_PROMPT) == 0);
    MORE("\r\n0, CLOSED\r\n\r\n>"); /* SIM7028 */
    CHECK(got == 2);
    IS(0, CL_AT_URC, 0, "0, CLOSED");
    IS(1, CL_AT_PROMPT, 0, ">");
    MORE(" ");
    CHECK(got == 0 && cl_at_pending(&modem) == 0);
    MORE("\r\nSEND OK\r\n");
    LINE(0, "SEND OK");
    FEED("\r\n> "); /* nobody asked */
    CHECK(got == 0 && cl_at_pending(&modem) == 2);
    MORE("\r\nERROR\r\n");
    LINE(0, "> ");
    FINAL(1, "ERROR");
    CHECK(cl_at_expect(&modem, 8) == CL_E_RANGE);
}

static void test_echo(void) {
    FEED("AT+CSQ\r\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    CHECK(got == 3);
    IS(0, CL_AT_ECHO, 0, "AT+CSQ");
    LINE(1, "+CSQ: 20,0");
    FEED("at\r+IPD,2:hi\r\nOK\r\n"); /* no line end between the echo and what comes */
    IS(0, CL_AT_ECHO, 0, "at");
    HEAD(1, "+IPD,2:");
    DATA(2, "hi");
    FINAL(3, "OK");
    FEED("ATTENTION\nAT");
    LINE(0, "ATTENTION");
    CHECK(got == 1 && cl_at_pending(&modem) == 2);
    MORE("I\rA");
    IS(0, CL_AT_ECHO, 0, "ATI");
}

static void test_every_header(void) {
    FEED("\r\nRECV FROM:117.131.85.139:5253\r\n+IPD16\r\ndata from server\r\nOK\r\n");
    CHECK(got == 4);
    IS(0, CL_AT_SENDER, 0, "RECV FROM:117.131.85.139:5253");
    HEAD(1, "+IPD16");
    DATA(2, "data from server");
    FINAL(3, "OK");
    FEED("+IPD,5:hello+IPD,5,TCP:world+IPD,3,UDP:abc");
    HEAD(0, "+IPD,5:");
    DATA(1, "hello");
    HEAD(2, "+IPD,5,TCP:");
    DATA(3, "world");
    HEAD(4, "+IPD,3,UDP:");
    DATA(5, "abc");
    FEED("\r\n+IPD:11\r\nKINGCOMTEST\r\n+IPD, 11:KINGCOMTEST+IPD,11:KINGCOMTEST");
    HEAD(0, "+IPD:11");
    DATA(1, "KINGCOMTEST");
    HEAD(2, "+IPD, 11:");
    DATA(3, "KINGCOMTEST");
    HEAD(4, "+IPD,11:");
    DATA(5, "KINGCOMTEST");
    FEED("\r\n+RECEIVE,0,17:\r\nSIM800 TCP test\r\n\r\n+RECEIVE,1,4\r\nabcd");
    HEAD(0, "+RECEIVE,0,17:");
    DATA(1, "SIM800 TCP test\r\n");
    HEAD(2, "+RECEIVE,1,4");
    DATA(3, "abcd");
    FEED("+RECEIVE,0,2,1.2.3.4:80:\r\nab+CIPRCV:2,cd+CIPRCV: 2,ef\r\nOK\r\n");
    HEAD(0, "+RECEIVE,0,2,1.2.3.4:80:");
    DATA(1, "ab");
    HEAD(2, "+CIPRCV:2,");
    DATA(3, "cd");
    HEAD(4, "+CIPRCV: 2,");
    DATA(5, "ef");
    FINAL(6, "OK");
}

static void test_reads(void) {
    cl_at_init(&modem);
    CHECK(cl_at_expect(&modem, CL_AT_EXPECT_READ) == 0);
    MORE("\r\n+CIPRXGET: 2,1,5,11\r\ndata1\r\nOK\r\n");
    CHECK(got == 3);
    HEAD(0, "+CIPRXGET: 2,1,5,11");
    DATA(1, "data1");
    FINAL(2, "OK");
    MORE("+CIPRXGET:2,11,0\r\nHELLO WORLD\r\nOK\r\n"); /* one link */
    HEAD(0, "+CIPRXGET:2,11,0");
    DATA(1, "HELLO WORLD");
    MORE("+CIPRXGET: 3,1,5,6\r\n66726F6D20\r\nOK\r\n"); /* two characters a byte */
    DATA(1, "66726F6D20");
    FINAL(2, "OK");
    MORE("+CIPRXGET: 2,0,0,0\r\n\r\nOK\r\n");
    CHECK(got == 3);
    HEAD(0, "+CIPRXGET: 2,0,0,0");
    DATA(1, "");
    FINAL(2, "OK");
    MORE("+CIPRXGET: 1,0\r\n+CIPRXGET: 4,0,18\r\n+CIPRXGET: 1\r\n+CIPRXGET: (0-4),(0-1)\r\n");
    LINE(0, "+CIPRXGET: 1,0");
    LINE(1, "+CIPRXGET: 4,0,18");
    LINE(2, "+CIPRXGET: 1");
    LINE(3, "+CIPRXGET: (0-4),(0-1)");
    CHECK(cl_at_expect(&modem, 0) == 0);
    MORE("+CIPRXGET: 2,1,5,11\r\n"); /* nobody asked */
    LINE(0, "+CIPRXGET: 2,1,5,11");
}

static void test_a_payload_is_not_searched(void) {
    FEED("+IPD,20:\r\nOK\r\n0, CLOSED\r\n>\r\nOK\r\n");
    CHECK(got == 3);
    DATA(1, "\r\nOK\r\n0, CLOSED\r\n>\r\n");
    FINAL(2, "OK");
    FEED("+IPD,6:ab");
    PART(1, "ab");
    CHECK(cl_at_pending(&modem) == 4);
    MORE("\r\n");
    PART(0, "\r\n");
    MORE("OK\r\nOK\r\n");
    DATA(0, "OK");
    FINAL(1, "OK");
}

static void test_what_is_no_header(void) {
    static const char *const lines[] = {"+IPD",
                                        "+IPD:",
                                        "+IPDX5:",
                                        "+IPD,123456:",
                                        "+IPD,5,tcp:",
                                        "+IPD,4097:",
                                        "+RECEIVE,0",
                                        "+RECEIVE,0,x:",
                                        "+RECEIVE,0,5;",
                                        "+RECEIVE,0,5:x",
                                        "+RECEIVE,0,4097:",
                                        "+RECEIVE,0,5,1.2.3.4",
                                        "+CIPRCV:x,",
                                        "+CIPRXGET: 2,1",
                                        "+CIPRXGET: 2,0,4097,0",
                                        "+CIPRXGET: 3,0,2049,0",
                                        "+CIPRXGET: 2,0,1,2,3"};
    char text[80];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cl_at_init(&modem);
        CHECK(cl_at_expect(&modem, CL_AT_EXPECT_READ) == 0);
        got = feed(text, (size_t)snprintf(text, sizeof text, "\r\n%s\r\n", lines[i]));
        is(0, CL_AT_LINE, 0, lines[i], strlen(lines[i]), __LINE__);
    }
    FEED("+IPD,0:\r\nOK\r\n");
    HEAD(0, "+IPD,0:");
    DATA(1, "");
    FINAL(2, "OK");
}

static void test_junk(void) {
    FEED("\0IIII\xff\xff\xff\xff\r\nRDY\r\n");
    CHECK(got == 3);
    JUNK(0, "\0");
    JUNK(1, "IIII\xff\xff\xff\xff");
    IS(2, CL_AT_URC, 0, "RDY");
    FEED("\0\0\x01RDY\r\n"); /* no line end between */
    JUNK(0, "\0\0\x01");
    IS(1, CL_AT_URC, 0, "RDY");
    FEED("ABC\rDEF\r\n");
    JUNK(0, "ABC\r");
    LINE(1, "DEF");
    FEED("ABC\r\r");
    CHECK(got == 0 && cl_at_pending(&modem) == 5);
    MORE("X");
    JUNK(0, "ABC\r\r");
    FEED("+COPS: 0,0,\"\xe4\xb8\xad\t\xfe\"\r\n"); /* other letters, and a TAB */
    LINE(0, "+COPS: 0,0,\"\xe4\xb8\xad\t\xfe\"");
    FEED("\x7fOK\r\n");
    JUNK(0, "\x7f");
    FINAL(1, "OK");
}

static void test_cut_anywhere(void) {
    static const char text[] =
        "AT+X\r\r\n+CSQ: 20,0\r\n+RECEIVE,0,5:\r\nhello\r\n+IPD,2:ab\r\nOK\r\n";
    cl_at_init(&modem);
    int counts[9] = {0};
    for (size_t i = 0; i < sizeof text - 1; i++) {
        got = feed(text + i, 1);
        for (int k = 0; k < got; k++) {
            counts[frames[k].kind & 0xFF]++;
        }
    }
    CHECK(counts[CL_AT_ECHO] == 1 && counts[CL_AT_LINE] == 1 && counts[CL_AT_HEAD] == 2);
    CHECK(counts[CL_AT_PAYLOAD] == 7 && counts[CL_AT_FINAL] == 1 && counts[CL_AT_JUNK] == 0);
    FEED("+CS");
    MORE("Q: 20,0\r\nOK\r\n+CR");
    LINE(0, "+CSQ: 20,0");
    FINAL(1, "OK");
    CHECK((frames[0].kind & CL_AT_KEPT) != 0 && (frames[1].kind & CL_AT_KEPT) == 0);
    CHECK(cl_at_pending(&modem) == 3);
    MORE("EG: 0,1\r\n");
    LINE(0, "+CREG: 0,1");
}

static void test_bounds(void) {
    static char text[CL_AT_LINE_MAX + 100];
    memset(text, 'x', sizeof text);
    text[CL_AT_LINE_MAX - 2] = '\r';
    text[CL_AT_LINE_MAX - 1] = '\n';
    cl_at_init(&modem);
    got = feed(text, CL_AT_LINE_MAX);
    CHECK(got == 1 && frames[0].kind == CL_AT_LINE &&
          frames[0].end - frames[0].start == CL_AT_LINE_MAX - 2);
    memset(text, 'x', sizeof text);
    text[CL_AT_LINE_MAX + 50] = '\n';
    for (size_t cut = 1; cut < sizeof text; cut += 333) {
        cl_at_init(&modem);
        size_t junk = 0;
        for (size_t at = 0; at < sizeof text; at += cut) {
            got = feed(text + at, sizeof text - at < cut ? sizeof text - at : cut);
            for (int i = 0; i < got; i++) {
                CHECK((frames[i].kind & 0xFF) == CL_AT_BROKEN);
                CHECK(frames[i].status == CL_FRAME_BAD_LENGTH);
                junk += frames[i].end - frames[i].start;
            }
        }
        CHECK(junk == CL_AT_LINE_MAX + 50 && cl_at_pending(&modem) == 49);
    }
}

static void test_little_room(void) {
    static const char text[] = "OK\r\n+IPD,0:OK\r\n+IPD,2:ab\r\nOK\r\n";
    cl_at_init(&modem);
    size_t at = 0;
    int kinds = 0;
    while (at < sizeof text - 1) {
        const uint8_t *data = (const uint8_t *)text + at;
        int count = cl_at_feed(&modem, data, sizeof text - 1 - at, &used, frames, 2);
        CHECK(count >= 1 || at + used == sizeof text - 1);
        for (int i = 0; i < count; i++) {
            kinds = kinds * 10 + (frames[i].kind & 0xFF);
        }
        at += used;
    }
    CHECK(kinds == 1671671);
}

static void test_flush(void) {
    FEED("+CSQ: 2");
    CHECK(cl_at_flush(&modem, frames, 64) == 1);
    got = 1;
    IS(0, CL_AT_BROKEN, CL_FRAME_BAD_LENGTH, "+CSQ: 2");
    CHECK(cl_at_flush(&modem, frames, 64) == 0);
    FEED("+IPD,5:ab");
    CHECK(cl_at_flush(&modem, frames, 64) == 1);
    CHECK(frames[0].kind == CL_AT_TORN && frames[0].status == CL_FRAME_BAD_LENGTH);
    CHECK(frames[0].end - frames[0].start == 0 && cl_at_pending(&modem) == 0);
    MORE("OK\r\n");
    FINAL(0, "OK");
}

static void test_raw(void) {
    FEED("\r\nCONNECT\r\n");
    CHECK(cl_at_expect(&modem, CL_AT_EXPECT_RAW) == 0);
    MORE("\r\nOK\r\n+IPD,5:");
    CHECK(got == 1);
    DATA(0, "\r\nOK\r\n+IPD,5:");
    CHECK(cl_at_expect(&modem, 0) == 0);
    MORE("\r\nOK\r\n");
    FINAL(0, "OK");
}

static void test_data(void) {
    static const uint8_t data[] = {'a', 0x1A, 0x1B, 0x03, 0x00};
    static uint8_t long_data[CL_AT_SEND_MAX + 1];
    static uint8_t out[CL_AT_DATA_MAX];
    int size = cl_at_data(data, sizeof data, 1, out, sizeof out);
    SAME(out, size, 'a', 0x03, 0x1A, 0x03, 0x1B, 0x03, 0x03, 0x00, 0x1A);
    CHECK(cl_at_data(data, sizeof data, 1, out, 9) == 9);
    CHECK(cl_at_data(data, sizeof data, 1, out, 8) == CL_E_SPACE);
    CHECK(cl_at_data(data, sizeof data, 0, out, sizeof out) == CL_E_RANGE);
    CHECK(cl_at_data(data + 2, 1, 0, out, sizeof out) == CL_E_RANGE);
    size = cl_at_data(data + 3, 2, 0, out, sizeof out);
    SAME(out, size, 0x03, 0x00, 0x1A);
    CHECK(cl_at_data(data, 0, 1, out, sizeof out) == CL_E_LENGTH);
    CHECK(cl_at_data(long_data, sizeof long_data, 1, out, sizeof out) == CL_E_LENGTH);
    memset(long_data, 0x1A, sizeof long_data);
    CHECK(cl_at_data(long_data, CL_AT_SEND_MAX, 1, out, sizeof out) == CL_AT_DATA_MAX);
    CHECK(cl_at_data(NULL, 1, 1, out, sizeof out) == CL_E_ARGUMENT);
    CHECK(cl_at_data(data, 1, 1, NULL, 0) == CL_E_ARGUMENT);
}

static void test_misuse(void) {
    static const uint8_t byte = 'x';
    cl_at_init(&modem);
    CHECK(cl_at_feed(NULL, &byte, 1, &used, frames, 2) == CL_E_ARGUMENT);
    CHECK(cl_at_feed(&modem, NULL, 1, &used, frames, 2) == CL_E_ARGUMENT);
    CHECK(cl_at_feed(&modem, &byte, 1, NULL, frames, 2) == CL_E_ARGUMENT);
    CHECK(cl_at_feed(&modem, &byte, 1, &used, NULL, 2) == CL_E_ARGUMENT);
    CHECK(cl_at_feed(&modem, &byte, 1, &used, frames, 1) == CL_E_ARGUMENT);
    CHECK(cl_at_feed(&modem, NULL, 0, &used, frames, 2) == 0 && used == 0);
    CHECK(cl_at_flush(NULL, frames, 1) == CL_E_ARGUMENT);
    CHECK(cl_at_flush(&modem, frames, 0) == CL_E_ARGUMENT);
    CHECK(cl_at_expect(NULL, 0) == CL_E_ARGUMENT);
}

int main(void) {
    test_lines();
    test_lines_that_answer_nothing();
    test_prompts();
    test_echo();
    test_every_header();
    test_reads();
    test_a_payload_is_not_searched();
    test_what_is_no_header();
    test_junk();
    test_cut_anywhere();
    test_bounds();
    test_little_room();
    test_flush();
    test_raw();
    test_data();
    test_misuse();
    return report("at");
}
