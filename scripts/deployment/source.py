"""The repository as somebody would offer it: one file, from which git clones and pulls."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class Source:
    """What is committed here, on a branch of its own, to which more can be committed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._git("clone", "--quiet", "--bare", str(ROOT), str(folder / "source.git"))
        self._git("branch", "--quiet", "--force", "main", self._git("rev-parse", "HEAD", at=ROOT))
        self._git("symbolic-ref", "HEAD", "refs/heads/main")

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> None:
        """A version like the one before, but for `files` by their paths."""
        who = ("-c", "user.name=proof", "-c", "user.email=proof@example.org")
        self._git("read-tree", "main")
        for path, content in (files or {}).items():
            blob = self._git("hash-object", "-w", "--stdin", stdin=content)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = self._git("write-tree")
        made = self._git(*who, "commit-tree", tree, "-p", "main", "-m", message)
        self._git("update-ref", "refs/heads/main", made)

    def names(self, folder: str) -> list[str]:
        """Of the files in a folder."""
        return self._git("ls-tree", "--name-only", f"main:{folder}").splitlines()

    def bundle(self) -> Path:
        """All of it in one file, from which git clones and pulls."""
        path = self._folder / "source.bundle"
        self._git("bundle", "create", "--quiet", str(path), "HEAD", "refs/heads/main")
        return path

    def _git(self, *words: str, at: Path | None = None, stdin: str = "") -> str:
        place = at or (self._folder / "source.git")
        command = ["git", *words] if words[0] == "clone" else ["git", "-C", str(place), *words]
        environment = {**os.environ, "GIT_INDEX_FILE": str(self._folder / "source.index")}
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()
