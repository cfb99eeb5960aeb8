"""The part of the Containerfile's language that chiplink uses; also carries one out in a chroot.

`python containerfile.py FILE CONTEXT ROOT [NAME=VALUE…]`: every COPY and RUN of every stage,
with the base image's place taken by ROOT; build arguments by name.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER"),
    "VOLUME",
}

_NAMED = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Step:
    """An instruction and what follows it."""

    word: str
    rest: str

    @property
    def copied(self) -> tuple[list[str], str, str | None]:
        """Of a COPY: sources, where to, and the stage they come from."""
        words = shlex.split(self.rest)
        stage = words.pop(0).partition("=")[2] if words[0].startswith("--from=") else None
        return words[:-1], words[-1], stage

    @property
    def listed(self) -> list[str]:
        """Of a CMD or ENTRYPOINT in its JSON form: the words."""
        words: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return words


def read(path: Path) -> list[Step]:
    """Return the steps; raises ValueError for a line that is none."""
    text = re.sub(r"\\\n", " ", path.read_text())
    steps = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word not in KNOWN:
                raise ValueError(f"{path}: no instruction: {line}")
            steps.append(Step(word, rest.strip()))
    return steps


@dataclass
class Build:
    """The steps carried out in `root`."""

    context: Path
    root: Path
    given: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """Put arguments and variables into a text."""
        known = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **self.names}
        return _NAMED.sub(lambda found: known.get(found[1] or found[2], ""), text)

    def carry_out(self, step: Step) -> None:
        if step.word == "FROM":
            self.names = {}
        elif step.word == "ARG":
            name, _, usual = step.rest.partition("=")
            self.names[name] = self.given.get(name) or self.expand(usual.strip('"'))
        elif step.word == "ENV":
            for pair in shlex.split(step.rest):
                name, _, value = pair.partition("=")
                self.names[name] = self.expand(value)
        elif step.word == "COPY":
            self.copy(*step.copied)
        elif step.word == "RUN":
            self.run(step.rest)

    def copy(self, sources: list[str], to: str, stage: str | None) -> None:
        if stage is not None:
            return  # one root is every stage
        for source in sources:
            path, target = self.context / source, self.root / to.lstrip("/")
            if to.endswith("/"):
                target /= path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                hidden = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info", "_native*.c")
                shutil.copytree(path, target, ignore=hidden, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, target)

    def run(self, command: str) -> None:
        environment = {**os.environ, **self.names, "DEBIAN_FRONTEND": "noninteractive"}
        environment.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        subprocess.run(
            ["chroot", str(self.root), "/bin/sh", "-ec", command], env=environment, check=True
        )


def main() -> None:
    """Carry a file out."""
    path, context, root = (Path(word) for word in sys.argv[1:4])
    given = dict(word.split("=", 1) for word in sys.argv[4:])
    build = Build(context, root, given)
    for step in read(path):
        build.carry_out(step)


if __name__ == "__main__":
    main()
