"""Whether a naming template is safe and makes unique names.

A template is Jinja, but only text, variables, ``~`` and a few filters that cannot make a name longer. So it always ends,
reaches nothing outside, and the planner can render it without a limit on time or memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.models.policy import Naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import nodes

VARIABLES = ("profile", "period", "slot", "target", "scope", "backend", "project")
REQUIRED = ("profile", "period", "slot")
FILTERS = ("lower", "upper", "trim", "replace")
DEFAULT_TEMPLATE: str = Naming.model_fields["template"].default
_FILTER_ARGUMENTS = ("args", "kwargs", "dyn_args", "dyn_kwargs")
_ALLOWED = ("Template", "Output", "TemplateData", "Name", "Filter", "Concat", "Const")


def template_problem(template: str) -> str | None:
    """Return a sentence that says why ``template`` is refused, ``None`` where it is fine."""
    if template == DEFAULT_TEMPLATE:
        return None
    tree = _parse(template)
    if isinstance(tree, str):
        return tree
    problems = (_problem(node) for node in _walk(tree))
    return next((problem for problem in problems if problem is not None), None)


def missing_variables(template: str) -> list[str]:
    """Return the variables without which names are not unique and that ``template`` does not use."""
    if template == DEFAULT_TEMPLATE:
        return []
    tree = _parse(template)
    used = {node.name for node in _walk(tree) if type(node).__name__ == "Name"} if not isinstance(tree, str) else set()
    return [variable for variable in REQUIRED if variable not in used]


def _parse(template: str) -> Any:
    """Return the syntax tree, or a sentence that says why there is none."""
    from jinja2 import Environment, TemplateError

    try:
        return Environment(autoescape=False).parse(template)
    except TemplateError as error:
        return f"the template is not valid: {error}"
    except RecursionError:
        return "the template is nested too deeply"


def _walk(node: nodes.Node) -> list[Any]:
    """Return ``node`` and all below it but the arguments of filters; no recursion, as a template may be nested deeply."""
    found: list[Any] = []
    pending = [node]
    while pending:
        current = pending.pop()
        found.append(current)
        pending.extend(current.iter_child_nodes(exclude=_FILTER_ARGUMENTS))
    return found


def _problem(node: Any) -> str | None:
    kind = type(node).__name__
    if kind not in _ALLOWED:
        return f"the template may hold text, variables and filters only, no {kind.lower()}"
    check = _CHECKS.get(kind)
    return check(node) if check is not None else None


def _text_problem(node: Any) -> str | None:
    text = node.data if type(node).__name__ == "TemplateData" else node.value
    if not isinstance(text, str):
        return "the template may hold text, variables and filters only, no numbers"
    if _separates(text):
        return "a snapshot's name cannot hold path separators or '..'"
    if not text.isprintable():
        return "a snapshot's name cannot hold control characters"
    return None


def _separates(text: str) -> bool:
    return "/" in text or "\\" in text or ".." in text


def _name_problem(node: Any) -> str | None:
    if node.name in VARIABLES:
        return None
    return f'the template does not know "{node.name[:40]}"; variables are {", ".join(VARIABLES)}'


def _filter_problem(node: Any) -> str | None:
    if node.name not in FILTERS:
        return f'the template does not know the filter "{node.name[:40]}"; filters are {", ".join(FILTERS)}'
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        return f"the filter {node.name} takes plain texts here"
    if node.name != "replace":
        return f"the filter {node.name} takes nothing" if node.args else None
    texts = [argument.value for argument in node.args if type(argument).__name__ == "Const"]
    if len(texts) != 2 or len(node.args) != 2 or not all(isinstance(text, str) for text in texts):
        return "the filter replace takes two texts"
    # Otherwise a short chain of replacements could make a name of any length.
    if not texts[0] or len(texts[1]) > len(texts[0]):
        return "the filter replace cannot make a name longer"
    if _separates(texts[1]):
        return "a snapshot's name cannot hold path separators or '..'"
    return None


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "TemplateData": _text_problem,
    "Const": _text_problem,
    "Name": _name_problem,
    "Filter": _filter_problem,
}
