"""What a command line asks for beside the settings of a run: how many runs, where, and what is shown."""

import dataclasses
import importlib.util
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError, Role, setting

_HOSTS = "hosts"
#: More runs side by side than any one device can hold.
MOST_LANES = 4096
#: An option decides about many runs, never about what one of them computes.
_option = partial(setting, role=Role.HOST)


@dataclass(frozen=True)
class Options:
    """Which runs a command makes of its settings, and how."""

    sweep: str = _option(
        "",
        "Runs every condition of a named sweep, or of a JSON file (a list of objects with settings, or an "
        "object of such objects by name), and goes on where an earlier try was cut.",
        group="runs",
    )
    vary: str = _option(
        "",
        "Runs every combination of settings, such as 'placement=none|conv,dense; dropout=0|0.4'; with "
        "--sweep, of every condition.",
        group="runs",
    )
    seeds: int = _option(
        1,
        "Runs every condition with this many seeds: --seed, --seed + 1 and so on.",
        group="runs",
        bounds="[1,1000000]",
    )
    hours: float = _option(
        0.0,
        "With --until=decided: no round is begun that would end after this many hours. 0: no limit.",
        group="runs",
        bounds="[0,inf)",
    )
    most_seeds: int = _option(
        0,
        "With --until=decided: the most seeds of a condition. 0: no limit.",
        group="runs",
        bounds="[0,1000000]",
    )
    jobs: int = _option(
        0,
        "How many runs are made side by side, each on a core of its own. 0: one a core on CPU, one on an "
        "accelerator. With --engine=slurm: into how many jobs the runs are dealt. 0: each in its own.",
        group="runs",
        bounds="[0,1024]",
    )
    lanes: str = _option(
        "auto",
        "How many runs of a sweep that differ in values alone (placement, order, dropout, slope, learning "
        "rate, seed) train as one program. auto: 16 on an accelerator, fewer where its memory is too small; "
        "1 on CPU, where they take turns.",
        group="runs",
    )
    engine: str = _option(
        "processes",
        "What makes the runs. processes: this machine; slurm: jobs of a SLURM cluster, whose machines share "
        "--out_dir, bnjax and the data; local: the same jobs on this machine.",
        group="runs",
        choices=("processes", "slurm", "local"),
    )
    engine_options: str = _option(
        "",
        "What each job asks of the cluster: submitit's or sbatch's names with values, such as "
        "'partition=long,timeout_min=240,gpus_per_node=1,cpus_per_task=4,mem_gb=16'. A job ends itself "
        "before its time does, and goes on in another.",
        group="runs",
    )
    dry_run: bool = _option(
        False,
        "Lists the runs that would be made, measures some steps, and says how long it would take.",
        group="runs",
    )
    json: bool = _option(
        False,
        "Prints records as JSON lines on a terminal too, as they are printed elsewhere.",
        group="runs",
    )
    quiet: bool = _option(
        False,
        "Prints neither records nor progress; what goes wrong is still said on stderr.",
        group="runs",
    )
    distributed: bool = _option(
        False,
        "Trains one run together with other processes, over the devices of all of them; each is started with "
        "the same flags. TPU pods, SLURM and Open MPI tell JAX who they are; elsewhere the next three flags "
        "do.",
        group=_HOSTS,
    )
    coordinator_address: str = _option(
        "", "HOST:PORT of process 0, where it listens for the others.", group=_HOSTS
    )
    num_processes: int = _option(0, "How many processes there are.", group=_HOSTS)
    process_id: int = _option(0, "Which of them this one is, from 0.", group=_HOSTS)
    initialization_timeout: int = _option(
        300, "Seconds for which a process waits for the others to start.", group=_HOSTS, bounds="[1,86400]"
    )
    heartbeat_timeout_seconds: int = _option(
        20,
        "Seconds without a sign of life after which a process counts as dead, and all of them end.",
        group=_HOSTS,
        bounds="[2,86400]",
    )
    movie: str = _option(
        "",
        "A .gif, .webp or .mp4 file for a movie of the weight updates: a frame an epoch, with every unit of "
        "the first layer as a tile.",
        group="files",
    )
    weight_movie: str = _option("", "The same of the weights themselves.", group="files")


