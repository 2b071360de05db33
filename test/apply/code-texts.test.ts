import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readCodeTexts } from '../../src/apply/code-texts.ts';
import { digestOf, sha256 } from '../../src/lib/canonical.ts';
import type { ArtifactStore } from '../../src/stores/artifacts.ts';
import { applyProject, memoryArtifacts, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare } from '../support/specs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function running(text: string) {
  const files = { 'train.sh': sha256(text) };
  const train = { operator: 'command', command: 'sh train.sh', needs: [], bundle: { digest: digestOf(files), files } };
  return healthcare({ pipeline: { tasks: { train } as never } });
}

it('reads code before from the artifact store and after from the project, and opens the store only for that', async () => {
  const directory = await temporaryDirectory();
  try {
    const state = memoryStateStore();
    const stored = {
      ...memoryArtifacts(),
      has: async (digest: string) => ({ digest, bytes: 3 }),
      read: async () => Buffer.from('old'),
    };
    await applyProject(running('old'), state, { artifacts: stored });
    const file = join(directory.path, 'train.sh');
    await writeFile(file, 'new');
    const plan = await planOf(running('new'), state);
    const texts = await readCodeTexts(plan, new Map([[sha256('new'), file]]), async () => stored as ArtifactStore);
    expect([texts(sha256('old')), texts(sha256('new'))]).toEqual(['old', 'new']);

    await writeFile(file, 'newer');
    const gone = { ...stored, has: async () => undefined } as ArtifactStore;
    const none = await readCodeTexts(plan, new Map([[sha256('new'), file]]), async () => gone);
    expect([none(sha256('old')), none(sha256('new'))]).toEqual([undefined, undefined]);

    const untouched = await planOf(running('old'), state);
    await readCodeTexts(untouched, new Map(), async () => {
      throw new Error('opened');
    });
  } finally {
    await directory.remove();
  }
});
