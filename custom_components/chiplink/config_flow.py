"""How a node comes in: found on MQTT, or by its name; and what may change later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_MQTT,
    ConfigEntryState,
    ConfigFlow,
    OptionsFlow,
)
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import instance_id
from homeassistant.helpers.selector import BooleanSelector, TextSelector
from homeassistant.util.hass_dict import HassKey

from .broker import async_is_set_up, async_read_retained, is_connected
from .claim import async_release
from .const import CONF_ALLOW_USERS, CONF_NODE, DOCUMENTATION, DOMAIN
from .descriptor import NewerSchemaError, parse_descriptor
from .fields import DescriptorError
from .registry import async_rename
from .texts import plain
from .topics import Topics, is_name, node_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry, ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.service_info.mqtt import MqttServiceInfo

    from .model import Descriptor

_LOGGER = logging.getLogger(__name__)

DEADLINE = 5.0
"""Seconds for a retained descriptor to come."""

MAX_FLOWS = 8
"""Nodes that are offered at once: whoever may publish could invent thousands."""

MAX_REFUSALS = 16
"""Nodes whose descriptor's refusal is logged; beyond, one line says so."""

_REFUSED: HassKey[set[str]] = HassKey(f"{DOMAIN}_refused")


class ChiplinkConfigFlow(ConfigFlow, domain=DOMAIN):
    """One entry a node; its name is all there is to know."""

    VERSION = 1

    def __init__(self) -> None:
        self._descriptor: Descriptor | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> ChiplinkOptionsFlow:
        """Return the flow of the options."""
        return ChiplinkOptionsFlow()

    # Found on MQTT

    @override
    async def async_step_mqtt(self, discovery_info: MqttServiceInfo) -> ConfigFlowResult:
        """Look at a descriptor somebody published, and offer its node."""
        node = node_of(discovery_info.topic)
        if node is None or not discovery_info.payload:
            return self.async_abort(reason="no_descriptor")
        await self.async_set_unique_id(node)
        self._abort_if_unique_id_configured()
        if self._offered() >= MAX_FLOWS:
            _log_once(self.hass, "", "More than %d new nodes; no more are offered", MAX_FLOWS)
            return self.async_abort(reason="too_many")
        try:
            self._descriptor = parse_descriptor(discovery_info.payload, node)
        except DescriptorError as error:
            _log_once(self.hass, node, "The descriptor of %s is refused: %s", node, error)
            return self.async_abort(reason=_reason(error))
        self.context["title_placeholders"] = {"name": node}
        return await self.async_step_confirm()

    def _offered(self) -> int:
        """How many nodes wait for somebody's decision."""
        return len(
            self.hass.config_entries.flow.async_progress_by_handler(
                DOMAIN, match_context={"source": SOURCE_MQTT}
            )
        )

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what was found, and create the entry when somebody agrees."""
        if self._descriptor is None:
            return self.async_abort(reason="no_descriptor")
        if user_input is not None:
            return self._create(self._descriptor.node)
        return self.async_show_form(
            step_id="confirm",
            description_placeholders={
                "node": plain(self._descriptor.node),
                "version": plain(self._descriptor.version),
                "chips": ", ".join(chip.upper() for chip in self._descriptor.chips) or "-",
            },
        )

    def _create(self, node: str) -> ConfigFlowResult:
        return self.async_create_entry(title=node, data={CONF_NODE: node})

    # By hand

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a node's name and see whether it is there."""
        if not await async_is_set_up(self.hass):
            return self.async_abort(reason="mqtt_missing")
        errors: dict[str, str] = {}
        if user_input is not None:
            node = user_input[CONF_NODE].strip().lower()
            errors = await self._test(node)
            if not errors:
                await self.async_set_unique_id(node, raise_on_progress=False)
                self._abort_if_unique_id_configured()
                return self._create(node)
        return self._ask("user", user_input or {}, errors)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Follow a bridge to its new name; entities keep their ids and their history."""
        if not await async_is_set_up(self.hass):
            return self.async_abort(reason="mqtt_missing")
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            node = user_input[CONF_NODE].strip().lower()
            errors = await self._test(node)
            if not errors:
                await self.async_set_unique_id(node, raise_on_progress=False)
                if node != entry.unique_id:
                    self._abort_if_unique_id_configured()
                    await _async_move(self.hass, entry, node)
                return self.async_update_reload_and_abort(
                    entry,
                    unique_id=node,
                    title=node if entry.title == entry.data[CONF_NODE] else entry.title,
                    data={CONF_NODE: node},
                )
        return self._ask("reconfigure", user_input or entry.data, errors)

    def _ask(self, step: str, known: Any, errors: dict[str, str]) -> ConfigFlowResult:
        schema: Any = vol.Schema({vol.Required(CONF_NODE): TextSelector()})
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, known),
            errors=errors,
            description_placeholders={"documentation": DOCUMENTATION},
        )

    async def _test(self, node: str) -> dict[str, str]:
        """Look for the node on the broker; return what is wrong."""
        if not is_name(node):
            return {CONF_NODE: "invalid_name"}
        if not is_connected(self.hass):
            return {"base": "broker_offline"}
        try:
            payload = await async_read_retained(self.hass, Topics(node).descriptor, DEADLINE)
        except HomeAssistantError:
            return {"base": "broker_offline"}
        if payload is None:
            return {CONF_NODE: "no_descriptor"}
        try:
            parse_descriptor(payload, node)
        except DescriptorError as error:
            _LOGGER.warning("The descriptor of %s is refused: %s", node, error)
            return {"base": _reason(error)}
        return {}


class ChiplinkOptionsFlow(OptionsFlow):
    """Who may use the actions; they read it at every call."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        schema: Any = vol.Schema({vol.Required(CONF_ALLOW_USERS, default=False): BooleanSelector()})
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options),
        )


async def _async_move(hass: HomeAssistant, entry: ConfigEntry, node: str) -> None:
    """Let everything that belongs to the entry be the node's; the old claim goes."""
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)
    old = entry.data[CONF_NODE]
    async_rename(hass, entry, old, node)
    await async_release(hass, old, await instance_id.async_get(hass))


def _reason(error: DescriptorError) -> str:
    return "newer_schema" if isinstance(error, NewerSchemaError) else "bad_descriptor"


def _log_once(hass: HomeAssistant, node: str, message: str, *arguments: object) -> None:
    """Log a line, but not one for each of ten thousand nodes, nor for each repetition."""
    logged = hass.data.setdefault(_REFUSED, set())
    if node in logged or len(logged) > MAX_REFUSALS:
        return
    logged.add(node)
    if len(logged) > MAX_REFUSALS:
        _LOGGER.warning("More descriptors are refused; no more lines about them")
        return
    _LOGGER.warning(message, *arguments)
