"""Where the bytes of files are kept, and what is found out about them."""
