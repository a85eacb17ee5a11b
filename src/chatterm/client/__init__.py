"""The headless client engine: connection, cache, outbox and credentials, without Textual."""
