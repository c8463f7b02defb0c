"""What ``--weights`` names -> the variables that a network starts from."""

from pathlib import Path
from typing import Any

from bnjax.data.download import download
from bnjax.models import Network
from bnjax.models.network import HEAD
from bnjax.records import VARIABLES_NAME
from bnjax.settings.fields import WeightsError
from bnjax.settings.places import expanded
from bnjax.weights.kept import read_run_weights
from bnjax.weights.keras import read_keras_weights

_INCEPTIONV3 = "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
#: With the top, and without: address and MD5, as in Keras 3.15.1 (applications/inception_v3.py).
IMAGENET = {
    True: (
        f"{_INCEPTIONV3}inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:9a0d58056eeedaa3f26cb7ebd46da564",
    ),
    False: (
        f"{_INCEPTIONV3}inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:bcbd6486424b2319ff4ef7d526e38f63",
    ),
}


def weights_file(weights: str, include_top: bool) -> Path:
    """The file that a setting names, downloaded if need be.

    Args:
      weights: ``imagenet``, a file, or the folder of a run.
      include_top: whether ImageNet's logits are wanted too.

    Raises:
      WeightsError: there is no such file; says what to do.
      DataError: it cannot be downloaded.
    """
    if weights == "imagenet":
        return _imagenet(include_top)
    path = expanded(weights)
    if path.is_file():
        return path
    if not path.is_dir():
        raise WeightsError(f"--weights={weights} is neither a file nor the folder of a run")
    if not (path / VARIABLES_NAME).is_file():
        raise WeightsError(
            f"--weights={weights} holds no {VARIABLES_NAME}; the command that made this run makes one with "
            "--keep_state"
        )
    return path / VARIABLES_NAME


def _imagenet(include_top: bool) -> Path:
    url, known_hash = IMAGENET[include_top]
    advice = (
        "go online, or download it elsewhere and give --weights=PATH, or --pretrain=DATASET trains a source "
        "of its own"
    )
    return download(url, known_hash, advice)


def read_weights(path: Path, model: Network, variables: dict[str, Any], include_top: bool) -> dict[str, Any]:
    """A network's variables with what a file holds.

    Args:
      path: from :func:`weights_file`.
      include_top: whether head and logits are read too, else they stay as they are.

    Raises:
      WeightsError: the file does not fit; names what does not.
    """
    try:
        if path.name == VARIABLES_NAME:
            return read_run_weights(path, model, variables, include_top=include_top)
        if include_top and HEAD in variables["params"]:
            raise WeightsError(
                f"{path} has no head, and where no kernel is trained it has to come with the weights; use "
                "--head_width=0"
            )
        return read_keras_weights(path, model, variables, include_top=include_top)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({' '.join(str(error).split())})") from None
    except WeightsError as error:
        raise WeightsError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
