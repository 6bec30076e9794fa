#!/usr/bin/env python3
"""Makes expected.json from surface.json: what the description of the REST API must say.

surface.json holds the operations of two lines of the API, seed and latest. Both are served: every parameter and field of
either, required only where both require it. Where that is impossible, CHOICES decides. What all operations have in common
(RULES) is added to the statuses.

    python3 tests/spec/expected.py [--check]
"""

import json
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).parent

# ---------------------------------------------------------------------------------------------------------------------
# Where the union of both lines is impossible.

# Success statuses of an operation, where the lines differ or both are meant otherwise.
STATUSES = {
    "POST /invite/verify": ["201"],
    "POST /rooms/{room_id}/streaming_targets": ["201"],
    "PUT /events/{event_id}/shared_folder": ["200", "201"],
    "POST /rooms/{room_id}/invites": ["201"],
    "PATCH /users/me": ["200", "204"],
    # The web client reads the title of the answer.
    "PATCH /events/{event_id}": ["200"],
    "PATCH /events/{event_id}/instances/{instance_id}": ["200", "204"],
    "GET /turn": ["200", "204"],
}

# Answers of which one line makes a list: the other line's one object is served, with the fields of both.
ONE_OBJECT = {
    "GET /rooms/{room_id}/invites/{invite_code}",
}

# Answers without a body, whatever a line says.
EMPTY_ANSWERS = {
    "POST /events/{event_id}/invites",
}

# Types that a line writes down otherwise.
TYPES = {
    # Identifiers, not positions.
    "breakout_room": "string",
    # Seconds.
    "[].ttl": "integer",
    # Names.
    "disabled_features[]": "string",
    "enabled_modules[]": "string",
}

# Fields and parameters that are not in surface.json as they are meant.
PARAMETERS = {
    "GET /users": {"query page": "integer", "query per_page": "integer"},
    # A list: one comma-separated value, or several.
    "GET /events/{event_id}/invites": {"query status": "array"},
}

# Who may call, where the lines differ.
AUTH = {
    "GET /turn": ["BearerAuth", "InviteCode"],
    "POST /invite/verify": [],
    "POST /rooms/{room_id}/start_invited": [],
    "GET /signaling": [],
}

# ---------------------------------------------------------------------------------------------------------------------


def field_name(key):
    return (key[:-1], False) if key.endswith("?") else (key, True)


def scalar(text):
    kind = re.match(r"[a-z]+", text).group()
    if kind == "enum":
        return "string"
    # Numbers are integers everywhere; "object" stands for strings with a format.
    return {"number": "integer", "object": "string"}.get(kind, kind)


def flat(schema):
    """A schema as a map of path to (type, required). The type of what has fields is "object", of lists "array"."""
    if isinstance(schema, str):
        return {"": (scalar(schema), True)}
    if isinstance(schema, list):
        return {"": ("array", True), **below("[]", flat(schema[0]), True)}
    if "nullable" in schema:
        return flat(schema["nullable"])
    if "one_of" in schema:
        return either([flat(one) for one in schema["one_of"]])
    if "all_of" in schema:
        fields = {}
        for part in schema["all_of"]:
            # What may be null as a whole requires none of its fields.
            optional = isinstance(part, dict) and "nullable" in part
            for path, (kind, required) in flat(part).items():
                fields[path] = (kind, required and not (optional and path))
        return fields
    fields = {"": ("object", True)}
    for key, value in schema.items():
        name, required = field_name(key)
        fields.update(below(name, flat(value), required and name != "*"))
    return fields


def below(name, fields, required):
    moved = {}
    for path, (kind, inner) in fields.items():
        if path == "":
            moved[name] = (kind, required)
        else:
            moved[name + ("" if path.startswith("[]") else ".") + path] = (kind, inner)
    return moved


def parent(path):
    if path.endswith("[]"):
        return path[:-2]
    return path.rpartition(".")[0]


def either(alternatives):
    """The union; required is what every alternative requires that has the parent at all. The last one's type counts, and
    what another type has inside does not."""
    kinds = {path: kind for alternative in alternatives for path, (kind, _) in alternative.items()}
    merged = {}
    for alternative in alternatives:
        for path, (_, required) in alternative.items():
            above = parent(path)
            if path and alternative[above][0] != kinds[above]:
                continue
            for other in alternatives:
                if path and above in other and other[above][0] == kinds[above]:
                    required = required and other.get(path, (None, False))[1]
            merged[path] = (kinds[path], required)
    while orphans := [path for path in merged if path and parent(path) not in merged]:
        for path in orphans:
            del merged[path]
    return merged


