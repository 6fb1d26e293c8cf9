// The page in a real browser, on a real system of its own: IMAGERESIZE_TEST_TARGET is its address and
// IMAGERESIZE_TEST_FORMATION that of its app at formation. Screenshots go to IMAGERESIZE_TEST_SCREENS.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { ask, ended, post, SIZES, start, stop, target, Visit } = require('./browser.js');

const formation = process.env.IMAGERESIZE_TEST_FORMATION;
const screens = process.env.IMAGERESIZE_TEST_SCREENS;
const SCRIPT_MS = 50; // a frame with more script than that is felt

before(start);
after(stop);

let sample = null;
async function sampleUrl() {
  sample ??= (await ask('/static/samples/index.json'))[0];
  return `${target}/static/samples/${sample}`;
}

async function postOne(members = {}, image = {}) {
  const input = await sampleUrl();
  return post('/jobs', { images: [{ input, width: 80, ...image }], ...members });
}

const rowOf = (id) => `#jobs-list .job[data-job="${id}"]`;

// The job's row, opened by the mouse to its images.
async function openRow(visit, id) {
  const row = rowOf(id);
  await visit.click(`${row} summary`);
  await visit.page.waitForSelector(`${row} .image`);
  return row;
}

async function scaleWeb(quantity) {
  await fetch(`${formation}/formation/web`, { method: 'PATCH', body: JSON.stringify({ quantity }) });
}

async function serviceIsBack() {
  while (!(await fetch(`${target}/readyz`).catch(() => null))?.ok) await new Promise((then) => setTimeout(then, 100));
}

test('a load goes from the slider to completed jobs', async () => {
  const visit = await Visit.open();
  const { page } = visit;
  await page.waitForSelector('#load-rate');
  await page.focus('#load-rate');
  await page.keyboard.press('End'); // as many as it offers
  assert.match(await visit.text('#load-rate-value'), /a minute/);
  await visit.fill('#load-images', 2);
  await visit.click('#load-start');
  await visit.until(() => Number(document.querySelector('#load-accepted').textContent) >= 5);
  await visit.click('#load-stop');
  const accepted = await visit.number('#load-accepted');
  await visit.until((n) => document.querySelectorAll('#jobs-list .job[data-state="completed"]').length >= n &&
    !document.querySelector('#jobs-list .job:is([data-state="queued"], [data-state="running"])'), accepted);
  assert.ok(await visit.number('#jobs-count-completed') >= accepted);
  assert.match(await visit.text('#jobs-list .job[data-state="completed"] .state-word'), /Done/);
  assert.match(await visit.text('#jobs-list .job .job-images'), /2 of 2 images/);
  await visit.close();
});

test('what a field is changed to while the load runs is sent only if it is allowed', async () => {
  const visit = await Visit.open();
  const { page } = visit;
  await page.focus('#load-rate');
  await page.keyboard.press('End');
  await visit.fill('#load-images', 1);
  await visit.click('#load-start');
  await visit.until(() => Number(document.querySelector('#load-accepted').textContent) >= 1);
  await visit.fill('#load-images', 101);
  await visit.until(() => /^Sends nothing: a field/.test(document.querySelector('#load-state').textContent));
  await visit.until(() => Number(document.querySelector('#load-unsent').textContent) >= 3);
  assert.strictEqual(await visit.number('#load-refused'), 0);
  const accepted = await visit.number('#load-accepted');
  await visit.fill('#load-images', 1);
  await visit.until((n) => Number(document.querySelector('#load-accepted').textContent) > n, accepted + 5);
  await visit.click('#load-stop');
  await visit.close();
});

test('refusals are shown, in the words of the service', async () => {
  const visit = await Visit.open();
  await visit.click('#load-sources-own');
  await visit.fill('#load-urls', 'http://user:secret@example.org/a.jpg');
  await visit.click('#load-one');
  await visit.until(() => /^Stopped/.test(document.querySelector('#load-state').textContent));
  assert.strictEqual(await visit.number('#load-refused'), 1);
  const refusal = /image 1, input: must not hold a user or password/;
  assert.match(await visit.text('#load-refusals'), /^\S.* 422 /);
  assert.match(await visit.text('#load-refusals'), refusal);
  assert.match(await visit.text('#load-state'), refusal);
  // Chromium tells of a 422 on its console.
  visit.faults = visit.faults.filter((fault) => !/422/.test(fault));
  await visit.close();
});

