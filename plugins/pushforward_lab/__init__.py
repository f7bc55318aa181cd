"""The laboratory: games of the theory papers, each with its known answer."""
