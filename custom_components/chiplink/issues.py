"""What somebody should repair, told in Home Assistant's repairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeassistant.helpers import issue_registry as ir

from .const import DOCUMENTATION, DOMAIN
from .texts import plain

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

FIXABLE: Final = frozenset({"claim_stolen", "not_armed"})
"""Issues that a click can mend."""

_PIN: Final = frozenset({"pin", "puk"})
_HELD: Final = frozenset({"held by ", "another program holds the port"})


@dataclass(frozen=True, slots=True)
class Symptom:
    """The issue that a device's state tells of; `words` are the whole state unless `within`."""

    issue: str
    key: str
    words: frozenset[str]
    within: bool = False

    def shows(self, state: str) -> bool:
        """Whether `state` has the symptom."""
        return any(word in state for word in self.words) if self.within else state in self.words


SYMPTOMS: Final = (
    Symptom("port_held", "last_error", _HELD, within=True),
    Symptom("pin_needed", "sim", _PIN),
    Symptom("port_held", "problem", frozenset({"port_held"})),
    Symptom("pin_needed", "problem", frozenset({"pin_needed"})),
    Symptom("baud_fallback", "problem", frozenset({"baud_fallback"})),
)


class Issues:
    """The issues of one node."""

    def __init__(self, hass: HomeAssistant, entry_id: str, node: str) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._node = node
        self._open: set[str] = set()

    def set(
        self, kind: str, *, device: str | None = None, title: str = "", detail: str = ""
    ) -> None:
        """Raise an issue of the node, or of one of its devices."""
        issue_id = self._id(kind, device)
        self._open.add(issue_id)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data={"entry_id": self._entry_id, "kind": kind, "device": device},
            is_fixable=kind in FIXABLE,
            learn_more_url=f"{DOCUMENTATION}#{kind.replace('_', '-')}",
            severity=ir.IssueSeverity.WARNING,
            translation_key=kind,
            translation_placeholders={
                "node": self._node,
                "device": plain(title or device or self._node),
                "detail": plain(detail),
            },
        )

    def clear(self, kind: str, device: str | None = None) -> None:
        """Take an issue back, also one of an earlier set-up."""
        issue_id = self._id(kind, device)
        self._open.discard(issue_id)
        ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    def look(self, device: str, title: str, key: str, state: str) -> None:
        """Raise or clear what a device's state tells of."""
        for symptom in SYMPTOMS:
            if symptom.key != key:
                continue
            if symptom.shows(state):
                self.set(symptom.issue, device=device, title=title, detail=state)
            else:
                self.clear(symptom.issue, device)

    def close(self) -> None:
        """Take everything back."""
        for issue_id in self._open:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._open.clear()

    def _id(self, kind: str, device: str | None) -> str:
        return f"{kind}_{self._entry_id}" if device is None else f"{kind}_{self._entry_id}_{device}"
