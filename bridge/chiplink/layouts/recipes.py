"""Which layouts there are, and the names the X keyboard data has for each."""

from __future__ import annotations

from dataclasses import dataclass, field

SHIFT, ALTGR = 0x02, 0x40


@dataclass(frozen=True, slots=True)
class Recipe:
    """One layout: its English title and what libxkbcommon compiles it from.

    `compose` is the folder below /usr/share/X11/locale whose Compose file tells what a dead
    key and a letter make in the countries that use the layout.
    """

    title: str
    layout: str
    variant: str = ""
    model: str = "pc105"
    compose: str = "en_US.UTF-8"
    prefer: dict[str, tuple[int, int]] = field(default_factory=dict)


RECIPES: dict[str, Recipe] = {
    "at": Recipe("German (Austria)", "at"),
    "be": Recipe("Belgian", "be"),
    "bg": Recipe("Bulgarian", "bg"),
    "br": Recipe("Portuguese (Brazil)", "br", model="abnt2", compose="pt_BR.UTF-8"),
    "ca_fr": Recipe("French (Canada)", "ca"),
    "ch": Recipe("German (Switzerland)", "ch", prefer={"|": (0x24, ALTGR)}),
    "ch_fr": Recipe("French (Switzerland)", "ch", "fr", prefer={"|": (0x24, ALTGR)}),
    "cz": Recipe(
        "Czech", "cz", compose="cs_CZ.UTF-8", prefer={"$": (0x33, ALTGR), "*": (0x38, ALTGR)}
    ),
    "cz_qwerty": Recipe(
        "Czech (QWERTY)", "cz", "qwerty", compose="cs_CZ.UTF-8", prefer={"*": (0x38, ALTGR)}
    ),
    "de": Recipe("German", "de"),
    "de_nodead": Recipe("German (no dead keys)", "de", "nodeadkeys"),
    "dk": Recipe("Danish", "dk"),
    "ee": Recipe("Estonian", "ee", prefer={"|": (0x64, ALTGR)}),
    "es": Recipe("Spanish", "es"),
    "fi": Recipe("Finnish", "fi", compose="fi_FI.UTF-8", prefer={"|": (0x64, ALTGR)}),
    "fr": Recipe("French", "fr", prefer={"@": (0x27, ALTGR), "~": (0x1F, ALTGR)}),
    "fr_bepo": Recipe("French (BEPO)", "fr", "bepo"),
    "gr": Recipe("Greek", "gr", compose="el_GR.UTF-8"),
    "hr": Recipe("Croatian", "hr", prefer={"~": (0x1E, ALTGR)}),
    "hu": Recipe("Hungarian", "hu"),
    "ie": Recipe("Irish", "ie"),
    "il": Recipe("Hebrew", "il"),
    "is": Recipe("Icelandic", "is", prefer={"|": (0x64, ALTGR)}),
    "it": Recipe("Italian", "it"),
    "jp": Recipe("Japanese (Latin input)", "jp", model="jp106", prefer={"~": (0x2E, SHIFT)}),
    "latam": Recipe(
        "Spanish (Latin America)",
        "latam",
        prefer={"@": (0x14, ALTGR), "\\": (0x2D, ALTGR), "~": (0x30, ALTGR)},
    ),
    "lt": Recipe("Lithuanian", "lt"),
    "lv": Recipe("Latvian", "lv"),
    "nl": Recipe("Dutch", "nl"),
    "no": Recipe("Norwegian", "no"),
    "pl": Recipe("Polish (programmer's)", "pl"),
    "pt": Recipe("Portuguese", "pt", compose="pt_PT.UTF-8"),
    "ro": Recipe("Romanian (programmer's)", "ro"),
    "ro_std": Recipe("Romanian (standard)", "ro", "std"),
    "rs": Recipe("Serbian (Cyrillic)", "rs", compose="sr_RS.UTF-8"),
    "rs_latin": Recipe("Serbian (Latin)", "rs", "latin", compose="sr_RS.UTF-8"),
    "ru": Recipe("Russian", "ru"),
    "se": Recipe("Swedish", "se"),
    "si": Recipe("Slovenian", "si"),
    "sk": Recipe("Slovak", "sk", prefer={"$": (0x33, ALTGR), "*": (0x38, ALTGR)}),
    "tr": Recipe("Turkish (Q)", "tr"),
    "tr_f": Recipe("Turkish (F)", "tr", "f"),
    "ua": Recipe("Ukrainian", "ua"),
    "uk": Recipe("English (United Kingdom)", "gb"),
    "us": Recipe("English (US)", "us"),
    "us_altgr_intl": Recipe("English (US, international, dead keys by AltGr)", "us", "altgr-intl"),
    "us_colemak": Recipe("English (US, Colemak)", "us", "colemak"),
    "us_dvorak": Recipe("English (US, Dvorak)", "us", "dvorak"),
    "us_intl": Recipe("English (US, international)", "us", "intl"),
}
