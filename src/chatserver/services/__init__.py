"""The rules: accounts, authentication, chats and messages, without sockets, SQL or HTTP."""
