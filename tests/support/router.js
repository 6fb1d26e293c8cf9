// What stands before a deployment at Heroku, for tests: node router.js PORT KEY.pem CERT.pem ROUTE...
// A ROUTE is NAME=PORT: https for hosts that begin with NAME goes on as http to that port here.
// Prints its port as its first line, and then one line for each fault of the kind that Heroku gives
// a code to (H12: no byte in 30 s; H13, H18: hung up before, within the answer). Ends when its
// standard input does.
//
// It does what a client and a program behind such a router have to live with: TLS ends here; the
// program sees one connection, kept for 90 s, for many clients; X-Forwarded-*, X-Request-Id,
// X-Request-Start and Via are the router's; while the program starts, which here are the first
// seconds after the first request, there is a page of HTML with 503; and now and then there is a 429
// for who asks too much.
'use strict';
const crypto = require('node:crypto');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');

const COLD_MS = 3000;
const FIRST_BYTE_MS = 30000;
const LATER_BYTES_MS = 55000;
const IDLE_MS = 90000;
const REQUESTS_AT_ONCE = 97; // then one is too much
const HOP_BY_HOP = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

const [port, keyFile, certFile, ...words] = process.argv.slice(2);
const routes = new Map(words.map((word) => word.split('=')));
const agent = new http.Agent({ keepAlive: true, timeout: IDLE_MS, maxSockets: 50 });
let warmAt = 0;
let requests = 0;

function errorPage(response, status, code, request) {
  if (code) {
    console.log(`code=${code} method=${request.method} path=${request.url}`);
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  response.end('<!DOCTYPE html><html><head><title>Application Error</title></head></html>\n');
}

function requestId(given) {
  return given && /^[A-Za-z0-9+/=_.-]{20,200}$/.test(given) ? given : crypto.randomUUID();
}

function onwardHeaders(request) {
  const headers = { ...request.headers };
  for (const name of ['connection', 'expect', 'keep-alive', 'te', 'upgrade']) {
    delete headers[name];
  }
  const before = headers['x-forwarded-for'];
  const client = request.socket.remoteAddress;
  return {
    ...headers,
    'x-forwarded-for': before ? `${before}, ${client}` : client,
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '443',
    'x-forwarded-host': headers.host,
    'x-request-id': requestId(headers['x-request-id']),
    'x-request-start': String(Date.now()),
    via: '1.1 heroku-router',
  };
}

function route(request, response) {
  const target = routes.get(request.headers.host?.split('.')[0]);
  if (!target) {
    errorPage(response, 404, '', request);
    return;
  }
  warmAt ||= Date.now() + COLD_MS;
  if (Date.now() < warmAt) {
    request.resume();
    errorPage(response, 503, '', request);
    return;
  }
  // Not what the deployment fetches itself: a second try of an image is no matter of this suite.
  if (!/^\/(ok|static)\//.test(request.url) && ++requests % REQUESTS_AT_ONCE === 0) {
    request.resume();
    response.writeHead(429, { 'retry-after': '1', 'content-type': 'text/plain' }).end('slower\n');
    return;
  }
  const onward = http.request({
    host: '127.0.0.1', port: target, agent, method: request.method, path: request.url,
    headers: onwardHeaders(request),
  });
  let answered = false;
  let gone = false; // the client; nobody's fault, and how a stream of events ends
  const patience = (ms, code) => onward.setTimeout(ms, () => {
    errorPage(response, 503, code, request);
    onward.destroy();
  });
  patience(FIRST_BYTE_MS, 'H12');
  onward.on('response', (answer) => {
    answered = true;
    patience(LATER_BYTES_MS, 'H15');
    for (const name of HOP_BY_HOP) {
      delete answer.headers[name];
    }
    response.writeHead(answer.statusCode, { ...answer.headers, via: '1.1 heroku-router' });
    answer.on('aborted', () => gone || errorPage(response, 503, 'H18', request));
    answer.pipe(response);
  });
  onward.on('error', () => {
    if (!answered && !response.destroyed) {
      errorPage(response, 503, 'H13', request);
    }
  });
  response.on('close', () => {
    gone = !response.writableFinished;
    if (gone) {
      onward.destroy();
    }
  });
  request.pipe(onward);
}

const server = https.createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, route);
server.keepAliveTimeout = IDLE_MS;
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
