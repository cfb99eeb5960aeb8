"""A real Home Assistant of its own, set up without anybody at the screen."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from real_programs import Program, until

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATION = """
homeassistant:
  name: House
  unit_system: metric
  time_zone: UTC
  country: DE
  currency: EUR
frontend:
config:
api:
websocket_api:
logger:
  default: warning
"""

HTTP: dict[str, Any] = {
    "version": 3,
    "minor_version": 1,
    "key": "http",
    "data": {
        "stable": {
            "server_port": 0,
            "server_host": ["127.0.0.1"],
            "cors_allowed_origins": [],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": True,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": "2026-11-20T00:00:00+00:00",
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    },
}
"""Home Assistant's record of its web server; since 2026.11 its YAML is only tried for minutes."""


class HomeAssistant:
    """The server as a program, and a client that may do everything."""

    def __init__(self, folder: Path, port: int, mqtt_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""
        self._mqtt_port = mqtt_port
        self._folder = folder / "hass"
        (self._folder / ".storage").mkdir(parents=True)
        (self._folder / "configuration.yaml").write_text(CONFIGURATION)
        http = json.loads(json.dumps(HTTP))
        http["data"]["stable"]["server_port"] = port
        (self._folder / ".storage/http").write_text(json.dumps(http))
        hass = str(Path(sys.executable).parent / "hass")
        command = [hass, "-c", str(self._folder), "--log-no-color", "--skip-pip"]
        self.program = Program("hass", command, folder)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Start it; the first time, make a user and set MQTT up."""
        self.program.start()
        self._session = self._session or aiohttp.ClientSession()
        await until(self._answers, lambda: f"hass: {self.program.said[-800:]}")
        if not self.token:
            await self._onboard()

    async def stop(self) -> None:
        await self.program.stop()

    async def close(self) -> None:
        await self.stop()
        if self._session is not None:
            await self._session.close()

    def install(self, integration: Path) -> None:
        """Put an integration where custom ones are, before the start."""
        place = self._folder / "custom_components" / integration.name
        shutil.copytree(integration, place, ignore=shutil.ignore_patterns("__pycache__"))

    # What it shows

    async def states(self) -> dict[str, str]:
        """Return every state by entity id; nothing while it starts."""
        try:
            return {item["entity_id"]: item["state"] for item in await self._get("/api/states")}
        except aiohttp.ClientError:
            return {}

    async def attributes(self, entity: str) -> dict[str, Any]:
        answer = await self._get(f"/api/states/{entity}")
        attributes: dict[str, Any] = answer["attributes"]
        return attributes

    async def shows(self, expected: Mapping[str, str | None]) -> None:
        """Wait until these states are shown; None stands for an entity that has none."""
        seen: dict[str, str] = {}

        async def shown() -> bool:
            nonlocal seen
            seen = await self.states()
            return all(seen.get(entity) == state for entity, state in expected.items())

        await until(shown, lambda: f"{ {entity: seen.get(entity) for entity in expected} }")

    async def devices(self, way: str = "mqtt") -> dict[str, dict[str, Any]]:
        """Return our devices by identifier, as `mqtt` or `chiplink` registered them."""
        return {
            identifier[1]: device
            for device in await self.ask("config/device_registry/list")
            for identifier in device["identifiers"]
            if identifier[0] == way
        }

    async def entities(self, way: str = "mqtt") -> dict[str, dict[str, Any]]:
        """Return our entities by unique id, as `mqtt` or `chiplink` registered them."""
        found = await self.ask("config/entity_registry/list")
        return {entity["unique_id"]: entity for entity in found if entity["platform"] == way}

    # What it is told

    async def act(self, action: str, entity: str, **data: Any) -> None:
        """Call an action of an entity."""
        path = f"/api/services/{action.replace('.', '/')}"
        await self._post(path, {"entity_id": entity, **data})

    async def publish(self, topic: str, payload: str, *, retain: bool = True) -> None:
        """Publish through its MQTT integration."""
        data = {"topic": topic, "payload": payload, "qos": 1, "retain": retain}
        await self._post("/api/services/mqtt/publish", data)

    async def offered(self, domain: str) -> list[dict[str, Any]]:
        """Return the flows that wait for somebody."""
        flows = await self.ask("config_entries/flow/progress")
        return [flow for flow in flows if flow["handler"] == domain]

    async def accept(self, flow: dict[str, Any]) -> dict[str, Any]:
        """Agree to what a flow offers, and return the entry."""
        path = f"/api/config/config_entries/flow/{flow['flow_id']}"
        asked = await self._get(path)
        assert asked["type"] == "form", asked
        done = await self._post(path, {})
        assert done["type"] == "create_entry", done
        entry: dict[str, Any] = done["result"]
        return entry

    async def remove(self, entry: str) -> None:
        """Remove a config entry as a user does."""
        assert self._session is not None
        url = f"{self.url}/api/config/config_entries/entry/{entry}"
        async with self._session.delete(url, headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()

    async def call(self, action: str, **data: Any) -> dict[str, Any]:
        """Call an action that answers; return the answer, or the error."""
        domain, name = action.split(".")
        answer = await self._ask(
            self.token,
            "call_service",
            must_succeed=False,
            domain=domain,
            service=name,
            service_data=data,
            return_response=True,
        )
        if not answer["success"]:
            return {"error": answer["error"]}
        response: dict[str, Any] = answer["result"]["response"]
        return response

    async def delete(self, device: dict[str, Any]) -> None:
        """Delete a device as a user does."""
        (entry,) = device["config_entries"]
        await self.ask(
            "config/device_registry/remove_config_entry",
            device_id=device["id"],
            config_entry_id=entry,
        )

    async def ask(self, command: str, **data: Any) -> Any:
        """Send one command over a WebSocket and return its result."""
        return (await self._ask(self.token, command, **data))["result"]

    async def _ask(
        self, token: str, command: str, *, must_succeed: bool = True, **data: Any
    ) -> dict[str, Any]:
        assert self._session is not None
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            await socket.send_json({"id": 1, "type": command, **data})
            answer: dict[str, Any] = await socket.receive_json()
            assert answer["success"] or not must_succeed, answer
            return answer

    async def _answers(self) -> bool:
        assert self._session is not None
        try:
            async with self._session.get(f"{self.url}/api/onboarding") as answer:
                return answer.status in (200, 404)
        except aiohttp.ClientError:
            return False

    async def running(self) -> None:
        """Wait until it has started wholly, as its own configuration says."""

        async def started() -> bool:
            try:
                answer = await self._get("/api/config")
            except aiohttp.ClientError:
                return False
            return bool(answer["state"] == "RUNNING")

        await until(started)

    async def _get(self, path: str) -> Any:
        assert self._session is not None
        async with self._session.get(self.url + path, headers=self._headers) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def _post(self, path: str, body: Any, form: Any = None) -> Any:
        assert self._session is not None
        url, headers = self.url + path, self._headers
        async with self._session.post(url, json=body, data=form, headers=headers) as answer:
            assert answer.status < 300, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    # The first time

    async def _onboard(self) -> None:
        client = f"{self.url}/"
        user = {
            "client_id": client,
            "name": "Tester",
            "username": "tester",
            "password": "tester-of-chiplink",
            "language": "en",
        }
        code = (await self._post("/api/onboarding/users", user))["auth_code"]
        grant = {"client_id": client, "grant_type": "authorization_code", "code": code}
        self.token = (await self._post("/auth/token", None, grant))["access_token"]
        await self._post("/api/onboarding/core_config", {})
        await self._post("/api/onboarding/analytics", {})
        away = {"client_id": client, "redirect_uri": f"{client}?done=1"}
        await self._post("/api/onboarding/integration", away)
        long_lived = {"client_name": "tests", "lifespan": 365}
        self.token = await self.ask("auth/long_lived_access_token", **long_lived)
        await self._set_up_mqtt()

    async def _set_up_mqtt(self) -> None:
        flows = "/api/config/config_entries/flow"
        flow = await self._post(flows, {"handler": "mqtt", "show_advanced_options": False})
        other = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
        broker = {"broker": "127.0.0.1", "port": self._mqtt_port, "protocol": "5"}
        answers = {**broker, "other_settings": other}
        done = await self._post(f"{flows}/{flow['flow_id']}", answers)
        assert done["type"] == "create_entry", done


async def quiet(seconds: float) -> None:
    """Let time pass in which nothing may happen: the absence of something cannot be awaited."""
    await asyncio.sleep(seconds)
