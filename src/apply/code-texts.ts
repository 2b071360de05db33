/** The texts of code that a plan changes, before (from the artifact store) and after (from the project), for its line differences. */
import { readFile } from 'node:fs/promises';
import { sha256 } from '../lib/canonical.ts';
import { changedCodeDigests } from '../plan/code-changes.ts';
import type { Plan } from '../plan/plan.ts';
import type { BundleSource } from '../spec/bundle-source.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';

/** Larger files, and files that are no text, are only said to have changed. */
const LARGEST_BYTES = 256 * 1024;

/** `artifacts` is opened only when a plan changes code. What cannot be read is left out: showing a plan never fails for it. */
export async function readCodeTexts(
  plan: Plan,
  bundleFiles: ReadonlyMap<string, BundleSource>,
  artifacts: () => Promise<ArtifactStore>,
): Promise<(digest: string) => string | undefined> {
  const digests = changedCodeDigests(plan);
  if (digests.length === 0) return () => undefined;
  const store = await artifacts();
  const texts = new Map<string, string>();
  for (const digest of digests) {
    const content = (await fromProject(bundleFiles.get(digest), digest)) ?? (await fromStore(store, digest));
    if (content !== undefined && content.length <= LARGEST_BYTES && !content.includes(0)) {
      texts.set(digest, Buffer.from(content).toString('utf8'));
    }
  }
  return (digest) => texts.get(digest);
}

async function fromProject(source: BundleSource | undefined, digest: string): Promise<Uint8Array | undefined> {
  if (typeof source === 'object') return Buffer.from(source.text);
  const content = source === undefined ? undefined : await readFile(source).catch(() => undefined);
  return content !== undefined && sha256(content) === digest ? content : undefined;
}

async function fromStore(store: ArtifactStore, digest: string): Promise<Uint8Array | undefined> {
  const stored = await store.has(digest);
  if (stored === undefined || stored.bytes > LARGEST_BYTES) return undefined;
  return store.read(digest).catch(() => undefined);
}
