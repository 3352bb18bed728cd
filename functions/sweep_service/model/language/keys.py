"""The top-level keys of a sweep config."""

from __future__ import annotations

from sweep_service.model.language.fields import Field

METHODS = ("grid", "random", "bayes")
#: What becomes of what a sweep's programs log with wandb: it goes to the sweep alone, to the user's
#: own W&B as well, or not to the sweep.
WANDB_MODES = ("capture", "mirror", "off")
_MOST_RUNS = 10**15 - 1

_TEXT_FIELDS = (
    Field("name", "text", "Name of the sweep."),
    Field("description", "text", "What the sweep is for."),
    Field("project", "text", "Project that the sweep belongs to."),
    Field("entity", "text", "Team or user; stored without effect."),
    Field("program", "text", "Training program that agents run."),
)
_RUN_CAP = Field(
    "run_cap",
    "integer",
    "Maximum number of runs over all agents.",
    above=0,
    at_most=_MOST_RUNS,
)
_OWN_FIELDS = (
    Field("retry_failed", "integer", "Maximum number of retries of a failed run.", at_least=0),
    Field(
        "seed",
        "integer",
        "The same file and seed give the same sequence of configs.",
        at_least=-(2**63),
        at_most=2**63 - 1,
    ),
    Field(
        "lease_seconds",
        "integer",
        "Seconds for which a run is reserved for an agent that sends nothing.",
        at_least=1,
    ),
    Field(
        "replacement",
        "boolean",
        "Whether random and bayes may repeat points of a finite space; if so, only run_cap ends the"
        " sweep.",
    ),
    Field("run_timeout", "number", "Seconds after which a run is stopped.", above=0),
    Field(
        "wandb",
        "mode",
        "Whether what programs log with wandb goes to the sweep (capture, the default), to the"
        " user's own W&B as well (mirror), or not to the sweep (off).",
        choices=WANDB_MODES,
    ),
)
SCALAR_FIELDS = (*_TEXT_FIELDS, _RUN_CAP, *_OWN_FIELDS)
#: Keys that W&B does not know; a file written for W&B may use them for anything.
OWN_KEYS = ("start", "metrics_from", "zip", "constraints", *(field.name for field in _OWN_FIELDS))
#: Keys that are stored but have no effect, each with the reason.
KEPT_KEYS = {
    "controller": "sweeps need no controller here",
    "job": "agents run programs, not launch jobs",
    "image_uri": "agents run programs, not images",
    "apiVersion": "there is one version of the language here",
    "kind": "every file is a sweep here",
    "settings": "there are no settings of this kind here",
    "scheduler": "custom schedulers do not run here",
    "metrics": "a sweep has one metric here",
}
SECTIONS = (
    "method",
    "parameters",
    "metric",
    "early_terminate",
    "command",
    "start",
    "metrics_from",
    "zip",
    "constraints",
)
KNOWN_KEYS = {*SECTIONS, *KEPT_KEYS, *(field.name for field in SCALAR_FIELDS)}
