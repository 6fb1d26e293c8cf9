// An S3 server on loopback for tests: node server.js FOLDER [KEY.pem CERT.pem]
// Needs `npm install` in this folder. Has the bucket "images" in the region eu-north-1, and the key
// and secret S3RVER. Prints its URL as its first line; ends when its standard input does.
//
// @20minutes/s3rver keeps the objects. In front of it stands what it is lax about and Amazon is not:
// - the address: http://HOST/images/KEY (path style), or images.s3.localhost and
//   images.s3.REGION.localhost (virtual-host style); a host of another region is redirected from;
// - signatures: of the right region, over all x-amz-* headers and the body, as another
//   implementation (aws4) makes them;
// - the policy that Bucketeer gives its buckets: who has not signed may GET below public/, and
//   nothing else.
// Lines on its standard input make it ill, for tests of outages: "status CODE" answers all with that
// status, "hang" answers nothing, "refuse" takes no connection, "well" ends that. GET /illness tells
// which it has, even then.
'use strict';
Array.prototype.toReversed ??= function () { return [...this].reverse(); }; // Node.js 18 lacks it
const aws4 = require('aws4');
const crypto = require('node:crypto');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const readline = require('node:readline');
const S3rver = require('@20minutes/s3rver');

const bucket = 'images';
const region = 'eu-north-1';
const key = 'S3RVER';
const secret = 'S3RVER';

let illness = 'well';

class Refusal extends Error {
  constructor(status, code, { region: where, header } = {}) {
    super(code);
    this.status = status;
    this.headers = { 'content-type': 'application/xml', ...header };
    const more = where ? `<Region>${where}</Region>` : '';
    this.body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>${more}</Error>`;
  }
}

// The path of an object as s3rver knows it, whatever the style of the request.
function pathOf(request) {
  const host = request.headers.host.replace(/:\d+$/, '');
  const [, named, place] =
    /^(?:([a-z0-9-]+)\.)?s3(?:\.([a-z0-9-]+))?\.localhost$/.exec(host) ?? [];
  if (place && place !== region) {
    throw new Refusal(301, 'PermanentRedirect', { header: { 'x-amz-bucket-region': region } });
  }
  return named ? `/${named}${request.url}` : request.url;
}

function checkPolicy(request, path) {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (!reads || !path.startsWith(`/${bucket}/public/`)) {
    throw new Refusal(403, 'AccessDenied');
  }
}

// "20260131T235959Z", in milliseconds.
function timeOf(date) {
  return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
}

function checkSignature(request, body) {
  const given = request.headers.authorization;
  const [, id, asked, names] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=/
      .exec(given) ?? [];
  if (asked !== region) {
    throw new Refusal(400, 'AuthorizationHeaderMalformed', { region });
  }
  if (id !== key) {
    throw new Refusal(403, 'InvalidAccessKeyId');
  }
  if (!(Math.abs(Date.now() - timeOf(request.headers['x-amz-date'] ?? '')) < 15 * 60 * 1000)) {
    throw new Refusal(403, 'RequestTimeTooSkewed');
  }
  const signed = names.split(';');
  const must = Object.keys(request.headers).filter((name) => /^(host|x-amz-.*)$/.test(name));
  const signer = new aws4.RequestSigner({
    service: 's3', region, method: request.method, path: request.url, doNotModifyHeaders: true,
    headers: Object.fromEntries(signed.map((name) => [name, request.headers[name] ?? ''])),
  }, { accessKeyId: key, secretAccessKey: secret });
  signer.datetime = request.headers['x-amz-date']; // else it signs for now, and this second is not that one
  const right = signer.sign().headers.Authorization;
  if (!must.every((name) => signed.includes(name)) || right.slice(-64) !== given.slice(-64)) {
    throw new Refusal(403, 'SignatureDoesNotMatch');
  }
  const hash = request.headers['x-amz-content-sha256'];
  if (hash !== 'UNSIGNED-PAYLOAD' &&
      hash !== crypto.createHash('sha256').update(body).digest('hex')) {
    throw new Refusal(400, 'XAmzContentSHA256Mismatch');
  }
}

// Hands it on to s3rver, which checks a signature once more where the path is what was signed.
function passOn(request, path, body, response, port) {
  const headers = { ...request.headers };
  delete headers.expect;
  if (path !== request.url) {
    delete headers.authorization;
    delete headers.host;
  }
  const onward = http.request({ host: '127.0.0.1', port, method: request.method, path, headers });
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', (e) => response.destroy(e));
  onward.end(body);
}

async function serve(request, response, port) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (request.url === '/illness') {
    response.end(illness);
    return;
  }
  if (illness === 'hang') {
    return;
  }
  try {
    if (illness.startsWith('status ')) {
      throw new Refusal(Number(illness.slice(7)), 'Ill');
    }
    const path = pathOf(request);
    if (request.headers.authorization) {
      checkSignature(request, body);
    } else {
      checkPolicy(request, path);
    }
    passOn(request, path, body, response, port);
  } catch (e) {
    if (!(e instanceof Refusal)) {
      throw e;
    }
    response.writeHead(e.status, e.headers).end(e.body);
  }
}

async function main(directory, keyFile, certFile) {
  const objects = new S3rver({
    address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: bucket }],
    serviceEndpoint: 'localhost',
  });
  const { port: inner } = await objects.run();
  const take = (request, response) => serve(request, response, inner).catch(() => response.destroy());
  const server = certFile
    ? https.createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, take)
    : http.createServer(take);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  console.log(`${certFile ? 'https' : 'http'}://127.0.0.1:${port}`);

  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    illness = line;
    if (line === 'refuse') {
      server.close();
      server.closeAllConnections();
    } else if (!server.listening) {
      server.listen(port, '127.0.0.1');
    }
  }).on('close', () => process.exit(0));
}

main(...process.argv.slice(2)).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
