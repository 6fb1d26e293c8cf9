// One Chromium for a test program, and pages in it that note all they should not do: errors on the
// console, violations of the Content-Security-Policy, requests to another host.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const puppeteer = require('puppeteer-core');

const target = (process.env.IMAGERESIZE_TEST_TARGET ?? '').replace(/\/$/, '');
const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PATIENCE_MS = 60000;
let chromium = null;

const SIZES = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  narrow: { width: 320, height: 640, isMobile: true, hasTouch: true },
  wide: { width: 1920, height: 1080 },
};

async function start() {
  assert.ok(target, 'IMAGERESIZE_TEST_TARGET: set it to the address of a deployment');
  chromium = await puppeteer.launch({
    executablePath: programs.find((path) => fs.existsSync(path)),
    // Chromium's own sandbox needs another user than root, or namespaces; the page is our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

async function stop() {
  await chromium?.close();
}

// A Visit is a page and its faults. What a browser itself says of a request that got no answer is a
// fault, too, unless an outage is being tried.
class Visit {
  faults = [];
  outage = false;

  // at: another way to the service than its address.
  static async open({ size = 'desktop', scheme = 'light', motion = 'no-preference', at = target } = {}) {
    const visit = new Visit();
    const page = await chromium.newPage();
    visit.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    await page.setViewport(SIZES[size]);
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: motion },
    ]);
    page.on('console', (message) => visit.#note(message));
    page.on('pageerror', (error) => visit.faults.push(`error: ${error.message}`));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${at}/`) && !url.startsWith('data:')) visit.faults.push(`a request to ${url}`);
    });
    await page.evaluateOnNewDocument(() => {
      window.violations = [];
      document.addEventListener('securitypolicyviolation', (event) =>
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    await page.goto(`${at}/`);
    await visit.live();
    return visit;
  }

  #note(message) {
    if (!['error', 'warn'].includes(message.type())) return;
    if (this.outage && /Failed to load resource|ERR_/.test(message.text())) return;
    this.faults.push(`console: ${message.text()}`);
  }

  // Until the page says that it hears from the service.
  async live() {
    await this.page.waitForSelector('#connection[data-state="live"]');
  }

  async close() {
    this.faults.push(...(await this.page.evaluate(() => window.violations)));
    await this.page.close();
    assert.deepStrictEqual(this.faults, []);
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent.trim());
  }

  async number(selector) {
    return Number((await this.text(selector)).replace(/\D/g, ''));
  }

  // The element once it can be seen: what it is folded away in is opened, and it is scrolled to at once,
  // for a page that still scrolls is clicked in the wrong place.
  async reveal(selector) {
    await this.page.waitForSelector(selector);
    await this.page.$eval(selector, (element) => {
      for (let fold = element.closest('details'); fold; fold = fold.parentElement.closest('details'))
        if (!fold.querySelector('summary').contains(element)) fold.open = true;
      element.scrollIntoView({ behavior: 'instant', block: 'center' });
    });
    return this.page.waitForSelector(selector, { visible: true });
  }

  // By the mouse: the element may not be covered.
  async click(selector) {
    await (await this.reveal(selector)).click();
  }

  // What stood in the field goes.
  async fill(selector, value) {
    await this.reveal(selector);
    await this.page.focus(selector);
    await this.page.$eval(selector, (element) => element.select());
    await this.page.keyboard.type(String(value));
  }

  until(condition, ...values) {
    return this.page.waitForFunction(condition, { polling: 50 }, ...values);
  }
}

// ---- the service, beside the page

// Comes again while the service says that it is busy, or has just been started.
async function ask(path, options = {}) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`${target}${path}`, options);
    const body = await answer.json();
    if (answer.ok) return body;
    if (![429, 503].includes(answer.status) || Date.now() > deadline)
      throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (answer.headers.get('retry-after') ?? 1)));
  }
}

function post(path, body) {
  return ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

// The job once it has ended.
async function ended(id) {
  for (let tries = 0; tries < 12; tries++) {
    const job = await ask(`/jobs/${id}`, { headers: { Prefer: 'wait=10' } });
    if (!['queued', 'running'].includes(job.status)) return job;
  }
  throw new Error(`job ${id} does not end`);
}

module.exports = { start, stop, Visit, target, ask, post, ended, SIZES };
