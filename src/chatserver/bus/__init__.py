"""Carries what was committed to the parts of the server that tell somebody of it."""
