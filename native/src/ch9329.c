#include "chiplink/ch9329.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(cl_frame_t) == 16, "Python reads descriptors of 16 bytes");
static_assert(offsetof(cl_ch9329_t, buffer) == 0, "an offset counts from the struct too");

enum {
    HEAD_1 = 0x57,
    HEAD_2 = 0xAB,
    HEADER = 5,   /* head, address, command, length */
    OVERHEAD = 6, /* header and sum */
    MEDIA = 0x03,
    PARAMETERS = 0x88,
    LONG_FRAME = 71, /* 5 + 65 + 1: the CH9329F's answer to GET_PARA_CFG */
    NOT_A_COMMAND = 0xFE
};

typedef struct {
    uint8_t least;
    uint8_t most;
} range_t;

/* Legal data lengths of the commands 00 to 0F, sections 2.2.1 to 2.2.13. */
static const range_t COMMANDS[16] = {
    {0, 64},  /* 00, not in the document */
    {0, 0},   /* 01 GET_INFO */
    {8, 8},   /* 02 SEND_KB_GENERAL_DATA */
    {2, 4},   /* 03 SEND_KB_MEDIA_DATA, never 3 */
    {7, 7},   /* 04 SEND_MS_ABS_DATA */
    {5, 5},   /* 05 SEND_MS_REL_DATA */
    {0, 64},  /* 06 SEND_MY_HID_DATA */
    {0, 64},  /* 07, not in the document */
    {0, 0},   /* 08 GET_PARA_CFG */
    {50, 50}, /* 09 SET_PARA_CFG */
    {1, 1},   /* 0A GET_USB_STRING */
    {2, 25},  /* 0B SET_USB_STRING, 2 + N with N up to 23 */
    {0, 0},   /* 0C SET_DEFAULT_CFG */
    {0, 64},  /* 0D, not in the document */
    {0, 64},  /* 0E, not in the document */
    {0, 0},   /* 0F RESET */
};

/* The same for the replies 80 to 8F. */
static const range_t REPLIES[16] = {
    {0, 64},  /* 80, not in the document */
    {8, 8},   /* 81 GET_INFO */
    {1, 1},   /* 82 SEND_KB_GENERAL_DATA */
    {1, 1},   /* 83 SEND_KB_MEDIA_DATA */
    {1, 1},   /* 84 SEND_MS_ABS_DATA */
    {1, 1},   /* 85 SEND_MS_REL_DATA */
    {1, 1},   /* 86 SEND_MY_HID_DATA */
    {0, 64},  /* 87 READ_MY_HID_DATA */
    {50, 50}, /* 88 GET_PARA_CFG */
    {1, 1},   /* 89 SET_PARA_CFG */
    {2, 25},  /* 8A GET_USB_STRING, 2 + N with N up to 23 */
    {1, 1},   /* 8B SET_USB_STRING */
    {1, 1},   /* 8C SET_DEFAULT_CFG */
    {0, 64},  /* 8D, not in the document */
    {0, 64},  /* 8E, not in the document */
    {1, 1},   /* 8F RESET */
};

static const range_t ERROR_REPLY = {1, 1}; /* section 2.3 */
static const range_t UNLISTED = {0, CL_CH9329_DATA_MAX};

/* Where frames are written. */
typedef struct {
    cl_frame_t *out;
    size_t cap;
    size_t count;
} list_t;

static range_t lengths_of(uint8_t code) {
    if (code < 0x10) {
        return COMMANDS[code];
    }
    if (code >= 0x80 && code < 0x90) {
        return REPLIES[code - 0x80];
    }
    return code > 0xC0 ? ERROR_REPLY : UNLISTED;
}

static bool legal_length(uint8_t code, size_t length) {
    range_t range = lengths_of(code);
    if (code == MEDIA && length == 3) {
        return false;
    }
    return length >= range.least && length <= range.most;
}

static bool status_reply(uint8_t code) {
    range_t range = lengths_of(code);
    return code >= 0x80 && code <= 0xCF && range.least == 1 && range.most == 1;
}

static uint8_t sum_of(const uint8_t *bytes, size_t len) {
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += bytes[i];
    }
    return (uint8_t)sum;
}

static int32_t kind_of(uint8_t address, uint8_t code) { return (int32_t)address << 8 | code; }

static cl_frame_t garbage(uint32_t length) {
    return (cl_frame_t){.offset = 0, .length = length, .kind = -1, .status = CL_FRAME_GARBAGE};
}

/* Each judge fills `frame`, its offset relative to `bytes`, and returns how many bytes are done
 * with; 0 is: incomplete. More bytes never change what fewer have decided. */

static size_t judge_headless(const uint8_t *bytes, size_t len, cl_frame_t *frame) {
    *frame = garbage(1);
    if ((len > 2 && !status_reply(bytes[2])) || (len > 3 && bytes[3] != 1)) {
        return 1;
    }
    if (len < 6) {
        return 0;
    }
    if ((uint8_t)(HEAD_1 + sum_of(bytes, 5)) != bytes[5]) {
        return 1;
    }
    *frame = (cl_frame_t){4, 1, kind_of(bytes[1], bytes[2]), CL_FRAME_HEADLESS};
    return 6;
}

