"""Texts, icons and lists are whole, and agree with the bridge's catalogue."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import custom_components.chiplink as component
import pytest
import yaml
from custom_components.chiplink.actions import ACTIONS
from custom_components.chiplink.const import LINK_STATES, PLATFORMS
from custom_components.chiplink.errors import CODES
from custom_components.chiplink.issues import FIXABLE, SYMPTOMS
from custom_components.chiplink.items import BRIDGE_ROWS
from custom_components.chiplink.topics import RESERVED
from said import SAID

FOLDER = Path(component.__file__).parent


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return content


def shape(tree: Any) -> Any:
    """A tree of texts without the texts, but with what they fill in."""
    if isinstance(tree, dict):
        return {key: shape(value) for key, value in tree.items()}
    return sorted(re.findall(r"{[a-z]+}", tree))


EN, DE, ICONS = read("translations/en.json"), read("translations/de.json"), read("icons.json")
MANIFEST = read("manifest.json")
SERVICES = yaml.safe_load((FOLDER / "services.yaml").read_text("utf-8"))
SOURCES = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.py")}

ROWS = [(chip, row) for chip, rows in SAID["chips"].items() for row in rows] + [
    ("bridge", row) for row in SAID["bridge_rows"]
]


def test_the_manifest_is_the_bridges_companion() -> None:
    assert MANIFEST["version"] == SAID["version"]
    assert MANIFEST["mqtt"] == ["chiplink/+/descriptor"]
    assert MANIFEST["requirements"] == []


def test_german_says_all_that_english_says() -> None:
    assert read("strings.json") == EN
    assert shape(DE) == shape(EN)


@pytest.mark.parametrize(("chip", "row"), ROWS, ids=[f"{chip}-{row['key']}" for chip, row in ROWS])
def test_a_row_is_called_as_in_the_catalogue(chip: str, row: dict[str, Any]) -> None:
    platform, key = row["platform"], row["translation_key"]
    assert EN["entity"][platform][key]["name"] == row["name"]
    icon = ICONS["entity"].get(platform, {}).get(key, {}).get("default")
    assert icon == row.get("icon")
    if "button" in row:
        assert EN["entity"]["button"][f"{key}_button"]["name"] == row["button"]
        assert ICONS["entity"]["button"][f"{key}_button"]["default"] == icon
    types = EN["entity"][platform][key].get("state_attributes", {}).get("event_type", {})
    assert list(types.get("state", {})) == row.get("event_types", [])
    states = EN["entity"][platform][key].get("state")
    if states is not None and row.get("options"):
        assert list(states) == row["options"]


def test_the_bridge_has_the_catalogues_rows() -> None:
    assert len(BRIDGE_ROWS) == len(SAID["bridge_rows"])
    for row, said in zip(BRIDGE_ROWS, SAID["bridge_rows"], strict=True):
        assert {field: getattr(row, field) for field in said} == said


def test_links_have_words_for_each_state() -> None:
    assert tuple(EN["entity"]["sensor"]["link_state"]["state"]) == LINK_STATES


def test_codes_actions_and_issues_have_words() -> None:
    results = {f"result_{code}" for code in CODES}
    assert {key for key in EN["exceptions"] if key.startswith("result_")} == results
    names = {action.name for action in ACTIONS}
    assert names == set(SERVICES) == set(EN["services"]) == set(ICONS["services"])
    kinds = {symptom.issue for symptom in SYMPTOMS} | FIXABLE
    assert kinds <= set(EN["issues"])
    assert {kind for kind, texts in EN["issues"].items() if "fix_flow" in texts} == FIXABLE


@pytest.mark.parametrize("action", ACTIONS, ids=[action.name for action in ACTIONS])
def test_an_actions_fields_are_all_described(action: Any) -> None:
    fields = {str(field) for field in action.fields} | {"device_id"}
    assert fields == set(SERVICES[action.name]["fields"])
    assert fields == set(EN["services"][action.name]["fields"])


RAISED = r'(?:invalid|impossible|_not_ready|ClaimError)\(\s*"(\w+)"'


def test_exceptions_that_are_raised_have_words() -> None:
    raised = set()
    for source in SOURCES.values():
        raised |= set(
            re.findall(r'(?:invalid|impossible|_not_ready|ClaimError)\(\s*"(\w+)"', source)
        )
    assert len(raised) > 8
    assert raised <= set(EN["exceptions"])


def test_each_platform_says_how_many_at_once() -> None:
    for platform in PLATFORMS:
        assert "PARALLEL_UPDATES = 0" in SOURCES[platform]


def test_only_home_assistant_is_imported() -> None:
    for name, source in SOURCES.items():
        found = re.findall(r"^\s*(?:from|import) ([A-Za-z_]\w*)", source, re.MULTILINE)
        strangers = set(found) - sys.stdlib_module_names - {"homeassistant", "voluptuous"}
        assert strangers == set(), name


def test_reserved_words_are_those_of_the_bridge() -> None:
    assert sorted(RESERVED) == sorted(SAID["reserved"])


def test_every_rule_of_the_quality_scale_is_met_or_does_not_apply() -> None:
    rules = yaml.safe_load((FOLDER / "quality_scale.yaml").read_text("utf-8"))["rules"]
    assert len(rules) == 54
    for rule, status in rules.items():
        assert status == "done" or (status["status"] == "exempt" and status["comment"]), rule


def test_the_manual_names_every_action_and_every_issue() -> None:
    manual = (FOLDER.parents[1] / "docs/homeassistant.md").read_text("utf-8")
    for action in ACTIONS:
        assert f"`chiplink.{action.name}`" in manual, action.name
    for kind in EN["issues"]:
        assert f'<a id="{kind.replace("_", "-")}"></a>' in manual, kind
