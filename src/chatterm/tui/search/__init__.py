"""The search screen: what is asked, what was found, and what stands around it."""
