"""`python -m chatterm`."""

import sys

from chatterm.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
