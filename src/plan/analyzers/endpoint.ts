/** Endpoints: whom a request is answered by. What changes here reaches traffic as soon as it is applied. */
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, type Analyzer, finding, SAFE, says, together } from './analyzer.ts';
import { recordsChanged } from './endpoint-records.ts';
import { differentModels, rolloutChanges } from './endpoint-rollout.ts';
import { unserved, variantChanges } from './endpoint-variants.ts';
import { movedShare, percent } from './traffic.ts';

type Context = AnalysisContext<'endpoint'>;

export const analyzeEndpoint: Analyzer<'endpoint'> = (context) => {
  const { address, before, after } = context;
  if (after === undefined) return before === undefined ? SAFE : destroyed(address);
  if (before === undefined)
    return together([unserved(context, undefined, after), differentModels(context, undefined, after)]);
  return together([
    renamed(context),
    key(context, before, after),
    ...variantChanges(context, before, after),
    unserved(context, before, after),
    split(context, before, after),
    recordsChanged(context, before, after),
    ...rolloutChanges(context, before, after),
  ]);
};

function destroyed(address: string): Analysis {
  return says(
    'breaking',
    finding('EP101', 'warning', undefined, {
      detail: `${address} stops answering: whoever asks it for predictions gets 404. Logged predictions stay.`,
      fix: 'put `protect: true` on an endpoint that must not be destroyed',
    }),
  );
}

/** Callers know it by its name, and so does the hash that draws the variant. */
function renamed({ address, previousAddress, desired }: Context): Analysis | undefined {
  if (previousAddress === null) return undefined;
  return says(
    'breaking',
    finding('EP107', 'warning', desired, {
      detail: `${previousAddress} answers as ${address} from now on: which variant answers a key is drawn anew. The old name is answered until another endpoint takes it.`,
      fix: 'declare an endpoint of the new name beside it, move its callers, then remove the old one',
      pointer: '/movedFrom',
    }),
  );
}

function key({ address, desired }: Context, before: CanonicalEndpoint, after: CanonicalEndpoint): Analysis | undefined {
  if (before.key === after.key) return undefined;
  return says(
    'breaking',
    finding('EP102', 'warning', desired, {
      detail: `${address} is asked by ${after.key} instead of ${before.key}. Requests without it are refused, and which variant answers is drawn anew.`,
      fix: 'declare another endpoint with the new key, move its callers, then remove this one',
      pointer: '/key',
    }),
  );
}

function split(
  { address, desired }: Context,
  before: CanonicalEndpoint,
  after: CanonicalEndpoint,
): Analysis | undefined {
  const moved = movedShare(before.split, after.split);
  if (moved === 0) return undefined;
  const shares = Object.entries(after.split).map(
    ([name, share]) => `${name} ${percent(before.split[name] ?? 0)} → ${percent(share)}`,
  );
  return says(
    'safe',
    finding('EP106', 'warning', desired, {
      detail: `${percent(moved)} of the keys of ${address} get another variant (${shares.join(', ')}); the others keep theirs.`,
      pointer: '/split',
    }),
  );
}
