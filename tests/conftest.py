"""Settings that every test shares."""

from hypothesis import settings

# No deadline: how long an example takes on a busy machine says nothing about the code.
settings.register_profile("default", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("default")
