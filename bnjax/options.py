"""What a command line asks for beside the settings of a run: how many runs, and what to show of them."""

import dataclasses
from dataclasses import dataclass

from bnjax.settings import setting

#: More runs side by side than any one device can hold.
MOST_LANES = 4096


@dataclass(frozen=True)
class Options:
    """Which runs a command makes of its settings, and how."""

    sweep: str = setting(
        "",
        "Runs every condition of a named sweep, or of a JSON file (a list of objects with settings, or an "
        "object of such objects by name), and goes on where an earlier try was cut.",
        group="runs",
    )
    vary: str = setting(
        "",
        "Runs every combination of settings, such as 'placement=none|conv,dense; dropout=0|0.4'; with "
        "--sweep, of every condition.",
        group="runs",
    )
    seeds: int = setting(
        1,
        "Runs every condition with so many seeds: --seed, --seed + 1 and so on.",
        group="runs",
        bounds="[1,1000000]",
    )
    jobs: int = setting(
        0,
        "How many runs are made side by side, each on a core of its own. 0: one a core on CPU, one on an "
        "accelerator.",
        group="runs",
        bounds="[0,1024]",
    )
    lanes: str = setting(
        "auto",
        "How many runs of a sweep that differ in values alone (placement, order, dropout, slope, learning "
        "rate, seed) train as one program. auto: 16 on an accelerator, fewer where its memory is too small; "
        "1 on CPU, where they take turns.",
        group="runs",
    )
    dry_run: bool = setting(
        False,
        "Lists the runs that would be made, measures some steps, and says how long it would take.",
        group="runs",
    )
    movie: str = setting(
        "",
        "A .gif, .webp or .mp4 file for a movie of the weight updates: a frame an epoch, with every unit of "
        "the first layer as a tile.",
        group="files",
    )
    weight_movie: str = setting("", "The same of the weights themselves.", group="files")


OPTION_FIELDS: tuple[dataclasses.Field, ...] = dataclasses.fields(Options)
