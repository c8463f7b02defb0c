"""``python -m bnjax``: the command ``bnjax`` where it is not on the path."""

import sys

from bnjax.commands.console import main

if __name__ == "__main__":
    sys.exit(main())