test('a job opens to its images', async () => {
  const job = await ended((await postOne({ metadata: { order: '42' } }, { ref: 'sku-1', format: 'webp' })).id);
  const visit = await Visit.open();
  const { page } = visit;
  const row = rowOf(job.id);
  await page.waitForSelector(`${row} summary`);
  await page.focus(`${row} summary`);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${row} .image img`);
  await visit.until((selector) => document.querySelector(selector)?.naturalWidth === 80, `${row} .image img`);
  const said = await visit.text(`${row} .job-detail`);
  for (const words of [/sku-1/, /80 × /, /webp/, /1 attempt/, /wait/, /fetch/, /decode/, /store/, /"order":"42"/])
    assert.match(said, words);
  assert.ok(await page.$(`${row} .waterfall .bars rect`));
  await visit.close();
});

test('a failure says its code and its sentence', async () => {
  const job = await ended((await post('/jobs', { images: [{ input: `${target}/healthz`, width: 10 }] })).id);
  const { error } = job.images[0];
  const visit = await Visit.open();
  const row = await openRow(visit, job.id);
  await visit.page.waitForSelector(`${row} .image .error`);
  assert.strictEqual(await visit.text(`${row} .image .error`), `${error.code} ${error.message}`);
  assert.match(await visit.text(`${row} .state-word`), /Failed/);
  await visit.close();
});

test('markup in what was typed or fetched is text', async () => {
  const markup = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>';
  const { id } = await post('/jobs', {
    images: [{ input: `${target}/static/samples/none.jpg?${encodeURIComponent(markup)}`, width: 10, ref: markup }],
    metadata: { markup },
  });
  await ended(id);
  const visit = await Visit.open();
  const row = await openRow(visit, id);
  const said = await visit.text(`${row} .job-detail`);
  assert.ok(said.includes(`(${markup})`), said);
  assert.strictEqual(await visit.page.evaluate(() => window.pwned), undefined);
  assert.strictEqual(await visit.page.$(`${row} script`), null);
  await visit.close();
});

test('what turns the direction of text is seen, and turns nothing', async () => {
  const turn = '\u202e';
  const { id } = await post('/jobs', {
    images: [{ input: `${target}/static/samples/none${turn}gpj.exe`, width: 10, ref: `a${turn}b` }],
    metadata: { note: turn },
  });
  await ended(id);
  const visit = await Visit.open();
  const row = await openRow(visit, id);
  const said = await visit.text(`${row} .job-detail`);
  for (const shown of ['none\ufffdgpj.exe', '(a\ufffdb)', '"\ufffd"']) assert.ok(said.includes(shown), said);
  assert.ok(!said.includes(turn), said);
  await visit.close();
});

test('every worker is killed from the page, and nothing is lost', async () => {
  const visit = await Visit.open();
  const { page } = visit;
  const row = '#break-types li[data-type="resize"]';
  await page.waitForSelector(row, { visible: true });
  await page.focus('#load-rate');
  await page.keyboard.press('End');
  await visit.fill('#load-images', 4);
  await visit.click('#load-start');
  await visit.until(() => Number(document.querySelector('#load-accepted').textContent) >= 10);
  await visit.click(`${row} .break-kill-all`);
  await visit.until(() => /Killed resize\.1/.test(document.querySelector('#break-result').textContent));
  await visit.until(() => /resize/.test(document.querySelector('#break-notes').textContent));
  await visit.until(() => document.querySelector('#chart-queue .note') && // on the plots, and in words below
    /resize/.test(document.querySelector('#time-notes').textContent));
  await visit.click('#load-stop');
  await visit.until((selector) => /^[1-9]\d* of [1-9]/.test(document.querySelector(selector).textContent), `${row} .break-up`);
  await visit.until(() => {
    const count = (state) => Number(document.querySelector(`#jobs-count-${state}`).textContent.replace(/\D/g, ''));
    return count('queued') + count('running') === 0;
  });
  const { jobs } = await ask('/jobs?since=10m&limit=100');
  // The page hears of a job somewhat after it was accepted, so the last may not have ended yet.
  const sent = await Promise.all(jobs.filter(({ counts }) => counts.total === 4).map(({ id }) => ended(id)));
  assert.ok(sent.length >= 10, `${sent.length} jobs of four images are listed`);
  assert.deepStrictEqual(sent.filter(({ status }) => status !== 'completed'), []);
  await visit.close();
});

