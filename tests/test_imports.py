"""Imports go one way (DESIGN.md): read from the syntax tree of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import chiplink

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(chiplink.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

VERSION = "(chiplink)"
"""The room of chiplink/__init__.py, which holds the version and nothing else."""

LEAVES = {VERSION, "exceptions", "model", "catalog"}

ALLOWED: dict[str, set[str]] = {
    VERSION: set(),
    "exceptions": set(),
    "model": {"exceptions"},
    "catalog": set(),
    "_core": LEAVES | {"_native"},
    "layouts": LEAVES,
    "framing": LEAVES | {"_core"},
    "transport": LEAVES | {"_core"},
    "protocol": LEAVES | {"framing", "layouts"},
    "driver": LEAVES | {"protocol", "transport", "framing", "layouts"},
    "commands": LEAVES | {"driver"},
    "node": LEAVES | {"driver", "commands"},
    "mqtt": LEAVES,
    "sim": LEAVES,
    "tables": LEAVES,
    "secret_files": LEAVES,
    "state": LEAVES,
    "logs": LEAVES,
    "metrics": LEAVES,
    "migration": LEAVES,
    "sd_notify": set(),
    "redaction": LEAVES | {"framing", "protocol", "transport"},
    "trace": LEAVES | {"redaction", "transport", "state"},
    "doctor": LEAVES
    | {"config", "migration", "mqtt", "ports", "secret_files", "state", "tables", "transport"},
    "ports": LEAVES | {"transport", "sim"},
    "devices": LEAVES | {"driver", "ports", "protocol", "transport"},
    "chips": LEAVES | {"devices", "driver", "ports", "protocol", "tables", "transport"},
    "config": LEAVES
    | {"driver", "layouts", "mqtt", "secret_files", "tables", "transport", "protocol"}
    | {"metrics", "migration"},
    "daemon": LEAVES
    | {"config", "devices", "driver", "mqtt", "node", "ports", "sim", "state"}
    | {"transport", "logs", "metrics", "sd_notify", "trace"},
    "demo": LEAVES
    | {"_core", "framing", "protocol", "layouts", "transport", "driver", "commands", "node"}
    | {"mqtt", "sim", "tables", "secret_files", "state", "config", "ports", "daemon", "cli"},
    "cli": LEAVES
    | {"_core", "framing", "protocol", "layouts", "transport", "driver", "commands", "node"}
    | {"mqtt", "sim", "tables", "secret_files", "state", "config", "ports", "daemon", "demo"}
    | {"devices", "doctor", "redaction", "trace"},
    "__main__": {"cli"},
}
"""What each room may import besides itself."""


class Import(NamedTuple):
    """One import of ours: where it stands and the room it reaches."""

    path: Path
    line: int
    room: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line} imports {self.room}"


def dotted(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


ROOMS = {dotted(path)[1] if len(dotted(path)) > 1 else VERSION for path in MODULES} | {"_native"}


def room_of(path: Path) -> str:
    parts = dotted(path)
    return parts[1] if len(parts) > 1 else VERSION


def target(parts: list[str]) -> str | None:
    """Return the room that a dotted name reaches; a name of the package itself is VERSION."""
    if parts[0] != "chiplink":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else VERSION


def from_base(node: ast.ImportFrom, path: Path) -> list[str]:
    base = node.module.split(".") if node.module else []
    if not node.level:
        return base
    package = list(dotted(path))
    if path.name != "__init__.py":
        package.pop()
    return package[: len(package) - node.level + 1] + base


def called_name(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def beginning(node: ast.expr) -> str:
    """Return the fixed beginning of a text or an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


def names(node: ast.AST, path: Path) -> Iterator[list[str]]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = from_base(node, path)
        yield from ([*base, alias.name] for alias in node.names)
    elif isinstance(node, ast.Call) and called_name(node) in ("import_module", "__import__"):
        yield from (beginning(argument).rstrip(".").split(".") for argument in node.args[:1])


def imports(path: Path, source: str | None = None) -> list[Import]:
    """Every import of ours in a module, wherever it stands."""
    tree = ast.parse(path.read_text("utf-8") if source is None else source)
    found = []
    for node in ast.walk(tree):
        for parts in names(node, path):
            room = target(parts)
            if room is not None:
                found.append(Import(path, getattr(node, "lineno", 0), room))
    return found


def forbidden(path: Path, source: str | None = None) -> list[str]:
    room = room_of(path)
    return [
        str(item)
        for item in imports(path, source)
        if item.room != room and item.room not in ALLOWED[room]
    ]


