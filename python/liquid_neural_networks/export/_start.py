"""What a forecast starts from, in C: what is kept of the past, and how it becomes a start."""

from __future__ import annotations

from . import _text as text
from ._design import Design
from ._pieces import piece
from ._rule import Rule


def state_fields(design: Design, name: str) -> str:
    """Of ``NAME_state``."""
    rule = design.rule
    if rule is None:
        return ""
    known = f"    float latest[{len(rule.watched)}]; /* known values; NaN: none yet */\n"
    return known + (f"    {name}_past past;\n" if design.past_rows else "")


def past_type(design: Design, name: str) -> str:
    """``NAME_past``; nothing where nothing is kept of earlier samples."""
    rule, rows = design.rule, design.past_rows
    if rule is None or not rows:
        return ""
    reach = ""
    if design.keeps_times:
        reach = f",\n * enough where these span {rule.oldest:.7g} units of time"
    times = f"    float elapsed_time[{rows}];\n" if design.keeps_times else ""
    return (
        f"\n/* What forecasts start from: what was known at the last {rows} samples{reach}. */\n"
        f"typedef struct {{\n    float known[{rows}][{rule.kept}];\n{times}"
        f"    int newest, count;\n}} {name}_past;\n"
    )


def initial(design: Design) -> list[str]:
    """Lines that make the state before the first sample."""
    rule = design.rule
    if rule is None:
        return []
    lines = ["for (int w = 0; w < WATCHED; w++) state->latest[w] = not_a_number();"]
    if not design.past_rows:
        return lines
    lines += [
        "state->past.newest = 0;",
        "state->past.count = 0;",
        "for (int row = 0; row < PAST; row++) {",
    ]
    if design.keeps_times:
        lines.append("    state->past.elapsed_time[row] = 0.0f;")
    return [*lines, "    for (int k = 0; k < KEPT; k++) state->past.known[row][k] = 0.0f;", "}"]


def checks(design: Design) -> list[str]:
    """Lines that return 0 for a state that cannot be used."""
    rule = design.rule
    if rule is None or not design.past_rows:
        return []
    lines = [
        f"if (state->past.{each} < 0 || state->past.{each} {over} PAST) return 0;"
        for each, over in (("newest", ">="), ("count", ">"))
    ]
    if design.keeps_times:
        time = "state->past.elapsed_time[row]"
        lines.append("for (int row = 0; row < PAST; row++) {")
        lines += [f"    if (is_missing({time}) || {time} < 0.0f) return 0;", "}"]
    return lines


def before(design: Design) -> list[str]:
    """Lines of a step that follow the inputs ``u``, not yet scaled, and find the ``start``."""
    rule = design.rule
    if rule is None:
        return []
    lines = ["float start[STEPS * TARGETS];"]
    if rule.changes:
        lines.append("to_changes(state->latest, u);")
    if len(rule.watched) > rule.changes:
        lines.append("watch(state->latest, u);")
    past = design.past_rows > 0
    if past:
        lines.append("keep(&state->past, state->latest);")
    if design.keeps_times:
        lines.append("state->past.elapsed_time[state->past.newest] = elapsed_time;")
    lines.append(f"find_start({'&state->past, ' if past else ''}state->latest, start);")
    if design.fed_size > design.input_size:
        less = " - state->latest[o]" if rule.changes else ""
        to = f"u[GIVEN + o] = start[(STEPS - 1) * TARGETS + o]{less};"
        lines.append(f"for (int o = 0; o < TARGETS; o++) {to}")
    return lines


def after(design: Design) -> list[str]:
    """Lines of a step that follow the read-out."""
    lines = [] if design.rule is None else ["add_start(start, outputs);"]
    return lines + ([] if design.quantiles is None else ["sort_quantiles(outputs);"])


def parts(design: Design, name: str) -> list[str]:
    """Tables and functions for those lines."""
    rule, found = design.rule, []
    if rule is not None or design.quantiles is not None:
        count = 1 if design.quantiles is None else len(design.quantiles.levels)
        found.append(f"#define QUANTILES {count}\n")
    if rule is not None:
        found += [_sizes(design, rule, name), *_tables(design, rule)]
        found += [piece("changes")] if rule.changes else []
        found += [piece("watch")] if len(rule.watched) > rule.changes else []
        found += [piece("past")] if design.past_rows else []
        found += [piece(each) for each in _looking_back(design, rule)]
        found += [_find_start(design, rule), piece("add_start")]
    return found + ([] if design.quantiles is None else [piece("sort_quantiles")])


def _sizes(design: Design, rule: Rule, name: str) -> str:
    sizes = {
        "GIVEN": design.input_size,
        "TARGETS": rule.targets,
        "STEPS": rule.steps,
        "WATCHED": len(rule.watched),
        "CHANGES": rule.changes,
    }
    if rows := design.past_rows:
        sizes |= {"PAST": rows, "KEPT": rule.kept, "BEFORE": rule.before, "SEASONS": rule.seasons}
    lines = [f"#define {macro} {value}" for macro, value in sizes.items()]
    if rule.seasons and design.elapsed_time is not None:
        lines.append(f"#define ELAPSED_TIME {name.upper()}_ELAPSED_TIME")
    lines += [f"typedef {name}_past past_samples;"] if rows else []
    return "\n".join(lines) + "\n"


def _tables(design: Design, rule: Rule) -> list[str]:
    tables = [text.indices(text.index_type(design.input_size), "watched", rule.watched)]
    if rule.columns:
        tables += [
            text.floats("column_mean", rule.mean.reshape(-1)),
            text.floats("column_weight", rule.weight.reshape(-1)),
            text.floats("start_constant", rule.constant.reshape(-1)),
        ]
    if rule.seasons:
        tables.append(text.floats("season_age", rule.ages.reshape(-1)))
    return ["\n".join(tables) + "\n"]


def _looking_back(design: Design, rule: Rule) -> list[str]:
    """The names of the pieces that look at the past."""
    found = ["weigh_column"] if rule.columns else []
    found += ["weigh_latest"] if rule.levels else []
    found += ["weigh_before"] if rule.before else []
    if rule.seasons:
        found += ["age" if design.keeps_times else "age_fixed", "known_then"]
        found.append("weigh_seasons" if rule.columns else "repeat_season")
    return found


def _find_start(design: Design, rule: Rule) -> str:
    past = "const past_samples *past, " if design.past_rows else ""
    parts = ["start_constant[s * TARGETS + o]"] if rule.columns else []
    parts += ["latest[o]"] if rule.changes else []
    lines = [
        f"static void find_start({past}const float *latest, float *start) {{",
        "    for (int s = 0; s < STEPS; s++) {",
        "        float *from = start + s * TARGETS;",
        f"        for (int o = 0; o < TARGETS; o++) from[o] = {' + '.join(parts)};",
    ]
    calls = []
    if rule.levels:
        calls.append("weigh_latest(from, column, latest)")
    if rule.before:
        calls.append("weigh_before(from, column, past, latest)")
    if rule.columns and rule.seasons:
        calls.append("weigh_seasons(from, column, past, latest, s * SEASONS)")
    if calls:
        # Each but the last says which column is next.
        lines.append(f"        {'int' if calls[1:] else 'const int'} column = s * {rule.columns};")
        lines += [f"        column = {each};" for each in calls[:-1]]
        lines.append(f"        {'' if rule.seasons else '(void)'}{calls[-1]};")
    elif rule.seasons:
        lines.append("        repeat_season(from, past, s);")
    return "\n".join([*lines, "    }", "}"]) + "\n"
