"""Fine-tuning with Batch Normalization frozen or not: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "finetune"))