static size_t judge_frame(const uint8_t *bytes, size_t len, cl_frame_t *frame) {
    if (len < HEADER) {
        return 0;
    }
    uint8_t code = bytes[3];
    uint8_t length = bytes[4];
    *frame = (cl_frame_t){HEADER, 0, kind_of(bytes[2], code), CL_FRAME_OK};
    if (code == NOT_A_COMMAND && length == 0) {
        frame->status = CL_FRAME_UNKNOWN_COMMAND;
        return HEADER;
    }
    if (!legal_length(code, length)) {
        frame->status = CL_FRAME_BAD_LENGTH;
        return 2;
    }
    if (len < (size_t)OVERHEAD + length) {
        return 0;
    }
    frame->length = length;
    if (sum_of(bytes, (size_t)HEADER + length) == bytes[HEADER + length]) {
        return (size_t)OVERHEAD + length;
    }
    if (code == PARAMETERS) {
        if (len < LONG_FRAME) {
            return 0;
        }
        if (sum_of(bytes, LONG_FRAME - 1) == bytes[LONG_FRAME - 1]) {
            frame->status = CL_FRAME_LONG;
            return LONG_FRAME;
        }
    }
    frame->status = CL_FRAME_BAD_SUM;
    return 2;
}

static size_t judge(const uint8_t *bytes, size_t len, cl_frame_t *frame) {
    if (bytes[0] == HEAD_2) {
        return judge_headless(bytes, len, frame);
    }
    if (bytes[0] == HEAD_1) {
        if (len < 2) {
            return 0;
        }
        if (bytes[1] == HEAD_2) {
            return judge_frame(bytes, len, frame);
        }
    }
    *frame = garbage(1);
    return 1;
}

/* Adds a frame; garbage behind garbage is one run. False when there is no room. */
static bool add(list_t *list, cl_frame_t frame) {
    if (frame.status == CL_FRAME_GARBAGE && list->count > 0) {
        cl_frame_t *last = &list->out[list->count - 1];
        if (last->status == CL_FRAME_GARBAGE) {
            last->length += frame.length;
            return true;
        }
    }
    if (list->count == list->cap) {
        return false;
    }
    list->out[list->count++] = frame;
    return true;
}

/* Reports up to the first incomplete candidate or to the end of the list's room. */
static void scan(cl_ch9329_t *self, list_t *list) {
    while (self->start < self->end) {
        cl_frame_t frame;
        size_t done = judge(self->buffer + self->start, self->end - self->start, &frame);
        if (done == 0) {
            return;
        }
        frame.offset += self->start;
        if (!add(list, frame)) {
            return;
        }
        self->start += (uint32_t)done;
    }
}

/* Reports the incomplete candidate at `start` for what it is without the rest. */
static void give_up(cl_ch9329_t *self, list_t *list) {
    const uint8_t *bytes = self->buffer + self->start;
    uint32_t len = self->end - self->start;
    uint32_t head = bytes[0] == HEAD_1 && len > 1 ? 2 : 1;
    cl_frame_t frame = garbage(head);
    if (head == 2 && len >= HEADER) {
        uint32_t came = len - HEADER;
        bool whole = came > bytes[4];
        frame.offset = HEADER;
        frame.length = whole ? bytes[4] : came;
        frame.kind = kind_of(bytes[2], bytes[3]);
        frame.status = whole ? CL_FRAME_BAD_SUM : CL_FRAME_BAD_LENGTH;
    }
    frame.offset += self->start;
    if (add(list, frame)) {
        self->start += head;
    }
}

/* Moves what waits to the buffer's beginning; this is what ends the descriptors' lifetime. */
static void compact(cl_ch9329_t *self) {
    uint32_t waiting = self->end - self->start;
    if (self->start > 0 && waiting > 0) {
        memmove(self->buffer, self->buffer + self->start, waiting);
    }
    self->start = 0;
    self->end = waiting;
}

void cl_ch9329_init(cl_ch9329_t *self) {
    self->start = 0;
    self->end = 0;
}

int cl_ch9329_feed(cl_ch9329_t *self, const uint8_t *data, size_t len, size_t *used,
                   cl_frame_t *out, size_t cap) {
    if (self == NULL || used == NULL || out == NULL || cap == 0 || (data == NULL && len > 0)) {
        return CL_E_ARGUMENT;
    }
    compact(self);
    uint32_t kept = self->end;
    size_t room = sizeof self->buffer - kept;
    uint32_t taken = (uint32_t)(len < room ? len : room);
    if (taken > 0) {
        memcpy(self->buffer + kept, data, taken);
    }
    self->end += taken;
    list_t list = {out, cap, 0};
    scan(self, &list);
    if (list.count == cap) {
        /* What was not looked at for want of room is handed back, so that *used tells of it. */
        self->end = self->start > kept ? self->start : kept;
    }
    *used = self->end - kept;
    return (int)list.count;
}

int cl_ch9329_flush(cl_ch9329_t *self, cl_frame_t *out, size_t cap) {
    if (self == NULL || out == NULL || cap == 0) {
        return CL_E_ARGUMENT;
    }
    list_t list = {out, cap, 0};
    scan(self, &list);
    while (list.count < cap && self->start < self->end) {
        give_up(self, &list);
        scan(self, &list);
    }
    return (int)list.count;
}

size_t cl_ch9329_pending(const cl_ch9329_t *self) { return self->end - self->start; }

int cl_ch9329_encode(uint8_t address, uint8_t command, const uint8_t *data, size_t len,
                     uint8_t *out, size_t cap) {
    if (out == NULL || (data == NULL && len > 0)) {
        return CL_E_ARGUMENT;
    }
    if (!legal_length(command, len)) {
        return CL_E_LENGTH;
    }
    if (cap < OVERHEAD + len) {
        return CL_E_SPACE;
    }
    const uint8_t header[HEADER] = {HEAD_1, HEAD_2, address, command, (uint8_t)len};
    memcpy(out, header, HEADER);
    if (len > 0) {
        memcpy(out + HEADER, data, len);
    }
    out[HEADER + len] = sum_of(out, HEADER + len);
    return (int)(OVERHEAD + len);
}
