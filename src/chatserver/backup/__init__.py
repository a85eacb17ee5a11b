"""Backups: one file with everything a server needs, made while it serves, checked, kept, and restored."""
