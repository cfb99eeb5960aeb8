#include "chiplink/at.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(cl_at_frame_t) == 16, "Python reads descriptors of 16 bytes");
static_assert(offsetof(cl_at_t, buffer) == 0, "an offset counts from the struct too");
static_assert(CL_AT_BUFFER == 2 * CL_AT_LINE_MAX, "a line reported and a line begun");
static_assert(CL_AT_DATA_MAX == 2 * CL_AT_SEND_MAX + 1, "each byte escaped, and Ctrl-Z");

enum {
    ETX = 0x03,
    CTRL_Z = 0x1A,
    ESC = 0x1B,
    DELETE = 0x7F,
    HIGHEST = 0xFF,
    DIGITS_MAX = 5,
    SPACES_MAX = 4,
    LETTERS_MAX = 4, /* of a protocol: TCP, UDP */
    EVERYTHING = CL_AT_EXPECT_PROMPT | CL_AT_EXPECT_READ | CL_AT_EXPECT_RAW
};

#define EACH_BYTE(x) ((uint64_t)(x) * UINT64_C(0x0101010101010101))

/* Where frames are written. */
typedef struct {
    cl_at_frame_t *out;
    size_t cap;
    size_t count;
} list_t;

/* What stands at the beginning of some bytes: `size` of them with their end, `length` without. */
typedef struct {
    size_t size;
    size_t length;
    int32_t kind;
    int32_t status;
    uint32_t payload;
} item_t;

/* Whether a header stands there. */
typedef enum { NO, YES, MORE } answer_t;

/* A place in bytes that end at `end`. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} cursor_t;

static void add(list_t *list, size_t offset, size_t length, int32_t kind, int32_t status) {
    list->out[list->count++] =
        (cl_at_frame_t){(uint32_t)offset, (uint32_t)(offset + length), kind, status};
}

static bool begins(const uint8_t *text, size_t len, const char *prefix, size_t size) {
    return len >= size && memcmp(text, prefix, size) == 0;
}

static bool equals(const uint8_t *text, size_t len, const char *other, size_t size) {
    return len == size && memcmp(text, other, size) == 0;
}

#define BEGINS(prefix) begins(text, len, prefix, sizeof(prefix) - 1)
#define EQUALS(other) equals(text, len, other, sizeof(other) - 1)

static bool bad(uint8_t byte) {
    return (byte < ' ' && byte != '\t') || byte == DELETE || byte == HIGHEST;
}

/* The top bit of a byte below 20, of 7F and of FF; perhaps of others beside them. */
static uint64_t odd_bits(const uint8_t *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t delete = word ^ EACH_BYTE(DELETE);
    uint64_t highest = ~word;
    return ((word - EACH_BYTE(' ')) & ~word) | ((delete - EACH_BYTE(1)) & ~delete) |
           ((highest - EACH_BYTE(1)) & ~highest);
}

/* Whether a control character, 7F or FF may be in a text; no more than that is told. */
static bool suspicious(const uint8_t *text, size_t len) {
    enum { WORD = sizeof(uint64_t) };
    if (len < WORD) {
        bool odd = false;
        for (size_t i = 0; i < len; i++) {
            odd |= text[i] < ' ' || text[i] == DELETE || text[i] == HIGHEST;
        }
        return odd;
    }
    uint64_t found = odd_bits(text + len - WORD); /* overlaps the word before it */
    for (size_t i = 0; i + WORD < len; i += WORD) {
        found |= odd_bits(text + i);
    }
    return (found & EACH_BYTE(0x80)) != 0;
}

static bool skip(cursor_t *cursor, uint8_t byte) {
    bool there = cursor->at < cursor->end && *cursor->at == byte;
    cursor->at += there;
    return there;
}

static void skip_spaces(cursor_t *cursor) {
    for (int i = 0; i < SPACES_MAX && skip(cursor, ' '); i++) {
    }
}

/* Reads a number of up to five digits. */
static bool number(cursor_t *cursor, uint32_t *value) {
    const uint8_t *begin = cursor->at;
    *value = 0;
    while (cursor->at < cursor->end && (uint8_t)(*cursor->at - '0') <= 9) {
        if (cursor->at - begin == DIGITS_MAX) {
            return false;
        }
        *value = *value * 10 + (uint32_t)(*cursor->at++ - '0');
    }
    return cursor->at > begin;
}

