/** How a request names a feature: `set.feature`, or `set@2.feature` of a version. */
import { MlopsError } from '../lib/error.ts';

export interface FeatureName {
  readonly set: string;
  readonly version: number | undefined;
  readonly feature: string;
}

/** FS201 where the text names none. */
export function parseFeature(name: string): FeatureName {
  const match = /^([a-z][a-z0-9_-]{0,62})(?:@(\d{1,9}))?\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(name);
  if (match?.[1] === undefined || match[3] === undefined) {
    throw new MlopsError('FS201', {
      detail: `${JSON.stringify(name)} names no feature.`,
      hint: 'write set.feature, or set@2.feature for a version',
      status: 422,
    });
  }
  return { set: match[1], version: match[2] === undefined ? undefined : Number(match[2]), feature: match[3] };
}
