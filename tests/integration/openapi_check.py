"""Checks web/openapi.json, and the answers of a running daemon against it.

openapi_check.py document DOCUMENT         the document itself
openapi_check.py answers DOCUMENT URL      standard input: METHOD TARGET [STATUS [BODY]] a line; each is sent, its status and type
                                           must stand in the document, and its JSON must match the schema there
openapi_check.py event DOCUMENT            standard input: a stream of events
Says what is wrong and fails; else prints how many were looked at."""
import json
import re
import sys
import urllib.error
import urllib.request

import jsonschema

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
STRING = {"type": "string"}
# As much of OpenAPI 3.1 as the document uses: whatever else it may hold is a mistake.
META = {
    "type": "object", "required": ["openapi", "info", "paths", "components"], "additionalProperties": False,
    "properties": {
        "openapi": {"const": "3.1.0"},
        "info": {"type": "object", "required": ["title", "version"], "additionalProperties": False, "properties": {
            "title": STRING, "version": STRING, "summary": STRING, "description": STRING,
            "license": {"type": "object", "required": ["name"], "additionalProperties": False,
                        "properties": {"name": STRING, "identifier": STRING}}}},
        "servers": {"type": "array", "items": {"type": "object", "required": ["url"]}},
        "tags": {"type": "array", "items": {"type": "object", "required": ["name"], "additionalProperties": False,
                                            "properties": {"name": STRING, "description": STRING}}},
        "paths": {"type": "object", "propertyNames": {"pattern": "^/"}, "additionalProperties": {
            "type": "object", "minProperties": 1, "propertyNames": {"enum": sorted(METHODS)},
            "additionalProperties": {"$ref": "#/$defs/operation"}}},
        "components": {"type": "object", "additionalProperties": False, "properties": {
            "schemas": {"type": "object", "additionalProperties": {"type": "object"}},
            "parameters": {"type": "object", "additionalProperties": {"$ref": "#/$defs/parameter"}},
            "responses": {"type": "object", "additionalProperties": {"$ref": "#/$defs/response"}}}}},
    "$defs": {
        "operation": {"type": "object", "required": ["operationId", "tags", "summary", "responses"],
                      "additionalProperties": False, "properties": {
            "operationId": STRING, "tags": {"type": "array", "items": STRING, "minItems": 1}, "summary": STRING,
            "description": STRING, "parameters": {"type": "array", "items": {"anyOf": [
                {"$ref": "#/$defs/reference"}, {"$ref": "#/$defs/parameter"}]}},
            "requestBody": {"type": "object", "required": ["content"], "additionalProperties": False, "properties": {
                "content": {"$ref": "#/$defs/content"}, "required": {"type": "boolean"}, "description": STRING}},
            "responses": {"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^[1-5][0-9][0-9]$"},
                          "additionalProperties": {"anyOf": [{"$ref": "#/$defs/reference"},
                                                             {"$ref": "#/$defs/response"}]}}}},
        "reference": {"type": "object", "required": ["$ref"], "additionalProperties": False,
                      "properties": {"$ref": STRING}},
        "parameter": {"type": "object", "required": ["name", "in", "description", "schema"],
                      "additionalProperties": False, "properties": {
            "name": STRING, "in": {"enum": ["query", "path"]}, "description": STRING, "required": {"type": "boolean"},
            "schema": {"type": "object"}, "style": {"const": "form"}, "explode": {"type": "boolean"}},
            "if": {"properties": {"in": {"const": "path"}}},
            "then": {"required": ["required"], "properties": {"required": {"const": True}}}},
        "content": {"type": "object", "minProperties": 1, "additionalProperties": {
            "type": "object", "required": ["schema"], "additionalProperties": False,
            "properties": {"schema": {"type": "object"}}}},
        "response": {"type": "object", "required": ["description"], "additionalProperties": False, "properties": {
            "description": STRING, "content": {"$ref": "#/$defs/content"}, "headers": {
                "type": "object", "additionalProperties": {"type": "object", "required": ["schema"]}}}}}}

problems = []


def complain(where, what):
    problems.append(f"{where}: {what}")


def follow(document, ref):
    if not ref.startswith("#/"):
        return None
    at = document
    for part in ref[2:].split("/"):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def resolve(document, value):
    return follow(document, value["$ref"]) if "$ref" in value else value


def walk(value, where="#"):
    yield where, value
    if isinstance(value, dict):
        for k, v in value.items():
            yield from walk(v, f"{where}/{k}")
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from walk(v, f"{where}/{i}")


