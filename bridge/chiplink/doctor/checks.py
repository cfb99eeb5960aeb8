"""The table of checks, in the order in which one explains the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chiplink.doctor import (
    broker,
    clock,
    configuration,
    consoles,
    homeassistant,
    modem_manager,
    ports,
    raspberry,
    service,
    spi,
    storage,
    versions,
)
from chiplink.doctor.finding import Finding, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chiplink.doctor.context import Context


class Check(NamedTuple):
    """A name and what looks; it writes nothing."""

    name: str
    look: Callable[[Context], list[Finding]]


CHECKS = (
    Check("versions", versions.check),
    Check("configuration", configuration.check),
    Check("secrets", storage.check_secrets),
    Check("state", storage.check_state),
    Check("clock", clock.check),
    Check("ports", ports.check),
    Check("login console", consoles.check_getty),
    Check("kernel console", consoles.check_kernel),
    Check("ModemManager", modem_manager.check),
    Check("raspberry pi", raspberry.check),
    Check("spi", spi.check),
    Check("broker", broker.check),
    Check("bridge", homeassistant.check_bridge),
    Check("home assistant", homeassistant.check_home_assistant),
    Check("service", service.check),
)


def examine(
    context: Context, checks: tuple[Check, ...] = CHECKS
) -> Iterator[tuple[Check, Finding]]:
    """Yield what each check finds; one that breaks is a finding too."""
    for check in checks:
        try:
            found = check.look(context)
        except Exception as error:  # noqa: BLE001 - the other checks must still run
            why = f"{type(error).__name__}: {error}"
            found = [fail(f"the check itself broke: {why}", "chiplink doctor as root may do")]
        for finding in found:
            yield check, finding
