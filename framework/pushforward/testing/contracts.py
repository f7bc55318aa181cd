"""One call checks what every component of a kind keeps; whatever is registered can be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pushforward.problem import DataMissing
from pushforward.registry import Registry
from pushforward.testing import adversarial, games, looking, modules, targets
from pushforward.testing.records import EVERY
from pushforward.testing.subject import ContractBroken, Subject

Contract = Callable[[Subject], None]  # its docstring is the sentence that holds

CONTRACTS: dict[str, tuple[Contract, ...]] = {
    "target": targets.TARGET,
    "model": games.MODEL,
    "generator": modules.GENERATOR,
    "discriminator": modules.DISCRIMINATOR,
    "energy": modules.ENERGY,
    "flow": modules.FLOW,
    "velocity-field": modules.VELOCITY,
    "network": modules.NETWORK,
    "objective": adversarial.OBJECTIVE,
    "penalty": adversarial.PENALTY,
    "generator-penalty": adversarial.GENERATOR_PENALTY,
    "augmentation": adversarial.AUGMENTATION,
    "rule": games.RULE,
    "optimizer": games.OPTIMIZER,
    "schedule": games.SCHEDULE,
    "measure": looking.MEASURE,
    "watcher": looking.WATCHER,
    "tracker": looking.TRACKER,
    "estimator": targets.ESTIMATOR,
    "sampler": targets.SAMPLER,
    "features": targets.FEATURES,
}


def check_component(
    kind: str, name: str, registry: Registry | None = None, examples: Mapping[str, Any] | None = None
) -> None:
    """Check a registered component against the contracts of its kind.

    Args:
        kind: its kind.
        name: its name, bare or as `plugin/name`.
        registry: what is registered; None means the installed plugins.
        examples: constructor arguments, where a required one cannot be guessed or a default is too slow for a test.
            For a measure or a watcher also `target` and `model`, a game, to look at where the stand-ins will not do.

    Raises:
        ContractBroken: with every contract that does not hold, one line each.
        DataMissing: if it is a target whose data are not there.
        UserError: if there is no such component.
    """
    subject = Subject(registry or Registry(), kind, name, examples or {})
    broken, cause = _broken(subject, EVERY)
    if not broken:
        broken, cause = _broken(subject, CONTRACTS.get(kind, ()))
    if broken:
        lines = "".join(f"\n  - {line}" for line in broken)
        raise ContractBroken(f"{kind} {name!r} ({subject.component.at}) breaks its contract:{lines}") from cause


def _broken(subject: Subject, contracts: Iterable[Contract]) -> tuple[list[str], Exception | None]:
    """A line for every contract that does not hold, and the last error that was raised in place of an answer."""
    lines: list[str] = []
    cause: Exception | None = None
    for contract in contracts:
        sentence = str(contract.__doc__).strip()
        try:
            contract(subject)
        except ContractBroken as error:
            lines.append(f"{sentence}: {error}")
        except DataMissing:
            raise
        except Exception as error:  # a stranger's code: whatever it raises is what was found
            lines.append(f"{sentence}: it raised {type(error).__name__}: {error}")
            cause = error
    return lines, cause
