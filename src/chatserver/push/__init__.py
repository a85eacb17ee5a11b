"""Web Push (RFC 8030, 8291, 8292): tells a user's own endpoint of messages while none of their devices is in use."""
