/* Text, keys and mouse paths as whole buffers of CH9329 frames (protocol document V1.1, sections
 * 2.2.2, 2.2.4, 2.2.5). Pacing, acknowledgements and repetition are the caller's. */
#ifndef CHIPLINK_HID_H
#define CHIPLINK_HID_H

#include "chiplink/core.h"

/* cdef */

#define CL_HID_KEY_FRAME 14     /* bytes of a keyboard frame */
#define CL_HID_TEXT_MAX 1048576 /* characters of one text: keeps every count inside an int */
#define CL_HID_STEPS_MAX 65536  /* steps of one mouse path: keeps its bytes inside an int */
#define CL_HID_MOVE_MAX 32767   /* pixels or notches of one relative step, either way */
#define CL_HID_EXTENT_MAX 65535 /* pixels of a screen's side */
#define CL_HID_LETTER 1         /* flag: a letter, Caps Lock inverts its Shift */

/* One row of a key table, 12 bytes: how a layout types one character.
 *
 * `strokes` is 1 to 3; a dead key is a stroke before its base key. `usage` holds key codes of
 * appendix 1, 04 to DF; `modifiers` the bits of section 2.2.2 (0 to 3 left Ctrl, Shift, Alt, GUI,
 * 4 to 7 right). A table is sorted by `codepoint`, each once; in an unsorted one characters are
 * not found. */
typedef struct {
    uint32_t codepoint;
    uint8_t strokes;
    uint8_t usage[3];
    uint8_t modifiers[3];
    uint8_t flags; /* CL_HID_LETTER */
} cl_hid_key_t;

/* What a mouse step is: the first data byte of its report, sections 2.2.5 and 2.2.4. */
enum { CL_HID_RELATIVE = 1, CL_HID_ABSOLUTE = 2 };

/* One mouse step. `buttons`: bits 0 left, 1 right, 2 middle, 3 back, 4 forward; the step holds
 * exactly these. `wheel`: notches, positive is up.
 *
 * Relative: `x`, `y` are pixels, right and down positive; `width`, `height` are not read.
 * Absolute: `x`, `y` are a pixel of a screen of `width` by `height`, counted from 0. */
typedef struct {
    int32_t kind; /* CL_HID_RELATIVE, CL_HID_ABSOLUTE */
    int32_t buttons;
    int32_t x;
    int32_t y;
    int32_t width;
    int32_t height;
    int32_t wheel;
} cl_hid_step_t;

/* Writes the frames that type a text and returns how many, 14 bytes each; 0 for an empty text.
 *
 * `map` has `keys` rows, `text` has `len` characters. With `caps_lit` not 0 the Shift of a letter's
 * last stroke is inverted. With `out` NULL the frames are only counted and `chars` is not read.
 * chars[i] is the number of characters complete once frame i is acknowledged; `chars` may be NULL.
 *
 * A report that replaces one key by another releases the first, so a stroke is one frame. An
 * all-released report goes between two strokes only if they have the same usage, or if the first
 * held modifiers that the second does not hold alike. The last frame is always all-released; the
 * first takes for granted that nothing is held.
 *
 * CL_E_UNSUPPORTED: no row for a character. CL_E_TABLE: its row has not 1 to 3 strokes or a usage
 * outside 04 to DF. CL_E_LENGTH: `len` is above CL_HID_TEXT_MAX. CL_E_SPACE: `cap` bytes or
 * `chars_cap` entries are too few. CL_E_ARGUMENT: a NULL pointer with a length. */
int cl_hid_type(const cl_hid_key_t *map, size_t keys, const uint32_t *text, size_t len,
                uint8_t address, int caps_lit, uint8_t *out, size_t cap, uint32_t *chars,
                size_t chars_cap);

/* Writes the frames of a mouse path one behind the other and returns their bytes; *frames is their
 * number. An absolute frame has 13 bytes, a relative one 11. With `out` NULL nothing is written.
 *
 * A relative step becomes as many reports as it needs, each the largest move of -127 to 127 on
 * every axis and the wheel that still remains (80H is never sent: hosts read it differently); one
 * report if all are 0. An absolute step becomes one report with the wheel at 0: hosts ignore the
 * wheel there, so its notches follow in relative reports without motion.
 *
 * The chip's range is 4096, and value v lands on pixel v * extent / 4096, rounded down; so a pixel
 * becomes 4096 * pixel / extent, rounded up, and is met exactly on extents up to 4096. Above, the
 * nearest reachable pixel is taken and a relative report moves the rest, a few pixels (on a host
 * with pointer acceleration about so many).
 *
 * CL_E_RANGE: a step's kind, `buttons` outside 0 to 31, a move or wheel beyond CL_HID_MOVE_MAX, an
 * extent outside 1 to CL_HID_EXTENT_MAX, or a pixel outside the screen. CL_E_LENGTH: `n` is above
 * CL_HID_STEPS_MAX. CL_E_SPACE: `cap` is too small. CL_E_ARGUMENT: a NULL pointer. */
int cl_hid_mouse(const cl_hid_step_t *steps, size_t n, uint8_t address, uint8_t *out, size_t cap,
                 size_t *frames);

/* Writes one keyboard frame and returns its 14 bytes: `modifiers` and `n` usages, 0 to 6, held.
 *
 * CL_E_LENGTH: more than six usages. CL_E_RANGE: a usage that is neither 00 (no key) nor 04 to DF;
 * E0 to E7 are the modifier bits. CL_E_SPACE: `cap` is below 14. CL_E_ARGUMENT: a NULL pointer. */
int cl_hid_keyboard(uint8_t address, uint8_t modifiers, const uint8_t *usages, size_t n,
                    uint8_t *out, size_t cap);

/* end */

#endif
