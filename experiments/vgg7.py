"""Where to put Batch Normalization in VGG7: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "vgg7"))
