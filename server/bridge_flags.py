"""The bridge's options on the command line, made of its own declaration: `run` and `bridge` take the same.

Knows no option by its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from clients.bridge_options import BridgeOptions

CHOICES: Final = "choices"  # the parameter of a command in whose place they stand

Choices = Mapping[str, Any]  # by field of BridgeOptions, as typer hands them over


def takes_bridge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Every option of the bridge in place of the parameter `choices`, which gets those that were chosen."""

    @wraps(command)
    def run(**given: Any) -> None:
        said = {name: given.pop(name) for name in FLAGS}
        command(choices={name: value for name, value in said.items() if value != FLAGS[name].default}, **given)

    parameters: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        parameters += FLAGS.values() if parameter.name == CHOICES else [parameter]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # which typer reads
    return run


def bridge_options(choices: Choices, **more: Any) -> BridgeOptions:
    """Raises BadSetting."""
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in choices.items()
    }
    return BridgeOptions(**(chosen | more))


def bridge_arguments(choices: Choices) -> list[str]:
    """For a bridge in a process of its own."""
    arguments: list[str] = []
    for name, value in choices.items():
        flag = _flag(FLAGS[name])
        if value is True:
            arguments.append(flag)
        elif isinstance(value, tuple):  # that was one text
            arguments.append(f"{flag}={','.join(map(str, value))}")
        else:
            arguments += [f"{flag}={each}" for each in (value if isinstance(value, list) else [value])]
    return arguments


def _flags() -> dict[str, Parameter]:
    hints = get_type_hints(BridgeOptions, include_extras=True)
    found = {}
    for field in fields(BridgeOptions):
        if get_origin(hints[field.name]) is Annotated:
            kind, option = get_args(hints[field.name])
            annotation, default = Annotated[kind, option], field.default
            if get_origin(kind) is tuple:  # typer knows those of one length alone
                one = str if option.parser else list[get_args(kind)[0]]  # type: ignore[misc]
                annotation, default = Annotated[one | None, option], None
            found[field.name] = Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    return found


def _flag(parameter: Parameter) -> str:
    option: OptionInfo = get_args(parameter.annotation)[1]
    named = isinstance(option.default, str)  # where typer keeps the first name until it reads it
    return str(option.default) if named else f"--{parameter.name.replace('_', '-')}"


FLAGS: Final = _flags()
