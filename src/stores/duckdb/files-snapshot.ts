/**
 * A snapshot of many files. Each file is read once: what is there with the same size and time as before is not opened again. Files
 * lie together in parts; where one of a part was edited or is gone, the part is read again from its files.
 */
import { rm } from 'node:fs/promises';
import { digestOf } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Snapshot, SnapshotRequest } from '../offline-snapshots.ts';
import { type Engine, messageOf } from './engine.ts';
import type { KnownColumn } from './file-types.ts';
import { writeTable } from './files.ts';
import { sameStill, whatToRead } from './files-plan.ts';
import { matchingFiles, readerOf } from './files-reader.ts';
import type { Manifest, ManifestPart } from './manifest.ts';
import {
  following,
  joinSmall,
  keepManifest,
  lastManifest,
  manifestColumns,
  writeManifest,
  writePart,
} from './snapshot-parts.ts';
import { columnsOf, unreadable } from './source-relation.ts';
import { literal } from './sql.ts';

const READ_ATTEMPTS = 3;

export async function filesSnapshot(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source } = request;
  for (let attempt = 1; ; attempt += 1) {
    const { files, format } = matchingFiles(source, request.root);
    const reader = readerOf(source, request.root, files, format);
    const last = await lastManifest(root, request.lastLocation, reader.reading);
    const plan = await whatToRead(files, last, request.root, signal);
    if (last !== undefined && plan.groups.length === 0 && plan.kept.length === last.parts.length) {
      // Touched files need not be hashed next time.
      if (plan.touched && request.lastLocation != null)
        await writeManifest(root, request.lastLocation, { ...last, parts: plan.kept });
      return undefined;
    }
    const { number, before } = following(last, request.lastDigest);
    const made = await engine
      .job(signal, async (session) => {
        let known: readonly KnownColumn[] = last?.known ?? [];
        const parts: ManifestPart[] = [...plan.kept];
        for (const group of plan.groups) {
          known = await reader.known(session, known, group);
          const read = await reader.select(session, group, known);
          parts.push({ ...(await writePart(session, root, source, read)), since: number, files: group });
        }
        const columns = await manifestColumns(session, root, parts);
        return { known, columns, parts: await joinSmall(session, root, source, { columns }, parts), all: parts };
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    if (!(await sameStill(plan.groups.flat(), request.root))) {
      if (attempt < READ_ATTEMPTS) continue;
      throw changing(source);
    }
    const digest = digestOf({
      reading: reader.reading,
      parts: made.all.map((part) => (part.files ?? []).map((file) => [file.path, file.digest])),
    });
    if (digest === request.lastDigest) return undefined;
    const manifest: Manifest = {
      format: 'mlops.snapshot/1',
      reading: reader.reading,
      rows: made.parts.reduce((sum, { rows }) => sum + rows, 0),
      columns: made.columns,
      known: made.known,
      parts: made.parts,
      number,
      before,
    };
    const readRows = made.all.slice(plan.kept.length).reduce((sum, { rows }) => sum + rows, 0);
    const { added, changed, gone } = plan;
    return keepManifest(root, source, digest, manifest, {
      rows: readRows,
      files: { all: files.length, added, changed, gone },
    });
  }
}

/** All of the files as one Parquet file at `to`. Undefined where their digest is `lastDigest`. */
export async function copyFiles(
  engine: Engine,
  source: CanonicalSource,
  projectRoot: string,
  to: string,
  lastDigest: string | null,
  signal: AbortSignal,
): Promise<Pick<Snapshot, 'digest' | 'rows' | 'bytes' | 'columns'> | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const { files, format } = matchingFiles(source, projectRoot);
    const reader = readerOf(source, projectRoot, files, format);
    const { groups } = await whatToRead(files, undefined, projectRoot, signal);
    const digest = digestOf({
      reading: reader.reading,
      files: groups.flat().map((file) => [file.path, file.digest]),
    });
    if (digest === lastDigest) return undefined;
    const made = await engine
      .job(signal, async (session) => {
        const known = await reader.known(session, [], files);
        const selects: string[] = [];
        for (const group of groups) selects.push(await reader.select(session, group, known));
        const bytes = await session.serially(() => writeTable(session, selects.join(' union all by name '), to));
        const written = `read_parquet(${literal(to)})`;
        const [counted] = await session.rows<{ rows: bigint }>(`select count(*) as rows from ${written}`);
        return {
          rows: Number(counted?.rows ?? 0n),
          bytes,
          columns: await columnsOf(session, `select * from ${written}`),
        };
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    if (await sameStill(groups.flat(), projectRoot)) return { digest, ...made };
    await rm(to, { force: true });
    if (attempt >= READ_ATTEMPTS) throw changing(source);
  }
}

function changing(source: CanonicalSource): MlopsError {
  return unreadable(
    source,
    'Its files change while they are read.',
    'write a new version beside the old one and rename it into place',
  );
}
