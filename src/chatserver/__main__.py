"""`python -m chatserver` is `chatserver`."""

import sys

from chatserver.cli import main

if __name__ == "__main__":
    sys.exit(main())
