"""Settings that every test shares."""

import os

from hypothesis import settings

# No deadline: how long an example takes on a busy machine says nothing about the code. Where CI judges a commit it
# takes the same examples every time; here, and with `--hypothesis-profile=thorough`, new ones are searched for.
settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("default")
