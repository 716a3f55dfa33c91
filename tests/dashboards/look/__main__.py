"""
Dashboards as pictures, without Grafana: `python -m tests.dashboards.look`, or `make look`.

Starts the demo and Prometheus, waits, draws dashboards/generated in both themes, prints a line for each panel and ends with
1 if one errs. With --docs it makes the pictures of the documentation. With --prometheus and --clickhouse it starts nothing:

    python -m tests.dashboards.look --prometheus http://127.0.0.1:9090 --clickhouse http://127.0.0.1:8471 \
        --only fleet --theme dark --from now-15m --var cluster=prod-hz
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.dashboards.look import docs
from tests.dashboards.look.drawing import Renderer, Sources, Wish, rendering
from tests.dashboards.look.lines import errors, lines
from tests.dashboards.look.packages import CACHE
from tests.dashboards.look.sources import SCRAPE_S, examples, fleet, wait
from tests.processes import ROOT

THEMES = {"both": ("dark", "light"), "dark": ("dark",), "light": ("light",)}


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.dashboards.look", description="Draw the dashboards.")
    parser.add_argument(
        "--prometheus", help="base address of a running Prometheus; with --clickhouse nothing is started"
    )
    parser.add_argument("--clickhouse", help="base address of a running store's HTTP port")
    parser.add_argument("--minutes", type=float, default=8, help="how long the demo runs before the pictures")
    parser.add_argument("--dashboards", type=Path, default=ROOT / "dashboards" / "generated", help="folder of JSON")
    parser.add_argument("--only", action="append", help="a dashboard's file name without .json; may be repeated")
    parser.add_argument(
        "--from",
        dest="since",
        help="begin of the time range, such as now-24h; default: its own, or when the demo began",
    )
    parser.add_argument("--to", dest="until", help="end of the time range; default: its own")
    parser.add_argument("--width", type=int, default=1600, help="width of the page in pixels")
    parser.add_argument("--var", action="append", default=[], help="name=value of a variable; may be repeated")
    parser.add_argument("--theme", choices=THEMES, default="both")
    parser.add_argument("--scrape", type=int, default=SCRAPE_S, help="scrape interval of the data source, seconds")
    parser.add_argument("--open", action="store_true", help="open closed rows")
    parser.add_argument("--out", type=Path, default=CACHE / "pictures", help="folder of the pictures")
    parser.add_argument("--json", action="store_true", help="all that was seen as JSON, a line for each picture")
    parser.add_argument(
        "--docs", action="store_true", help=f"into {docs.PICTURES.relative_to(ROOT)}, each in one theme"
    )
    options = parser.parse_args()
    if (options.prometheus is None) != (options.clickhouse is None):
        parser.error("--prometheus and --clickhouse go together")
    if options.since is None and options.prometheus is None:
        # A day would be empty but for its last minutes.
        options.since = f"now-{max(5, round(options.minutes))}m"
    if options.docs and options.prometheus:
        parser.error("--docs draws the live page too, so it starts a demo of its own")
    return options


def wishes(options: argparse.Namespace, example: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Wish]:
    """Each picture to take; `example` has what is chosen on a dashboard unless --var says it."""
    files = sorted(options.dashboards.glob("*.json"))
    if unknown := set(options.only or ()) - {file.stem for file in files}:
        raise SystemExit(f"no such dashboard: {', '.join(sorted(unknown))}; there are {[file.stem for file in files]}")
    variables: defaultdict[str, list[str]] = defaultdict(list)
    for name, _, value in (given.partition("=") for given in options.var):
        variables[name].append(value)
    for file in (file for file in files if not options.only or file.stem in options.only):
        wish = Wish(
            file=file,
            since=options.since,
            until=options.until,
            width=options.width,
            scrape_s=options.scrape,
            opened=options.open,
            variables={**example.get(file.stem, {}), **variables},
        )
        if options.docs:
            yield dataclasses.replace(wish, out=docs.PICTURES / docs.name_of(file.stem), largest=docs.LARGEST)
            continue
        for theme in THEMES[options.theme]:
            yield dataclasses.replace(wish, out=options.out / f"{file.stem}-{theme}.png", theme=theme)


def pictures(renderer: Renderer, options: argparse.Namespace, chosen: Sources) -> bool:
    """Draws and prints; whether nothing erred."""
    options.out.mkdir(parents=True, exist_ok=True)
    well = True
    for wish in wishes(options, examples(chosen)):
        seen = renderer.draw(wish)
        well = well and not errors(seen)
        printed = [json.dumps(seen)] if options.json else [*lines(seen), f"picture\t{wish.out}", ""]
        sys.stdout.writelines(f"{line}\n" for line in printed)
        sys.stdout.flush()
    return well


@contextmanager
def sources(options: argparse.Namespace) -> Iterator[Sources]:
    """Those that run, or a demo's once it has run for a while."""
    if options.prometheus:
        yield Sources(prometheus=options.prometheus.rstrip("/"), clickhouse=options.clickhouse.rstrip("/"))
        return
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as running:
        wait(running, options.minutes * 60)
        if options.docs:
            docs.shoot_live_page(running.page, Path(folder) / "profile")
        yield running.sources


def main() -> None:
    """Draws what was asked for."""
    options = parsed()
    with sources(options) as chosen, rendering(chosen) as renderer:
        well = pictures(renderer, options, chosen)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
