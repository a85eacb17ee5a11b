"""Mail that the server sends: what is written, and how it reaches an SMTP server."""
