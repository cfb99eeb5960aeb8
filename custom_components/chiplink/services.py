"""The actions in Home Assistant: whom they are for, and what became of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import voluptuous as vol
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import SupportsResponse, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr

from .actions import ACTIONS, Action
from .const import CONF_ALLOW_USERS, DOMAIN
from .errors import invalid
from .items import identifier
from .registry import own_identifiers

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse

    from .model import Device
    from .node import ChiplinkConfigEntry, Node
    from .results import Result

MAX_DEVICES = 64
"""Devices of one call."""


class Target(NamedTuple):
    """A device that an action is for."""

    id: str
    entry: ChiplinkConfigEntry
    node: Node
    device: Device


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register every action."""
    devices = vol.All(cv.ensure_list, [cv.string], vol.Length(min=1, max=MAX_DEVICES))
    for action in ACTIONS:
        schema: Any = vol.Schema({vol.Required(ATTR_DEVICE_ID): devices, **action.fields})
        if action.name == "link_send":
            schema = vol.All(schema, cv.has_at_least_one_key("text", "hex"))
        hass.services.async_register(
            DOMAIN,
            action.name,
            partial(_carry_out, hass, action),
            schema=schema,
            supports_response=SupportsResponse.OPTIONAL,
        )


async def _carry_out(hass: HomeAssistant, action: Action, call: ServiceCall) -> ServiceResponse:
    """Send the command to each device and return what each made of it."""
    targets = [_target(hass, name) for name in dict.fromkeys(call.data[ATTR_DEVICE_ID])]
    await _check_user(hass, action, call, targets)
    commands = [_send(action, call, target, _path(action, call, target)) for target in targets]
    outcomes = await asyncio.gather(*commands, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    if not call.return_response:
        return None
    done = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    return {
        "results": [_shown(target, result) for target, result in zip(targets, done, strict=True)]
    }


def _target(hass: HomeAssistant, device_id: str) -> Target:
    """Return the device of an id; raises ServiceValidationError."""
    registered = dr.async_get(hass).async_get(device_id)
    known = own_identifiers(registered) if isinstance(registered, dr.DeviceEntry) else set()
    entries: list[ChiplinkConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        node = entry.runtime_data
        if node.descriptor is None:
            continue
        for device in node.descriptor.devices.values():
            if identifier(node.name, device.id) in known:
                return Target(device_id, entry, node, device)
    raise invalid("not_ready" if known else "not_a_device", device=device_id)


async def _check_user(
    hass: HomeAssistant, action: Action, call: ServiceCall, targets: list[Target]
) -> None:
    """Automations may; people who are no administrators may where an option says so."""
    user_id = call.context.user_id
    if action.for_all or user_id is None:
        return
    user = await hass.auth.async_get_user(user_id)
    if user is not None and user.is_admin:
        return
    if user is None or not all(target.entry.options.get(CONF_ALLOW_USERS) for target in targets):
        raise Unauthorized(context=call.context, permission=f"{DOMAIN}.{action.name}")


def _path(action: Action, call: ServiceCall, target: Target) -> str:
    """Return where the command goes, below the device; raises ServiceValidationError."""
    if action.key:
        _check_row(action, call, target.device)
        return f"{action.key}/set"
    link = call.data["link"]
    if link not in target.device.links:
        raise invalid("no_link", device=target.device.name, link=link)
    peer = call.data.get("peer")
    if action.path == "tx" and target.device.links[link].several is (peer is None):
        key = "peer_needed" if peer is None else "no_peers"
        raise invalid(key, device=target.device.name, link=link)
    path = f"link/{link}/{action.path}"
    return path if peer is None else f"{path}/{peer}"


def _check_row(action: Action, call: ServiceCall, device: Device) -> None:
    row = device.rows.get(action.key)
    if row is None or not row.takes_commands:
        raise invalid("not_supported", device=device.name, action=action.name)
    if not action.value:
        return
    value = call.data[action.value]
    if row.options and value not in row.options:
        raise invalid("no_option", device=device.name, options=", ".join(row.options))
    if row.type == "text" and row.max is not None and len(value) > row.max:
        raise invalid("too_long", device=device.name, limit=f"{row.max:g}")


async def _send(action: Action, call: ServiceCall, target: Target, path: str) -> Result:
    row = target.device.rows.get(action.key)
    return await target.node.commands.async_send(
        target.device.id,
        path,
        action.payload(call.data),
        expiry=None if row is None else row.expiry,
        private=action.private,
        context=call.context,
    )


def _shown(target: Target, result: Result) -> dict[str, Any]:
    shown = {"value": result.value, "detail": result.detail or None, "ms": result.ms}
    return {"device_id": target.id} | {k: v for k, v in shown.items() if v is not None}
