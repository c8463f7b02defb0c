"""Whole networks with both forms of convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import build_model
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

NETWORKS = {
    "cnn": dict(image_size=32),
    "vgg7": dict(image_size=32),
    "mobilenetv2": dict(image_size=32),
    "inceptionv3": dict(image_size=75),
}


def network(name, kernels, dtype=jnp.float32):
    settings = dict(placement="all", kernel_init="he_normal", **NETWORKS[name])
    model = build_model(resolve(Config(model=name, kernels=kernels, **settings)), 10)
    return model.clone(param_dtype=dtype)


def first_variables(model, images):
    """Kernels that keep what goes through them as large as it was; Keras starts depthwise ones smaller."""
    variables = jax.jit(model.init)(jax.random.key(0), images)

    def enlarged(leaf):
        depthwise = leaf.ndim == 4 and leaf.shape[2] == 1
        return leaf * np.sqrt(leaf.shape[3], dtype=np.float32) if depthwise else leaf

    return jax.tree.map(enlarged, variables)


def gradients(model, variables, batches):
    """Of each batch, as a vector. In evaluation mode: a norm over few pixels makes much of a last bit."""

    def loss(params, images):
        given = {"params": params, "batch_stats": variables["batch_stats"]}
        logits = model.apply(given, images)
        return (jax.nn.log_softmax(logits) ** 2).mean()

    derivative = jax.jit(jax.grad(loss))
    by_kernels = "bnjax_" in derivative.lower(variables["params"], batches[0]).as_text()
    assert by_kernels == (model.kernels == "llvm")
    leaves = [jax.tree.leaves(derivative(variables["params"], images)) for images in batches]
    return [np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in of]) for of in leaves]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow(minutes=0.3)) for name in NETWORKS]
)
def test_kernels_are_as_exact_as_xla(name):
    """Beside float64; in the median of three batches, since a last bit may turn over an activation at 0."""
    side = NETWORKS[name]["image_size"]
    batches = np.random.default_rng(0).uniform(-1, 1, (3, 2, side, side, 3)).astype(np.float32)
    variables = first_variables(network(name, "xla"), batches[0])
    by_xla, by_kernels = (gradients(network(name, form), variables, batches) for form in ("xla", "llvm"))
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
        exact = gradients(network(name, "xla", jnp.float64), wide, batches.astype(np.float64))
    theirs, mine = (
        np.median([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, exact, strict=True)])
        for found in (by_xla, by_kernels)
    )
    assert mine <= 2 * theirs
    assert mine <= 1e-5
