"""Where to put Batch Normalization in VGG7: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

ABOUT = """\
Trains VGG7 with Batch Normalization at any of its six sites, and prints what came of it as JSON lines.

  python {program} --dataset=digits                            needs no download
  python {program} --placement=cBrcr-crcr-drdBr                CIFAR-10, norms where the author wants them
  python {program} --sweep=groups --seeds=5                    the published comparisons
  python {program} --sweep=grid --seeds=3 --dataset=digits     all 64 placements; cut short, it goes on

The records also go to OUT_DIR/RUN_ID/metrics.jsonl; experiments/report.py ranks placements and draws figures.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "vgg7", ABOUT))
