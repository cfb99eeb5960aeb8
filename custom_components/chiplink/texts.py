"""Which names and icons this integration has words for: others come from the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.helpers.icon import async_get_icons
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


class Texts:
    """What translations/en.json and icons.json know."""

    def __init__(self, names: dict[str, str], icons: dict[str, Any]) -> None:
        self._names = names
        self._icons = icons

    def has_name(self, platform: str, key: str) -> bool:
        """Whether an entity of that translation key has a name."""
        return f"component.{DOMAIN}.entity.{platform}.{key}.name" in self._names

    def has_icon(self, platform: str, key: str) -> bool:
        """Whether an entity of that translation key has an icon."""
        return key in self._icons.get(platform, {})


async def async_load_texts(hass: HomeAssistant) -> Texts:
    """Read them from Home Assistant's caches."""
    names = await async_get_translations(hass, "en", "entity", {DOMAIN})
    icons = await async_get_icons(hass, "entity", {DOMAIN})
    return Texts(names, icons.get(DOMAIN, {}))


def plain(text: str) -> str:
    """Return text from outside so that a page shows it as it is: no Markdown, no HTML."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-!|~>" else sign for sign in text).replace(
        "<", "&lt;"
    )