static bool comma_number(cursor_t *cursor, uint32_t *value) {
    if (!skip(cursor, ',')) {
        return false;
    }
    skip_spaces(cursor);
    return number(cursor, value);
}

static answer_t head(item_t *item, const uint8_t *begin, cursor_t cursor, uint32_t payload) {
    if (payload > CL_AT_PAYLOAD_MAX) {
        return NO;
    }
    item->size = (size_t)(cursor.at - begin);
    item->length = item->size;
    item->kind = CL_AT_HEAD;
    item->status = CL_FRAME_OK;
    item->payload = payload;
    return YES;
}

/* +IPD behind its name: separators, a number, perhaps a protocol; a colon or a line end. */
static answer_t ipd(item_t *item, const uint8_t *begin, cursor_t cursor) {
    uint32_t payload;
    if (!skip(&cursor, ',')) {
        skip(&cursor, ':');
    }
    skip_spaces(&cursor);
    if (!number(&cursor, &payload)) {
        return cursor.at == cursor.end ? MORE : NO;
    }
    const uint8_t *end = cursor.at;
    if (skip(&cursor, ',')) {
        for (int i = 0;
             i < LETTERS_MAX && cursor.at < cursor.end && *cursor.at >= 'A' && *cursor.at <= 'Z';
             i++) {
            cursor.at++;
        }
        if (skip(&cursor, ':')) {
            return head(item, begin, cursor, payload);
        }
        return cursor.at == cursor.end ? MORE : NO;
    }
    if (skip(&cursor, ':')) {
        return head(item, begin, cursor, payload);
    }
    while (skip(&cursor, '\r')) {
    }
    if (!skip(&cursor, '\n')) {
        return cursor.at == cursor.end ? MORE : NO;
    }
    answer_t answer = head(item, begin, cursor, payload);
    item->length = (size_t)(end - begin);
    return answer;
}

/* +CIPRCV: behind its colon: a number and a comma. */
static answer_t ciprcv(item_t *item, const uint8_t *begin, cursor_t cursor) {
    uint32_t payload;
    skip_spaces(&cursor);
    if (!number(&cursor, &payload)) {
        return cursor.at == cursor.end ? MORE : NO;
    }
    if (!skip(&cursor, ',')) {
        return cursor.at == cursor.end ? MORE : NO;
    }
    return head(item, begin, cursor, payload);
}

/* Whether the bytes begin with a name; MORE while they are its beginning. */
static answer_t named(const uint8_t *begin, size_t len, const char *name, size_t size) {
    if (memcmp(begin, name, len < size ? len : size) != 0) {
        return NO;
    }
    return len < size ? MORE : YES;
}

/* A header that may end before its line does. */
static answer_t short_head(item_t *item, const uint8_t *begin, size_t len) {
    static const char IPD[] = "+IPD";
    static const char CIPRCV[] = "+CIPRCV:";
    if (len < 2) {
        return MORE;
    }
    if (begin[1] == 'I') {
        answer_t answer = named(begin, len, IPD, sizeof IPD - 1);
        cursor_t behind = {begin + sizeof IPD - 1, begin + len};
        return answer == YES ? ipd(item, begin, behind) : answer;
    }
    if (begin[1] == 'C' && (len < 6 || begin[5] == 'C')) {
        answer_t answer = named(begin, len, CIPRCV, sizeof CIPRCV - 1);
        cursor_t behind = {begin + sizeof CIPRCV - 1, begin + len};
        return answer == YES ? ciprcv(item, begin, behind) : answer;
    }
    return NO;
}

/* +RECEIVE,<link>,<length>, then nothing, a colon, or `,<address>:<port>:`. */
static void receive(item_t *item, const uint8_t *text, size_t len) {
    cursor_t cursor = {text + sizeof "+RECEIVE" - 1, text + len};
    uint32_t link;
    uint32_t payload;
    if (!comma_number(&cursor, &link) || !comma_number(&cursor, &payload)) {
        return;
    }
    bool rest = cursor.at < cursor.end;
    if (rest && *cursor.at != ':' && *cursor.at != ',') {
        return;
    }
    if (rest && (cursor.end[-1] != ':' || (*cursor.at == ':' && cursor.end - cursor.at > 1))) {
        return;
    }
    item_t found = *item;
    if (head(&found, text, cursor, payload) == YES) {
        found.size = item->size;
        found.length = item->length;
        *item = found;
    }
}

