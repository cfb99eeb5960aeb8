"""Pictures of the pages on which somebody meets the bridge.

usage: python pictures.py CHROMIUM FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright
from real_house import House
from real_programs import Simulator, until

if TYPE_CHECKING:
    from playwright.async_api import Browser

SETTLE = 3.0
"""Seconds for a page to draw itself: it never says that it is done."""

DRAWN = "document.querySelector('home-assistant')?.shadowRoot?.querySelector('home-assistant-main')"

LAN = """
[device.lan]
chip = "ch392"
port = "serial://{port}?baud=921600"
name = "Annex"
[device.lan.link.plc]
kind = "tcp-client"
remote = "203.0.113.5:{open}"
[device.lan.link.meter]
kind = "tcp-client"
remote = "203.0.113.5:1"
"""
"""A chip with a link to what listens, and one to what does not."""

WIDE, NARROW = (1280, 1500), (420, 1800)


def login(house: House) -> str:
    """Return a script that logs a page in, and chooses an action where one is tried."""
    tokens = {
        "access_token": house.hass.token,
        "token_type": "Bearer",
        "expires_in": 31536000,
        "hassUrl": house.hass.url,
        "clientId": f"{house.hass.url}/",
        "expires": int(time.time() * 1000) + 31536000000,
        "refresh_token": "",
    }
    chosen = {"action": "chiplink.type_text"}
    stored = {"hassTokens": tokens, "panel-dev-action-state-service-data": chosen}
    return "".join(
        f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))});"
        for key, value in stored.items()
    )


class Photographer:
    """Takes pictures; each page is a new visit."""

    def __init__(self, browser: Browser, house: House, folder: Path) -> None:
        self._browser = browser
        self._house = house
        self._folder = folder

    async def take(
        self, name: str, path: str, size: tuple[int, int] = WIDE, click: str | None = None
    ) -> None:
        width, height = size
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, locale="en-US"
        )
        await context.add_init_script(login(self._house))
        page = await context.new_page()
        await page.goto(self._house.hass.url + path, wait_until="load")
        await page.wait_for_function(DRAWN)
        await asyncio.sleep(SETTLE)
        if click is not None:
            await page.get_by_text(click, exact=True).first.click()
            await asyncio.sleep(SETTLE / 2)
        file = self._folder / f"{name}.png"
        await page.screenshot(path=str(file))
        await context.close()
        sys.stdout.write(f"{file}\n")


async def photograph(house: House, chromium: str, folder: Path) -> None:
    """Wait until everything is there, and take all pictures."""
    await house.hass.shows({"switch.desk_armed": "on", "binary_sensor.desk_computer": "on"})
    devices: dict[str, Any] = await house.hass.devices()
    bridge, kvm = (devices[name]["id"] for name in ("chiplink-cellar", "chiplink-cellar-kvm"))
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        camera = Photographer(browser, house, folder)
        await camera.take("bridge", f"/config/devices/device/{bridge}")
        await camera.take("kvm", f"/config/devices/device/{kvm}")
        await camera.take("kvm-narrow", f"/config/devices/device/{kvm}", NARROW)
        await camera.take("devices", "/config/devices/dashboard?domain=mqtt")
        await camera.take("entities", "/config/entities?domain=mqtt")
        await camera.take("armed", f"/config/devices/device/{kvm}", click="Armed")
        await house.bridge.stop()
        await house.hass.shows({"switch.desk_armed": "unavailable"})
        await camera.take("kvm-bridge-gone", f"/config/devices/device/{kvm}")
        await browser.close()


async def photograph_links(house: House, camera: Photographer) -> None:
    """A chip that joins, with a link that is open and one that waits."""
    chip = Simulator(house.folder, "ch392", "lan")
    chip.options = ["--map", "203.0.113.5=127.0.0.1"]
    chip.start()
    await chip.says("ready")
    house.bridge.more = LAN.format(port=chip.port, open=house.broker.port)
    try:
        await house.bridge.stop()
        house.bridge.start()
        await house.hass.shows({"sensor.annex_link_plc_state": "open"})
        lan = (await house.hass.devices("chiplink"))["chiplink-cellar-lan"]["id"]
        await camera.take("integration-lan", f"/config/devices/device/{lan}")
    finally:
        await chip.stop()


async def photograph_integration(house: House, chromium: str, folder: Path) -> None:
    """The same with the integration: its offer, its devices, its actions, a repair."""
    (flow,) = await until(lambda: house.hass.offered("chiplink"))
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        camera = Photographer(browser, house, folder)
        await camera.take("offered", "/config/integrations/dashboard", click="Add")
        await house.hass.accept(flow)
        await house.hass.shows({"switch.desk_armed": "on", "binary_sensor.desk_computer": "on"})
        devices: dict[str, Any] = await house.hass.devices("chiplink")
        bridge, kvm = (devices[name]["id"] for name in ("chiplink-cellar", "chiplink-cellar-kvm"))
        await camera.take("integration", "/config/integrations/integration/chiplink")
        await camera.take("integration-bridge", f"/config/devices/device/{bridge}")
        await camera.take("integration-kvm", f"/config/devices/device/{kvm}")
        await camera.take("integration-kvm-narrow", f"/config/devices/device/{kvm}", NARROW)
        await camera.take("action", "/config/developer-tools/action")
        await photograph_links(house, camera)
        await house.hass.publish("chiplink/cellar/homeassistant", '{"instance":"another"}')
        await camera.take("repairs", "/config/repairs")
        await camera.take(
            "repair",
            "/config/repairs",
            click="Another Home Assistant has claimed the bridge cellar",
        )
        await browser.close()


async def main(chromium: str, folder: Path) -> None:
    """Build each house, and take it down afterwards."""
    for integration, work in ((False, photograph), (True, photograph_integration)):
        with tempfile.TemporaryDirectory(prefix="chiplink-house-") as place:
            async with House(Path(place), integration=integration) as house:
                await work(house, chromium, folder)


FOLDER = Path(sys.argv[2])
FOLDER.mkdir(parents=True, exist_ok=True)
asyncio.run(main(sys.argv[1], FOLDER))
