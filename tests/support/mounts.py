"""Disks of their own for tests: small, full or read-only, where this user may mount something."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    """`mount WORDS FOLDER` for the length of the block.

    The test is left out if nothing may be mounted here, but never in continuous integration.
    """
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        assert not os.environ.get("CI"), f"nothing can be mounted here: {done.stderr.strip()}"
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_only(folder: Path) -> None:
    """From now on nothing that is mounted there may be changed."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
