"""`chatserver top`: a live view of a running server in the terminal. Serving never imports it."""