test('workers are scaled by hand, and handed back to guv', async () => {
  const visit = await Visit.open();
  const row = '#break-types li[data-type="resize"]';
  await visit.fill(`${row} .break-quantity`, 2);
  await visit.click(`${row} .break-scale`);
  await visit.until(() => /off/.test(document.querySelector('#break-guv-state').textContent));
  // guv may have had two there before: only now is it the order that is seen.
  await visit.until((selector) => document.querySelector(selector).textContent.startsWith('2 of 2'), `${row} .break-up`);
  await visit.click('#break-guv');
  await visit.until(() => /guv scales/.test(document.querySelector('#break-guv-state').textContent));
  await visit.close();
});

// The refusals are made here, as tests/chaos sees them come: jobs enough for true ones would take minutes.
test('where too much happens for 15 minutes of statistics, fewer are shown', async () => {
  const visit = await Visit.open();
  const { page } = visit;
  const problem = { type: '/problems/validation', title: 'The request is not valid', status: 422, detail: '1 fault',
    errors: [{ parameter: 'since', detail: 'more than 200000 jobs and images are in this range' }] };
  let refused = /\/stats\?since=(15|5)m/;
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (refused.test(request.url()))
      request.respond({ status: 422, contentType: 'application/problem+json', body: JSON.stringify(problem) });
    else
      request.continue();
  });
  await visit.until(() => /of the last 2 minutes/.test(document.querySelector('#time-span').textContent));
  assert.strictEqual(await visit.text('#time-error'), '');
  refused = /\/stats\?/; // not even a minute
  await visit.until(() => document.querySelector('#time-error').textContent);
  assert.match(await visit.text('#time-error'), /even in a minute, more happens .*IMAGERESIZE_MAX_STATS/);
  assert.strictEqual(await visit.text('#time-span'), '');
  visit.faults = visit.faults.filter((fault) => !/422/.test(fault));
  await visit.close();
});

test('the service goes away under an open page and comes back', async () => {
  const visit = await Visit.open();
  const { page } = visit;
  await page.evaluate(() => (window.sameDocument = true));
  visit.outage = true;
  try {
    await scaleWeb(0);
    await page.waitForSelector('#banner', { visible: true });
    assert.match(await visit.text('#banner'), /does not answer/);
  } finally {
    await scaleWeb(1);
  }
  await visit.live();
  await page.waitForSelector('#banner', { hidden: true });
  const { id } = await postOne();
  await page.waitForSelector(`${rowOf(id)}[data-state="completed"]`);
  assert.strictEqual(await page.evaluate(() => window.sameDocument), true);
  await visit.close();
});

