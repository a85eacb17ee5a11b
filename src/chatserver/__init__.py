"""The chat server: accounts, chats and messages behind one port of REST and WebSocket."""
