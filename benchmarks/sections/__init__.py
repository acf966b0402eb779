"""One module for each section: its `work`, which a child does, and `SECTION`, what it is."""
