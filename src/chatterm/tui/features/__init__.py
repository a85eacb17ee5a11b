"""Parts of the interface that carry out actions, each loaded when one of its actions is first asked for."""
