"""What tests of data share."""

import pytest


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache for each test, and no data in the home folder."""
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "cache"
