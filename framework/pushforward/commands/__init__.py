"""The verbs, one file each; a file is imported when its verb is asked for, or when all of them are listed."""

VERBS = (
    "recipes",
    "show",
    "copy",
    "check",
    "explain",
    "run",
    "sweep",
    "sample",
    "evaluate",
    "diagnose",
    "report",
    "compare",
    "components",
    "describe",
    "plugins",
    "new",
    "doctor",
)
