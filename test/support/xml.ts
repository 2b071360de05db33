/** A strict reader of the XML that our reports are written in: elements, attributes, text. Throws at what is not well-formed. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const NAME = /[A-Za-z_][\w.-]*/y;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function parseXml(source: string): XmlElement {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these may not stand in XML 1.0
  const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.exec(source);
  if (forbidden !== null) throw new Error(`forbidden character at ${forbidden.index}`);
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at}: ${source.slice(at, at + 60)}`);
  };
  const take = (token: string): void => {
    if (!source.startsWith(token, at)) fail(`expected ${token}`);
    at += token.length;
  };
  const skipSpace = (): void => {
    while (/\s/.test(source[at] ?? '')) at += 1;
  };
  const name = (): string => {
    NAME.lastIndex = at;
    const found = NAME.exec(source)?.[0] ?? fail('expected a name');
    at += found.length;
    return found;
  };
  const decoded = (raw: string): string => {
    if (/&(?!(amp|lt|gt|quot|apos|#\d+|#x[0-9a-f]+);)/i.test(raw)) fail('a bare &');
    return raw.replace(/&(#?)(x?)(\w+);/g, (_match, numeric: string, hex: string, body: string) =>
      numeric === ''
        ? (ENTITIES[`${hex}${body}`] ?? '')
        : String.fromCodePoint(Number.parseInt(body, hex === '' ? 10 : 16)),
    );
  };
  const element = (): XmlElement => {
    take('<');
    const tag = name();
    const attributes: Record<string, string> = {};
    for (skipSpace(); /[^/>]/.test(source[at] ?? '>'); skipSpace()) {
      const key = name();
      take('="');
      const end = source.indexOf('"', at);
      const raw = source.slice(at, end);
      if (end < 0 || raw.includes('<') || raw.includes('\n')) fail('a broken attribute');
      if (key in attributes) fail(`${key} twice`);
      attributes[key] = decoded(raw);
      at = end + 1;
    }
    if (source.startsWith('/>', at)) {
      at += 2;
      return { name: tag, attributes, children: [], text: '' };
    }
    take('>');
    const children: XmlElement[] = [];
    let text = '';
    while (!source.startsWith('</', at)) {
      const next = source.indexOf('<', at);
      if (next < 0) fail(`${tag} does not end`);
      const raw = source.slice(at, next);
      if (raw.includes(']]>')) fail('a bare ]]>');
      text += decoded(raw);
      at = next;
      if (!source.startsWith('</', at)) children.push(element());
    }
    take(`</${tag}>`);
    return { name: tag, attributes, children, text };
  };
  take('<?xml version="1.0" encoding="UTF-8"?>');
  skipSpace();
  const root = element();
  skipSpace();
  if (at !== source.length) fail('something after the root');
  return root;
}
