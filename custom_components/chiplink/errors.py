"""Failures in words: the bridge's codes as Home Assistant's translated exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN

if TYPE_CHECKING:
    from .results import Result

CODES: Final = (
    "bad_payload",
    "unknown_key",
    "retained",
    "expired",
    "duplicate",
    "disarmed",
    "offline",
    "busy",
    "queue_full",
    "too_large",
    "unsupported_characters",
    "timeout",
    "unknown",
    "refused",
    "cancelled",
    "closed",
    "not_allowed",
    "chip_error",
    "internal",
)
"""Why a command fails; the set is closed (SPEC.md, "Result codes")."""

_MISUSE: Final = frozenset({"bad_payload", "unknown_key", "too_large", "unsupported_characters"})
"""What the caller would have to say differently."""


def failure(result: Result, device: str, *, private: bool) -> HomeAssistantError:
    """Return the exception of a failed result.

    What was typed must reach neither log nor trace: `private` leaves the detail out, which
    may repeat some of it.
    """
    code = result.error if result.error in CODES else "internal"
    detail = "" if private or not result.detail else f": {result.detail}"
    kind = ServiceValidationError if code in _MISUSE else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key=f"result_{code}",
        translation_placeholders={"device": device, "detail": detail},
    )


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the exception of a call that cannot be right."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def impossible(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the exception of a call that cannot be carried out now."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
