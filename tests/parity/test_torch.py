"""The CNN against PyTorch, where that is installed: one training step, PyTorch's conventions translated."""

import jax
import numpy as np
import optax
import pytest

from bnjax.models.network import unit_name

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = pytest.mark.slow

TOLERANCE = 1e-9


class TorchCNN(torch.nn.Module):
    """The same network; images and flattening in PyTorch's channels-first order, translated at the seams."""

    def __init__(self, model):
        super().__init__()
        self.orders = model.parsed_placement.as_dict()
        self.layers = torch.nn.ModuleDict(
            {
                "block1_conv1": torch.nn.Conv2d(3, 32, 5, padding="same"),
                "block2_conv1": torch.nn.Conv2d(32, 64, 5, padding="same"),
                "fc_dense1": torch.nn.Linear(9 * 64, 1024),
                "logits": torch.nn.Linear(1024, 10),
            }
        )
        # PyTorch's momentum is what the new batch weighs: 1 - 0.99.
        make = {"c": torch.nn.BatchNorm2d, "d": torch.nn.BatchNorm1d}
        self.norms = torch.nn.ModuleDict(
            {
                unit_name(site.name): make[site.kind[0]](width, eps=1e-3, momentum=0.01)
                for site, width in zip(model.sites, (32, 64, 1024), strict=True)
                if self.orders[site.name] != "absent"
            }
        )
        self.double()

    def unit(self, x, site):
        name = unit_name(site)
        x = self.layers[name](x)
        if self.orders[site] == "before":
            x = self.norms[name](x)
        x = torch.relu(x)
        return self.norms[name](x) if self.orders[site] == "after" else x

    def forward(self, images):
        x = torch.nn.functional.max_pool2d(self.unit(images, "block1/conv1"), 2)
        x = torch.nn.functional.max_pool2d(self.unit(x, "block2/conv1"), 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.layers["logits"](self.unit(x, "fc/dense1"))


def to_torch(kernel):
    """HWIO -> OIHW, or input x output -> output x input."""
    order = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
    return np.ascontiguousarray(np.asarray(kernel).transpose(order))


def assign(parameter, value):
    parameter.data = torch.from_numpy(np.array(value))


@pytest.fixture
def other(model, variables):
    network = TorchCNN(model)
    for name, layer in network.layers.items():
        ours = variables["params"][name]
        assign(layer.weight, to_torch(ours["kernel"]))
        assign(layer.bias, ours["bias"])
        if name in network.norms:
            norm, stats = network.norms[name], variables["batch_stats"][name]["norm"]
            assign(norm.weight, ours["norm"]["scale"])
            assign(norm.bias, ours["norm"]["bias"])
            assign(norm.running_mean, stats["mean"])
            assign(norm.running_var, stats["var"])
    return network


def test_one_training_step(model, variables, other, batch):
    images, labels = batch[0] / 64.0 - 2.0, batch[1]

    def mean_loss(params):
        logits, updated = model.apply(
            {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
        )
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, updated.get("batch_stats", {})

    (loss, stats), gradients = jax.value_and_grad(mean_loss, has_aux=True)(variables["params"])
    theirs = torch.nn.functional.cross_entropy(
        other(torch.from_numpy(images.transpose(0, 3, 1, 2))), torch.from_numpy(labels.astype(np.int64))
    )
    theirs.backward()

    np.testing.assert_allclose(loss, theirs.item(), rtol=0, atol=TOLERANCE)
    for name, layer in other.layers.items():
        np.testing.assert_allclose(
            to_torch(gradients[name]["kernel"]), layer.weight.grad, rtol=0, atol=TOLERANCE
        )
        np.testing.assert_allclose(gradients[name]["bias"], layer.bias.grad, rtol=0, atol=TOLERANCE)
    for name, norm in other.norms.items():
        ours = gradients[name]["norm"]
        np.testing.assert_allclose(ours["scale"], norm.weight.grad, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(ours["bias"], norm.bias.grad, rtol=0, atol=TOLERANCE)
        compare_statistics(variables["batch_stats"][name]["norm"], stats[name]["norm"], norm, len(labels))


def compare_statistics(before, after, norm, batch_size):
    """PyTorch's running variance takes the unbiased variance of the batch in, ours the biased one."""
    positions = {32: 144, 64: 36, 1024: 1}[norm.num_features]
    count = batch_size * positions
    np.testing.assert_allclose(after["mean"], norm.running_mean, rtol=0, atol=TOLERANCE)
    taken_in = (norm.running_var.numpy() - 0.99 * before["var"]) * (count - 1) / count
    np.testing.assert_allclose(after["var"], 0.99 * before["var"] + taken_in, rtol=0, atol=TOLERANCE)


def test_outputs_in_evaluation_mode(model, variables, other, batch):
    images = batch[0] / 64.0 - 2.0
    ours = model.apply(variables, images, train=False)
    with torch.no_grad():
        theirs = other.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)
