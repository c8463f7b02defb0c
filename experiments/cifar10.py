"""Batch Normalization and dropout on CIFAR-10: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "cifar10"))
