/** What may happen to a project and its state, as plain data: a case is a list of these, and can be printed, cut down and run again. */
import { CODES } from '../../src/lib/codes.ts';
import type { DeclaredKind } from '../../src/spec/kinds.ts';
import { seededRandom } from '../../src/training/random.ts';
import { FIELDS, KINDS, NAMES } from './drafts.ts';

/** What goes wrong during an apply. Absent: nothing. */
export interface Mishap {
  /** Three of ten effects fail, half of them after they had their effect; which ones follows from this. */
  readonly fail?: number;
  /** The process dies at this boundary: before and after each call of the store and of an effect. */
  readonly die?: number;
  /** It sleeps at this boundary, of the same, until another has taken over and applied, and then wakes up. */
  readonly sleep?: number;
}

export type Command =
  /** Makes the resource where it is new. */
  | {
      readonly do: 'edit';
      readonly kind: DeclaredKind;
      readonly name: string;
      readonly field: string;
      readonly value: number;
    }
  | { readonly do: 'remove'; readonly kind: DeclaredKind; readonly name: string }
  | { readonly do: 'rename'; readonly kind: DeclaredKind; readonly name: string; readonly to: string }
  | { readonly do: 'rule'; readonly code: string; readonly as: 'error' | 'warn' | 'off' }
  /** From then on the rows are in a Postgres, or in files again. */
  | { readonly do: 'warehouse'; readonly on: boolean }
  | ({ readonly do: 'apply'; readonly target?: number; readonly atOnce: number } & Mishap)
  | ({ readonly do: 'destroy'; readonly target?: number; readonly atOnce: number } & Mishap)
  | { readonly do: 'save' }
  | ({ readonly do: 'applySaved'; readonly atOnce: number } & Mishap)
  | { readonly do: 'two'; readonly atOnce: number }
  /** Goes back to one of the serials that the history lists; `forward`: and from there to where it was before. */
  | ({ readonly do: 'back'; readonly pick: number; readonly forward?: true; readonly atOnce: number } & Mishap)
  /** Sums up the history but for so many serials. */
  | { readonly do: 'prune'; readonly keep: number }
  | { readonly do: 'api'; readonly kind: 'model' | 'feature_set'; readonly name: string }
  | { readonly do: 'forget'; readonly pick: number }
  | { readonly do: 'move'; readonly pick: number; readonly to: string };

/** Of findings that a project's rules set. */
export const RULE_CODES = Object.keys(CODES).filter((code) => /^(FS|PL|MD|EP|ST)1/.test(code));

export function randomCase(seed: number): readonly Command[] {
  const random = seededRandom(seed);
  const of = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const kindAndName = (): { readonly kind: DeclaredKind; readonly name: string } => {
    const kind = of(KINDS);
    return { kind, name: of(NAMES[kind]) };
  };
  const edit = (): Command => {
    const { kind, name } = kindAndName();
    const field = of(Object.keys(FIELDS[kind]));
    return { do: 'edit', kind, name, field, value: random.below(FIELDS[kind][field]?.length ?? 1) };
  };
  const mishap = (): Mishap => {
    const chance = random.next();
    if (chance < 0.25) return { fail: 1 + random.below(1_000_000) };
    if (chance < 0.45) return { die: 1 + random.below(60) };
    if (chance < 0.52) return { sleep: 1 + random.below(50) };
    return {};
  };
  const atOnce = (): number => of([1, 3, 10]);
  const target = (): { readonly target?: number } => (random.next() < 0.15 ? { target: random.below(1000) } : {});
  const command = (): Command => {
    const chance = random.next();
    if (chance < 0.4) return edit();
    if (chance < 0.48) return { do: 'remove', ...kindAndName() };
    if (chance < 0.54) {
      const { kind, name } = kindAndName();
      return { do: 'rename', kind, name, to: of([...NAMES[kind], `${name}_new`]) };
    }
    if (chance < 0.55) return { do: 'warehouse', on: random.next() < 0.5 };
    if (chance < 0.57) return { do: 'rule', code: of(RULE_CODES), as: of(['error', 'warn', 'off']) };
    if (chance < 0.75) return { do: 'apply', ...target(), atOnce: atOnce(), ...mishap() };
    if (chance < 0.79) {
      const forward = random.next() < 0.5 ? { forward: true as const } : {};
      return { do: 'back', pick: random.below(1000), ...forward, atOnce: atOnce(), ...mishap() };
    }
    if (chance < 0.82) return { do: 'destroy', ...target(), atOnce: atOnce(), ...mishap() };
    if (chance < 0.86) return { do: 'save' };
    if (chance < 0.9) return { do: 'applySaved', atOnce: atOnce(), ...mishap() };
    if (chance < 0.93) return { do: 'two', atOnce: atOnce() };
    if (chance < 0.96) {
      const kind = of(['model', 'feature_set'] as const);
      return { do: 'api', kind, name: of([...NAMES[kind], 'made_by_api']) };
    }
    if (chance < 0.97) return { do: 'prune', keep: 1 + random.below(4) };
    if (chance < 0.985) return { do: 'forget', pick: random.below(1000) };
    const pick = random.below(1000);
    return { do: 'move', pick, to: of([...Object.values(NAMES).flat(), 'moved']) };
  };
  // A project to begin with: one thing of every kind, mostly.
  const first = KINDS.flatMap((kind): Command[] =>
    random.next() < 0.15 ? [] : [{ do: 'edit', kind, name: NAMES[kind][0] ?? '', field: 'description', value: 1 }],
  );
  // Half of them read by queries, and as many have their rows in a warehouse.
  const queries: readonly Command[] = [
    { do: 'edit', kind: 'source', name: 's2', field: 'from', value: random.below(FIELDS.source['from']?.length ?? 1) },
    { do: 'edit', kind: 'feature_set', name: 'f1', field: 'query', value: random.below(3) },
  ];
  const second: readonly Command[] = [
    ...queries.filter(() => random.next() < 0.5),
    ...(random.next() < 0.5 ? [{ do: 'warehouse' as const, on: true }] : []),
  ];
  return [...first, ...second, ...Array.from({ length: 6 + random.below(18) }, command)];
}

/** One command a line, to paste into a test. */
export function textOf(commands: readonly Command[]): string {
  return commands.map((command) => `  ${JSON.stringify(command)},`).join('\n');
}
