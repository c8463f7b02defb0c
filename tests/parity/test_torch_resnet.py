"""The residual network against one in PyTorch, where that is installed: one training step in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bnjax.architectures.resnet import RESIDUAL_BLOCKS, resnet_blocks
from bnjax.models import ResNet

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
functional = torch.nn.functional

pytestmark = pytest.mark.slow

TOLERANCE, MOMENTUM = 1e-9, 0.99


class Part(torch.nn.Module):
    """A convolution and the norm that bnjax names by it, each called by itself."""

    def __init__(self, before, features, side, stride):
        super().__init__()
        self.kernel = torch.nn.Conv2d(before, features, side, stride=stride, bias=False)
        self.norm = torch.nn.BatchNorm2d(features, eps=1e-3, momentum=1 - MOMENTUM)
        self.norm.register_forward_hook(lambda norm, inputs, _: setattr(norm, "of", inputs[0].shape))
        self.side, self.stride = side, stride

    def conv(self, x):
        # Zeros below and at the right alone where a stride of 2 meets even sides.
        ends = (0, 0) if self.side == 1 else (1, 1) if self.stride == 1 else (0, 1)
        return self.kernel(functional.pad(x, 2 * ends))

    def forward(self, x):
        return self.norm(self.conv(x))


class TorchResNet(torch.nn.Module):
    def __init__(self, shortcut, block, depth):
        super().__init__()
        self.parts, self.block, self.depth = torch.nn.ModuleDict(), block, depth
        self.parts["stem_conv1"], before = Part(3, 16, 3, 1), 16
        for name, features, stride in resnet_blocks(depth):
            self.parts[f"{name}_conv1"] = Part(before, features, 3, stride)
            self.parts[f"{name}_conv2"] = Part(features, features, 3, 1)
            if stride > 1 and shortcut == "project":
                self.parts[f"{name}_shortcut"] = Part(before, features, 1, stride)
            before = features
        self.logits = torch.nn.Linear(64, 10)
        self.double()

    def forward(self, images):
        x = torch.relu(self.parts["stem_conv1"](images))
        x = self.preactivated(x) if self.block == "preactivation" else self.of_blocks(x)
        return self.logits(x.mean((2, 3)))

    def of_blocks(self, x):
        relu = torch.relu
        for name, features, stride in resnet_blocks(self.depth):
            first, second = self.parts[f"{name}_conv1"], self.parts[f"{name}_conv2"]
            if self.block == "activation-first":
                entering = x if name == "block1" else relu(x)
                x = self.way(name, features, stride, x, entering) + second(relu(first(entering)))
                continue
            inner, shortcut = relu(first(x)), self.way(name, features, stride, x, x)
            x = {
                "original": lambda: relu(second(inner) + shortcut),  # noqa: B023  # called at once
                "norm-after-sum": lambda: relu(second.norm(second.conv(inner) + shortcut)),  # noqa: B023
                "activation-before-sum": lambda: relu(second(inner)) + shortcut,  # noqa: B023
            }[self.block]()
        return relu(x) if self.block == "activation-first" else x

    def preactivated(self, x):
        """Figure 4(e) as it is drawn: norm, activation, convolution, twice, around a bare shortcut."""
        last = "stem_conv1"
        for name, features, stride in resnet_blocks(self.depth):
            # The first block's norm and activation have been computed, for both of its ways.
            entering = x if name == "block1" else torch.relu(self.parts[last].norm(x))
            first, second = self.parts[f"{name}_conv1"], self.parts[f"{name}_conv2"]
            inner = second.conv(torch.relu(first.norm(first.conv(entering))))
            x = self.way(name, features, stride, x, entering) + inner
            last = f"{name}_conv2"
        return torch.relu(self.parts[last].norm(x))

    def way(self, name, features, stride, x, entering):
        if f"{name}_shortcut" in self.parts:
            part = self.parts[f"{name}_shortcut"]
            return part.conv(entering) if self.block == "preactivation" else part(entering)
        if stride > 1:
            return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, features // 4, features // 4))
        return x


def assign(parameter, value):
    parameter.data = torch.from_numpy(np.array(value))


def kernel_of(weight):
    """OIHW -> HWIO, or output x input -> input x output."""
    weight = weight.detach().numpy()
    return weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T


def drawn(model, images):
    """Variables of which none is 0 or 1, and none so large that digits are lost."""
    random = np.random.default_rng(1)
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(random.uniform(0.2, 0.5, leaf.shape) * random.choice([-1, 1], leaf.shape)),
        jax.eval_shape(model.init, jax.random.key(0), images),
    )
    variables["batch_stats"] = jax.tree.map(abs, variables["batch_stats"])
    return variables


def copied(variables, other):
    for name, part in other.parts.items():
        ours = variables["params"][name]
        assign(part.kernel.weight, ours["kernel"].transpose(3, 2, 0, 1))
        if "norm" in ours:
            assign(part.norm.weight, ours["norm"]["scale"])
            assign(part.norm.bias, ours["norm"]["bias"])
            assign(part.norm.running_mean, variables["batch_stats"][name]["norm"]["mean"])
            assign(part.norm.running_var, variables["batch_stats"][name]["norm"]["var"])
    assign(other.logits.weight, variables["params"]["logits"]["kernel"].T)
    assign(other.logits.bias, variables["params"]["logits"]["bias"])


def biased(norm, before):
    """PyTorch's running variance as it were if it followed the biased one, as ours does."""
    values = norm.of.numel() // norm.of[1]
    moved = np.asarray(norm.running_var) - MOMENTUM * np.asarray(before)
    return MOMENTUM * np.asarray(before) + moved * (values - 1) / values


@pytest.mark.parametrize(
    ("shortcut", "block", "depth"),
    [
        ("pad", "original", 14),
        ("project", "original", 14),
        ("pad", "preactivation", 14),
        ("project", "preactivation", 14),
        *(("project", block, 8) for block in RESIDUAL_BLOCKS if block not in ("original", "preactivation")),
    ],
)
def test_one_training_step(shortcut, block, depth):
    with jax.enable_x64():
        images, labels = np.random.default_rng(2).normal(0, 1, (6, 8, 8, 3)), np.arange(6)
        model = ResNet(
            placement="all,*/shortcut:absent" if (shortcut, block) == ("project", "preactivation") else "all",
            depth=depth,
            shortcut=shortcut,
            residual_block=block,
            param_dtype=jnp.float64,
        )
        variables, other = drawn(model, images), TorchResNet(shortcut, block, depth)
        assert set(other.parts) | {"logits"} == set(variables["params"])
        copied(variables, other)

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
        near(loss, theirs.item())
        for name, part in other.parts.items():
            found, norm = gradients[name], part.norm
            near(found["kernel"], kernel_of(part.kernel.weight.grad))
            if "norm" in found:
                near(found["norm"]["scale"], norm.weight.grad)
                near(found["norm"]["bias"], norm.bias.grad)
                near(updated["batch_stats"][name]["norm"]["mean"], norm.running_mean)
                before = variables["batch_stats"][name]["norm"]["var"]
                near(updated["batch_stats"][name]["norm"]["var"], biased(norm, before))
        near(gradients["logits"]["kernel"], kernel_of(other.logits.weight.grad))


def near(ours, theirs):
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * max(1.0, abs(theirs).max()))
