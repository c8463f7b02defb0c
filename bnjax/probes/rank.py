"""How many directions a batch's features fill, by site: what collapses with depth where no norm stands.

With H the outputs of a unit for n images, [numbers, n], and K = H^T H, Daneshmand et al. 2020 (section 3)
bound the rank from below by tr(K)^2 / ||K||^2, which is n for images of equal length that are
orthogonal, and 1 for images that are alike but for their length. Daneshmand et al. 2021 (section 3) call
||K / tr(K) - I / n|| the orthogonality gap. Both say the same, 1 / rank = gap^2 + 1 / n, and either is small
where the other is hard to read. Norms are of Frobenius.
"""

from typing import TypedDict

from bnjax.field_types import Count, SizeOrNull
from bnjax.probes.probe import Memory, Need, Probe, Seen, Shown, rounded


class FeatureRank(TypedDict):
    """How many directions the features of a batch fill; None where all of them are 0.

    Attributes:
      effective_rank: see the module.
      possible_rank: the number of images, or of a feature map's numbers where these are fewer.
      orthogonality_gap: see the module; from 0 to 1.
    """

    effective_rank: SizeOrNull
    possible_rank: Count
    orthogonality_gap: SizeOrNull


def rank(gap: float, images: int, numbers: int) -> FeatureRank:
    """From the orthogonality gap."""
    return {
        "effective_rank": rounded(1 / (gap**2 + 1 / images)),
        "possible_rank": min(images, numbers),
        "orthogonality_gap": rounded(gap),
    }


def _look(seen: Seen, memory: Memory) -> dict[str, FeatureRank]:
    return {
        site: rank(float(of["gap"]), int(of["images"]), int(of["numbers"]))
        for site, of in seen.features.items()
    }


RANK = Probe(
    name="rank",
    meaning="how many directions the outputs of a site fill on one batch in evaluation mode, of how many "
    "they could; and how far the images' outputs are from orthogonal, 0 to 1",
    source="Daneshmand et al. 2020, section 3; Daneshmand et al. 2021, section 3",
    cost="a forward pass of a batch",
    needs=Need.FEATURES,
    found=FeatureRank,
    look=_look,
    shown={
        "effective_rank": Shown("effective rank, part of what is possible", part_of="possible_rank"),
        "orthogonality_gap": Shown("orthogonality gap"),
    },
)
