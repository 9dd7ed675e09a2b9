"""Packages from npm, such as Azurite's, each with the hash in the lock. Standard library only."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.set_up.installing import Installation, SetUpError
from local.set_up.stamp import digest, read_stamp, remove_stamp, write_stamp
from local.toolchain import NodeJs

_NOT_COPIED = "requirements*"
"""Node.js itself comes from elsewhere."""


@dataclass(frozen=True, slots=True)
class NpmPackages:
    """The packages of the lock in the folder `source`, installed in `folder`."""

    source: Path
    folder: Path

    def ready(self) -> Path | None:
        """The Node.js that the packages were installed with; None if it or a package is no longer there."""
        stamp = read_stamp(self.folder)
        node = Path(str(stamp.get("node", "")))
        is_complete = stamp.get("packages") == self._wanted() and node.is_file() and self._are_all_there()
        return node if is_complete else None

    def start(self, node: NodeJs) -> Installation:
        """Start to install them from scratch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_stamp(self.folder)
        shutil.copytree(self.source, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_NOT_COPIED))
        return Installation.start(
            "set-up-npm",
            # No package needs a script of its own to run.
            [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
            cure="Check that this machine reaches an npm registry; then run this command again.",
            folder=self.folder,
            # npm calls `node`, which may be on no path.
            environment=os.environ | {"PATH": f"{node.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        )

    def complete(self, node: NodeJs) -> None:
        """Note that they are installed.

        Raises:
            SetUpError: they are not, although npm succeeded.
        """
        if not self._are_all_there():
            raise SetUpError(
                f"npm's packages are not in {self.folder} although their installation did not fail. A setting of npm "
                "may be the reason, such as a dry run: check 'npm config list' and the environment variables that "
                "begin with npm_config_; then run this command again."
            )
        write_stamp(self.folder, {"packages": self._wanted(), "node": str(node.node)})

    def _wanted(self) -> str:
        return digest([self.source / "package.json", self.source / "package-lock.json"])

    def _are_all_there(self) -> bool:
        """Whether every package that npm installed is still in its folder."""
        try:
            lock = json.loads((self.folder / "node_modules" / ".package-lock.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        names = lock.get("packages") if isinstance(lock, dict) else None
        return bool(names) and isinstance(names, dict) and all(map(self._is_there, names))

    def _is_there(self, name: str) -> bool:
        return (self.folder / name / "package.json").is_file()