// A way to the service that can go dark: what is connected by then stays so, and nothing passes any more.
async function darkWay() {
  const { hostname, port } = new URL(target);
  const open = new Set();
  let isDark = false;
  const server = net.createServer((near) => {
    const far = net.connect(port, hostname);
    const pass = { dark: isDark, near, far };
    open.add(pass);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (bytes) => pass.dark || to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => pass.dark || to.destroy());
    }
  });
  await new Promise((then) => server.listen(0, '127.0.0.1', then));
  return {
    at: `http://127.0.0.1:${server.address().port}`,
    darken(dark) {
      isDark = dark;
      if (dark) for (const pass of open) pass.dark = true;
    },
    close() {
      for (const { near, far } of open) [near, far].forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

test('news come again after the way to the service was dark', async () => {
  const way = await darkWay();
  const visit = await Visit.open({ at: way.at });
  const { page } = visit;
  visit.outage = true;
  way.darken(true);
  await page.waitForSelector('#banner', { visible: true });
  way.darken(false);
  await page.waitForSelector('#banner', { hidden: true });
  const { id } = await postOne();
  await page.waitForSelector(rowOf(id));
  await visit.close();
  way.close();
});

for (const filter of ['', 'queued']) {
  // More than a page of them: the oldest are not among the newest that are read first.
  test(`what ended while the service was away is seen to have ended: ${filter || 'all'}`, async () => {
    const visit = await Visit.open();
    const { page } = visit;
    const ids = [];
    await page.select('#jobs-filter', filter);
    await post('/demo/scale', { type: 'resize', quantity: 0 });
    try {
      for (let i = 0; i < 120; i++) ids.push((await postOne()).id);
      const first = rowOf(ids[0]);
      await page.waitForSelector(`${first}[data-state="queued"]`);
      visit.outage = true;
      await scaleWeb(0);
      await page.waitForSelector('#banner', { visible: true });
      await page.setOfflineMode(true);
      await scaleWeb(1);
      await serviceIsBack();
      for (const id of ids) await post(`/jobs/${id}/cancel`);
      await page.setOfflineMode(false);
      await visit.live();
      if (filter) await page.waitForSelector(first, { hidden: true });
      else await page.waitForSelector(`${first}[data-state="cancelled"]`);
    } finally {
      await scaleWeb(1);
      await serviceIsBack();
      await post('/demo/guv', { on: true });
    }
    await visit.close();
  });
}

// The script of each task of the page's main thread, in milliseconds of CPU time: what another program
// on this machine takes from it does not count.
function scriptOfTasks(events) {
  const SCRIPT = new Set(['FunctionCall', 'EvaluateScript', 'v8.callFunction', 'EventDispatch', 'TimerFire',
    'FireAnimationFrame', 'RunMicrotasks', 'v8.evaluateModule', 'V8.GCScavenger', 'MajorGC', 'MinorGC']);
  const threads = new Map();
  for (const { ph, name, pid, tid, ts, dur, tdur } of events) {
    if (ph !== 'X' || (name !== 'RunTask' && !SCRIPT.has(name))) continue;
    const key = `${pid}/${tid}`;
    if (!threads.has(key)) threads.set(key, { tasks: [], scripts: [] });
    threads.get(key)[name === 'RunTask' ? 'tasks' : 'scripts'].push({ ts, end: ts + dur, ms: (tdur ?? dur) / 1000 });
  }
  const all = [];
  for (const { tasks, scripts } of threads.values()) {
    if (!scripts.length) continue;
    scripts.sort((a, b) => a.ts - b.ts || b.end - a.end);
    for (const task of tasks) {
      let covered = -Infinity; // what lies in another script counts with that
      let ms = 0;
      for (const script of scripts) {
        if (script.ts < task.ts || script.end > task.end || script.end <= covered) continue;
        ms += script.ms;
        covered = script.end;
      }
      all.push(ms);
    }
  }
  return all;
}

test('1,000 jobs in the list cost no frame more than 50 ms of script', async () => {
  for (let sent = 0; sent < 1000; sent += 50)
    await Promise.all(Array.from({ length: 50 }, () => postOne({ priority: 'bulk' })));
  const visit = await Visit.open();
  const { page } = visit;
  await page.tracing.start({ categories: ['devtools.timeline', 'toplevel', 'disabled-by-default-devtools.timeline'] });
  await page.reload();
  await visit.live();
  await visit.until(() => {
    const more = document.querySelector('#jobs-more');
    if (!more.hidden && !more.disabled) more.click();
    return document.querySelectorAll('#jobs-list .job').length >= 1000;
  });
  // News of the jobs that are listed, and of new ones.
  await Promise.all(Array.from({ length: 20 }, () => postOne()));
  await page.$eval('.jobs-scroll', (element) => element.scrollTo(0, element.scrollHeight));
  const { id } = await postOne();
  await page.waitForSelector(`${rowOf(id)}[data-state="completed"]`);
  const { traceEvents } = JSON.parse(Buffer.from(await page.tracing.stop()).toString());
  const tasks = scriptOfTasks(traceEvents);
  const worst = Math.max(...tasks);
  console.log(`# ${tasks.length} tasks, the longest with ${worst.toFixed(1)} ms of script`);
  assert.ok(tasks.filter((ms) => ms > 0).length > 100, 'the trace has no scripts in it');
  assert.ok(worst < SCRIPT_MS, `a task with ${worst} ms of script`);
  await visit.close();
});

test('an open page lays out without jumps and without motion where that is not wanted', async () => {
  const visit = await Visit.open({ motion: 'reduce' });
  const { page } = visit;
  await page.evaluate(() => {
    window.shifts = [];
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((e) => !e.hadRecentInput).map((e) => e.value)))
      .observe({ type: 'layout-shift', buffered: true });
  });
  await page.waitForSelector('#jobs-list .job');
  await page.waitForSelector('#system-roles tr');
  const { id } = await postOne();
  await page.waitForSelector(`${rowOf(id)}[data-state="completed"]`);
  const total = await page.evaluate(() => window.shifts.reduce((sum, value) => sum + value, 0));
  assert.ok(total < 0.1, `layout shifts of ${total}`); // what web.dev calls good
  assert.strictEqual(await page.evaluate(() => document.getAnimations().length), 0);
  await visit.close();
});

