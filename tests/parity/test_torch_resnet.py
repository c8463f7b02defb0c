"""The residual network against one in PyTorch, where that is installed: one training step in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bnjax.architectures.resnet import resnet_blocks
from bnjax.models import ResNet

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
functional = torch.nn.functional

pytestmark = pytest.mark.slow

DEPTH, TOLERANCE = 14, 1e-9


class Part(torch.nn.Module):
    """A convolution and its norm."""

    def __init__(self, before, features, side, stride):
        super().__init__()
        self.conv = torch.nn.Conv2d(before, features, side, stride=stride, bias=False)
        self.norm = torch.nn.BatchNorm2d(features, eps=1e-3, momentum=0.01)
        self.side, self.stride = side, stride

    def forward(self, x):
        # Zeros below and at the right alone where a stride of 2 meets even sides.
        ends = (0, 0) if self.side == 1 else (1, 1) if self.stride == 1 else (0, 1)
        return self.norm(self.conv(functional.pad(x, 2 * ends)))


class TorchResNet(torch.nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.parts, self.shortcut, before = (
            torch.nn.ModuleDict({"stem_conv1": Part(3, 16, 3, 1)}),
            shortcut,
            16,
        )
        for name, features, stride in resnet_blocks(DEPTH):
            self.parts[f"{name}_conv1"] = Part(before, features, 3, stride)
            self.parts[f"{name}_conv2"] = Part(features, features, 3, 1)
            if stride > 1 and shortcut == "project":
                self.parts[f"{name}_shortcut"] = Part(before, features, 1, stride)
            before = features
        self.logits = torch.nn.Linear(64, 10)
        self.double()

    def forward(self, images):
        x = torch.relu(self.parts["stem_conv1"](images))
        for name, features, stride in resnet_blocks(DEPTH):
            residual = self.parts[f"{name}_conv2"](torch.relu(self.parts[f"{name}_conv1"](x)))
            if f"{name}_shortcut" in self.parts:
                x = self.parts[f"{name}_shortcut"](x)
            elif stride > 1:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, features // 4, features // 4))
            x = torch.relu(x + residual)
        return self.logits(x.mean((2, 3)))


def assign(parameter, value):
    parameter.data = torch.from_numpy(np.array(value))


def kernel_of(weight):
    """OIHW -> HWIO, or output x input -> input x output."""
    weight = weight.detach().numpy()
    return weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T


@pytest.mark.parametrize("shortcut", ["pad", "project"])
def test_one_training_step(shortcut):
    with jax.enable_x64():
        random = np.random.default_rng(1)
        images, labels = random.normal(0, 1, (6, 8, 8, 3)), np.arange(6)
        model = ResNet(
            placement="all", order="before", depth=DEPTH, shortcut=shortcut, param_dtype=jnp.float64
        )
        variables = jax.tree.map(
            lambda leaf: jnp.asarray(
                random.uniform(0.2, 0.5, leaf.shape) * random.choice([-1, 1], leaf.shape)
            ),
            jax.eval_shape(model.init, jax.random.key(0), images),
        )
        variables["batch_stats"] = jax.tree.map(abs, variables["batch_stats"])
        other = TorchResNet(shortcut)
        assert set(other.parts) | {"logits"} == set(variables["params"])
        for name, part in other.parts.items():
            ours, stats = variables["params"][name], variables["batch_stats"][name]["norm"]
            assign(part.conv.weight, ours["kernel"].transpose(3, 2, 0, 1))
            assign(part.norm.weight, ours["norm"]["scale"])
            assign(part.norm.bias, ours["norm"]["bias"])
            assign(part.norm.running_mean, stats["mean"])
            assign(part.norm.running_var, stats["var"])
        assign(other.logits.weight, variables["params"]["logits"]["kernel"].T)
        assign(other.logits.bias, variables["params"]["logits"]["bias"])

        def mean_loss(params):
            logits, updated = model.apply(
                {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
            )
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), updated

        (loss, updated), gradients = jax.value_and_grad(mean_loss, has_aux=True)(variables["params"])
        theirs = functional.cross_entropy(
            other(torch.from_numpy(images.transpose(0, 3, 1, 2))), torch.from_numpy(labels)
        )
        theirs.backward()
        assert abs(float(loss) - theirs.item()) <= TOLERANCE
        for name, part in other.parts.items():
            found, norm = gradients[name], part.norm
            near(found["kernel"], kernel_of(part.conv.weight.grad))
            near(found["norm"]["scale"], norm.weight.grad)
            near(found["norm"]["bias"], norm.bias.grad)
            near(updated["batch_stats"][name]["norm"]["mean"], norm.running_mean)
        near(gradients["logits"]["kernel"], kernel_of(other.logits.weight.grad))


def near(ours, theirs):
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * max(1.0, abs(theirs).max()))
