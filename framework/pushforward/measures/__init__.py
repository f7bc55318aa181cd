"""Measures: numbers on a model, each with its standard error or its sample size, one a file."""
