"""The Textual interface: what the engine says becomes what you see."""