/* +CIPRXGET: <2 or 3>[,<link>],<here>,<left>. */
static void ciprxget(item_t *item, const uint8_t *text, size_t len) {
    cursor_t cursor = {text + sizeof "+CIPRXGET:" - 1, text + len};
    uint32_t mode;
    uint32_t fields[3];
    size_t count = 0;
    skip_spaces(&cursor);
    if (!number(&cursor, &mode) || mode < 2 || mode > 3) {
        return;
    }
    while (count < 3 && comma_number(&cursor, &fields[count])) {
        count++;
    }
    if (count < 2 || cursor.at != cursor.end) {
        return;
    }
    item_t found = *item;
    uint32_t payload = fields[count - 2] * (mode == 3 ? 2 : 1);
    if (head(&found, text, cursor, payload) == YES) {
        found.size = item->size;
        *item = found;
    }
}

static int32_t plus(const uint8_t *text, size_t len) {
    switch (len > 2 ? text[1] : 0) {
    case 'C':
        if (text[2] == 'M') {
            return BEGINS("+CME ERROR") || BEGINS("+CMS ERROR") ? CL_AT_FINAL
                   : BEGINS("+CMTI:")                           ? CL_AT_URC
                                                                : CL_AT_LINE;
        }
        if (text[2] == 'I') {
            return BEGINS("+CIPEVENT:") || BEGINS("+CIEV:") ? CL_AT_URC : CL_AT_LINE;
        }
        return BEGINS("+CLIENT:") || BEGINS("+CTZV:") || BEGINS("+CTZE:") ? CL_AT_URC : CL_AT_LINE;
    case 'I':
        return BEGINS("+IPCLOSE:") ? CL_AT_URC : CL_AT_LINE;
    case 'P':
        return BEGINS("+PDP:") || BEGINS("+PDP ") ? CL_AT_URC : CL_AT_LINE;
    case 'T':
        return BEGINS("+TCPCLOSED:") ? CL_AT_URC : CL_AT_LINE;
    default:
        return CL_AT_LINE;
    }
}

/* What a link number may stand before, and may not. */
static bool of_a_link(const uint8_t *text, size_t len) {
    return EQUALS("CLOSED") || BEGINS("REMOTE IP:");
}

static int32_t numbered(const uint8_t *text, size_t len) {
    cursor_t cursor = {text + 1, text + len};
    bool link = skip(&cursor, ',');
    skip_spaces(&cursor);
    return link && of_a_link(cursor.at, (size_t)(cursor.end - cursor.at)) ? CL_AT_URC : CL_AT_LINE;
}

static int32_t kind_of(const uint8_t *text, size_t len) {
    bool urc = false;
    switch (text[0]) {
    case '+':
        return plus(text, len);
    case 'O':
        if (EQUALS("OK")) {
            return CL_AT_FINAL;
        }
        urc = BEGINS("OVER-VOLTAGE ");
        break;
    case 'E':
        return EQUALS("ERROR") ? CL_AT_FINAL : CL_AT_LINE;
    case 'R':
        if (BEGINS("RECV FROM:")) {
            return CL_AT_SENDER;
        }
        urc = EQUALS("RDY") || EQUALS("RING") || of_a_link(text, len);
        break;
    case 'C':
        urc = of_a_link(text, len) || EQUALS("Call Ready");
        break;
    case 'S':
        urc = EQUALS("SMS Ready");
        break;
    case 'N':
        urc = EQUALS("NORMAL POWER DOWN");
        break;
    case 'U':
        urc = BEGINS("UNDER-VOLTAGE ");
        break;
    case 'D':
        urc = BEGINS("DST:");
        break;
    case '*':
        urc = BEGINS("*PSUTTZ:") || BEGINS("*PSNWID:") || BEGINS("*ATREADY:");
        break;
    default:
        return (uint8_t)(text[0] - '0') <= 9 ? numbered(text, len) : CL_AT_LINE;
    }
    return urc ? CL_AT_URC : CL_AT_LINE;
}

