/**
 * Runs for daemons that are hurt: pipelines of one seed with tasks inside the daemon and programs of their own, which say in a
 * file when they start and when they are done.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import { seededRandom } from '../../src/training/random.ts';
import { pipelineOf } from '../support/orchestrator.ts';

export interface Mark {
  readonly what: 'start' | 'end';
  readonly run: string;
  readonly task: string;
  readonly attempt: number;
}

const MARK = `"$MLOPS_RUN_ID $MLOPS_TASK $MLOPS_ATTEMPT"`;

/** `poison`: one of its tasks kills the daemon that runs it. */
export function pipelineOfSeed(
  seed: number,
  workdir: string,
  { poison }: { readonly poison: boolean },
): CanonicalPipeline {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const env = { MARKS: join(workdir, 'marks') };
  const program = (body: string): object => ({
    operator: 'command',
    command: `echo "start "${MARK} >> "$MARKS"; ${body}; echo "end "${MARK} >> "$MARKS"`,
    env,
    resources: { cpu: 0.25 },
    retry: { limit: 1, backoff: { initial: '50ms', factor: 1 } },
  });
  const tasks: Record<string, object> = {};
  for (let ordinal = 0; ordinal < 14; ordinal += 1) {
    const needs = Object.keys(tasks).filter(() => random.next() < 0.2);
    const kind = random.next();
    const trigger = random.next() < 0.8 ? 'all_success' : 'all_done';
    const more = kind < 0.5 ? {} : program(kind < 0.9 ? `sleep 0.${below(5)}` : `sleep 0.${below(3)}; exit 3`);
    tasks[`t${ordinal}`] = { needs, trigger, ...more };
  }
  if (poison) tasks['poison'] = { ...program('kill -9 $PPID; sleep 5'), retry: {} };
  return pipelineOf(tasks as never);
}

/** What the programs said, in order. */
export async function marksIn(workdir: string): Promise<readonly Mark[]> {
  const text = await readFile(join(workdir, 'marks'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [what, run, task, attempt] = line.split(' ') as ['start' | 'end', string, string, string];
      return { what, run, task, attempt: Number(attempt) };
    });
}
