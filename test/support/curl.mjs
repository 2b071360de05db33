// As much of curl as the documentation and the pipelines use, for machines without it: -X, -H (also @-), -d, --data-binary, -G, --data-urlencode,
// -T, -o, -i, -w, -s, -S, -f, --fail-with-body, --dump-header, -N.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';

const words = process.argv
  .slice(2)
  .flatMap((word) => (/^-[sSfNigG]{2,}$/.test(word) ? [...word.slice(1)].map((c) => `-${c}`) : [word]));
const headers = new Headers();
const data = [];
let method;
let url;
let upload;
let output;
let format;
let include = false;
let fail = false;
let failWithBody = false;
let dump;
let query = false;
const content = (text) => (text.startsWith('@') ? readFileSync(text.slice(1)) : Buffer.from(text));
for (let index = 0; index < words.length; index += 1) {
  const word = words[index];
  const value = () => words[++index] ?? '';
  if (word === '-X' || word === '--request') method = value();
  else if (word === '-H' || word === '--header') {
    const written = value();
    const lines =
      written === '@-'
        ? readFileSync(0, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [written];
    for (const line of lines) {
      const [name, ...rest] = line.split(':');
      headers.append(name, rest.join(':').trim());
    }
  } else if (['-d', '--data', '--data-binary', '--json'].includes(word)) data.push(content(value()));
  else if (word === '--data-urlencode') {
    const [, name, mark, rest] = /^([^=@]*)([=@])(.*)$/s.exec(value());
    const text = mark === '@' ? readFileSync(rest, 'utf8') : rest;
    data.push(Buffer.from(`${name}=${encodeURIComponent(text)}`));
  } else if (word === '-T' || word === '--upload-file') upload = value();
  else if (word === '-o' || word === '--output') output = value();
  else if (word === '-w' || word === '--write-out') format = value();
  else if (word === '-i' || word === '--include') include = true;
  else if (word === '-f' || word === '--fail') fail = true;
  else if (word === '--fail-with-body') failWithBody = true;
  else if (word === '--dump-header') dump = value();
  else if (word === '--retry') value();
  else if (word === '-G' || word === '--get') query = true;
  else if (!word.startsWith('-')) url = /^https?:/.test(word) ? word : `http://${word}`;
  else if (!['-s', '-S', '-N', '-sS', '--silent', '--show-error', '--no-buffer'].includes(word)) {
    process.stderr.write(`curl: ${word} is not known here\n`);
    process.exit(2);
  }
}
if (query && data.length > 0) url += `${url.includes('?') ? '&' : '?'}${data.map(String).join('&')}`;
const body =
  upload !== undefined ? createReadStream(upload) : !query && data.length > 0 ? data.map(String).join('&') : undefined;
if (body !== undefined && upload === undefined && !headers.has('content-type'))
  headers.set('content-type', 'application/x-www-form-urlencoded');
const answer = await fetch(url, {
  method: method ?? (upload !== undefined ? 'PUT' : body === undefined ? 'GET' : 'POST'),
  headers,
  ...(body !== undefined && { body, duplex: 'half' }),
});
if (dump !== undefined)
  writeFileSync(dump, [...answer.headers].map(([name, header]) => `${name}: ${header}\r\n`).join(''));
if (include) {
  process.stdout.write(`HTTP/1.1 ${answer.status} ${answer.statusText}\r\n`);
  for (const [name, value] of answer.headers) process.stdout.write(`${name}: ${value}\r\n`);
  process.stdout.write('\r\n');
}
if (output !== undefined) {
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (output !== '/dev/null') writeFileSync(output, bytes);
} else if (!(fail && !answer.ok) && answer.body !== null) {
  await answer.body.pipeTo(Writable.toWeb(process.stdout), { preventClose: true }).catch((error) => {
    if (error?.code !== 'EPIPE') throw error;
  });
}
if (format !== undefined)
  process.stdout.write(format.replaceAll('%{http_code}', String(answer.status)).replaceAll('\\n', '\n'));
process.exitCode = (fail || failWithBody) && !answer.ok ? 22 : 0;
