#include "chiplink/hid.h"

#include "chiplink/ch9329.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(cl_hid_key_t) == 12, "layouts are stored as rows of 12 bytes");

enum {
    SEND_KB_GENERAL_DATA = 0x02,
    SEND_MS_ABS_DATA = 0x04,
    SEND_MS_REL_DATA = 0x05,
    FRAME_OVERHEAD = 6,
    KEYS_MAX = 6,
    LEFT_SHIFT = 0x02,
    BOTH_SHIFTS = 0x22,
    BUTTONS = 0x1F,
    REPORT_MOVE_MAX = 127,
    RANGE = 4096
};

/* A text on its way to frames, and what its last report holds down. */
typedef struct {
    uint8_t address;
    uint8_t usage;
    uint8_t modifiers;
    uint8_t *out;
    size_t cap;
    uint32_t *chars;
    size_t chars_cap;
    size_t frames;
    uint32_t done;
} typist_t;

/* A mouse path on its way to frames. */
typedef struct {
    uint8_t address;
    uint8_t *out;
    size_t cap;
    size_t bytes;
    size_t frames;
} path_t;

static bool is_key(uint8_t usage) { return usage >= 0x04 && usage <= 0xDF; }

static const cl_hid_key_t *find(const cl_hid_key_t *map, size_t keys, uint32_t codepoint) {
    size_t low = 0;
    size_t high = keys;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map[middle].codepoint < codepoint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < keys && map[low].codepoint == codepoint ? &map[low] : NULL;
}

static bool usable(const cl_hid_key_t *key) {
    if (key->strokes < 1 || key->strokes > 3) {
        return false;
    }
    for (size_t i = 0; i < key->strokes; i++) {
        if (!is_key(key->usage[i])) {
            return false;
        }
    }
    return true;
}

static uint8_t invert_shift(uint8_t modifiers) {
    bool shifted = (modifiers & BOTH_SHIFTS) != 0;
    return (uint8_t)(shifted ? modifiers & ~BOTH_SHIFTS : modifiers | LEFT_SHIFT);
}

/* Makes the keyboard hold this key and these modifiers; usage 0 is none. */
static int hold(typist_t *self, uint8_t modifiers, uint8_t usage) {
    if (self->out != NULL) {
        size_t at = self->frames * CL_HID_KEY_FRAME;
        int written =
            cl_hid_keyboard(self->address, modifiers, &usage, 1, self->out + at, self->cap - at);
        if (written < 0) {
            return written;
        }
        if (self->chars != NULL) {
            if (self->frames >= self->chars_cap) {
                return CL_E_SPACE;
            }
            self->chars[self->frames] = self->done;
        }
    }
    self->frames++;
    self->modifiers = modifiers;
    self->usage = usage;
    return 0;
}

static int stroke(typist_t *self, uint8_t modifiers, uint8_t usage, bool completes) {
    bool again = self->usage == usage;
    bool must_go_first = self->modifiers != 0 && self->modifiers != modifiers;
    if (again || must_go_first) {
        int error = hold(self, 0, 0);
        if (error < 0) {
            return error;
        }
    }
    self->done += completes ? 1 : 0;
    return hold(self, modifiers, usage);
}

