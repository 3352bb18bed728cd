"""Random requests generated from ``infra/openapi.yaml``: answers conform to it, without 5xx."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from openapi_document import DOCUMENT, OPERATIONS, check_answer, resolve

WEIGHTS = {"POST": 4, "PATCH": 3, "GET": 1, "DELETE": 1}
AGENT_KEY = "the-key-of-the-agent"
METRIC = {"name": "loss", "goal": "minimize", "target": -5}
SPACE = {"a": {"values": [1, 2, None]}, "b": {"value": {"c": [True]}}}
CONFIGS = [
    {"method": "grid", "metric": METRIC, "parameters": SPACE, "retry_failed": 1},
    {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}, "run_cap": 3},
    {
        "method": "random",
        "metric": METRIC,
        "early_terminate": {"type": "hyperband", "min_iter": 1},
        "parameters": SPACE,
        "start": [{"a": 2}],
    },
]
YAML = "method: grid\nparameters: {a: {values: [.nan, .inf, 1e-3, yes]}}\n"

texts = st.text(max_size=20) | st.sampled_from(["\ud800", "\x00", "WzFd", "9" * 15])
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
metric_values = st.floats() | st.integers() | st.booleans() | st.sampled_from(["NaN", "-Infinity"])
metrics = st.dictionaries(st.sampled_from(["loss", "", "é\x00"]), metric_values, max_size=2)

#: What a name calls for where its schema alone would never hit anything.
BY_NAME = {
    "config": st.sampled_from([*CONFIGS, {}]),
    "yaml": st.sampled_from([YAML, YAML, "\t"]),
    "attempt": st.sampled_from([1, 1, 1, 2]),
    "offset": st.integers(0, 3),
    "at": st.floats(0, 2e9) | st.sampled_from(["NaN", float("inf"), None]),
    "metrics": metrics,
    "summary": metrics,
    "prior_runs": st.lists(st.sampled_from(["nosuchid-0", "x"]), max_size=1),
}


def values_of(schema):
    """Values that follow a schema, as far as the document's schemas go."""
    schema = resolve(schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema and "type" not in schema:
        return st.one_of([values_of(form) for form in schema["oneOf"]])
    kinds = schema.get("type", "object")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of([_values_of_kind(schema, kind) for kind in kinds])


def _values_of_kind(schema, kind):
    least = schema.get("minimum", -(2**60))
    return {
        "null": st.none,
        "boolean": st.booleans,
        "integer": lambda: st.integers(least, least + 5) | st.integers(least, 2**60),
        "number": lambda: st.floats(allow_nan=False, allow_infinity=False),
        "string": lambda: _strings(schema),
        "array": lambda: st.lists(values_of(schema["items"]), max_size=3),
        "object": lambda: _objects(schema),
    }[kind]()


def _strings(schema):
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=20)


def _objects(schema):
    fields = {
        name: BY_NAME[name] if name in BY_NAME else values_of(field)
        for name, field in schema.get("properties", {}).items()
    }
    required = set(schema.get("required", ()))
    objects = st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    ).map(lambda found: _one_of_its_forms(schema, found))
    return rarely(objects.flatmap(_spoilt), objects)


def rarely(rare, usual):
    """One in eight of the first, else of the second."""
    return st.integers(0, 7).flatmap(lambda number: rare if number == 7 else usual)


def _spoilt(found):
    """Objects with one value, or one name, that should not be there."""
    names = st.sampled_from([*found, "surprise"])
    return st.tuples(names, junk).map(lambda item: {**found, item[0]: item[1]})


def _one_of_its_forms(schema, found):
    """An object with one of the keys of which just one is allowed."""
    forms = [form["required"][0] for form in schema.get("oneOf", ())]
    if schema.get("maxProperties") == 1:
        forms = list(found)
    surplus = [form for form in forms if form in found][1:]
    return {name: value for name, value in found.items() if name not in surplus}


def _requests(method, route):
    """Requests to one operation: method, route, places in its path, query, key and body."""
    operation = OPERATIONS[method, route]
    shared = DOCUMENT["paths"][route].get("parameters", ())
    parameters = [resolve(each) for each in (*shared, *operation.get("parameters", ()))]
    query = {
        each["name"]: rarely(texts, values_of(each["schema"]))
        for each in parameters
        if each["in"] == "query"
    }
    body = st.none()
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = rarely(junk | st.binary(max_size=9), values_of(schema))
    return st.tuples(
        st.just(method),
        st.just(route),
        st.fixed_dictionaries({"sweep": sweeps, "index": st.sampled_from([0] * 6 + [1, 10**14])}),
        st.fixed_dictionaries({}, optional=query),
        rarely(texts, st.sampled_from([AGENT_KEY, "another-key"])),
        body,
    )


sweeps = rarely(st.sampled_from(["nosuchid", "~"]), st.just("{sweep}"))
requests = st.one_of(
    [
        _requests(*operation)
        for operation in sorted(OPERATIONS)
        for _ in range(WEIGHTS[operation[0]])
    ]
)


READS = [
    (method, route, {"sweep": "{sweep}", "index": 0}, {}, None, None)
    for method, route in sorted(OPERATIONS)
    if method == "GET"
]


def test_every_answer_follows_the_document(backend):
    """Each example has a sweep of its own; what was taken must be readable in the end."""

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.lists(requests, min_size=1, max_size=12), st.sampled_from(CONFIGS))
    def send(found, config):
        sweep = backend.create(config)
        backend.ask(sweep, key=AGENT_KEY)
        for method, route, places, query, key, body in found + READS:
            place = places["sweep"].format(sweep=sweep)
            run = f"{place}-{places['index']}"
            path = route.format(sweep=place, run=run, token=run, entity="e", project="p")
            answer = backend.call(method, path, body, query, key)
            assert answer.status < 500, answer.body
            check_answer(OPERATIONS[method, route], answer)
            backend.clock.advance(100)

    send()
