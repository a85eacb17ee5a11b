"""The shell commands: they share cache and outbox with an open window and never load Textual."""
