// An S3 server on loopback for tests: node server.js FOLDER
// Needs `npm install` in this folder. Has the bucket "images", and the key and secret S3RVER. Prints
// its URL as its first line; ends when its standard input does.
'use strict';
Array.prototype.toReversed ??= function () { return [...this].reverse(); }; // Node.js 18 lacks it
const S3rver = require('@20minutes/s3rver');

async function main(directory) {
  const server = new S3rver({
    address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'images' }],
  });
  const { address, port } = await server.run();
  console.log(`http://${address}:${port}`);
  process.stdin.resume().on('end', () => process.exit(0));
}

main(process.argv[2]).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
