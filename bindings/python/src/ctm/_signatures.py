"""Functions that hand their options on: what help() and editors at run time show of them, and errors that name them."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def with_options_of(model: Callable[..., Any], *, but: Collection[str] = ()) -> Callable[[_Function], _Function]:
    """Shows the options of `model` in place of `**options`, those that the function has not itself, and refuses others, which
    would be an error of a function that users do not know. Those of `but` are not shown; the function says what it thinks of them."""

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
        shown = [parameter.name for parameter in parameters]
        known = {*shown, *but}

        @functools.wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            for name in options:
                if name not in known:
                    near = difflib.get_close_matches(name, shown, 1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {name!r}{hint}")
            return function(*arguments, **options)

        checked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return show
