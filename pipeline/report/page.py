"""The page: its sections, in one HTML file that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.core.console import counted
from pipeline.report.charts import chart_json, styled
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section
from pipeline.report.sections import (
    audit,
    classes,
    comparisons,
    confusion,
    cross_validation,
    data,
    explanations,
    features,
    filters,
    headline,
    made,
    mistakes,
    runs,
    sweeps,
    training,
)

INDEX = Path("reports/index.html")
TEMPLATES = Path(__file__).parent
# In the order of the page: the name of sections/NAME.html.jinja and what it is filled with, None
# where that is nothing.
SECTIONS: dict[str, Callable[[Experiment], Section | None]] = {
    "headline": headline.section,
    "runs": runs.section,
    "cross_validation": cross_validation.section,
    "comparisons": comparisons.section,
    "data": data.section,
    "audit": audit.section,
    "features": features.section,
    "training": training.section,
    "filters": filters.section,
    "explanations": explanations.section,
    "sweeps": sweeps.section,
    "classes": classes.section,
    "confusion": confusion.section,
    "mistakes": mistakes.section,
    "made": made.section,
}


def render(experiment: Experiment) -> str:
    """The page's HTML; text is escaped. Errors: `UserError` when a file is missing or damaged."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    parts: list[Markup] = []
    times: list[Path] = []
    for name, make in SECTIONS.items():
        if (section := make(experiment)) is not None:
            parts.append(_part(environment, name, section, experiment))
            times += section.times
    return environment.get_template("page.html.jinja").render(
        experiment=experiment,
        parts=parts,
        times=[path.relative_to(INDEX.parent).as_posix() for path in times],
        vega_bundle=vega_bundle(),
    )


def _part(environment: Environment, name: str, section: Section, experiment: Experiment) -> Markup:
    charts = {key: chart_json(styled(chart)) for key, chart in section.charts.items()}
    template = environment.get_template(f"sections/{name}.html.jinja")
    return Markup(template.render(section.context, experiment=experiment, charts=charts))


def vega_bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script of the version that Altair writes for."""
    minor = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script = vl_convert.javascript_bundle(vl_version=minor)  # type: ignore[call-arg]
    return Markup(script.replace("</script", "<\\/script"))
