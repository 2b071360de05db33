/**
 * Bodies that are alike but for the entities: the list of features, by far the longest part, is the same text from request to
 * request. It is parsed and checked once, and only the rest anew. What is answered is what JSON.parse answers, or nothing.
 *
 * An object's text parted at a comma between two of its members is two objects, once the braces are put back: where both
 * parse, the cut was between members, and what stands later counts where a name stands twice.
 */

type Members = Readonly<Record<string, unknown>>;

/** Parts longer than this are not kept, and more of them start afresh. */
const LONGEST_KEPT = 16_384;
const KEPT = 500;
/** So many of the last ones are known by their bytes, at the end of a body. */
const KEPT_ENDS = 8;

/** What a member that is mostly the same is part of. */
interface Steady {
  readonly members: Members;
  /** The first item of the list: it fits where the whole list has fitted before. Undefined where there is no list. */
  readonly sample: readonly unknown[] | undefined;
  hasFitted: boolean;
}

/** Throws what is wrong with the shape of a body. */
type Check = (body: unknown) => void;

/**
 * `steady`, a list that is mostly the same and is checked item by item, beside `varying`, a member that is not. The check must fill
 * nothing in. Undefined where the text is not of that kind.
 */
export function alikeBodies(steady: string, varying: string): (bytes: Buffer, check: Check) => Members | undefined {
  const [steadyName, varyingName] = [`"${steady}"`, `"${varying}"`];
  const known = new Map<string, Steady>();
  /** From the comma on. */
  const ends: { readonly bytes: Buffer; readonly steady: Steady }[] = [];

  function kept(part: string): Steady | undefined {
    const found = known.get(part);
    if (found !== undefined) return found;
    const members = membersOf(part);
    if (members === undefined) return undefined;
    const list = members[steady];
    const made = { members, sample: Array.isArray(list) ? list.slice(0, 1) : undefined, hasFitted: false };
    if (part.length > LONGEST_KEPT) return made;
    if (known.size >= KEPT) known.clear();
    known.set(part, made);
    deeplyFrozen(members);
    return made;
  }

  function checked(check: Check, found: Steady, first: Members, second: Members): Members {
    const body = { ...first, ...second };
    // A list that the other part has as well counts instead, where it stands later.
    const isSteady = found.sample !== undefined && body[steady] === found.members[steady];
    check(isSteady && found.hasFitted ? { ...body, [steady]: found.sample } : body);
    if (isSteady) found.hasFitted = true;
    return body;
  }

  function byEnd(bytes: Buffer, check: Check): Members | undefined {
    for (const end of ends) {
      const comma = bytes.length - end.bytes.length;
      if (comma <= 0 || bytes.compare(end.bytes, 0, end.bytes.length, comma) !== 0) continue;
      const text = bytes.toString('utf8', 0, comma);
      const before = text.includes('\\u0000') ? undefined : membersOf(`${text}}`);
      return before && checked(check, end.steady, before, end.steady.members);
    }
    return undefined;
  }

  function byText(bytes: Buffer, check: Check): Members | undefined {
    const text = bytes.toString('utf8');
    const at = Math.max(text.lastIndexOf(steadyName), text.lastIndexOf(varyingName));
    const comma = at <= 0 ? -1 : commaBefore(text, at);
    if (comma < 0 || text.includes('\\u0000')) return undefined;
    const [before, after] = [`${text.slice(0, comma)}}`, `{${text.slice(at)}`];
    if (!text.startsWith(steadyName, at)) {
      const [first, second] = [kept(before), membersOf(after)];
      return first && second && checked(check, first, first.members, second);
    }
    const [first, second] = [membersOf(before), kept(after)];
    if (first === undefined || second === undefined) return undefined;
    const body = checked(check, second, first, second.members);
    if (Object.isFrozen(second.members)) {
      if (ends.length >= KEPT_ENDS) ends.pop();
      ends.unshift({ bytes: Buffer.from(text.slice(comma)), steady: second });
    }
    return body;
  }

  return (bytes, check) => byEnd(bytes, check) ?? byText(bytes, check);
}

/** Of the comma that stands before a place, with nothing but blanks between; −1 where another character does. */
function commaBefore(text: string, at: number): number {
  for (let place = at - 1; place > 0; place -= 1) {
    const code = text.charCodeAt(place);
    if (code === 0x2c) return place;
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return -1;
  }
  return -1;
}

/** Undefined where the text is no object with members. */
function membersOf(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.keys(value).length === 0 ? undefined : (value as Members);
  } catch {
    return undefined;
  }
}

function deeplyFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deeplyFrozen(member);
  return Object.freeze(value);
}
