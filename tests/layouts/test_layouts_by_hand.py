"""What is printed on the keycaps, written down by hand: needs no library."""

from __future__ import annotations

import pytest

from chiplink import layouts

# The four rows of the US keyboard's main block with the usages of the HID tables, page 07.
US_ROWS = (
    ("`1234567890-=", "~!@#$%^&*()_+", "35 1e 1f 20 21 22 23 24 25 26 27 2d 2e"),
    ("qwertyuiop[]\\", "QWERTYUIOP{}|", "14 1a 08 15 17 1c 18 0c 12 13 2f 30 31"),
    ("asdfghjkl;'", 'ASDFGHJKL:"', "04 16 07 09 0a 0b 0d 0e 0f 33 34"),
    ("zxcvbnm,./", "ZXCVBNM<>?", "1d 1b 06 19 05 11 10 36 37 38"),
    (" ", "", "2c"),
)

# Character: strokes as usage, with s for Shift, g for AltGr, sg for both.
EXPECTED = {
    "de": """
        y:1d z:1c Y:1d.s Z:1c.s ä:34 ö:33 ü:2f ß:2d Ä:34.s Ö:33.s Ü:2f.s €:08.g @:14.g {:24.g
        }:27.g [:25.g ]:26.g \\:2d.g |:64.g <:64 >:64.s ~:30.g ^:35,2c `:2e.s,2c é:2e,08 è:2e.s,08
        É:2e,08.s ê:35,08 #:31 ':31.s +:30 *:30.s -:38 _:38.s ?:2d.s /:24.s =:27.s &:23.s ":1f.s
        §:20.s °:35.s µ:10.g ²:1f.g ³:20.g ;:36.s ::37.s
    """,
    "at": "ä:34 ß:2d @:14.g z:1c y:1d",
    "fr": """
        a:14 q:04 z:1a w:1d m:33 1:1e.s 2:1f.s 3:20.s 4:21.s 5:22.s 6:23.s 7:24.s 8:25.s 9:26.s
        0:27.s &:1e é:1f ":20 ':21 (:22 -:23 è:24 _:25 ç:26 à:27 ):2d =:2e ù:34 *:31 $:30 ,:10
        ;:36 ::37 !:38 ?:10.s .:36.s /:37.s §:38.s %:34.s µ:31.s £:30.s +:2e.s °:2d.s <:64 >:64.s
        @:27.g #:20.g {:21.g [:22.g |:23.g `:24.g \\:25.g ]:2d.g }:2e.g €:08.g ~:1f.g ^:2f,2c
        ê:2f,08 ë:2f.s,08 Â:2f,14.s
    """,
    "be": "a:14 q:04 1:1e.s é:1f @:1f.g #:20.g {:26.g }:27.g [:2f.g ]:30.g \\:64.g |:1e.g §:23",
    "uk": """
        £:20.s ":1f.s @:34.s ':34 #:31 ~:31.s \\:64 |:64.s `:35 ¬:35.s €:21.g <:36.s z:1d y:1c
    """,
    "ch": """
        z:1c y:1d ä:34 ö:33 ü:2f à:34.s é:33.s è:2f.s Ä:30,04.s Ö:30,12.s Ü:30,18.s @:1f.g #:20.g
        |:24.g [:2f.g ]:30.g {:34.g }:31.g \\:64.g €:08.g $:31 £:31.s ':2d ?:2d.s ^:2e,2c `:2e.s,2c
        ~:2e.g,2c §:35 °:35.s +:1e.s ":1f.s *:20.s ç:21.s /:24.s =:27.s !:30.s
    """,
    "ch_fr": "é:33 à:34 è:2f ö:33.s ä:34.s ü:2f.s z:1c y:1d @:1f.g",
    "jp": """
        @:2f `:2f.s [:30 {:30.s ]:31 }:31.s \\:87 _:87.s |:89.s ^:2e ~:2e.s -:2d =:2d.s ::34 *:34.s
        ;:33 +:33.s ":1f.s &:23.s ':24.s (:25.s ):26.s <:36.s
    """,
    "es": """
        ñ:33 Ñ:33.s ç:31 ¡:2e ¿:2e.s @:1f.g #:20.g \\:35.g |:1e.g [:2f.g ]:30.g {:34.g }:31.g
        á:34,04 ü:34.s,18 à:2f,04 `:2f,2c ^:2f.s,2c ':2d ?:2d.s ª:35.s º:35 <:64 €:08.g
    """,
    "latam": "ñ:33 @:14.g \\:2d.g ~:30.g {:34 [:34.s }:31 ]:31.s |:35 ¿:2e á:2f,04",
    "it": "è:2f é:2f.s ò:33 ç:33.s à:34 °:34.s ù:31 ì:2e @:33.g #:34.g [:2f.g ]:30.g €:08.g",
    "pt": "ç:33 º:34 ª:34.s «:2e »:2e.s @:1f.g £:20.g \\:35 |:35.s á:30,04 ã:31,04 ~:31,2c",
    "br": "ç:33 /:87 ?:87.s \\:64 |:64.s ':35 \":35.s ~:34,2c ã:34,04 á:2f,04 à:2f.s,04 [:30 ]:31",
    "se": "å:2f ä:34 ö:33 @:1f.g $:21.g €:08.g {:24.g \\:2d.g |:64.g ~:30.g,2c é:2e,08 ¤:21.s",
    "dk": "å:2f æ:33 ø:34 @:1f.g |:2e.g \\:64.g $:21.g ½:35 §:35.s",
    "no": "å:2f ø:33 æ:34 @:1f.g |:35 \\:2e $:21.g",
    "fi": "å:2f ä:34 ö:33 @:1f.g |:64.g \\:2d.g €:08.g",
    "pl": "ą:04.g ć:06.g ę:08.g ł:0f.g ń:11.g ó:12.g ś:16.g ź:1b.g ż:1d.g Ł:0f.sg Ż:1d.sg",
    "cz": "ě:1f š:20 č:21 ř:22 ž:23 ý:24 á:25 í:26 é:27 ů:33 ú:2f 1:1e.s z:1c @:19.g #:1b.g {:05.g",
    "hu": "á:34 é:33 ő:2f ú:30 ű:31 ö:27 ü:2d ó:2e 0:35 í:64 z:1c @:19.g #:1b.g €:18.g &:06.g",
    "tr": "\u0131:0c i:34 I:0c.s İ:34.s ğ:2f ü:30 ş:33 ö:36 ç:37 @:14.g #:20.g €:08.g",
    "us_intl": "':34,2c \":34.s,2c ^:23.s,2c `:35,2c ~:35.s,2c á:04.g é:08.g ñ:11.g à:35,04 @:1f.s",
    "us_dvorak": "a:04 o:16 e:07 u:09 i:0a ':14 s:33 -:34 z:38 [:2d /:2f",
    "us_colemak": "f:08 p:15 g:17 j:1c r:16 s:07 t:09 d:0a n:0d e:0e i:0f o:33 k:11",
    "ru": "ф:04 й:14 ё:35 я:1d .:38 ,:38.s Ж:33.s",
    "ua": "ф:04 \u0456:16 ї:30 є:34",
    "gr": "\u03b1:04 ς:1a ά:33,04 ϊ:33.s,0c",
    "il": "ש:04 א:17 ת:36",
}
MODIFIERS = {"": 0x00, "s": 0x02, "g": 0x40, "sg": 0x42}


