"""Training steps and epochs of bnjax beside Flax, Keras and PyTorch: from flags to a table and JSON lines."""

import signal
import sys
from typing import NoReturn

from speed_peers.contest import Contest, say
from speed_peers.emitter import emitter
from speed_peers.machine import machine_record
from speed_peers.options import options_from_flags
from speed_peers.processes import keep_cores

from bnjax.errors import UserError

ABOUT = """\
Times training steps on the CPU: forward, backward, Adam, with a norm in every unit and made-up images; and
forward passes in evaluation mode. Contestants take turns within one run, so that a machine that slows down
does so for all of them. Then they train whole epochs, shuffled, each by its library's usual way of feeding
images that lie in memory, and, where --sweep asks for it, a few short runs as whole programs.

  python {program}                                            all networks but inceptionv3, all contestants
  python {program} --networks=mlp --contestants=bnjax,flax    takes half a minute
  python {program} --networks=mobilenetv2 --image_size=224    photographs of the published size
  python {program} --networks=inceptionv3 --frozen            fine-tunes it as published
  python {program} --precisions=float32,bfloat16              both, one after the other
  python {program} --networks=mlp,vgg7 --sweep=4              a small sweep besides
  python {program} --rounds=20 --out=speed.jsonl              keeps the records, for report.py --speed

Tables go to stderr, JSON lines to stdout. "to bnjax" is a contestant's time per step over bnjax's in the
same round, the median of all rounds: above 1, bnjax is faster. "of product" is the part of the rate of a
large matrix product that the convolutions and dense layers of a step reach; of one in the same precision and
round, by JAX or PyTorch, whichever is faster. "images/s" are trained, those under "evaluation" evaluated.
"peak MiB" is the most memory that its process held up to the end of the steps, with library, images and
compiling; other processes in which PyTorch compiles are not counted. "epoch" is without evaluation.
Exit codes: 0 done, 1 a contestant failed, 2 wrong usage, 130 interrupted."""

_BUSY = 0.5  # of one core, and ratios start to say who yields to other programs


def main(argv: list[str]) -> int:
    options = options_from_flags(argv, ABOUT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    emit = emitter(options.out, argv[0])
    keep_cores(options.threads)
    machine = machine_record(options.threads)
    emit(machine)
    if (machine["load_average"] or 0) > _BUSY:
        say(f"speed.py: other programs keep this machine busy (load {machine['load_average']:.1f})")
    contest = Contest(options, emit)
    try:
        contest.run()
    except UserError as error:
        say(f"speed.py: {error}")
        return 1
    return 1 if contest.failures else 0


def stop(number: int, frame: object) -> NoReturn:
    """Ends the program by way of everything that has to be closed: workers and their folders."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
