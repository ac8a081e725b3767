"""`python -m oatmill` is the command `oatmill`."""

import sys

from oatmill.cli import main

if __name__ == "__main__":
    sys.exit(main())
