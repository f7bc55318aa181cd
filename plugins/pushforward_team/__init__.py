"""Team GANs: several generators, several discriminators, in two teams."""
