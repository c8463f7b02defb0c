"""Dying ReLU and Batch Normalization on MNIST: from flags to JSON lines and movies."""

import sys

from bnjax.commands.script import run_script

ABOUT = """\
Trains a network with one hidden layer, with or without Batch Normalization, watches which of its units die,
and prints what came of it as JSON lines.

  python {program} --dataset=digits --epochs=20               needs no download
  python {program} --placement=none --movie=dw.gif            MNIST, with a movie of the weight updates
  python {program} --sweep=bn-or-not --seeds=5                a comparison; cut short, it goes on where it was

The records also go to OUT_DIR/RUN_ID/metrics.jsonl; experiments/report.py makes tables and figures of them.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "mnist", ABOUT))
