"""The REST side of the server: parse, call a service, answer with a struct; no rule lives here."""
