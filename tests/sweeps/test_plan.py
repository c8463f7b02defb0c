"""Which runs share a program, and which one process takes at a time."""

from small_runs import config

from bnjax.settings.sharing import program_settings
from bnjax.sweeps.plan import Task, halves, plan, program_count

MANY = 10**6


def test_what_is_compiled_in_tells_programs_apart():
    plain = config(placement="none")
    same = config(placement="all", dropout=0.3, learning_rate=0.1, seed=4, epochs=9)
    assert program_settings(plain, gated=True) == program_settings(same, gated=True)
    assert program_settings(plain, gated=False) != program_settings(same, gated=False)
    assert program_settings(plain, gated=False) == program_settings(config(seed=7), gated=False)
    for other in (dict(batch_size=8), dict(activation="leaky_relu"), dict(optimizer="sgd"), dict(width=13)):
        assert program_settings(plain, gated=True) != program_settings(config(**other), gated=True)


def test_only_a_cosine_has_the_number_of_epochs_compiled_in():
    for schedule, same in (("constant", True), ("step", True), ("cosine", False)):
        short, long = (program_settings(config(schedule=schedule, epochs=n), gated=True) for n in (3, 4))
        assert (short == long) is same


def test_runs_in_turn_share_a_program_where_they_are_short():
    runs = [config(placement=p, seed=seed) for seed in (0, 1) for p in ("none", "all")]
    short = plan(runs, dict.fromkeys(runs, 10), lanes=1)
    assert short == [Task((run,), gated=True) for run in runs]
    assert program_count(short) == 1
    long = plan(runs, dict.fromkeys(runs, MANY), lanes=1)
    assert long == [Task((run,), gated=False) for run in runs]
    assert program_count(long) == 2


def test_one_placement_alone_needs_no_gates():
    runs = [config(seed=seed) for seed in range(3)]
    assert not any(task.gated for task in plan(runs, dict.fromkeys(runs, 10), lanes=1))


def test_lanes_have_the_same_program_data_and_length():
    runs = [config(placement=p, epochs=epochs) for epochs in (2, 3) for p in ("none", "all", "all:before")]
    odd = [config(width=13), config(dataset="digits"), config(shuffle="epoch"), config(validation=0.5)]
    tasks = plan([*runs, *odd], dict.fromkeys([*runs, *odd], MANY), lanes=2)
    assert [task.configs for task in tasks] == [
        tuple(runs[:2]),
        tuple(runs[2:3]),
        tuple(runs[3:5]),
        tuple(runs[5:]),
        *[(run,) for run in odd],
    ]
    assert all(task.gated for task in tasks)


def test_every_run_is_in_one_task():
    runs = [config(placement=p, seed=seed) for seed in range(5) for p in ("none", "all", "all:before")]
    for lanes in (1, 2, 7, 100):
        tasks = plan(runs, dict.fromkeys(runs, MANY), lanes)
        assert sorted(run.seed for task in tasks for run in task.configs) == sorted(run.seed for run in runs)
        assert {run for task in tasks for run in task.configs} == set(runs)


def test_halves_keep_every_run():
    runs = tuple(config(seed=seed) for seed in range(5))
    first, second = halves(Task(runs, gated=True))
    assert first.configs + second.configs == runs
    assert len(first.configs) == 2
    assert first.gated
    assert second.gated
    assert halves(first)[1].configs == runs[1:2]
    assert halves(Task(runs[:1], gated=True)) == [Task(runs[:1], gated=True)]
    assert halves(Task((), gated=True)) == []
