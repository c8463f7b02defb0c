"""From the configs of a command line to recorded runs and an exit code."""

import dataclasses
import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from bnjax.commands.diagnosing import findings_told
from bnjax.commands.parsing.usage import complain
from bnjax.commands.terminal import voice_of
from bnjax.errors import FAILURES
from bnjax.process.backend import device_count
from bnjax.process.bar import say
from bnjax.process.huge_pages import start_with_huge_pages
from bnjax.process.progress import Progress
from bnjax.process.signals import Stopped, ends_in_time, stop_signals
from bnjax.process.watched import lost, watched
from bnjax.runs.checkpoints.device_groups import check_groups
from bnjax.runs.hosts import ALONE, Hosts, LostError, joined
from bnjax.runs.recording.recorder import Recorder, finished_summary, lacking_probes, same_command
from bnjax.runs.run import device_errors, train_run
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import source_config
from bnjax.settings.options import Options
from bnjax.settings.places import expanded, record_path, variables_path

FAILED = 1
_SECONDS_TO_STOP = 8.5


def launch(
    configs: Sequence[Config], options: Options, program: str, yielding: AbstractSet[Config] = frozenset()
) -> int:
    """Runs resolved configs: one here, several side by side; what has finished already is not run again.

    Args:
      yielding: those of the configs that hold images out for validation only where the data bring none.

    Returns:
      The exit code: 0 done, 1 one diverged or failed (with a line on stderr), 128 + signal interrupted.

    Raises:
      SystemExit: with 2 after a line on stderr, where settings do not fit together.
    """
    start_with_huge_pages(program)
    work = partial(_launch, configs, options, program, yielding)
    return watched(work, program) if options.distributed else work()


def _launch(configs: Sequence[Config], options: Options, program: str, yielding: AbstractSet[Config]) -> int:
    try:
        with ends_in_time(_SECONDS_TO_STOP), stop_signals():
            configs = fitted(configs, yielding)
            if options.dry_run:
                from bnjax.sweeps.estimate import dry_run

                return dry_run([*sources_of(configs), *configs], options, program)
            if any(config.until != "seeds" for config in configs):
                from bnjax.commands.until import until_decided

                return until_decided(
                    configs, options, program, partial(_make, options=options, program=program)
                )
            return _make(configs, options, program)
    except ConfigError as error:
        complain(program, str(error))
    except LostError as error:
        return lost(str(error))
    except FAILURES as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    except Stopped as stopped:
        return 128 + stopped.number


def _make(configs: Sequence[Config], options: Options, program: str) -> int:
    """Makes runs, and before them those that they start from."""
    sources = sources_of(configs)
    still = dataclasses.replace(options, movie="", weight_movie="")
    failed = _launch_sources(sources, still, program) if sources else 0
    return failed or _launch_all(configs, options, program)


def fitted(configs: Sequence[Config], yielding: AbstractSet[Config]) -> list[Config]:
    """The configs as their data have them: see :attr:`bnjax.commands.command.Command.yielding`.

    Raises:
      DataError: a folder of images is absent or of another form.
    """
    if not any(config.validation for config in yielding):
        return list(configs)
    from bnjax.data.load import fit_validation

    return [fit_validation(config) if config in yielding else config for config in configs]


def sources_of(configs: Sequence[Config]) -> list[Config]:
    """The runs that others start from, each once."""
    return list(dict.fromkeys(resolve(source_config(config)) for config in configs if config.pretrain))


def _launch_sources(sources: Sequence[Config], options: Options, program: str) -> int:
    """Makes them all, or says which ones are not there to start from."""
    failed = _launch_all(sources, options, program)
    absent = [str(variables_path(source)) for source in sources if not variables_path(source).exists()]
    if absent and not failed:
        print(f"{program}: another process is making {', '.join(absent)}; start again then", file=sys.stderr)
    return FAILED if absent else failed


def _launch_all(configs: Sequence[Config], options: Options, program: str) -> int:
    if options.distributed:
        with joined(options) as hosts, device_errors():
            return _launch_one(configs[0], options, program, hosts)
    if len(configs) == 1 and options.engine == Options.engine:
        return _launch_one(configs[0], options, program)
    from bnjax.sweeps.sweep import run_sweep

    voice = voice_of(options, configs)
    code = run_sweep(configs, options, program, voice.tell)
    voice.close(configs)
    if len(configs) > 1 and (told := findings_told(configs)):
        say(f"{program}: {told}")
    return code


def _launch_one(config: Config, options: Options, program: str, hosts: Hosts = ALONE) -> int:
    voice = voice_of(options, [config])
    finished = hosts.of_first(finished_summary(config, say) if hosts.first else None)
    if finished and not hosts.first:
        return _exit_code(finished["status"])
    if finished:
        _check_groups(config, hosts)
        no_movie = ", with its movie" if options.movie or options.weight_movie else ""
        where = record_path(config)
        print(f"{program}: finished before ({where}); --overwrite runs it again{no_movie}", file=sys.stderr)
        if lacking := lacking_probes({config: finished}):
            print(f"{program}: {lacking}", file=sys.stderr)
        voice.tell(finished)
        return _exit_code(finished["status"])
    from bnjax.runs.recording.movie import Movie

    wanted = {"update": options.movie, "weights": options.weight_movie}
    movies = [Movie(expanded(path), shows) for shows, path in wanted.items() if path]
    recorder, shown = (
        Recorder(config, voice.tell, not hosts.first),
        partial(Progress, shown=hosts.first and not options.quiet),
    )
    try:
        return _exit_code(train_run(config, recorder, shown, movies, hosts=hosts))
    except Stopped:
        if recorder.summary and recorder.summary["steps"]:
            goes_on = f"{same_command(config)} goes on after step {recorder.summary['steps']}"
            print(f"{program}: {goes_on}", file=sys.stderr)
        raise


def _check_groups(config: Config, hosts: Hosts) -> None:
    if config.bn_batch != "device":
        return
    if hosts.count > 1:  # JAX has been started to meet them
        import jax

        check_groups(config, jax.device_count())
    else:
        check_groups(config, device_count())


def _exit_code(status: str) -> int:
    return 0 if status == "done" else FAILED
