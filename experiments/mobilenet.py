"""Batch Normalization before or after ReLU6 in MobileNetV2: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

ABOUT = """\
Trains MobileNetV2 with Batch Normalization before or after its activations, and prints what came of it as
JSON lines.

  python {program} --dataset=digits --image_size=32 --width_multiplier=0.35    small, needs no download
  python {program} --order=after --dataset=folder:PATH         photographs in a folder for each class
  python {program} --dataset=cifar10 --halvings=3              small images with smaller strides
  python {program} --sweep=order --seeds=3                     the published comparison; cut short, it goes on

The records also go to OUT_DIR/RUN_ID/metrics.jsonl.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "mobilenet", ABOUT))
