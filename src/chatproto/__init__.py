"""The typed wire contract that chatserver and chatterm share: structs, limits, errors and text rules, no I/O."""

PROTOCOL_VERSION = 1
"""Sent in `hello`; the server refuses any other number with `protocolVersion`."""
