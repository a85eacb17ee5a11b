"""The parts of a store that are the same on every engine, one module for each area: SQL, rows and steps."""
