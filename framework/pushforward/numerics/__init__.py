"""What several families need: integrators, divergences, Markov kernels, weight statistics."""
