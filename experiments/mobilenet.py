"""Batch Normalization before or after ReLU6 in MobileNetV2: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "mobilenet"))