/* The kind of a line that has ended, and whether a payload follows. */
static void classify(item_t *item, const uint8_t *text, size_t len, uint32_t expected) {
    item->kind = kind_of(text, len);
    item->status = CL_FRAME_OK;
    item->payload = 0;
    if (item->kind != CL_AT_LINE || text[0] != '+') {
        return;
    }
    if (BEGINS("+RECEIVE,")) {
        receive(item, text, len);
    } else if ((expected & CL_AT_EXPECT_READ) != 0 && BEGINS("+CIPRXGET:")) {
        ciprxget(item, text, len);
    }
}

/* Where a run of bytes that belong into no line ends. A CR is one of them only with something else
 * than a line end behind it; `ended` tells that no line end comes. 0 while that is open. */
static size_t junk_end(const uint8_t *text, size_t len, size_t at, bool ended) {
    size_t end = at + 1;
    if (text[at] != '\r') {
        while (end < len && bad(text[end]) && text[end] != '\r') {
            end++;
        }
        return end;
    }
    while (end < len && text[end] == '\r') {
        end++;
    }
    return end < len || ended ? end : 0;
}

/* Whether a byte that belongs into no line comes before the text's end: then JUNK up to it. */
static bool junk(item_t *item, const uint8_t *text, size_t len, bool ended) {
    if (!suspicious(text, len)) {
        return false;
    }
    size_t at = 0;
    while (at < len && !bad(text[at])) {
        at++;
    }
    size_t end = at < len ? junk_end(text, len, at, ended) : 0;
    if (end == 0) {
        return false;
    }
    *item = (item_t){end, end, CL_AT_JUNK, CL_FRAME_GARBAGE, 0};
    return true;
}

static bool echo(item_t *item, const uint8_t *text, size_t len) {
    const uint8_t *end = memchr(text, '\r', len);
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - text);
    *item = (item_t){length + 1, length, CL_AT_ECHO, CL_FRAME_OK, 0};
    return true;
}

/* Says what the bytes begin with; false while it is incomplete. They do not begin with a line end,
 * and are no more than CL_AT_LINE_MAX. */
static bool measure(item_t *item, const uint8_t *text, size_t len, uint32_t expected) {
    if (text[0] == '+') {
        answer_t answer = short_head(item, text, len);
        if (answer != NO) {
            return answer == YES;
        }
    }
    const uint8_t *end = memchr(text, '\n', len);
    size_t length = end != NULL ? (size_t)(end - text) : len;
    if (len > 1 && (text[0] | ' ') == 'a' && (text[1] | ' ') == 't' && echo(item, text, length)) {
        junk(item, text, item->length, true);
        return true;
    }
    if (end == NULL) {
        return junk(item, text, length, false);
    }
    while (text[length - 1] == '\r') {
        length--;
    }
    if (junk(item, text, length, true)) {
        return true;
    }
    item->size = (size_t)(end - text) + 1;
    item->length = length;
    classify(item, text, length, expected);
    return true;
}

/* Whether there is room for an item: a header that counts nothing needs it for its payload too. */
static bool fits(const item_t *item, const list_t *list) {
    return list->cap - list->count >= (item->kind == CL_AT_HEAD && item->payload == 0 ? 2U : 1U);
}

static void report(cl_at_t *self, const item_t *item, size_t offset, int32_t kept, list_t *list) {
    add(list, offset, item->length, item->kind | kept, item->status);
    self->missing = item->payload;
    if (item->kind == CL_AT_HEAD && item->payload == 0) {
        add(list, 0, 0, CL_AT_PAYLOAD, CL_FRAME_OK);
    }
}

static const item_t TOO_LONG = {CL_AT_LINE_MAX, CL_AT_LINE_MAX, CL_AT_BROKEN, CL_FRAME_BAD_LENGTH,
                                0};

