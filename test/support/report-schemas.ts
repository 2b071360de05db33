/** Reports against the schemas that their readers publish: SARIF by ajv, JUnit XML by libxml2's validator. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { validateXML } from 'xmllint-wasm';

const read = (name: string): string => readFileSync(new URL(`./schemas/${name}`, import.meta.url), 'utf8');

/** It is written in draft 4; what it uses of it means the same in draft 7, but for the names of these two. */
const { $schema: _draft, id: _id, ...sarif } = JSON.parse(read('sarif-2.1.0-rtm.5.json')) as Record<string, unknown>;
const validate = new Ajv({
  allErrors: true,
  strict: false,
  // Patterns of draft 4 are not Unicode ones.
  unicodeRegExp: false,
  formats: {
    uri: (text: string) => URL.canParse(text),
    'uri-reference': (text: string) => URL.canParse(text, 'https://host.example/') && !/[\s\\]/.test(text),
    'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  },
}).compile(sarif);

/** Empty: valid. */
export function sarifProblems(log: unknown): readonly string[] {
  return validate(log) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** Empty: valid, and well-formed. */
export async function junitProblems(xml: string): Promise<readonly string[]> {
  const { errors } = await validateXML({
    xml: [{ fileName: 'report.xml', contents: xml }],
    schema: [{ fileName: 'junit-10.xsd', contents: read('junit-10.xsd') }],
  });
  return errors.map(({ message }) => message);
}
