"""Probes of networks with sums: of shapes alone, since what they compute has tests of its own."""

import jax
import numpy as np
import pytest

from bnjax.data.batches import Batch
from bnjax.models import ResNet, ViT
from bnjax.settings.config import Config
from bnjax.train.optimizer import make_optimizer
from bnjax.train.state import state_maker
from bnjax.train.steps.observe_features import evaluation_moments, feature_rank, input_shapes
from bnjax.train.steps.observe_loss import gradient_norms, start
from bnjax.train.steps.subject import Subject

BATCH = Batch(np.zeros((4, 8, 8, 3), np.float32), np.arange(4), np.ones(4, np.float32))
NETWORKS = {
    "resnet": ResNet(placement="all", depth=8, residual_block="preactivation"),
    "vit": ViT(placement="all", vit_depth=1, vit_width=8, vit_heads=2),
}


@pytest.fixture(params=NETWORKS, scope="module")
def observed(request):
    model, optimizer = NETWORKS[request.param], make_optimizer(Config())
    state = state_maker(model, optimizer, (8, 8, 3)).shapes()
    subject = Subject(model, optimizer, None)

    def of(observe):
        return jax.eval_shape(lambda state: observe(subject, state, state.batch_stats, BATCH), state)

    return model, of


def test_every_site_has_features_and_a_norm(observed):
    model, of = observed
    sites = {site.name for site in model.sites}
    assert set(of(feature_rank)) == sites
    assert set(of(evaluation_moments)) == sites
    assert {site for site, found in of(input_shapes).items() if "values" in found} == {
        site.name for site in model.sites if site.activates
    }


def test_every_kernel_has_a_gradient(observed):
    model, of = observed
    norms = of(lambda *seen: gradient_norms(*seen[:2], start(*seen), seen[-1]))
    assert set(norms) == {site.name for site in model.sites if site.kind != "tokens"}
