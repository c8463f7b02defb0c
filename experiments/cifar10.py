"""Batch Normalization and dropout on CIFAR-10: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

ABOUT = """\
Trains one network with Batch Normalization where you put it, and prints what came of it as JSON lines.

  python {program} --dataset=digits                            needs no download, takes a minute
  python {program} --placement=conv,dense --dropout=0.4        CIFAR-10
  python {program} --placement=none --recipe=controlled        shuffled, with standardised inputs
  python {program} --sweep=conditions --seeds=5                the experiment's twelve conditions

The records also go to OUT_DIR/RUN_ID/metrics.jsonl.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "cifar10", ABOUT))
