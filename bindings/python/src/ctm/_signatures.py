"""What help() and editors at run time show of functions that hand their options on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def with_options_of(model: Callable[..., Any], *, but: Collection[str] = ()) -> Callable[[_Function], _Function]:
    """Shows the options of `model` in place of `**options`, those that the function has not itself."""

    def show(function: _Function) -> _Function:
        own = inspect.signature(function)
        parameters = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
        taken = {parameter.name for parameter in parameters}.union(but)
        parameters += [
            parameter
            for parameter in inspect.signature(model).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in taken
        ]
        # Without types, which are for type checkers, and fill pages here.
        parameters = [parameter.replace(annotation=parameter.empty) for parameter in parameters]
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return function

    return show
