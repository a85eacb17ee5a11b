"""Measurements of the client; run by `scripts/bench-client`."""