for (const size of ['narrow', 'phone', 'wide'])
  test(`nothing is wider than a ${size} screen`, async () => {
    const visit = await Visit.open({ size });
    await visit.page.evaluateOnNewDocument(() => {
      window.widest = 0;
      const look = () => {
        window.widest = Math.max(window.widest, document.documentElement?.scrollWidth ?? 0);
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await visit.page.reload(); // so that it is looked at from its first frame on
    await visit.live();
    await visit.page.waitForSelector('#jobs-list .job');
    const width = await visit.page.evaluate(() => window.widest);
    assert.ok(width > 0 && width <= SIZES[size].width, `${width} px`);
    const cramped = await visit.page.$$eval('.figures dt', (words) => words
      .filter((word) => word.scrollWidth > word.clientWidth).map((word) => word.textContent));
    assert.deepStrictEqual(cramped, []);
    await visit.close();
  });

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
for (const scheme of ['light', 'dark'])
  for (const size of ['desktop', 'phone'])
    test(`an accessibility audit finds nothing serious: ${scheme}, ${size}`, async () => {
      const visit = await Visit.open({ size, scheme });
      const { page } = visit;
      await page.waitForSelector('#jobs-list .job summary');
      await page.$eval('#jobs-list .job summary', (summary) => summary.click());
      await page.waitForSelector('#jobs-list .image');
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      const told = violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
      for (const line of told) console.log(`# ${line}`);
      assert.deepStrictEqual(told.filter((line) => /^(serious|critical)/.test(line)), []);
      await visit.close();
    });

for (const scheme of ['light', 'dark'])
  for (const size of ['desktop', 'phone'])
    test(`screenshots: ${scheme}, ${size}`, { skip: !screens }, async () => {
      const visit = await Visit.open({ size, scheme });
      const { page } = visit;
      fs.mkdirSync(screens, { recursive: true });
      const file = (name) => path.join(screens, `${name}-${scheme}-${size}.png`);
      await page.waitForSelector('#jobs-list .job[data-state="completed"] summary');
      await page.waitForSelector('#system-roles tr');
      await page.$eval('#jobs-list .job[data-state="completed"] summary', (summary) => summary.click());
      await visit.reveal('#jobs-list .image'); // pictures load when they are looked at
      await visit.until(() => document.querySelector('#jobs-list .image img')?.naturalWidth > 0);
      await page.evaluate(() => window.scrollTo(0, 0)); // where the bar at the top covers no panel
      await page.screenshot({ path: file('page') });
      for (const panel of ['load', 'system', 'break', 'time', 'jobs', 'api'])
        await (await page.$(`#${panel}`)).screenshot({ path: file(panel), scrollIntoView: false });
      await visit.close();
    });
