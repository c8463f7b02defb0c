"""What a command line asks for beside the settings of a run: how many runs, and what to show of them."""

import dataclasses
import importlib.util
import shutil
from dataclasses import dataclass
from typing import Any

from bnjax.settings import ConfigError, setting

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
        "accelerator. With --engine=slurm: into how many jobs the runs are dealt. 0: each in its own.",
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
    engine: str = setting(
        "processes",
        "What makes the runs. processes: this machine; slurm: jobs of a SLURM cluster, whose machines share "
        "--out_dir, bnjax and the data; local: the same jobs on this machine.",
        group="runs",
        choices=("processes", "slurm", "local"),
    )
    engine_options: str = setting(
        "",
        "What each job asks of the cluster: submitit's or sbatch's names with values, such as "
        "'partition=long,timeout_min=240,gpus_per_node=1,cpus_per_task=4,mem_gb=16'. A job ends itself "
        "before its time does, and goes on in another.",
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


def engine_parameters(options: Options) -> dict[str, Any]:
    """What each job asks for, by name; numbers and truth values as such.

    Raises:
      ConfigError: the engine cannot be had here, or an option is not ``name=value``.
    """
    given = {}
    for option in filter(None, options.engine_options.split(",")):
        name, is_given, value = option.strip().partition("=")
        if options.engine == "processes":
            raise ConfigError(f"--engine_options={options.engine_options} needs --engine=slurm or local")
        if not (name.isidentifier() and is_given and value):
            raise ConfigError(f"--engine_options={options.engine_options}: {option!r} is not name=value")
        given[name] = _value(value)
    if options.engine != "processes" and not importlib.util.find_spec("submitit"):
        raise ConfigError(
            f"--engine={options.engine} needs the package submitit, which the extra slurm brings: "
            'pip install -e ".[slurm]"'
        )
    if options.engine == "slurm" and not shutil.which("sbatch"):
        raise ConfigError("--engine=slurm: there is no sbatch here; --engine=local needs no cluster")
    return given


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text.lower(), text)
