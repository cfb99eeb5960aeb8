#include "chiplink/ch392.h"

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(cl_frame_t) == 16, "Python reads descriptors of 16 bytes");
static_assert(offsetof(cl_ch392_t, buffer) == 0, "an offset counts from the struct too");
static_assert(sizeof(cl_ch392_row_t) == 20, "the header says so");

enum {
    SYNC_1 = 0x57,
    SYNC_2 = 0xAB,
    COUNT_AT = 2, /* in a command: behind its code and the socket */
    DATA_AT = 4,
    COUNTED_ARGUMENTS = 3,
    LONGEST_REPLY = 20
};

static_assert(CL_CH392_BUFFER == LONGEST_REPLY * CL_CH392_EXPECTED_MAX, "room for all replies");
static_assert(CL_CH392_COMMAND_MAX == DATA_AT + CL_CH392_STREAM_MAX, "code, socket, count, data");

enum {
    BOTH = CL_CH392_F | CL_CH392_T,
    OF_T = CL_CH392_T | CL_CH392_OPTIONAL,
    OTHER = CL_CH392_OPTIONAL,
    DONE = CL_CH392_STATUS,
    IN = CL_CH392_COUNT_IN,
    OUT = CL_CH392_COUNT_OUT
};

/* TSC is about 1 us: the manual's "1mS" is a misprint; the maker's code waits 2 us after the code
 * and 1 us before a read. */
#define GAPS 2, 2
#define POLL 2000 /* section 5.12: "more than 2 ms" before GET_CMD_STATUS */

