// The least that answers a request for features: reads its body and answers bytes that were made before. Argument: a file with them.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const bytes = readFileSync(process.argv[2]);
const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length };
const server = createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200, headers).end(bytes));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
