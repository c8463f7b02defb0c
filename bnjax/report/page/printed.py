"""The tables of a folder of runs as text, for a terminal."""

from collections.abc import Iterator, Sequence

from bnjax.report.page.plain import markdown_table
from bnjax.report.runs.recorded import RecordedRun, of_study
from bnjax.report.runs.selected import first_epochs
from bnjax.report.sections.conditions import conditions_section
from bnjax.report.sections.mnist import LAST_EPOCHS, counted_runs, finished, mnist_table
from bnjax.report.sections.tables import cifar10_runs, cifar10_table, provenance
from bnjax.report.sections.vgg7 import vgg7_groups
from bnjax.report.sections.vgg7_tables import vgg7_report

#: The first of the epochs after which the author of the CIFAR-10 experiment logged accuracies.
_CIFAR10_EPOCH = 5


def printed_report(runs: Sequence[RecordedRun], epoch: int | None = None) -> str:
    """What was published beside our numbers, VGG7's placements ranked, and every other condition.

    Args:
      runs: of any experiment; one at least.
      epoch: the last that counts; None: CIFAR-10's first logged one, and all epochs elsewhere.
    """
    cifar10, mnist, vgg7 = (of_study(runs, study) for study in ("cifar10", "mnist", "vgg7"))
    parts: list[str] = []
    if cifar10:
        parts += _cifar10_parts(cifar10, epoch or _CIFAR10_EPOCH)
    if mnist:
        parts += _mnist_parts(mnist, epoch)
    groups = vgg7_groups(vgg7, epoch)
    parts += map(vgg7_report, groups)
    if vgg7 and not groups:
        parts.append(f"No run of VGG7 has {epoch} epochs.")
    parts += _other_parts([run for run in runs if run.study != "vgg7"], epoch)
    return "\n\n".join(parts) + "\n"


def _cifar10_parts(runs: Sequence[RecordedRun], epoch: int) -> Iterator[str]:
    counted = cifar10_runs(runs, epoch)
    if counted:
        yield cifar10_table(runs, epoch)
        yield f"Test accuracy after epoch {epoch}; {provenance(counted)}."
    else:
        yield (
            f"Nothing to show beside the published CIFAR-10 accuracies: none of {len(runs)} runs of the CNN "
            f"is one of their conditions and has {epoch} finite epochs."
        )


def _mnist_parts(runs: Sequence[RecordedRun], epoch: int | None) -> Iterator[str]:
    unfinished = len(runs) - len(finished(runs))
    runs = first_epochs(runs, epoch) if epoch else runs
    counted = counted_runs(runs)
    left_out = f"{unfinished} left out, unfinished or diverged"
    if counted:
        yield mnist_table(runs)
        until = f" up to epoch {epoch}" if epoch else ""
        means = f"Accuracies are means of the last {LAST_EPOCHS} epochs{until}"
        yield f"{means}; {provenance(counted)}; {left_out}."
    else:
        yield (
            f"Nothing to show beside the published statements about MNIST: no finished run of the MLP is one "
            f"of their conditions; {left_out}."
        )


def _other_parts(runs: Sequence[RecordedRun], epoch: int | None) -> Iterator[str]:
    if runs:
        section = conditions_section(runs, epoch)
        yield f"## {section.title}"
        yield from section.paragraphs
        yield from map(markdown_table, section.tables)
        yield f"{provenance(runs)}."
