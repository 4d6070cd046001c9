"""Running small pure Python functions on plain data, by walking their syntax tree: nothing is compiled or executed.

Only what is listed here exists for the program: plain data, their listed methods, listed builtins, and parts of a few
modules. There are no files, no imports of real modules, no attributes beyond the lists, and every step and every size
is counted against a budget.
"""

from reward_service.answers.pure_python.budget import Budget, Exhausted, Unsupported
from reward_service.answers.pure_python.interpreter import Program, ProgramRaised
from reward_service.answers.pure_python.syntax import NotPlain, TooMuch, plain_value, same_value

__all__ = [
    "Budget",
    "Exhausted",
    "NotPlain",
    "Program",
    "ProgramRaised",
    "TooMuch",
    "Unsupported",
    "plain_value",
    "same_value",
]
