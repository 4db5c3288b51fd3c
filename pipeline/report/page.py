"""The page: its sections, in one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.artifacts.pages import PAGE
from pipeline.core.console import counted
from pipeline.report.charts import WIDTH, chart_json, styled
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

TEMPLATES = Path(__file__).parent
# In the order of the page: each is a module of sections/ and the template beside it.
SECTIONS = (
    "headline",
    "runs",
    "differences",
    "calibration",
    "shortcuts",
    "curve",
    "cross_validation",
    "comparisons",
    "data",
    "audit",
    "features",
    "training",
    "penalties",
    "filters",
    "explanations",
    "sweeps",
    "classes",
    "confusion",
    "mistakes",
    "doubts",
    "made",
)


def render(experiment: Experiment) -> str:
    """The page's HTML; text is escaped. Errors: `UserError` when a file is missing or damaged."""
    environment = make_environment()
    parts: list[Markup] = []
    times: list[Path] = []
    for name in SECTIONS:
        module = import_module(f"pipeline.report.sections.{name}")
        section: Section | None = module.section(experiment)
        if section is not None:
            parts.append(_part(environment, name, section, experiment))
            times += section.times
    return environment.get_template("page.html.jinja").render(
        experiment=experiment,
        parts=parts,
        times=[path.relative_to(PAGE.parent).as_posix() for path in times],
        nonce=sha256("".join(parts).encode()).hexdigest(),  # no name in them foresees it
        vega_bundle=vega_bundle(),
        figure_width=WIDTH,
    )


def make_environment(*folders: Path) -> Environment:
    """For the templates here and in `folders`, which escape what they are given."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, *folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "policy": policy}
    return environment


def _part(environment: Environment, name: str, section: Section, experiment: Experiment) -> Markup:
    charts = {key: chart_json(styled(chart)) for key, chart in section.charts.items()}
    template = environment.get_template(f"sections/{name}.html.jinja")
    return Markup(template.render(section.context, experiment=experiment, charts=charts))


def policy(text: str) -> Markup:
    """What a Content-Security-Policy says to allow a script or style of exactly this text."""
    digest = base64.b64encode(sha256(text.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")


def vega_bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script of the version that Altair writes for."""
    minor = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script = vl_convert.javascript_bundle(vl_version=minor)  # type: ignore[call-arg]
    return Markup(script.replace("</script", "<\\/script"))