OPTION_FIELDS: tuple[dataclasses.Field, ...] = dataclasses.fields(Options)
_RENDEZVOUS = ("coordinator_address", "num_processes", "process_id")


def check_distributed(options: Options, given: Mapping[str, Any], configs: Sequence[Config]) -> None:
    """Holds the flags of several hosts against each other and against what else is asked for.

    Args:
      given: the flags that were given.
      configs: the runs.

    Raises:
      ConfigError: names the flag that does not fit.
    """
    own = [field.name for field in OPTION_FIELDS if field.metadata["group"] == _HOSTS]
    if not options.distributed:
        for name in own:
            if name in given and name != "distributed":
                raise ConfigError(f"--{name}={given[name]} is of --distributed, which is not given")
        return
    _check_rendezvous(options, [name for name in _RENDEZVOUS if name in given])
    if len(configs) > 1:
        raise ConfigError(f"--distributed trains one run, and this command makes {len(configs)}")
    for name in ("jobs", "lanes", "engine", "dry_run"):
        if name in given:
            raise ConfigError(f"--{name}={given[name]}: --distributed trains one run, over all processes")
    [config] = configs
    if config.precompute_frozen:
        raise ConfigError(
            "--precompute_frozen: one process keeps what the frozen part makes of all images, and with "
            "--distributed each has its part of them; leave one of the two out"
        )
    if config.pretrain:
        raise ConfigError(
            f"--pretrain={config.pretrain} is a run of its own, and --distributed trains one; make it first, "
            "with --keep_state, and give its folder as --weights"
        )


def check_until(options: Options, given: Mapping[str, Any]) -> None:
    """Holds the flags of ``--until`` against each other and against what else is asked for.

    Args:
      options: all of them.
      given: the flags that were given.

    Raises:
      ConfigError: names the flag that does not fit.
    """
    budget = [name for name in ("hours", "most_seeds") if given.get(name)]
    until = given.get("until")
    if until not in ("decided", "looks"):
        for name in budget:
            raise ConfigError(f"--{name}={given[name]} is of --until=decided, which is not given")
        return
    if until == "decided" and not budget:
        raise ConfigError("--until=decided may take for ever: give --hours or --most_seeds too")
    if not (options.sweep or options.vary):
        raise ConfigError(f"--until={until} compares conditions: give --sweep or --vary too")
    if 0 < options.most_seeds < options.seeds:
        raise ConfigError(f"--most_seeds={options.most_seeds} is below --seeds={options.seeds}")
    for name in ("overwrite", "distributed"):
        if given.get(name):
            raise ConfigError(f"--{name} does not go with --until={until}, which adds to what is there")


def _check_rendezvous(options: Options, given: Sequence[str]) -> None:
    """All of these flags or none."""
    if not given:
        return
    lacking = [name for name in _RENDEZVOUS if name not in given]
    if lacking:
        flag = f"--{given[0]}={getattr(options, given[0])}"
        raise ConfigError(f"{flag} lacks {' and '.join(f'--{name}' for name in lacking)} beside it")
    address = re.fullmatch(r".+:([0-9]{1,5})", options.coordinator_address)
    if not address or not 0 < int(address[1]) < 2**16:
        raise ConfigError(f"--coordinator_address={options.coordinator_address} is not HOST:PORT")
    if options.num_processes < 1:
        raise ConfigError(f"--num_processes={options.num_processes} is less than 1")
    if not 0 <= options.process_id < options.num_processes:
        raise ConfigError(f"--process_id={options.process_id} is outside [0,{options.num_processes})")


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
