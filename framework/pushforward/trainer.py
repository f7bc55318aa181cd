"""The `trainer:` block: which of Lightning's Trainer arguments a recipe may set, and what is refused with a reason."""

from __future__ import annotations

from typing import Any

from pushforward.nodes import Node
from pushforward.problem import Problem, did_you_mean
from pushforward.schema import Plain, in_words, read_hint

ALLOWED = {  # argument -> hint; a test compares the names with Lightning's own signature
    "accelerator": "Literal['auto', 'cpu', 'gpu', 'cuda', 'mps', 'tpu']",
    "strategy": "str",
    "devices": "int | str | list[int]",
    "num_nodes": "int",
    "precision": "str | int",
    "deterministic": "bool | str | None",
    "benchmark": "bool | None",
    "inference_mode": "bool",
    "detect_anomaly": "bool",
    "sync_batchnorm": "bool",
    "profiler": "str | None",
    "plugins": "str | list[str] | None",
}

REFUSED = {
    "max_epochs": "the clock is the round: use budget.rounds",
    "min_epochs": "the clock is the round: use budget.rounds",
    "max_steps": "it would count every optimizer step: use budget.rounds",
    "min_steps": "it would count every optimizer step: use budget.rounds",
    "max_time": "a run is as long as budget.rounds says",
    "limit_train_batches": "the clock is the round: use budget.report_every",
    "limit_val_batches": "measures look at held-out data at every report: use budget.report_every",
    "limit_test_batches": "measures look at all test data at the end",
    "limit_predict_batches": "use `pushforward sample`",
    "overfit_batches": "use a target with few rows",
    "val_check_interval": "use budget.report_every",
    "check_val_every_n_epoch": "use budget.report_every",
    "num_sanity_val_steps": "use `pushforward run --smoke`",
    "log_every_n_steps": "use budget.report_every",
    "accumulate_grad_batches": "Lightning refuses it for games: use budget.accumulate",
    "gradient_clip_val": "Lightning refuses it for games: use model.clip",
    "gradient_clip_algorithm": "Lightning refuses it for games: use model.clip",
    "logger": "use track",
    "callbacks": "use measure, watch and track, or a plugin's hooks",
    "enable_checkpointing": "a run always keeps its last round, and its best by budget.best",
    "enable_progress_bar": "use `pushforward run --quiet`",
    "enable_model_summary": "use `pushforward explain`",
    "default_root_dir": "use `pushforward run --out`",
    "use_distributed_sampler": "processes always take slices of one draw",
    "reload_dataloaders_every_n_epochs": "data are a function of the round",
    "fast_dev_run": "use `pushforward run --smoke`",
    "barebones": "a run without its numbers says nothing",
    "model_registry": "use track",
    "enable_autolog_hparams": "the resolved recipe is kept with every run",
}

STRATEGIES = ("auto", "ddp")
_STRATEGY = (
    "expected auto or ddp: forked and spawned processes cannot take a game along, and a sharded game has no joint field"
)
PRECISIONS = ("32", "32-true", "bf16", "bf16-mixed")
_PRECISION = f"expected one of {', '.join(PRECISIONS)}"
_HALF = "fp16 scales losses, and one scale cannot serve several optimizers: use bf16-mixed"


def check_trainer(node: Node) -> tuple[dict[str, Any], list[Problem]]:
    """The arguments for Lightning's Trainer, and what is wrong with them."""
    if not node.is_mapping:
        return {}, [Problem("expected a mapping of Trainer arguments", "trainer", node.place)]
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in node.value.items():
        path, place = f"trainer.{key}", node.keys.get(key, value.place)
        if key in REFUSED:
            problems.append(Problem(REFUSED[key], path, place))
        elif key not in ALLOWED:
            problems.append(Problem(f"unknown argument{did_you_mean(key, [*ALLOWED, *REFUSED])}", path, place))
        elif key == "precision" and str(value.plain()).startswith(("16", "fp16", "half")):
            problems.append(Problem(_HALF, path, value.place))
        elif key == "precision" and str(value.plain()) not in PRECISIONS:
            problems.append(Problem(f"{_PRECISION}, got {value.plain()!r}", path, value.place))
        elif key == "strategy" and value.plain() not in STRATEGIES:
            problems.append(Problem(f"{_STRATEGY}; got {value.plain()!r}", path, value.place))
        else:
            shape = read_hint(ALLOWED[key], {})
            plain = value.plain()
            if isinstance(shape, Plain) and shape.accepts(plain):
                values[key] = plain
            else:
                problems.append(Problem(f"expected {in_words(ALLOWED[key])}, got {plain!r}", path, value.place))
    return values, problems
