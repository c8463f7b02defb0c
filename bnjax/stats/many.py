"""Many questions at once: how probable it is that one of the answers, or a share of them, is by chance."""

from collections.abc import Sequence


def holm(probabilities: Sequence[float]) -> list[float]:
    """P values corrected for how many comparisons were made (Holm 1979), in the given order.

    Whoever calls those below 0.05 different is wrong about any of them in at most 5% of such tables.
    """
    corrected = [0.0] * len(probabilities)
    largest = 0.0
    for place, number in enumerate(_smallest_first(probabilities)):
        largest = max(largest, min(1.0, (len(probabilities) - place) * probabilities[number]))
        corrected[number] = largest
    return corrected


def benjamini_hochberg(probabilities: Sequence[float]) -> list[float]:
    """P values corrected for how many questions were asked (Benjamini and Hochberg 1995), in the given order.

    Of those below 0.05, on average at most 5% are called different by chance, where the questions are
    independent or depend on each other positively.
    """
    corrected = [0.0] * len(probabilities)
    smallest = 1.0
    for rank, number in reversed(list(enumerate(_smallest_first(probabilities), start=1))):
        smallest = min(smallest, len(probabilities) / rank * probabilities[number])
        corrected[number] = smallest
    return corrected


def _smallest_first(probabilities: Sequence[float]) -> list[int]:
    return sorted(range(len(probabilities)), key=probabilities.__getitem__)
