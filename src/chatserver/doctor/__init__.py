"""Looks at a server's installation, running or not, and says what is wrong and what to do; changes nothing."""