/* Goes on with a line begun in an earlier call and returns how many bytes that took. */
static size_t resume(cl_at_t *self, const uint8_t *data, size_t len, list_t *list) {
    size_t room = CL_AT_LINE_MAX - self->held;
    const uint8_t *end = memchr(data, '\n', len < room ? len : room);
    size_t size = end != NULL ? (size_t)(end - data) + 1 : len < room ? len : room;
    memcpy(self->buffer + self->held, data, size);
    size_t held = self->held + size;
    item_t item;
    if (!measure(&item, self->buffer, held, self->expected)) {
        if (held < CL_AT_LINE_MAX) {
            self->held = (uint32_t)held;
            return size;
        }
        item = TOO_LONG;
        self->skipping = 1;
    }
    size_t taken = item.size - self->held;
    self->start = (uint32_t)item.size;
    self->held = 0;
    report(self, &item, 0, CL_AT_KEPT, list);
    return taken;
}

/* Takes whole lines, headers and prompts, and keeps what is incomplete; returns where it ended. */
static size_t scan(cl_at_t *self, const uint8_t *data, size_t len, size_t at, list_t *list) {
    while (at < len && list->count < list->cap && self->missing == 0) {
        uint8_t first = data[at];
        if (first == '\r' || first == '\n') {
            at++;
            continue;
        }
        if (first == '>' && (self->expected & CL_AT_EXPECT_PROMPT) != 0) {
            self->expected &= ~(uint32_t)CL_AT_EXPECT_PROMPT;
            self->prompted = 1;
            add(list, at, 1, CL_AT_PROMPT, CL_FRAME_OK);
            return at + 1;
        }
        size_t size = len - at < CL_AT_LINE_MAX ? len - at : CL_AT_LINE_MAX;
        item_t item;
        if (!measure(&item, data + at, size, self->expected)) {
            if (size < CL_AT_LINE_MAX) {
                memcpy(self->buffer + self->start, data + at, size);
                self->held = (uint32_t)size;
                return len;
            }
            self->skipping = 1;
            report(self, &TOO_LONG, at, 0, list);
            return at + size;
        }
        if (!fits(&item, list)) {
            list->cap = list->count;
            return at;
        }
        report(self, &item, at, 0, list);
        at += item.size;
    }
    return at;
}

/* The rest of a line that is too long. */
static size_t skip_line(cl_at_t *self, const uint8_t *data, size_t len, size_t at, list_t *list) {
    const uint8_t *end = memchr(data + at, '\n', len - at);
    size_t stop = end != NULL ? (size_t)(end - data) : len;
    if (stop > at) {
        add(list, at, stop - at, CL_AT_BROKEN, CL_FRAME_BAD_LENGTH);
    }
    self->skipping = end == NULL;
    return end != NULL ? stop + 1 : stop;
}

static size_t payload(cl_at_t *self, size_t len, size_t at, list_t *list) {
    bool whole = self->missing <= len - at;
    size_t size = whole ? self->missing : len - at;
    self->missing -= (uint32_t)size;
    add(list, at, size, CL_AT_PAYLOAD, whole ? (int32_t)CL_FRAME_OK : (int32_t)CL_AT_PART);
    return at + size;
}

/* Moves a line begun to the buffer's beginning; this ends the lifetime of what was reported. */
static void compact(cl_at_t *self) {
    if (self->start > 0 && self->held > 0) {
        memmove(self->buffer, self->buffer + self->start, self->held);
    }
    self->start = 0;
}

/* Notes the kinds of what one call reported, if all are lines with the same between them. */
static void note_even(cl_at_t *self, const uint8_t *data, size_t len, const list_t *list) {
    static const uint8_t BETWEEN[] = {'\r', '\n', '\r', '\n'};
    const cl_at_frame_t *out = list->out;
    if (list->count < 2 || list->count > CL_AT_EVEN_MAX ||
        (out[0].kind & ~(int32_t)CL_AT_KEPT) > CL_AT_URC) {
        return;
    }
    size_t end = out[0].end; /* of a line, in `data` */
    if (out[0].kind >= CL_AT_KEPT) {
        const uint8_t *stop = memchr(data, '\n', len);
        if (stop == NULL || stop == data) {
            return;
        }
        end = (size_t)(stop - data) - 1;
    } else if (out[0].start >= sizeof BETWEEN) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            if (out[i].kind > CL_AT_URC || out[i].start != end + sizeof BETWEEN) {
                return;
            }
            end = out[i].end;
        }
        if (len - end < sizeof BETWEEN || memcmp(data + end, BETWEEN, sizeof BETWEEN) != 0) {
            return;
        }
        self->kinds[i] = (uint8_t)out[i].kind;
    }
    self->even = (uint8_t)list->count;
}

