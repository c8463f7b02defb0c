"""Dying ReLU and Batch Normalization on MNIST: from flags to JSON lines and movies."""

import sys

from bnjax.commands.script import run_script

if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "mnist"))
