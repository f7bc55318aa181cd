"""What hints cannot say about a recipe: numbers of the budget against each other, the data and the machine."""

from __future__ import annotations

from pushforward.plan import Plan
from pushforward.problem import Problem, did_you_mean


def check_numbers(plan: Plan) -> list[Problem]:
    """What hints cannot say about the budget and the machine."""
    problems = []
    budget = plan.budget

    def wrong(what: str, key: str) -> None:
        problems.append(Problem(what, f"budget.{key}", budget.own.origins.get(key, budget.place)))

    for key, least in (
        ("rounds", 0),
        ("batch", 1),
        ("report_every", 1),
        ("accumulate", 1),
        ("patience", 1),
        ("evaluations", 1),
    ):
        value = plan.value(key)
        if value is not None and value < least:
            wrong(f"expected at least {least}, got {value}", key)
    if plan.model is not None and "unplayed" in plan.model.component.traits and plan.value("rounds") > 0:
        wrong(f"nobody plays {plan.model.component.name!r}: expected 0 rounds, got {plan.value('rounds')}", "rounds")
    batch, accumulate = plan.value("batch"), plan.value("accumulate")
    processes = _processes(plan.trainer.get("devices", 1))
    if batch is not None and accumulate * processes > batch >= 1:
        wrong(
            f"a batch of {batch} cannot be cut into {accumulate} micro-batches on {processes} processes", "accumulate"
        )
    size = plan.metadata.sizes.get("train") if plan.metadata else None
    if size is not None and batch is not None and size < batch:
        wrong(
            f"the target has {size} training rows, fewer than a batch of {batch}: use budget.batch={size} or less",
            "batch",
        )
    names = [m.component.name for m in plan.measures if m is not None]
    best = plan.value("best")
    if best is not None and best.partition("/")[0] not in names:
        wrong(f"{best!r} is not among the measures of this recipe{did_you_mean(best, names)}", "best")
    if plan.value("patience") is not None and best is None:
        wrong("patience needs `best`: the measure that is to get better", "patience")
    return problems + refuse_parts(plan, processes)


def refuse_parts(plan: Plan, processes: int) -> list[Problem]:
    """Costs that are no means over samples cannot be taken over parts of a batch."""
    if plan.value("accumulate") == 1 and processes == 1:
        return []
    return [
        Problem(
            f"{planned.component.name!r} is no mean over samples, so a batch in parts gives another gradient:"
            " use one process and accumulate=1",
            planned.path,
            planned.place,
        )
        for planned in plan.components()
        if "couples-samples" in planned.component.traits
    ]


def _processes(devices: object) -> int:
    """How many processes a `devices` names for sure; 1 where only the machine knows."""
    if isinstance(devices, list):
        return max(len(devices), 1)
    text = str(devices)
    return max(int(text), 1) if text.isdigit() else 1
