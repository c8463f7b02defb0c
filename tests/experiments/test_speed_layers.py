"""The products of layers one by one: the same numbers by bnjax and by PyTorch, and a table of them."""

import json

import numpy as np
import pytest
import speed_layers
from speed_peers.layers import Layer
from speed_peers.operations import Unit


@pytest.mark.parametrize(
    "unit",
    [
        Unit(Layer("dense", 7), (12,)),
        Unit(Layer("conv", 4, (5, 5)), (9, 9, 3)),
        Unit(Layer("conv", 6), (5, 5, 8)),
        Unit(Layer("conv", 4, (3, 3), stride=2, padding="valid"), (9, 9, 3)),
        Unit(Layer("conv", 5, (1, 7)), (9, 9, 3)),
        Unit(Layer("depthwise", 6, (3, 3)), (8, 8, 6)),
        Unit(Layer("depthwise", 6, (3, 3), stride=2), (9, 9, 6)),
    ],
    ids=lambda unit: f"{unit.layer.kind}-{unit.layer.window}-{unit.layer.stride}",
)
def test_bnjax_and_pytorch_compute_the_same_products(unit):
    pytest.importorskip("torch")
    from speed_peers.unit_products import bnjax_products, torch_products

    ours, theirs = (make(unit, batch_size=3) for make in (bnjax_products, torch_products))
    for name, product in ours.items():
        found, expected = np.asarray(product()), np.moveaxis(theirs[name]().detach().numpy(), 1, -1)
        if name == "kernel gradient" and found.ndim == 4:
            expected = theirs[name]().numpy().transpose(2, 3, 1, 0)
        elif name == "kernel gradient":
            expected = theirs[name]().numpy().T
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_size_that_a_network_does_not_take(capsys):
    with pytest.raises(SystemExit) as caught:
        speed_layers.main(["speed_layers.py", "--networks=mlp,mobilenetv2", "--image_size=50"])
    out, err = capsys.readouterr()
    assert (caught.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert "--image_size=50: mobilenetv2 takes multiples of 32 pixels" in err


def test_the_table_and_its_records(capsys, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")  # and so it is afterwards as before
    arguments = ["speed_layers.py", "--networks=mlp", "--batch_size=4", "--rounds=1"]
    assert speed_layers.main(arguments) == 0
    out, err = capsys.readouterr()
    machine, *layers = map(json.loads, out.splitlines())
    assert machine["kind"] == "machine"
    assert [(layer["input_shape"], layer["features"]) for layer in layers] == [
        ([4, 784], 256),
        ([4, 256], 10),
    ]
    assert layers[0]["operations"] == 2 * 4 * 784 * 256
    times = [layer["milliseconds"] for layer in layers]
    # A step: all products but the gradient of the images.
    ours = sum(sum(found["bnjax"].values()) for found in times) - times[0]["bnjax"]["input gradient"]
    assert f"together {ours:.4g} ms by bnjax" in err
    assert "dense 784 to 256" in err
