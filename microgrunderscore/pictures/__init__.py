"""Pictures and explanations of graphs."""
