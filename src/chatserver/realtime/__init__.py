"""Live delivery: who is connected, what each session is told, and how much may wait for a slow one."""
