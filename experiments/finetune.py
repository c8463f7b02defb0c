"""Fine-tuning with Batch Normalization frozen or not: from flags to JSON lines."""

import sys

from bnjax.commands.script import run_script

ABOUT = """\
Trains a network from given weights on other images, its first part frozen, with Batch Normalization there
trained, frozen as in Keras 2, or in inference mode as in Keras 3, and prints what came of it as JSON lines.

  python {program} --dataset=folder:PATH                       InceptionV3 from ImageNet, downloaded once
  python {program} --dataset=folder:PATH --sweep=modes --seeds=5           the two published cases and a third
  python {program} --model=vgg7 --pretrain=cifar10 --dataset=folder:PATH --image_size=32 --freeze_until=block1
  python {program} --model=cnn --pretrain=digits --dataset=digits --freeze_until=block1    needs no download

validation_loss is what the published text compares; train_loss and train_evaluation_loss are of the training
images in training and in evaluation mode. The records also go to OUT_DIR/RUN_ID/metrics.jsonl.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


if __name__ == "__main__":
    sys.exit(run_script(sys.argv, "finetune", ABOUT))