static int type_key(typist_t *self, const cl_hid_key_t *key, bool caps_lit) {
    for (size_t i = 0; i < key->strokes; i++) {
        bool last = i + 1U == key->strokes;
        uint8_t modifiers = key->modifiers[i];
        if (last && caps_lit && (key->flags & CL_HID_LETTER) != 0) {
            modifiers = invert_shift(modifiers);
        }
        int error = stroke(self, modifiers, key->usage[i], last);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

int cl_hid_type(const cl_hid_key_t *map, size_t keys, const uint32_t *text, size_t len,
                uint8_t address, int caps_lit, uint8_t *out, size_t cap, uint32_t *chars,
                size_t chars_cap) {
    if ((map == NULL && keys > 0) || (text == NULL && len > 0)) {
        return CL_E_ARGUMENT;
    }
    if (len > CL_HID_TEXT_MAX) {
        return CL_E_LENGTH;
    }
    typist_t typist = {
        .address = address, .out = out, .cap = cap, .chars = chars, .chars_cap = chars_cap};
    for (size_t i = 0; i < len; i++) {
        const cl_hid_key_t *key = find(map, keys, text[i]);
        if (key == NULL) {
            return CL_E_UNSUPPORTED;
        }
        if (!usable(key)) {
            return CL_E_TABLE;
        }
        int error = type_key(&typist, key, caps_lit != 0);
        if (error < 0) {
            return error;
        }
    }
    if (len > 0) {
        int error = hold(&typist, 0, 0);
        if (error < 0) {
            return error;
        }
    }
    return (int)typist.frames;
}

static int32_t bounded(int32_t value, int32_t most) {
    if (value > most) {
        return most;
    }
    return value < -most ? -most : value;
}

static int32_t size_of(int32_t move) { return move < 0 ? -move : move; }

static int emit(path_t *self, uint8_t command, const uint8_t *data, size_t len) {
    if (self->out != NULL) {
        int written = cl_ch9329_encode(self->address, command, data, len, self->out + self->bytes,
                                       self->cap - self->bytes);
        if (written < 0) {
            return written;
        }
    }
    self->bytes += FRAME_OVERHEAD + len;
    self->frames++;
    return 0;
}

/* The value that lands nearest to the pixel, and in *miss the pixels that are still missing. */
static int32_t place(int32_t pixel, int32_t extent, int32_t *miss) {
    int32_t value = (RANGE * pixel + extent - 1) / extent;
    value = value < RANGE ? value : RANGE - 1;
    *miss = pixel - value * extent / RANGE;
    if (value > 0) {
        int32_t below = pixel - (value - 1) * extent / RANGE;
        if (size_of(below) < size_of(*miss)) {
            *miss = below;
            value--;
        }
    }
    return value;
}

static int move(path_t *self, int32_t buttons, int32_t x, int32_t y, int32_t wheel) {
    do {
        int32_t dx = bounded(x, REPORT_MOVE_MAX);
        int32_t dy = bounded(y, REPORT_MOVE_MAX);
        int32_t notches = bounded(wheel, REPORT_MOVE_MAX);
        const uint8_t data[5] = {CL_HID_RELATIVE, (uint8_t)buttons, (uint8_t)dx, (uint8_t)dy,
                                 (uint8_t)notches};
        int error = emit(self, SEND_MS_REL_DATA, data, sizeof data);
        if (error < 0) {
            return error;
        }
        x -= dx;
        y -= dy;
        wheel -= notches;
    } while (x != 0 || y != 0 || wheel != 0);
    return 0;
}

static int point(path_t *self, const cl_hid_step_t *step) {
    int32_t x_miss;
    int32_t y_miss;
    int32_t x = place(step->x, step->width, &x_miss);
    int32_t y = place(step->y, step->height, &y_miss);
    const uint8_t data[7] = {CL_HID_ABSOLUTE, (uint8_t)step->buttons, (uint8_t)x, (uint8_t)(x >> 8),
                             (uint8_t)y,      (uint8_t)(y >> 8),      0};
    int error = emit(self, SEND_MS_ABS_DATA, data, sizeof data);
    if (error < 0 || (x_miss == 0 && y_miss == 0 && step->wheel == 0)) {
        return error;
    }
    return move(self, step->buttons, x_miss, y_miss, step->wheel);
}

static bool on_screen(int32_t pixel, int32_t extent) {
    return extent >= 1 && extent <= CL_HID_EXTENT_MAX && pixel >= 0 && pixel < extent;
}

static bool is_move(int32_t value) { return value >= -CL_HID_MOVE_MAX && value <= CL_HID_MOVE_MAX; }

static bool in_range(const cl_hid_step_t *step) {
    if (step->buttons < 0 || step->buttons > BUTTONS || !is_move(step->wheel)) {
        return false;
    }
    if (step->kind == CL_HID_ABSOLUTE) {
        return on_screen(step->x, step->width) && on_screen(step->y, step->height);
    }
    return step->kind == CL_HID_RELATIVE && is_move(step->x) && is_move(step->y);
}

int cl_hid_mouse(const cl_hid_step_t *steps, size_t n, uint8_t address, uint8_t *out, size_t cap,
                 size_t *frames) {
    if (frames == NULL || (steps == NULL && n > 0)) {
        return CL_E_ARGUMENT;
    }
    if (n > CL_HID_STEPS_MAX) {
        return CL_E_LENGTH;
    }
    path_t path = {.address = address, .out = out, .cap = cap};
    for (size_t i = 0; i < n; i++) {
        const cl_hid_step_t *step = &steps[i];
        if (!in_range(step)) {
            return CL_E_RANGE;
        }
        int error = step->kind == CL_HID_ABSOLUTE
                        ? point(&path, step)
                        : move(&path, step->buttons, step->x, step->y, step->wheel);
        if (error < 0) {
            return error;
        }
    }
    *frames = path.frames;
    return (int)path.bytes;
}

int cl_hid_keyboard(uint8_t address, uint8_t modifiers, const uint8_t *usages, size_t n,
                    uint8_t *out, size_t cap) {
    if (usages == NULL && n > 0) {
        return CL_E_ARGUMENT;
    }
    if (n > KEYS_MAX) {
        return CL_E_LENGTH;
    }
    uint8_t data[8] = {modifiers};
    for (size_t i = 0; i < n; i++) {
        if (usages[i] != 0 && !is_key(usages[i])) {
            return CL_E_RANGE;
        }
        data[2 + i] = usages[i];
    }
    return cl_ch9329_encode(address, SEND_KB_GENERAL_DATA, data, sizeof data, out, cap);
}
