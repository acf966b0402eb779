"""Settings for every test: derandomised properties, unless a nightly run asks otherwise."""

import os

from browser import browser, look, open_page
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

__all__ = ["browser", "look", "open_page"]  # fixtures, for the tests of pages
