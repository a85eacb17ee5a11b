"""Settings that every test shares."""

import os
from typing import Final

import pytest
from hypothesis import settings

# No deadline: how long an example takes on a busy machine says nothing about the code. Where CI judges a commit it
# takes the same examples every time; here, and with `--hypothesis-profile=thorough`, new ones are searched for.
settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("default")

_LONGEST: Final = (
    "tests/e2e/test_kill.py",
    "tests/server/test_api_properties.py",
    "tests/client/test_equivalence.py",
    "tests/e2e/test_demonstration.py",
    "tests/unit/chatterm/client/test_cache_order.py",
    "tests/unit/chatterm/client/test_outbox_machine.py",
)
"""Files that take long: they begin first, so that no process is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))  # stable: the rest stays in its order
