"""History of other chat systems: what their exports say, and how it becomes accounts, chats and events here."""