def validator(document, schema):
    # the references point into the whole document
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def schemas_of(document):
    for name, schema in document["components"]["schemas"].items():
        yield f"schema {name}", schema
    for where, value in walk(document["paths"]):
        if isinstance(value, dict) and "schema" in value:
            yield where, value["schema"]


def check_strict(where, schema):
    """No object may let in members that it does not name, but maps and forms."""
    for at, s in walk(schema, where):
        if not isinstance(s, dict) or s.get("type") != "object" or at.endswith("/properties"):
            continue
        if "properties" in s:
            missing = set(s.get("required", [])) - set(s["properties"])
            if missing:
                complain(at, f"requires {missing} without saying what they are")
            if s.get("additionalProperties") is not False and "x-www-form" not in at:
                complain(at, "lets in members that it does not name")


def check_operation(document, path, method, op):
    where = f"{method} {path}"
    names = [(p["name"], p["in"]) for p in (resolve(document, p) for p in op.get("parameters", []))]
    if len(set(names)) != len(names):
        complain(where, "names a parameter twice")
    in_path = {n for n, i in names if i == "path"}
    if in_path != set(re.findall(r"{(\w+)}", path)):
        complain(where, f"declares {in_path} of its path")


def check_document(document):
    for e in jsonschema.Draft202012Validator(META).iter_errors(document):
        complain("/".join(map(str, e.absolute_path)) or "document", e.message[:300])
    for where, value in walk(document):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str) and follow(document, value["$ref"]) is None:
            complain(where, f"{value['$ref']} leads nowhere")
    ids = [op["operationId"] for ops in document["paths"].values() for op in ops.values()]
    for i in {i for i in ids if ids.count(i) > 1}:
        complain("operationId", f"{i} is there more than once")
    used = {v["$ref"] for _, v in walk(document) if isinstance(v, dict) and isinstance(v.get("$ref"), str)}
    for kind, parts in document["components"].items():
        for name in parts:
            if f"#/components/{kind}/{name}" not in used and name != "Event":
                complain(name, "is used nowhere")
    for where, schema in schemas_of(document):
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            complain(where, e.message)
        check_strict(where, schema)
    for path, ops in document["paths"].items():
        for method, op in ops.items():
            check_operation(document, path, method, op)
    return len(ids)


def find_path(document, path):
    if path in document["paths"]:
        return path
    for p in document["paths"]:
        if "{" in p and re.fullmatch(re.sub(r"{\w+}", "[^/]+", p), path):
            return p
    return None


def send(url, method, target, body):
    request = urllib.request.Request(url + target, method=method, data=body.encode() if body else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as r:
            return r.status, r.headers.get_content_type() if r.headers.get("Content-Type") else None, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers.get_content_type(), e.read()


def check_answer(document, url, line):
    words = line.split(" ", 3)
    method, target, wanted, body = (words + [None] * 4)[:4]
    path = find_path(document, target.split("?")[0])
    where = f"{method} {target}"
    if path is None or method.lower() not in document["paths"][path]:
        return complain(where, "is not in the document")
    status, kind, text = send(url, method, target, body)
    if wanted and int(wanted) != status:
        complain(where, f"answered {status}, not {wanted}: {text[:200]!r}")
    responses = document["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        return complain(where, f"answers {status}, which the document does not name")
    content = resolve(document, responses[str(status)]).get("content", {})
    if not text and not content:
        return None
    if kind not in content:
        return complain(where, f"answers {status} as {kind}, which the document does not name")
    if kind != "application/json":
        return None
    for e in validator(document, content[kind]["schema"]).iter_errors(json.loads(text)):
        best = jsonschema.exceptions.best_match([e])
        complain(where, f"{'/'.join(map(str, best.absolute_path))}: {best.message[:300]}")
    return None


def main():
    mode = sys.argv[1]
    with open(sys.argv[2], encoding="utf-8") as f:
        document = json.load(f)
    if mode == "document":
        n = check_document(document)
    elif mode == "event":
        lines = [json.loads(line[6:]) for line in sys.stdin if line.startswith("data: ")]
        n = len(lines)
        for data in lines:
            for e in validator(document, {"$ref": "#/components/schemas/Event"}).iter_errors(data):
                complain("event", e.message[:300])
        if not lines:
            complain("event", "there was none")
    else:
        lines = [line.rstrip("\n") for line in sys.stdin if line.strip()]
        n = len(lines)
        for line in lines:
            check_answer(document, sys.argv[3], line)
    for p in problems:
        print(f"# {p}", file=sys.stderr)
    print(f"{n} looked at, {len(problems)} wrong")
    return 1 if problems or n == 0 else 0


sys.exit(main())
