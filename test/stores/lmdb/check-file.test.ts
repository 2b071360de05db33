/** Which files LMDB may be given: LMDB itself is the judge, in a process of its own, since a file that is cut off ends it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, describe, expect, it } from 'vitest';
import { problemOfFile } from '../../../src/stores/lmdb/check-file.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const PAGE = 4096;
const KEPT = 3_000;
const directory = await temporaryDirectory();
afterAll(() => directory.remove());

/** Records of all over the file are gone again, so that free pages lie between those in use; some values have pages of their own. */
async function fileWithFreePages(): Promise<string> {
  const path = join(directory.path, 'made');
  const db = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false });
  await db.transaction(() => {
    for (let index = 0; index < 20_000; index += 1)
      db.put(`k${index}`, Buffer.alloc(index % 500 === 0 ? 20_000 : 120, index));
  });
  for (let from = 0; from < 20_000; from += 2_000)
    await db.transaction(() => {
      for (let index = from; index < from + 2_000; index += 1) if (index % 20_000 >= KEPT) db.remove(`k${index}`);
    });
  await db.flushed;
  await db.close();
  return join(path, 'data.mdb');
}

/** Whether LMDB reads every record of it. */
function reads(folder: string): boolean {
  const script = `import { open } from 'lmdb';
const db = open({ path: ${JSON.stringify(folder)}, encoding: 'binary', noSubdir: false, readOnly: true });
let count = 0;
for (const { value } of db.getRange({})) count += value.length > 0 ? 1 : 0;
process.exit(count === ${KEPT} ? 0 : 1);`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' }).status === 0;
}

describe('a file of the online store', () => {
  it('is told to be cut off exactly where LMDB could not read all of it', { timeout: 60_000 }, async () => {
    const whole = await fileWithFreePages();
    const pages = statSync(whole).size / PAGE;
    const answers = await Promise.all(
      [0, 1, 2, 0.1, 0.3, 0.5, 0.7, 0.9].map(async (share, index) => {
        const folder = join(directory.path, `cut-${index}`);
        mkdirSync(folder);
        copyFileSync(whole, join(folder, 'data.mdb'));
        const gone = Number.isInteger(share) ? share : Math.floor(pages * share);
        truncateSync(join(folder, 'data.mdb'), (pages - gone) * PAGE);
        return { gone, told: await problemOfFile(join(folder, 'data.mdb')), reads: reads(folder) };
      }),
    );
    expect(answers.map(({ gone, told }) => [gone, told === undefined])).toEqual(
      answers.map(({ gone, reads: whole }) => [gone, whole]),
    );
    expect(answers.map(({ told }) => told)).toEqual([undefined, ...answers.slice(1).map(() => 'it is cut off')]);
  });

  it('is whole whatever was written and removed in it, in one transaction or in many', {
    timeout: 60_000,
  }, async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = seededRandom(seed);
      const path = join(directory.path, `life-${seed}`);
      const db = open<Buffer, string>({ path, encoding: 'binary', noSubdir: false });
      const keys = 200 + random.below(4_000);
      for (let round = 0; round < 6; round += 1) {
        await db.transaction(() => {
          for (let step = 0; step < keys; step += 1) {
            const key = `k${random.below(keys)}`;
            if (random.next() < 0.2 * round) db.remove(key);
            else db.put(key, Buffer.alloc(random.next() < 0.02 ? 30_000 : random.below(400)));
          }
        });
        await db.flushed;
        expect(await problemOfFile(join(path, 'data.mdb')), `seed ${seed}, round ${round}`).toBeUndefined();
      }
      await db.close();
      expect(await problemOfFile(join(path, 'data.mdb')), `seed ${seed}`).toBeUndefined();
    }
  });

  it('that is none at all is told as such, and an empty or absent one is no problem', async () => {
    const path = join(directory.path, 'other');
    expect(await problemOfFile(path)).toBeUndefined();
    writeFileSync(path, '');
    expect(await problemOfFile(path)).toBeUndefined();
    writeFileSync(path, Buffer.alloc(3 * PAGE, 7));
    expect(await problemOfFile(path)).toBe('it is no LMDB file');
  });
});
