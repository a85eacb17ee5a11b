"""The parts of the Store interface, one module for each area."""
