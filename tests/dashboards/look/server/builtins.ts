// Grafana's own variables about the time range, as both data sources know them.
import type { Scope } from '../shared/model';
import type { Builtin } from '../shared/template';

export const duration = (ms: number): string => {
  for (const [size, unit] of [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'm'], [1000, 's']] as const)
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  return `${Math.round(ms)}ms`;
};

/** As Grafana's Prometheus data source: a rate sees four scrapes at least, and one more than the step. */
const rateInterval = ({ intervalMs, scrapeMs }: Scope) => Math.max(intervalMs + scrapeMs, 4 * scrapeMs);

export function timeBuiltins(scope: Scope): Builtin {
  const rangeMs = scope.to - scope.from;
  const known: Record<string, string> = {
    __interval: duration(scope.intervalMs),
    __interval_ms: `${scope.intervalMs}`,
    __rate_interval: duration(rateInterval(scope)),
    __rate_interval_ms: `${rateInterval(scope)}`,
    __range: `${Math.round(rangeMs / 1000)}s`,
    __range_s: `${Math.round(rangeMs / 1000)}`,
    __range_ms: `${rangeMs}`,
    __from: `${scope.from}`,
    __to: `${scope.to}`,
    __dashboard: scope.dashboard,
  };
  return (name) => known[name];
}
