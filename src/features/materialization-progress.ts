/**
 * How far a materialization is: rows read (how many, is known when they are), rows written in chunks, records written online, statistics. The time
 * left is that of the phase, at its pace so far.
 */

export interface MaterializationProgress {
  readonly featureSet: string;
  readonly version: number;
  readonly phase: 'reading' | 'writing' | 'online' | 'statistics';
  /** For people: `patient_labs@2: writing 300,000 of 1,000,000 rows`. */
  readonly what: string;
  /** Rows of this phase. */
  readonly done: number;
  /** Null where it is not known yet. */
  readonly total: number | null;
  /** Whole seconds to the end of the phase; null where it cannot be told yet. */
  readonly etaSeconds: number | null;
}

export type TellProgress = (progress: MaterializationProgress) => void;

type PhaseOf = Pick<MaterializationProgress, 'featureSet' | 'version' | 'phase'>;

export interface Phase {
  /** So many rows more. */
  add(rows: number): void;
  total(rows: number): void;
}

/** Told at its start and with each step of it. `nowMs`: a clock that only goes forward. */
export function startPhase(
  tell: TellProgress | undefined,
  of: PhaseOf,
  total: number | null,
  nowMs: () => number = () => performance.now(),
): Phase {
  const began = nowMs();
  let done = 0;
  let all = total;
  const say = (): void => {
    const spent = nowMs() - began;
    const left = all === null ? null : Math.max(0, all - done);
    const etaSeconds = left === 0 ? 0 : left === null || done === 0 ? null : Math.ceil((left * spent) / done / 1000);
    tell?.({ ...of, what: textOf(of, done, all), done, total: all, etaSeconds });
  };
  say();
  return {
    add: (rows) => {
      done += rows;
      say();
    },
    total: (rows) => {
      all = rows;
      say();
    },
  };
}

const DOING = {
  reading: 'reading',
  writing: 'writing',
  online: 'writing online',
  statistics: 'taking statistics of',
} as const;

function textOf({ featureSet, version, phase }: PhaseOf, done: number, total: number | null): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  const rows =
    total !== null ? `${number(done)} of ${number(total)} rows` : done === 0 ? 'rows' : `${number(done)} rows`;
  return `${featureSet}@${version}: ${DOING[phase]} ${rows}`;
}
