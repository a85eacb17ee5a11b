"""The repository as somebody would offer it: one file, from which git clones and pulls."""

import subprocess
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

    def commit(self, message: str) -> None:
        """A version like the one before."""
        who = ("-c", "user.name=proof", "-c", "user.email=proof@example.org")
        made = self._git(*who, "commit-tree", "main^{tree}", "-p", "main", "-m", message)
        self._git("update-ref", "refs/heads/main", made)

    def bundle(self) -> Path:
        """All of it in one file, from which git clones and pulls."""
        path = self._folder / "source.bundle"
        self._git("bundle", "create", "--quiet", str(path), "HEAD", "refs/heads/main")
        return path

    def _git(self, *words: str, at: Path | None = None) -> str:
        place = at or (self._folder / "source.git")
        command = ["git", *words] if words[0] == "clone" else ["git", "-C", str(place), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
