"""The abstract classes that plugins make concrete, one a file."""