def us_keys() -> list[tuple[str, int, int]]:
    return [
        (char, int(usage, 16), modifiers)
        for small, capital, usages in US_ROWS
        for row, modifiers in ((small, 0x00), (capital, 0x02))
        for char, usage in zip(row, usages.split(), strict=False)
    ]


def strokes(text: str) -> tuple[tuple[int, int], ...]:
    parts = (part.partition(".") for part in text.split(","))
    return tuple((int(usage, 16), MODIFIERS[held]) for usage, _, held in parts)


def test_us_has_the_95_characters_of_ascii_and_enter_and_tab() -> None:
    us = layouts.load("us")
    keys = us_keys()
    assert len({char for char, _, _ in keys}) == 95
    for char, usage, modifiers in keys:
        assert us.strokes(char) == ((usage, modifiers),), char
    assert us.characters == {char for char, _, _ in keys} | {"\n", "\t"}


@pytest.mark.parametrize("name", layouts.names())
def test_enter_tab_and_space_are_everywhere(name: str) -> None:
    layout = layouts.load(name)
    found = [layout.strokes(char) for char in "\n\t "]
    assert found == [((0x28, 0),), ((0x2B, 0),), ((0x2C, 0),)]


@pytest.mark.parametrize("name", EXPECTED)
def test_keycaps(name: str) -> None:
    layout = layouts.load(name)
    rows = {entry[0]: strokes(entry[2:]) for entry in EXPECTED[name].split()}
    assert {char: layout.strokes(char) for char in rows} == rows
