/**
 * A saved plan: everything that apply needs, with a digest over it. It holds no secret, because specs hold references to
 * secrets only. Whether the state moved since is checked when the apply begins (AP102). Reading and writing files is the caller's.
 */
import { digestOf, sha256 } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { BundleSource } from '../spec/bundle-source.ts';
import { PLAN_FORMAT, type Plan } from './plan.ts';
import { readPlan, type SavedPlanJson } from './read-plan.ts';

const PLAN_FILE_FORMAT = 'mlops.planfile/1';

export interface SavedPlan {
  readonly plan: Plan;
  /** Files of code bundles: SHA-256 of the content → path relative to the project root, or the content itself. Apply verifies it. */
  readonly bundleFiles: Readonly<Record<string, BundleSource>>;
}

/** Names the plan in the journal and in the audit log. */
export function planDigest(plan: Plan): string {
  return digestOf(plan);
}

/** The text of a plan file. The same plan gives the same text; members keep their order, which is that of columns and tasks. */
export function encodePlanFile({ plan, bundleFiles }: SavedPlan): string {
  const body = JSON.stringify({ plan, bundleFiles });
  return `{"format":"${PLAN_FILE_FORMAT}","digest":"${sha256(body)}","saved":${body}}\n`;
}

/** Throws AP103 when the text is no plan file, of a format that is not known, cut off or edited. `file` names it in the error. */
export function decodePlanFile(text: string, file: string): SavedPlan {
  const content = parse(text, file);
  if (content['format'] !== PLAN_FILE_FORMAT) {
    throw unreadable(file, otherFormat(content['format'], PLAN_FILE_FORMAT));
  }
  const saved = content['saved'];
  if (!isRecord(saved) || content['digest'] !== sha256(JSON.stringify(saved))) {
    throw unreadable(file, 'its content does not match its digest: it was cut off or edited');
  }
  // The digest proves that encodePlanFile wrote it; only a plan of another format can differ in shape.
  const plan = saved['plan'];
  if (!isRecord(plan) || plan['format'] !== PLAN_FORMAT)
    throw unreadable(file, `of its plan, ${otherFormat(isRecord(plan) ? plan['format'] : undefined, PLAN_FORMAT)}`);
  return { ...(saved as unknown as SavedPlan), plan: readPlan(plan as unknown as SavedPlanJson) };
}

/** Formats count up: a later one was written by a later version of this program. */
function otherFormat(found: unknown, known: string): string {
  const [name, version] = known.split('/') as [string, string];
  const [, later] =
    new RegExp(`^${name.replace('.', '\\.')}/(\\d+)$`).exec(typeof found === 'string' ? found : '') ?? [];
  return later !== undefined && Number(later) > Number(version)
    ? `its format ${found} is newer than ${known}, the newest that this version of mlops reads`
    : `it is not of the format ${known}`;
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(text);
    if (isRecord(content)) return content;
  } catch (error) {
    throw unreadable(file, 'it is not JSON', error);
  }
  throw unreadable(file, 'it is not a JSON object');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(file: string, why: string, cause?: unknown): MlopsError {
  return new MlopsError('AP103', {
    detail: `${file} is not a usable plan: ${why}.`,
    hint: 'make it again with mlops plan --out FILE',
    cause,
  });
}
