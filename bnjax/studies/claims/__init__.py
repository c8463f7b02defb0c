"""What the five published texts conclude, as data, and whether records bear it out."""

from bnjax.studies.claims.cifar10 import CIFAR10_CLAIMS
from bnjax.studies.claims.claim import SOURCES, Claim, Contrast, Source
from bnjax.studies.claims.mnist import MNIST_CLAIMS
from bnjax.studies.claims.networks import FINETUNE_CLAIMS, MOBILENET_CLAIMS
from bnjax.studies.claims.vgg7 import VGG7_CLAIMS

#: Every conclusion of the five texts, in the order of the texts and of their sections.
CLAIMS: tuple[Claim, ...] = (
    *VGG7_CLAIMS,
    *CIFAR10_CLAIMS,
    *MNIST_CLAIMS,
    *MOBILENET_CLAIMS,
    *FINETUNE_CLAIMS,
)

__all__ = ["CLAIMS", "SOURCES", "Claim", "Contrast", "Source"]
