"""Running a simulator as the command line does."""

import ast
import asyncio
import json
from pathlib import Path

import pytest
import serial

import chiplink.sim
from chiplink.sim import run_sim


def nothing_at(path: Path) -> bool:
    return not path.is_symlink() and not path.exists()


async def test_run_until_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "kvm"
    lines: list[str] = []
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_sim(
            "ch9329",
            link=path,
            faults=["unknown-fe", "lost-head=#1"],
            log=lines.append,
            on_ready=ready.set_result,
        )
    )

    def ask() -> bytes:
        with serial.Serial(str(path), 9600, timeout=20) as port:
            port.write(bytes.fromhex("57 AB 00 20 00 22"))
            return port.read(4)

    async with asyncio.timeout(20):
        assert await ready == f"ready {path}"
        assert await asyncio.to_thread(ask) == bytes.fromhex("AB 00 FE 00")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nothing_at(path)
    seen = [json.loads(line) for line in lines]
    assert [line["event"] for line in seen] == ["fault", "fault", "frame", "reply"]
    assert seen[2]["name"] == "UNKNOWN"
    assert seen[3]["data"] == "ab 00 fe 00"


@pytest.mark.parametrize(
    ("chip", "fault", "nearest"),
    [("ch9328", "overrun", "ch9329"), ("ch9329", "over-run", "overrun")],
)
async def test_wrong_names(tmp_path: Path, chip: str, fault: str, nearest: str) -> None:
    path = tmp_path / "kvm"
    with pytest.raises(ValueError, match=f"'{nearest}'"):
        await run_sim(chip, link=path, faults=[fault])
    assert nothing_at(path)


def imports(tree: ast.Module) -> set[str]:
    """Return what a module of chiplink.sim imports, in full names."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            package = ["", "chiplink.sim.", "chiplink."][node.level]
            names.update(f"{package}{node.module or alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_the_simulator_shares_nothing_with_the_drivers() -> None:
    allowed = ("chiplink.sim", "chiplink.exceptions", "chiplink.model", "chiplink.catalog")
    modules = list(Path(chiplink.sim.__path__[0]).glob("*.py"))
    assert modules
    for path in modules:
        ours = {name for name in imports(ast.parse(path.read_text())) if "chiplink" in name}
        assert [name for name in ours if not name.startswith(allowed)] == [], path
