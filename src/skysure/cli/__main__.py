"""`python -m skysure.cli`, as launchers of several processes want it."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
