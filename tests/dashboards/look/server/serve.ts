// Serves the page, Grafana's own pictures and fonts, dashboards, and the answers to their queries.
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import type { Answer, Job, Json, Scope, Target } from '../shared/model';
import { annotations } from './annotations';
import { askClickhouse } from './clickhouse';
import { askPrometheus } from './prometheus';
import type { Sources } from './sources';
import { instant } from './times';
import { choose } from './variables';

const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.woff2': 'font/woff2', '.html': 'text/html' };
// Grafana serves Inter from its own folder; the packages leave it out, and texts are as wide as their font.
const WEIGHTS: Record<string, number> = { Regular: 400, Medium: 500 };

async function ask(target: Target, scope: Scope, sources: Sources): Promise<Answer> {
  try {
    return await (target.rawSql === undefined ? askPrometheus(sources.prometheus, target, scope) : askClickhouse(sources.clickhouse, target, scope));
  } catch (failed) {
    const error = failed as Error & { cause?: Error };
    return { error: `${error.message} ${error.cause ?? ''}`.trim(), expr: target.expr ?? target.rawSql ?? '', ms: 0, points: 0, frames: [] };
  }
}

/** The dashboard of a job, with its time range, variables and annotations. */
async function begin(job: Job, sources: Sources) {
  const dashboard: Json = JSON.parse(await readFile(job.file, 'utf8'));
  const rawFrom = job.from ?? dashboard.time.from, rawTo = job.to ?? dashboard.time.to;
  const scope: Scope = {
    from: instant(rawFrom, job.now), to: instant(rawTo, job.now), rawFrom, rawTo, intervalMs: job.scrapeMs, scrapeMs: job.scrapeMs,
    width: job.width, tables: 1, dashboard: dashboard.title, variables: [],
  };
  scope.variables = await choose(dashboard, sources, scope, job.vars);
  return { dashboard, scope, annotations: await annotations(dashboard, sources, scope) };
}

const body = async (request: http.IncomingMessage) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
};

/** Starts on a port of the kernel's choice and answers with its address. `bundle` has page.js; packages are above it. */
export async function serve(sources: Sources, html: string, bundle: string, packages: string): Promise<string> {
  const file = (path: string) => {
    const font = /\/fonts\/inter\/Inter-(\w+)\.woff2$/.exec(path);
    if (font) return join(packages, `@fontsource/inter/files/inter-latin-${WEIGHTS[font[1]] ?? 400}-normal.woff2`);
    if (path.startsWith('/public/')) return join(packages, '@grafana/ui/dist', path.replace('/public/build/', '/public/'));
    return path === '/' ? html : join(bundle, path);
  };
  const server = http.createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://page').pathname));
    try {
      const asked = request.method === 'POST' ? await body(request) : undefined;
      if (asked) {
        const answer = path === '/query' ? await ask(asked.target, asked.scope, sources) : await begin(asked, sources);
        response.setHeader('content-type', 'application/json');
        // JSON has no infinity; the page reads the word back.
        response.end(JSON.stringify(answer, (_, value) => (Math.abs(value) === Infinity ? `${value}` : value)));
        return;
      }
      response.setHeader('content-type', TYPES[extname(file(path))] ?? 'application/octet-stream');
      // So that the browser also keeps what it compiled of them: each picture is a page of its own.
      response.setHeader('cache-control', 'max-age=3600');
      response.end(await readFile(file(path)));
    } catch (failed) {
      response.statusCode = (failed as NodeJS.ErrnoException).code === 'ENOENT' && request.method === 'GET' ? 404 : 500;
      response.end(`${(failed as Error).stack}`);
    }
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
