"""TLS by the server itself: certificates from files or by ACME, handshakes, and plain HTTP beside it."""
