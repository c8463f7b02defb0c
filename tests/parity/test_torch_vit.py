"""The transformer against PyTorch's own layers, where that is installed: one training step in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bnjax.models import ViT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = pytest.mark.slow

DEPTH, WIDTH, HEADS, PATCH, IMAGES = 2, 12, 3, 4, (5, 8, 12, 3)
EPSILON, MOMENTUM, TOLERANCE = 1e-3, 0.9, 1e-9
ACTIVATIONS = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU}


class TokenBatchNorm(torch.nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x.flatten(0, 1)).view_as(x)


NORMS = {
    "layer": lambda: torch.nn.LayerNorm(WIDTH, eps=EPSILON),
    "rms": lambda: torch.nn.RMSNorm(WIDTH, eps=EPSILON),
    "batch": lambda: TokenBatchNorm(WIDTH, eps=EPSILON, momentum=1 - MOMENTUM),
}


class Attention(torch.nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class Residual(torch.nn.Module):
    def __init__(self, branch, norm, order):
        super().__init__()
        self.branch, self.norm, self.order = branch, norm, order

    def forward(self, x):
        if self.order == "before":
            return x + self.branch(self.norm(x))
        x = x + self.branch(x)
        return self.norm(x) if self.order == "after" else x


class TorchViT(torch.nn.Module):
    def __init__(self, placement, activation):
        super().__init__()
        pairs = zip(placement.as_dict().items(), placement.norms, strict=True)
        self.parts = torch.nn.ModuleDict()
        for (site, order), norm in pairs:
            branch = self.branch(site.rpartition("/")[2], activation)
            made = NORMS[norm]() if norm else None
            self.parts[site.replace("/", "_")] = Residual(branch, made, order) if branch else made
        self.patches = torch.nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.logits = torch.nn.Linear(WIDTH, 10)
        self.double()

    def branch(self, name, activation):
        if name == "attention":
            return Attention(WIDTH, HEADS, batch_first=True)
        inner, outer = torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.Linear(4 * WIDTH, WIDTH)
        return torch.nn.Sequential(inner, ACTIVATIONS[activation](), outer) if name == "mlp" else None

    def forward(self, images):
        x = self.patches(images)
        x = x.flatten(2).transpose(1, 2) + torch.from_numpy(sines(*x.shape[2:]))
        for part in self.parts.values():
            x = part(x) if part else x
        return self.logits(x.mean(1))


def sines(rows, columns):
    """The formula of Beyer et al. 2022, number by number."""
    parts = WIDTH // 4
    table = np.zeros((rows * columns, WIDTH))
    for token in range(rows * columns):
        for number in range(parts):
            frequency = 1 / 10_000 ** (number / (parts - 1))
            y, x = divmod(token, columns)
            for place, angle in ((0, x), (2, y)):
                table[token, place * parts + number] = np.sin(angle * frequency)
                table[token, (place + 1) * parts + number] = np.cos(angle * frequency)
    return table


def pairs_of(other):
    """The path of each of our parameters -> theirs, and how theirs is turned into ours."""
    as_is, turned = (lambda x: x), (lambda x: x.T)
    for name, part in other.parts.items():
        norm = part.norm if isinstance(part, Residual) else part
        if isinstance(part, Residual):
            yield from _of_branch(name, part.branch, as_is, turned)
        if norm:
            yield (name, "norm", "scale"), norm.weight, as_is
            if hasattr(norm, "bias"):
                yield (name, "norm", "bias"), norm.bias, as_is
    yield ("patches", "kernel"), other.patches.weight, lambda x: x.transpose(2, 3, 1, 0).reshape(-1, WIDTH)
    yield ("patches", "bias"), other.patches.bias, as_is
    yield ("logits", "kernel"), other.logits.weight, turned
    yield ("logits", "bias"), other.logits.bias, as_is


def _of_branch(name, branch, as_is, turned):
    if isinstance(branch, Attention):
        yield (name, "kernel"), branch.in_proj_weight, turned
        yield (name, "bias"), branch.in_proj_bias, as_is
    else:
        yield (name, "kernel"), branch[0].weight, turned
        yield (name, "bias"), branch[0].bias, as_is
    outer = branch.out_proj if isinstance(branch, Attention) else branch[2]
    yield (name, "out_kernel"), outer.weight, turned
    yield (name, "out_bias"), outer.bias, as_is


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def placed(pairs):
    tree = {}
    for path, theirs, turn in pairs:
        inner = tree
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = jnp.asarray(turn(theirs.detach().numpy()))
    return tree


@pytest.mark.parametrize(
    ("placement", "norm", "activation"),
    [
        ("none", "layer", "relu"),
        ("all:before", "layer", "relu"),
        ("all:after", "layer", "gelu"),
        ("attention:before,mlp:after", "batch", "relu"),
        ("block1:after:rms,block2:before,head:before:batch", "layer", "relu"),
    ],
)
def test_one_training_step(placement, norm, activation):
    with jax.enable_x64():
        random, labels = np.random.default_rng(1), np.arange(5)
        images = random.normal(0, 1, IMAGES)
        settings = dict(vit_depth=DEPTH, vit_width=WIDTH, vit_heads=HEADS, vit_patch=PATCH)
        model = ViT(
            placement=placement,
            norm=norm,
            activation=activation,
            norm_momentum=MOMENTUM,
            param_dtype=jnp.float64,
            **settings,
        )
        other = TorchViT(model.parsed_placement, activation)
        for parameter in other.parameters():
            parameter.data = torch.from_numpy(random.normal(0, 0.4, parameter.shape))
        params = placed(pairs_of(other))
        shapes = jax.eval_shape(model.init, jax.random.key(0), images)
        assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, shapes["params"])
        stats = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes.get("batch_stats", {}))
        for part in (part for part in other.modules() if isinstance(part, TokenBatchNorm)):
            part.running_var.zero_()

        def mean_loss(params):
            logits, updated = model.apply(
                {"params": params, "batch_stats": stats}, images, train=True, mutable=["batch_stats"]
            )
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), updated

        (loss, updated), gradients = jax.value_and_grad(mean_loss, has_aux=True)(params)
        theirs = torch.nn.functional.cross_entropy(
            other(torch.from_numpy(images.transpose(0, 3, 1, 2))), torch.from_numpy(labels)
        )
        theirs.backward()
        near(loss, theirs.item())
        for path, parameter, turn in pairs_of(other):
            near(at(gradients, path), turn(parameter.grad.numpy()))
        tokens = IMAGES[0] * IMAGES[1] * IMAGES[2] // PATCH**2
        for name, part in updated.get("batch_stats", {}).items():
            torch_norm = getattr(other.parts[name], "norm", other.parts[name])
            near(part["norm"]["mean"], torch_norm.running_mean)
            near(part["norm"]["var"], np.asarray(torch_norm.running_var) * (tokens - 1) / tokens)


def near(ours, theirs):
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * max(1.0, abs(theirs).max()))
