"""Published files, downloaded once and checked by hash."""

from pathlib import Path

from bnjax.data.image_set import DataError
from bnjax.files import cache_dir

_SECONDS_TO_CONNECT = 4


def download(url: str, known_hash: str, advice: str) -> Path:
    """The file at an address, kept below the cache.

    Args:
      known_hash: as published, with the algorithm before it: ``sha256:...``, ``md5:...``.
      advice: what to do where it cannot be had.

    Raises:
      DataError: it cannot be downloaded, or what came is not what was published.
    """
    import pooch
    import requests

    folder = cache_dir() / "downloads"
    fetch = pooch.HTTPDownloader(progressbar=True, timeout=(_SECONDS_TO_CONNECT, 60))
    try:
        pooch.get_logger().setLevel("ERROR")
        return Path(pooch.retrieve(url, known_hash, path=folder, downloader=fetch))
    except (OSError, ValueError) as error:
        offline = isinstance(error, (requests.ConnectionError, requests.Timeout))
        reason = "no connection" if offline else " ".join(str(error).split())
        raise DataError(f"{url} cannot be downloaded ({reason}); {advice}") from None