def test_every_room_has_a_row() -> None:
    assert ROOMS - {"_native"} == set(ALLOWED)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    assert forbidden(path) == []


@pytest.mark.parametrize(
    ("module", "source", "room"),
    [
        ("mqtt/session.py", "from chiplink.node import Node", "node"),
        ("mqtt/session.py", "from chiplink import node", "node"),
        ("mqtt/session.py", "import chiplink.driver.ch9329", "driver"),
        ("mqtt/session.py", "from ..commands import CommandLine", "commands"),
        ("sim/pc.py", "def f():\n    from chiplink import framing", "framing"),
        ("sim/pc.py", "if TYPE_CHECKING:\n    from .. import protocol", "protocol"),
        ("sim/__init__.py", "from ..transport.memory import Peer", "transport"),
        ("protocol/ch9329.py", "from chiplink import _core", "_core"),
        ("protocol/ch9329.py", "from chiplink._native import lib", "_native"),
        ("catalog/row.py", "from chiplink.model import Scalar", "model"),
        ("driver/ch9329.py", "importlib.import_module('chiplink.sim.runner')", "sim"),
        ("node.py", "importlib.import_module(f'chiplink.mqtt.{name}')", "mqtt"),
        ("config/links.py", "import chiplink.cli", "cli"),
    ],
)
def test_a_forbidden_import_is_noticed(module: str, source: str, room: str) -> None:
    assert forbidden(PACKAGE / module, source) == [
        f"chiplink/{module}:{1 + source.count(chr(10))} imports {room}"
    ]


def test_an_import_of_the_own_room_or_of_others_is_none_of_ours() -> None:
    source = "import asyncio\nfrom .message import Message\nfrom chiplink import __version__"
    assert forbidden(PACKAGE / "mqtt/session.py", source) == []


def graph() -> dict[str, dict[str, Import]]:
    edges: dict[str, dict[str, Import]] = {room: {} for room in ROOMS}
    for path in MODULES:
        for item in imports(path):
            if item.room != room_of(path):
                edges[room_of(path)].setdefault(item.room, item)
    return edges


def cycle(edges: dict[str, dict[str, Import]]) -> list[str]:
    """Return one cycle as the imports that make it, or nothing."""
    done: set[str] = set()

    def walk(room: str, trail: list[tuple[str, Import]]) -> list[str]:
        seen = [name for name, _ in trail]
        if room in seen:
            return [str(item) for _, item in trail[seen.index(room) :]]
        if room in done:
            return []
        for following, item in edges[room].items():
            found = walk(following, [*trail, (room, item)])
            if found:
                return found
        done.add(room)
        return []

    return next((found for room in sorted(edges) if (found := walk(room, []))), [])


def test_rooms_form_no_cycle() -> None:
    assert cycle(graph()) == []


def test_a_cycle_is_noticed() -> None:
    edges = graph()
    edges["exceptions"]["node"] = Import(PACKAGE / "exceptions.py", 1, "node")
    assert "chiplink/exceptions.py:1 imports node" in cycle(edges)


@pytest.mark.parametrize("room", sorted({"sim", "mqtt", "model", "catalog", "exceptions"}))
def test_leaves_reach_no_layer_even_indirectly(room: str) -> None:
    edges, reached, waiting = graph(), set[str](), [room]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting.extend(edges[current])
    assert reached - {room} <= LEAVES


def test_only_core_knows_the_extension() -> None:
    found = [item for path in MODULES for item in imports(path) if item.room == "_native"]
    assert {room_of(item.path) for item in found} == {"_core"}


def test_nothing_below_imports_what_ties_together() -> None:
    found = [
        str(item)
        for path in MODULES
        for item in imports(path)
        if item.room in ("cli", "daemon", "demo")
        and room_of(path) not in {item.room, "cli", "demo", "__main__"}
    ]
    assert found == []


LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print("\\n".join(sorted(sys.modules)))
"""


def loaded(module: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", LOADED, module], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_the_daemon_loads_neither_views_nor_simulators() -> None:
    modules = loaded("chiplink.daemon")
    assert "chiplink.node" in modules
    assert {name for name in modules if name.split(".")[0] == "rich"} == set()
    assert {name for name in modules if name.startswith("chiplink.sim")} == set()


@pytest.mark.parametrize("room", ["exceptions", "model", "catalog"])
def test_leaves_load_nothing_else_of_ours(room: str) -> None:
    ours = {
        name.split(".")[1]
        for name in loaded(f"chiplink.{room}")
        if name.count(".") and name.startswith("chiplink.")
    }
    assert ours <= {"exceptions", "model", "catalog"}
