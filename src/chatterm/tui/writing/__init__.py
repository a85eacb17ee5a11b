"""What is written and how it leaves: replies and edits, mentions, slash commands, completion, the history."""
