"""What a command line asks for beside the settings of a run: how many runs, and what to show of them."""

import dataclasses
from dataclasses import dataclass

from bnjax.config import setting


@dataclass(frozen=True)
class Options:
    """Which runs a command makes of its settings, and how."""

    sweep: str = setting(
        "", "Runs every condition of a named sweep, and goes on where an earlier try was cut.", group="runs"
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
    movie: str = setting(
        "",
        "A .gif, .webp or .mp4 file for a movie of the weight updates: a frame an epoch, with every unit of "
        "the first layer as a tile.",
        group="files",
    )
    weight_movie: str = setting("", "The same of the weights themselves.", group="files")


OPTION_FIELDS: tuple[dataclasses.Field, ...] = dataclasses.fields(Options)
