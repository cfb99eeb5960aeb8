"""Which keys each kind of link has: what it needs, and what it may have besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chiplink.driver.sockets import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping


class Form(NamedTuple):
    """The keys of one kind; those that every kind has are not in it."""

    needs: frozenset[str]
    takes: frozenset[str] = frozenset()


FORMS = {
    Kind.TCP_CLIENT: Form(frozenset({"remote"}), frozenset({"local", "keep_alive"})),
    Kind.TCP_SERVER: Form(frozenset({"local"}), frozenset({"peers", "allow", "keep_alive"})),
    Kind.UDP: Form(frozenset({"remote"}), frozenset({"local"})),
    Kind.UDP_SERVER: Form(frozenset({"local"}), frozenset({"allow"})),
    Kind.IPRAW: Form(frozenset({"remote", "protocol"})),
}

_EXAMPLES = {
    "remote": 'remote = "192.168.1.50:502"',
    "local": "local = 5000",
    "protocol": "protocol = 253",
}
_SPECIAL = frozenset().union(*(form.needs | form.takes for form in FORMS.values()))


def check_form(kind: Kind, table: Mapping[str, Any], path: str, problems: list[str]) -> None:
    """Tell what the link at `path` lacks, and what its kind has not."""
    form = FORMS[kind]
    problems.extend(
        f'{path}.{key}: missing; kind = "{kind}" needs it: {_example(kind, key)}'
        for key in sorted(form.needs - table.keys())
    )
    problems.extend(
        f'{path}.{key}: kind = "{kind}" has none; it is for {_owners(key)}'
        for key in table
        if key in _SPECIAL - form.needs - form.takes
    )


def leads_somewhere(kind: Kind) -> bool:
    """Whether such a link has a remote."""
    return "remote" in FORMS[kind].needs


def _example(kind: Kind, key: str) -> str:
    if kind is Kind.IPRAW and key == "remote":
        return 'remote = "192.168.1.50"'
    return _EXAMPLES[key]


def _owners(key: str) -> str:
    return ", ".join(kind for kind, form in FORMS.items() if key in form.needs | form.takes)
