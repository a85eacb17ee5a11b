"""Everything a server holds as lines of JSON that other programs, and another server, can read."""