void cl_at_init(cl_at_t *self) {
    self->start = 0;
    self->held = 0;
    self->missing = 0;
    self->expected = 0;
    self->skipping = 0;
    self->prompted = 0;
    self->even = 0;
}

int cl_at_expect(cl_at_t *self, uint32_t what) {
    if (self == NULL) {
        return CL_E_ARGUMENT;
    }
    if ((what & ~(uint32_t)EVERYTHING) != 0) {
        return CL_E_RANGE;
    }
    self->expected = what;
    return 0;
}

int cl_at_feed(cl_at_t *self, const uint8_t *data, size_t len, size_t *used, cl_at_frame_t *out,
               size_t cap) {
    if (self == NULL || used == NULL || out == NULL || cap < 2 || (data == NULL && len > 0)) {
        return CL_E_ARGUMENT;
    }
    self->even = 0;
    if (self->missing > len && len > 0) { /* the inside of a payload, by the short way */
        self->missing -= (uint32_t)len;
        *out = (cl_at_frame_t){0, (uint32_t)len, CL_AT_PAYLOAD, CL_AT_PART};
        *used = len;
        return 1;
    }
    compact(self);
    if (len > INT32_MAX) {
        len = INT32_MAX; /* offsets have 32 bits; *used tells of the rest */
    }
    list_t list = {out, cap, 0};
    size_t at = 0;
    while (at < len && list.count < list.cap) {
        if (self->missing > 0) {
            at = payload(self, len, at, &list);
        } else if (self->prompted) {
            at += data[at] == ' ';
            self->prompted = 0;
        } else if ((self->expected & CL_AT_EXPECT_RAW) != 0) {
            add(&list, at, len - at, CL_AT_PAYLOAD, CL_FRAME_OK);
            at = len;
        } else if (self->skipping) {
            at = skip_line(self, data, len, at, &list);
        } else if (self->held > 0) {
            at += resume(self, data + at, len - at, &list);
        } else {
            at = scan(self, data, len, at, &list);
        }
    }
    *used = at;
    if (at == len) {
        note_even(self, data, len, &list);
    }
    return (int)list.count;
}

int cl_at_flush(cl_at_t *self, cl_at_frame_t *out, size_t cap) {
    if (self == NULL || out == NULL || cap == 0) {
        return CL_E_ARGUMENT;
    }
    list_t list = {out, cap, 0};
    if (self->missing > 0) {
        add(&list, 0, 0, CL_AT_TORN, CL_FRAME_BAD_LENGTH);
    } else if (self->held > 0) {
        add(&list, self->start, self->held, CL_AT_BROKEN | CL_AT_KEPT, CL_FRAME_BAD_LENGTH);
    }
    self->missing = 0;
    self->held = 0;
    self->skipping = 0;
    self->prompted = 0;
    return (int)list.count;
}

size_t cl_at_pending(const cl_at_t *self) { return self->missing > 0 ? self->missing : self->held; }

int cl_at_data(const uint8_t *data, size_t len, int escapes, uint8_t *out, size_t cap) {
    if (data == NULL || out == NULL) {
        return CL_E_ARGUMENT;
    }
    if (len == 0 || len > CL_AT_SEND_MAX) {
        return CL_E_LENGTH;
    }
    size_t written = 0;
    for (size_t i = 0; i < len; i++) {
        bool ends = data[i] == CTRL_Z || data[i] == ESC;
        if (ends && !escapes) {
            return CL_E_RANGE;
        }
        bool escaped = escapes && (ends || data[i] == ETX);
        if (cap - written < (escaped ? 2U : 1U)) {
            return CL_E_SPACE;
        }
        if (escaped) {
            out[written++] = ETX;
        }
        out[written++] = data[i];
    }
    if (cap == written) {
        return CL_E_SPACE;
    }
    out[written++] = CTRL_Z;
    return (int)written;
}
