"""Settings for every test: derandomised properties, unless a nightly run asks otherwise."""

import os
import signal
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from browser import browser, look, open_page
from hypothesis import HealthCheck, settings

from microgrunderscore import builds

settings.register_profile(
    "default", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

__all__ = ["browser", "look", "open_page"]  # fixtures, for the tests of pages


# What a shell runs in the background may ignore Ctrl-C, and so would the programs under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Leave the examples of compiled modules, which have no docstrings, to test_builds.py."""
    if builds.compiled():
        suffix = EXTENSION_SUFFIXES[0]
        native = Path(builds.__file__).parent.glob(f"*{suffix}")
        sources = [str(path).removesuffix(suffix) + ".py" for path in native]
        config.option.ignore = [*(config.option.ignore or ()), *sources]
