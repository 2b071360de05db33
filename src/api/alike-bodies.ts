/**
 * Bodies that are alike but for the entities: the list of features, by far the longest part, is the same text from request to
 * request. It is parsed once, and only the rest anew. What is answered is what JSON.parse answers, or nothing.
 *
 * An object's text parted at a comma between two of its members is two objects, once the braces are put back: where both
 * parse, the cut was between members, and what stands later counts where a name stands twice.
 */

type Members = Readonly<Record<string, unknown>>;

/** Parts longer than this are not kept, and more of them start afresh. */
const LONGEST_KEPT = 16_384;
const KEPT = 500;

/** `steady`, a member that is mostly the same, beside `varying`, one that is not. Undefined where the text is not of that kind. */
export function alikeBodies(steady: string, varying: string): (text: string) => Members | undefined {
  const [steadyName, varyingName] = [`"${steady}"`, `"${varying}"`];
  const known = new Map<string, Members>();

  function kept(part: string): Members | undefined {
    const found = known.get(part);
    if (found !== undefined) return found;
    const made = membersOf(part);
    if (made === undefined || part.length > LONGEST_KEPT) return made;
    if (known.size >= KEPT) known.clear();
    known.set(part, deeplyFrozen(made));
    return made;
  }

  return (text) => {
    const at = Math.max(text.lastIndexOf(steadyName), text.lastIndexOf(varyingName));
    const comma = at <= 0 ? -1 : commaBefore(text, at);
    if (comma < 0 || text.includes('\\u0000')) return undefined;
    const [before, after] = [`${text.slice(0, comma)}}`, `{${text.slice(at)}`];
    const steadyLast = text.startsWith(steadyName, at);
    const first = steadyLast ? membersOf(before) : kept(before);
    const second = steadyLast ? kept(after) : membersOf(after);
    return first === undefined || second === undefined ? undefined : { ...first, ...second };
  };
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
