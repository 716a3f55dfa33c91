// One server and one Chromium; each line of input is a job, each line of output what was seen of it.
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import puppeteer, { type Page } from 'puppeteer-core';
import type { Job } from '../shared/model';
import { serve } from './serve';

const { sources, html, bundle, packages, chromium, profile } = JSON.parse(process.argv[2]);
const FIRST_SCREEN = 1000;
/** What a reader of a page is shown of a dashboard at most: its first two screens. */
const SHOWN_OF_LONG = 2000;
const address = await serve(sources, html, bundle, packages);
const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: profile,
  protocolTimeout: 60_000,
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-dev-shm-usage', '--disable-background-networking', '--font-render-hinting=none'],
  env: { ...process.env, TZ: 'UTC' },
});

let complaints: string[] = [];
const page: Page = await browser.newPage();
page.on('pageerror', (error) => complaints.push(`page: ${String(error).slice(0, 400)}`));
page.on('console', (line) => line.type() === 'error' && complaints.push(`console: ${line.text().slice(0, 400)}`));
page.on('requestfailed', (request) => complaints.push(`request: ${request.url().slice(0, 200)}`));
page.on('response', (response) => response.status() >= 400 && complaints.push(`request: ${response.status()} ${response.url().slice(0, 200)}`));

/** The whole page; or, where its size is limited, its begin, whose letters shrink before it grows. */
async function picture(job: Job, whole: number): Promise<Uint8Array> {
  const height = job.largest ? Math.min(whole, SHOWN_OF_LONG) : whole;
  for (const scale of [1, 0.9, 0.8, 0.7, 0.6, 0.5]) {
    const made = await page.screenshot({ clip: { x: 0, y: 0, width: job.width, height, scale } });
    if (!job.largest || made.length <= job.largest) return made;
  }
  throw new Error(`a picture of ${job.width} x ${height} px is larger than ${job.largest} bytes at half its size, too`);
}

async function drawn(job: Job) {
  complaints = [];
  const viewport = { width: job.width, height: FIRST_SCREEN };
  await page.setViewport(viewport);
  // A page of its own for each picture: what one leaves behind must not be seen in the next.
  await page.goto(address);
  const seen: any = await page.evaluate(`window.draw(${JSON.stringify(job)})`);
  // A table leaves out what is below the window's edge, so the window becomes as high as the page.
  await page.setViewport({ ...viewport, height: seen.height });
  const findings = await page.evaluate('window.measure()');
  if (job.out) await writeFile(job.out, await picture(job, seen.height));
  return { ...seen, findings, complaints };
}

for await (const line of createInterface({ input: process.stdin })) {
  const job: Job = JSON.parse(line);
  try {
    console.log(JSON.stringify({ number: job.number, ...await drawn(job) }));
  } catch (error) {
    console.log(JSON.stringify({ number: job.number, failed: `${(error as Error).stack}`, complaints }));
  }
}
await browser.close();
process.exit(0);