/* clang-format off */
static const cl_ch392_row_t TABLE[] = {
    /* code, chips, flags, reply, least, most, gaps, pause, typical */
    {0x01, BOTH,  0,    1,  0, 0, GAPS, 0,      0},      /* GET_IC_VER */
    {0x02, BOTH,  0,    1,  3, 3, GAPS, 1000,   1000},   /* SET_BAUDRATE */
    {0x03, OF_T,  0,    0,  0, 0, GAPS, 0,      0},      /* ENTER_SLEEP */
    {0x05, BOTH,  0,    0,  0, 0, GAPS, 50000,  50000},  /* RESET_ALL */
    {0x06, BOTH,  0,    1,  1, 1, GAPS, 0,      0},      /* CHECK_EXIST */
    {0x19, OF_T,  0,    2,  0, 0, GAPS, 0,      0},      /* GET_GLOB_INT_STATUS_ALL */
    {0x21, BOTH,  0,    0,  6, 6, GAPS, 100000, 100000}, /* SET_MAC_ADDR */
    {0x22, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_IP_ADDR */
    {0x23, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_GWIP_ADDR */
    {0x24, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_MASK_ADDR */
    {0x26, BOTH,  0,    1,  0, 0, GAPS, 0,      0},      /* GET_PHY_STATUS */
    {0x27, BOTH,  DONE, 0,  0, 0, GAPS, POLL,   350000}, /* INIT_CH392 */
    {0x28, BOTH,  0,    8,  0, 0, GAPS, 0,      0},      /* GET_UNREACH_IPPORT, named in 5.11 */
    {0x29, BOTH,  0,    1,  0, 0, GAPS, 0,      0},      /* GET_GLOB_INT_STATUS */
    {0x2A, OTHER, 0,    0,  1, 1, GAPS, 0,      0},      /* SET_RETRAN_COUNT */
    {0x2B, OTHER, 0,    0,  2, 2, GAPS, 0,      0},      /* SET_RETRAN_PERIOD */
    {0x2C, BOTH,  0,    1,  0, 0, GAPS, POLL,   0},      /* GET_CMD_STATUS */
    {0x2D, BOTH,  0,    6,  1, 1, GAPS, 0,      0},      /* GET_REMOT_IPP_SN */
    {0x2E, BOTH,  0,    0,  1, 1, GAPS, 0,      0},      /* CLEAR_RECV_BUF_SN */
    {0x2F, BOTH,  0,    2,  1, 1, GAPS, 0,      0},      /* GET_SOCKET_STATUS_SN, 2 by 5.15 */
    {0x30, BOTH,  0,    1,  1, 1, GAPS, 0,      0},      /* GET_INT_STATUS_SN */
    {0x31, BOTH,  0,    0,  5, 5, GAPS, 0,      0},      /* SET_IP_ADDR_SN */
    {0x32, BOTH,  0,    0,  3, 3, GAPS, 0,      0},      /* SET_DEST_PORT_SN */
    {0x33, BOTH,  0,    0,  3, 3, GAPS, 0,      0},      /* SET_SOUR_PORT_SN */
    {0x34, BOTH,  0,    0,  2, 2, GAPS, 0,      0},      /* SET_PROTO_TYPE_SN */
    {0x35, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   0},      /* OPEN_SOCKET_SN */
    {0x36, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   0},      /* TCP_LISTEN_SN */
    {0x37, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   0},      /* TCP_CONNECT_SN */
    {0x38, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   0},      /* TCP_DISCONNECT_SN */
    {0x39, BOTH,  IN,   0,  3, 3 + CL_CH392_STREAM_MAX, GAPS, 0, 0}, /* WRITE_SEND_BUF_SN */
    {0x3B, BOTH,  0,    2,  1, 1, GAPS, 0,      0},      /* GET_RECV_LEN_SN */
    {0x3C, BOTH,  OUT,  0,  3, 3, GAPS, 0,      0},      /* READ_RECV_BUF_SN */
    {0x3D, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   0},      /* CLOSE_SOCKET_SN */
    {0x3E, BOTH,  0,    0,  2, 2, GAPS, 0,      0},      /* SET_IPRAW_PRO_SN */
    {0x3F, OTHER, 0,    0,  1, 1, GAPS, 0,      0},      /* PING_ENABLE */
    {0x40, BOTH,  0,    6,  0, 0, GAPS, 0,      0},      /* GET_MAC_ADDR */
    {0x41, BOTH,  DONE, 0,  1, 1, GAPS, POLL,   20000},  /* DHCP_ENABLE */
    {0x42, BOTH,  0,    1,  0, 0, GAPS, 0,      0},      /* GET_DHCP_STATUS */
    {0x43, BOTH,  0,    20, 0, 0, GAPS, 0,      0},      /* GET_IP_INF */
    {0x50, OTHER, 0,    0,  2, 2, GAPS, 0,      0},      /* SET_TCP_MSS */
    {0x51, BOTH,  0,    0,  2, 2, GAPS, 0,      0},      /* SET_TTL, 2 by 5.33 */
    {0x52, BOTH,  0,    0,  3, 3, GAPS, 0,      0},      /* SET_RECV_BUF */
    {0x53, BOTH,  0,    0,  3, 3, GAPS, 0,      0},      /* SET_SEND_BUF */
    {0x55, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_FUN_PARA, named in 5.16, 8.3.3 */
    {0x56, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_KEEP_LIVE_IDLE */
    {0x57, BOTH,  0,    0,  4, 4, GAPS, 0,      0},      /* SET_KEEP_LIVE_INTVL */
    {0x58, BOTH,  0,    0,  1, 1, GAPS, 0,      0},      /* SET_KEEP_LIVE_CNT */
    {0x59, BOTH,  0,    0,  2, 2, GAPS, 0,      0},      /* SET_KEEP_LIVE_SN */
};
/* clang-format on */

/* Where frames are written. */
typedef struct {
    cl_frame_t *out;
    size_t cap;
    size_t count;
} list_t;

static size_t count_of(const uint8_t *command) {
    return (size_t)command[COUNT_AT] | (size_t)command[COUNT_AT + 1] << 8;
}

static bool counted(const cl_ch392_expected_t *expected) {
    return (cl_ch392_lookup(expected->code)->flags & CL_CH392_COUNT_OUT) != 0;
}

static void add(list_t *list, size_t offset, size_t length, int32_t kind, int32_t status) {
    list->out[list->count++] = (cl_frame_t){(uint32_t)offset, (uint32_t)length, kind, status};
}

/* Moves an incomplete reply to the buffer's beginning; this ends the descriptors' lifetime. */
static void compact(cl_ch392_t *self) {
    if (self->start > 0 && self->count > 0 && !counted(&self->expected[0])) {
        memmove(self->buffer, self->buffer + self->start, self->came);
    }
    self->start = 0;
}

/* Forgets the first reply; its bytes stay in the buffer behind those of the ones before it. */
static void next(cl_ch392_t *self) {
    if (!counted(&self->expected[0])) {
        self->start += self->came;
    }
    self->came = 0;
    self->count--;
    memmove(self->expected, self->expected + 1, self->count * sizeof *self->expected);
}

/* Takes what belongs to the first reply and returns how many bytes that are. */
static size_t take(cl_ch392_t *self, const uint8_t *data, size_t len, size_t at, list_t *list) {
    cl_ch392_expected_t *first = &self->expected[0];
    size_t rest = (size_t)first->length - self->came;
    size_t size = len < rest ? len : rest;
    bool whole = size == rest;
    bool range = counted(first);
    if (!range) {
        memcpy(self->buffer + self->start + self->came, data + at, size);
    }
    self->came += (uint32_t)size;
    if (range) {
        add(list, at, size, first->code, whole ? (int32_t)CL_FRAME_OK : (int32_t)CL_CH392_PART);
    } else if (whole) {
        add(list, self->start, first->length, first->code, CL_FRAME_OK);
    }
    if (whole) {
        next(self);
    }
    return size;
}

const cl_ch392_row_t *cl_ch392_lookup(uint8_t code) {
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        if (TABLE[i].code == code) {
            return &TABLE[i];
        }
    }
    return NULL;
}

int cl_ch392_reply(const uint8_t *command, size_t len) {
    if (command == NULL || len == 0) {
        return CL_E_ARGUMENT;
    }
    const cl_ch392_row_t *row = cl_ch392_lookup(command[0]);
    if (row == NULL) {
        return CL_E_RANGE;
    }
    size_t arguments = len - 1;
    if (arguments < row->least || arguments > row->most) {
        return CL_E_LENGTH;
    }
    if ((row->flags & CL_CH392_COUNT_IN) != 0) {
        return count_of(command) == arguments - COUNTED_ARGUMENTS ? row->reply : CL_E_LENGTH;
    }
    if ((row->flags & CL_CH392_COUNT_OUT) != 0) {
        size_t count = count_of(command);
        return count <= CL_CH392_STREAM_MAX ? (int)count : CL_E_LENGTH;
    }
    return row->reply;
}

int cl_ch392_encode(const uint8_t *commands, const uint32_t *lengths, size_t n, uint8_t *out,
                    size_t cap) {
    if (out == NULL || (n > 0 && (commands == NULL || lengths == NULL))) {
        return CL_E_ARGUMENT;
    }
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = lengths[i];
        int reply = cl_ch392_reply(commands, length);
        if (reply < 0) {
            return reply;
        }
        if (INT_MAX - written < CL_CH392_HEAD + length) {
            return CL_E_LENGTH;
        }
        if (cap - written < CL_CH392_HEAD + length) {
            return CL_E_SPACE;
        }
        out[written] = SYNC_1;
        out[written + 1] = SYNC_2;
        memcpy(out + written + CL_CH392_HEAD, commands, length);
        written += CL_CH392_HEAD + length;
        commands += length;
    }
    return (int)written;
}

int cl_ch392_segments(const uint8_t *command, size_t len, uint32_t gap, uint32_t turn,
                      cl_ch392_segment_t *out, size_t cap) {
    int reply = cl_ch392_reply(command, len);
    if (reply < 0) {
        return reply;
    }
    if (out == NULL) {
        return CL_E_ARGUMENT;
    }
    cl_ch392_segment_t segments[CL_CH392_SEGMENTS_MAX] = {{0, 1, 0, 0}};
    size_t count = 1;
    if (len > 1) {
        segments[0].gap = gap;
        segments[count++] = (cl_ch392_segment_t){1, (uint32_t)len - 1, 0, 0};
    }
    if (reply > 0) {
        /* Without arguments the gap after the code is the one before the reply too. */
        segments[count - 1].gap = count > 1 || turn > gap ? turn : gap;
        segments[count++] = (cl_ch392_segment_t){0, (uint32_t)reply, 1, 0};
    }
    if (cap < count) {
        return CL_E_SPACE;
    }
    memcpy(out, segments, count * sizeof *out);
    return (int)count;
}

void cl_ch392_init(cl_ch392_t *self) {
    self->count = 0;
    self->start = 0;
    self->came = 0;
}

int cl_ch392_expect(cl_ch392_t *self, uint8_t code, size_t length) {
    if (self == NULL) {
        return CL_E_ARGUMENT;
    }
    const cl_ch392_row_t *row = cl_ch392_lookup(code);
    if (row == NULL) {
        return CL_E_RANGE;
    }
    bool free_length = (row->flags & CL_CH392_COUNT_OUT) != 0;
    if (free_length ? length > CL_CH392_STREAM_MAX : length != row->reply) {
        return CL_E_LENGTH;
    }
    if (length > 0) {
        if (self->count == CL_CH392_EXPECTED_MAX) {
            return CL_E_SPACE;
        }
        self->expected[self->count++] = (cl_ch392_expected_t){(uint16_t)length, code};
    }
    return (int)self->count;
}

int cl_ch392_feed(cl_ch392_t *self, const uint8_t *data, size_t len, size_t *used, cl_frame_t *out,
                  size_t cap) {
    if (self == NULL || used == NULL || out == NULL || cap == 0 || (data == NULL && len > 0)) {
        return CL_E_ARGUMENT;
    }
    compact(self);
    if (len > INT32_MAX) {
        len = INT32_MAX; /* offsets have 32 bits; *used tells of the rest */
    }
    list_t list = {out, cap, 0};
    size_t at = 0;
    while (at < len && list.count < cap) {
        if (self->count > 0) {
            at += take(self, data, len - at, at, &list);
        } else {
            add(&list, at, len - at, -1, CL_FRAME_GARBAGE);
            at = len;
        }
    }
    *used = at;
    return (int)list.count;
}

int cl_ch392_flush(cl_ch392_t *self, cl_frame_t *out, size_t cap) {
    if (self == NULL || out == NULL || cap == 0) {
        return CL_E_ARGUMENT;
    }
    list_t list = {out, cap, 0};
    while (self->count > 0 && list.count < cap) {
        cl_ch392_expected_t first = self->expected[0];
        size_t length = counted(&first) ? 0 : self->came;
        add(&list, length > 0 ? self->start : 0, length, first.code, CL_FRAME_BAD_LENGTH);
        next(self);
    }
    return (int)list.count;
}

size_t cl_ch392_pending(const cl_ch392_t *self) {
    size_t expected = 0;
    for (size_t i = 0; i < self->count; i++) {
        expected += self->expected[i].length;
    }
    return expected - self->came;
}
