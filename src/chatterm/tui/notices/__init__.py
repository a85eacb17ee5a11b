"""Telling of news in conversations that nobody looks at: what is worth it, how often, and by which means."""
