"""The JSON Schema of sweep files, for editors: made from the tables that parsing uses.

It is lenient where parsing only warns and real files rely on it: unknown top-level keys, and an
``early_terminate`` that cannot be used. Numbers may be text, because editors and YAML 1.1
read ``1e-4`` so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.distribution_specs import DISTRIBUTIONS, DistributionSpec
from sweep_service.model.language.fields import NUMBER_TEXT
from sweep_service.model.language.followed import KINDS
from sweep_service.model.language.keys import KEPT_KEYS, METHODS, SCALAR_FIELDS
from sweep_service.model.language.printed import LONGEST_PATTERN, STREAMS
from sweep_service.model.language.sections import HYPERBAND_FIELDS, METRIC_FIELDS
from sweep_service.model.space.expressions import LONGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.language.fields import Field

Schema = dict[str, Any]

_CONDITION: Schema = {"when": {"$ref": "#/$defs/when"}}


def sweep_schema() -> Schema:
    """The schema, JSON Schema 2020-12."""
    pattern = rf"^\s*{NUMBER_TEXT.pattern}\s*$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sweep",
        "description": "A hyperparameter sweep: what is searched, how, and what is run.",
        "type": "object",
        "required": ["method", "parameters"],
        "properties": {
            "method": {"description": "How configs are chosen.", "enum": list(METHODS)},
            "parameters": {"$ref": "#/$defs/parameters"},
            "metric": {"anyOf": [{"$ref": "#/$defs/metric"}, {"type": ["string", "null"]}]},
            "early_terminate": _early_terminate(),
            "command": _command(),
            "start": _start(),
            "metrics_from": _metrics_from(),
            "zip": _zip(),
            "constraints": _constraints(),
            **{field.name: _or_null(_value(field)) for field in SCALAR_FIELDS},
            **{key: {"description": f"Kept; {why}."} for key, why in KEPT_KEYS.items()},
        },
        "$defs": {
            "number": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": pattern}]},
            "metric": _section("What the sweep improves.", METRIC_FIELDS),
            "parameters": {
                "description": "The parameters by name; they may nest.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"$ref": "#/$defs/parameter"},
            },
            "when": {
                "description": "What other parameters must be for this one to be active.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "description": "A value, a list of values, or a range with min and max."
                },
            },
            "parameter": {"anyOf": [_nested(), *map(_distribution, DISTRIBUTIONS.values())]},
        },
    }


def schema_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(sweep_schema(), indent=2) + "\n"


def _distribution(spec: DistributionSpec) -> Schema:
    required = [field.name for field in spec.fields if field.is_required]
    names: Schema = {"const": spec.name}
    if spec.name == "categorical_w_probabilities":
        names = {"enum": [spec.name, "categorical"]}
    if not spec.is_inferred:
        required.insert(0, "distribution")
    schema: Schema = {
        "title": spec.name,
        "description": spec.description,
        "type": "object",
        "required": required,
        "properties": {
            "distribution": names,
            **{field.name: _value(field) for field in spec.fields},
            **_CONDITION,
            "otherwise": {"description": "The value where the conditions are not met."},
        },
        "additionalProperties": False,
    }
    return {**schema, "deprecated": True} if spec.instead else schema


def _nested() -> Schema:
    return {
        "title": "nested",
        "description": "Parameters within a parameter; the run config nests the same way.",
        "type": "object",
        "required": ["parameters"],
        "properties": {"parameters": {"$ref": "#/$defs/parameters"}, **_CONDITION},
        "additionalProperties": False,
    }


def _section(description: str, fields: Sequence[Field]) -> Schema:
    return {
        "description": description,
        "type": "object",
        "required": [field.name for field in fields if field.is_required],
        "properties": {field.name: _value(field) for field in fields},
    }


def _value(field: Field) -> Schema:
    schema: Schema = {"description": field.description}
    if field.default is not None:
        schema["default"] = field.default
    if field.choices:
        return {**schema, "enum": _choices(field)}
    if field.kind in ("number", "integer"):
        return {**schema, "$ref": "#/$defs/number", **_bounds(field)}
    return {**schema, **_TYPES[field.kind]}


_TYPES: dict[str, Schema] = {
    "text": {"type": ["string", "number", "boolean"]},
    "boolean": {"type": ["boolean", "string"]},
    "any": {},
    "list": {"type": "array", "minItems": 1},
    "numbers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/number"}},
}


def _choices(field: Field) -> list[Any]:
    # YAML reads an unquoted false or off as a boolean
    has_boolean = not {"false", "off"}.isdisjoint(field.choices)
    return [*field.choices, False] if has_boolean else list(field.choices)


def _bounds(field: Field) -> Schema:
    bounds: Schema = {"multipleOf": 1} if field.kind == "integer" else {}
    if field.above is not None:
        bounds["exclusiveMinimum"] = field.above
    if field.at_least is not None:
        bounds["minimum"] = field.at_least
    if field.at_most is not None:
        bounds["maximum"] = field.at_most
    return bounds


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}


def _early_terminate() -> Schema:
    fields = {field.name: {"description": field.description} for field in HYPERBAND_FIELDS}
    return {
        "description": "When weak runs are stopped: type hyperband, with min_iter or max_iter.",
        "type": ["object", "string", "null"],
        "properties": {**fields, "s": {**fields["s"], "type": "integer"}},
    }


def _command() -> Schema:
    return {
        "description": "How the program is started; macros such as ${program} are expanded.",
        "type": ["array", "string", "null"],
    }


def _start() -> Schema:
    return {
        "description": "Configs that are run first.",
        "type": ["array", "null"],
        "items": {"type": "object"},
    }


def _metrics_from() -> Schema:
    pattern = {"type": "string", "maxLength": LONGEST_PATTERN}
    patterns = {
        "description": "A regular expression for each metric; its last group is the value.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": pattern,
    }
    path = {"description": "Where it writes them.", "type": "string", "minLength": 1}
    return {
        "description": "Metrics that the program prints or writes for another tracker; the name"
        " step gives the rows' step.",
        "type": ["object", "null"],
        "minProperties": 1,
        "properties": dict.fromkeys(STREAMS, patterns) | dict.fromkeys(KINDS, path),
        "additionalProperties": False,
    }


def _zip() -> Schema:
    names: Schema = {"type": "array", "minItems": 2, "items": {"type": "string"}}
    return {
        "description": "Lists of parameters whose listed values walk together.",
        "type": ["array", "null"],
        "items": {"anyOf": [names, {"type": "string"}]},
    }


def _constraints() -> Schema:
    return {
        "description": "Expressions that are true of every config, such as min_lr < max_lr.",
        "type": ["array", "string", "null"],
        "items": {"type": "string", "maxLength": LONGEST},
    }
