"""Where users, chats and logs are kept: the Store interface and its backends."""
