"""What plugin authors test with: contracts for every kind, and a run of a recipe given as text."""

from pushforward.testing.contracts import check_component
from pushforward.testing.fixture import local_plugins, run_recipe_text
from pushforward.testing.subject import ContractBroken

__all__ = ["ContractBroken", "check_component", "local_plugins", "run_recipe_text"]
