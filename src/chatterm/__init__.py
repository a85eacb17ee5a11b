"""The terminal chat client: a headless engine, a Textual interface and shell commands."""