def written(fields):
    """Without the root, sorted; optional fields end with a question mark."""
    lines = {}
    for path, (kind, required) in sorted(fields.items()):
        if path:
            lines[path if required else path + "?"] = TYPES.get(path, kind)
    return lines


def parameters(operation, lines):
    found = {}
    for name in re.findall(r"{(\w+)}", operation):
        found[f"path {name}"] = ("string", True)
    for line in lines:
        for parameter in line["params"]:
            key = f"{parameter['in']} {parameter['name']}"
            required = all(
                any(p["name"] == parameter["name"] and p.get("required", False) for p in other["params"])
                for other in lines
            )
            found[key] = (scalar(parameter["type"]), required)
    for key, kind in PARAMETERS.get(operation, {}).items():
        found[key] = (kind, False)
    return written(found)


def body(lines):
    bodies = [line["body"] for line in lines if line["body"]]
    if not bodies:
        return None
    if bodies[-1]["content_type"] != "application/json":
        return {"content_type": bodies[-1]["content_type"], "fields": {}}
    fields = either([flat(one["schema"]) for one in bodies])
    return {"content_type": "application/json", "fields": written(fields)}


def rules(operation, auth, has_body, has_parameters):
    """Refusals that operations have by what they are, in both lines or not."""
    statuses = {"500", "503"}
    if auth:
        statuses |= {"401", "403"}
    # Changes are braked per user; entering rooms and what services do is not.
    is_change = operation.split()[0] in ("POST", "PUT", "PATCH", "DELETE")
    if auth and is_change and "/start" not in operation and "/services/" not in operation:
        statuses.add("429")
    if "{" in operation:
        statuses |= {"400", "404"}
    if has_parameters:
        statuses.add("400")
    if has_body == "application/json":
        statuses |= {"400", "413", "415"}
        # Clients try a start again for ever after a 422.
        if "/start" not in operation:
            statuses.add("422")
    elif has_body:
        statuses.add("413")
    return statuses


def responses(operation, lines, refusals):
    statuses = {status for line in lines for status in line["responses"] if status[0] in "123"}
    statuses = STATUSES.get(operation, sorted(statuses))
    bodies = [
        answer["body"]
        for line in lines
        for status, answer in line["responses"].items()
        if status[0] == "2" and "body" in answer
    ]
    if operation in ONE_OBJECT:
        bodies = [one[0] if isinstance(one, list) else one for one in bodies]
    if operation in EMPTY_ANSWERS:
        bodies = []
    fields = written(either([flat(one) for one in bodies])) if bodies else {}
    listed = {status for line in lines for status in line["responses"] if status[0] in "45"}
    found = {status: {} for status in sorted(listed | refusals)}
    for status in statuses:
        found[status] = {} if status in ("101", "204") else fields
    return dict(sorted(found.items()))


def expected(entry):
    operation = f"{entry['method']} {entry['path']}"
    lines = [entry[line] for line in ("seed", "latest") if entry[line]]
    auth = AUTH.get(operation, sorted({scheme for line in lines for scheme in line["auth"]}))
    asked = parameters(operation, lines)
    sent = body(lines)
    refusals = rules(operation, auth, sent and sent["content_type"], asked)
    return {
        "auth": auth,
        "parameters": asked,
        "body": sent,
        "responses": responses(operation, lines, refusals),
    }


def main():
    surface = json.loads((FOLDER / "surface.json").read_text())
    operations = {}
    for entry in surface:
        prefix = "" if entry["path"] == "/signaling" else "/v1"
        operations[f"{entry['method']} {prefix}{entry['path']}"] = expected(entry)
    text = json.dumps(dict(sorted(operations.items())), indent=1, ensure_ascii=False) + "\n"
    file = FOLDER / "expected.json"
    if "--check" in sys.argv:
        sys.exit(None if file.read_text() == text else "expected.json is not what expected.py makes of surface.json")
    file.write_text(text)


main()
