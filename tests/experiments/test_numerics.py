"""What bnjax adds up in float32, against float64: experiments/numerics.py at few rows."""

from pathlib import Path

import jax
import numerics
import numpy as np
import pytest

#: Rounding of float32, and how often sums of 10,000 rows may round: jaxlib before 0.10 adds in longer chains.
ROUNDING = 2**-24
ROUNDINGS = 50 if jax.__version_info__ >= (0, 10) else 200


def test_sums_statistics_and_gradients_of_10_000_rows_are_those_of_float64():
    arguments = numerics.inputs(10_000)
    expected = numerics.in_float64(*arguments)
    names = set()
    for (layer, name), found in numerics.in_float32(*arguments):
        names.add((layer, name))
        assert found.dtype == np.float32
        assert np.abs(found - expected[name]).max() < ROUNDINGS * ROUNDING * np.abs(expected[name]).max()
    assert names == {(layer, name) for layer in ("dense", "images") for name in expected}


def test_the_table_has_both_processes_side_by_side():
    shared = dict(rows=100, given="--some_flag", layer="dense", name="sum")
    found = numerics.table(
        [dict(shared, flags=flags, error=10.0**-n) for n, flags in ((7, "plain"), (6, "bnjax's flag"))]
    )
    assert "| dense | sum | 1.0e-07 / 1.0e-06 |" in found
    assert "plain / with --some_flag" in found


def test_other_numbers_of_rows_are_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        numerics.main(["numerics.py", "--rows=150"])
    assert ended.value.code == 2
    assert "150 is not a multiple of 100" in capsys.readouterr().err


@pytest.mark.slow
def test_each_table_is_measured_in_processes_of_its_own(capsys):
    script = Path(numerics.__file__)
    assert numerics.main([str(script), "--rows=10000"]) == 0
    assert "| images | dscale |" in capsys.readouterr().out
