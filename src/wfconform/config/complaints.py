"""Turns a pydantic ValidationError into a ConfigError: where it is, what is wrong, what to do."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from wfconform.errors import ConfigError

_SECRETIVE = ("api_key", "apikey", "api-key", "authorization", "key", "mongo_url", "password", "secret", "token")
_WORDING = {
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "missing": "is missing",
    "too_short": "must not be empty",
    "string_type": "must be a string in quotes",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
}


def config_error(error: ValidationError, model: type[BaseModel], *, source: str) -> ConfigError:
    """Return one ConfigError that lists everything a file got wrong, a line each."""
    found = [_complaint(item, model) for item in error.errors(include_url=False, include_input=False)]
    lines = [f"{source}: {where}: {what}" for where, what, _ in found]
    return ConfigError("\n".join(dict.fromkeys(lines)), hint=next((hint for *_, hint in found if hint), ""))


def reason_of(item: Any) -> str:
    """Return what is wrong with a value, as the rest of a sentence."""
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    said: str = item["msg"]
    return _WORDING.get(item["type"], said.replace("Input should be", "must be"))


def _complaint(item: Any, model: type[BaseModel]) -> tuple[str, str, str]:
    path = tuple(str(part) for part in item["loc"] if part != "[key]")
    where = ".".join(path) or "the file"
    if item["type"] != "extra_forbidden":
        return where, reason_of(item), ""
    *table, key = path
    if key.lower().removeprefix("second_") in _SECRETIVE:
        return where, "a secret is never written in the target file", _name_it(key)
    near = _nearest(key, tuple(table), model)
    return where, "unknown key" + (f"; did you mean {near}?" if near else ""), "" if near else _allowed(table, model)


def _name_it(key: str) -> str:
    named = "mongo_url_env" if key == "mongo_url" else f"{'second_' * key.startswith('second_')}api_key_env"
    return f'put it in an environment variable and name that one: {named} = "ACME_API_KEY"'


def _allowed(table: list[str], model: type[BaseModel]) -> str:
    known = _fields(tuple(table), model)
    return f"known keys here: {', '.join(known)}" if known else ""


def _nearest(key: str, table: tuple[str, ...], model: type[BaseModel]) -> str:
    near = get_close_matches(key.lower(), _fields(table, model), n=1)
    if near:
        return ".".join((*table, near[0]))
    elsewhere = [path for path in _all_paths(model) if path[-1] == key]
    return ".".join(elsewhere[0]) if elsewhere else ""


def _all_paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*above, name)
        inner = _model_in(field.annotation)
        if inner:
            yield from _all_paths(inner, (*above, name))


def _fields(table: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    for part in table:
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
