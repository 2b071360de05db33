/** Edits of a feature set that make no new version: what they mean for those who read it. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { durationMs } from '../../lib/units.ts';
import type { CanonicalFeatureSet } from '../../spec/canonical-specs.ts';
import type { Expectation, Feature, OnFailure, SetExpectation } from '../../spec/schema-types.ts';
import { escapePointer } from '../diff.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, together } from './analyzer.ts';
import { materializedElsewhere } from './materializers.ts';

type Context = AnalysisContext<'feature_set'>;

/** `differs`: FS107 tells of the change already. */
export function inPlace(
  context: Context,
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
  differs: boolean,
): Analysis {
  return together([
    timeToLive(context, before, after),
    anotherWay(context, before, after),
    ...schedule(context, before, after),
    ofSet(context, before, after),
    onFailure(
      'an expectation of the set',
      before.expect?.onFailure,
      after.expect?.onFailure,
      after.expect?.onFailure === undefined ? '' : '/expect/onFailure',
      context.desired,
    ),
    ...Object.keys(after.features).flatMap((name) => ofFeature(context, before, after, name, differs)),
  ]);
}

function endpointsReading({ readers, stays }: Context, set: CanonicalFeatureSet): readonly string[] {
  const services = Object.keys(set.features).flatMap((feature) => readers.servicesReading(`${set.name}.${feature}`));
  return readers.endpointsServing(readers.modelsReading(services).filter(stays)).filter(stays);
}

const lifetime = (ttl: string | undefined): number => (ttl === undefined ? Number.POSITIVE_INFINITY : durationMs(ttl));

function timeToLive(context: Context, before: CanonicalFeatureSet, after: CanonicalFeatureSet): Analysis | undefined {
  const [old, next] = [lifetime(before.ttl), lifetime(after.ttl)];
  if (old === next) return undefined;
  const [from, to] = [before.ttl ?? 'for ever', after.ttl ?? 'for ever'];
  const pointer = after.ttl === undefined ? '' : '/ttl';
  const endpoints = endpointsReading(context, before);
  if (next > old) {
    return says(
      'safe',
      finding('FS108', 'info', context.desired, {
        detail: `Values of ${context.address} count for longer, ${to} instead of ${from}, at once and in the next training set.`,
        pointer,
      }),
    );
  }
  const who =
    endpoints.length === 0
      ? 'The next training set has nulls in their place.'
      : `${listed(endpoints)} then ${endpoints.length === 1 ? 'takes' : 'take'} the default, or ${endpoints.length === 1 ? 'refuses' : 'refuse'} the prediction where there is none (EP203).`;
  return says(
    endpoints.length === 0 ? 'safe' : 'breaking',
    finding('FS108', 'warning', context.desired, {
      detail: `Values of ${context.address} that are older than ${to} expire at once; they counted for ${from}. ${who}`,
      fix: `see that values come more often than every ${to} before you apply, or declare defaults`,
      pointer,
    }),
  );
}

/** From a source or query to push, or back: what was stored is not what is asked for from then on. */
function anotherWay(context: Context, before: CanonicalFeatureSet, after: CanonicalFeatureSet): Analysis | undefined {
  if ((before.push === true) === (after.push === true)) return undefined;
  const endpoints = endpointsReading(context, before);
  const who = endpoints.length === 0 ? '' : ` ${listed(endpoints)} ${endpoints.length === 1 ? 'asks' : 'ask'} it.`;
  return says(
    endpoints.length === 0 ? 'new-version' : 'breaking',
    finding('FS112', 'warning', context.desired, {
      detail:
        after.push === true
          ? `${context.address} gets its rows by push alone: its new version holds what was pushed so far, and no row that was computed.${who}`
          : `${context.address} is filled from ${after.source === undefined ? 'its query' : `source.${after.source}`}: what was pushed before is carried over where keys and columns are left as they were.${who}`,
      fix: 'declare a feature set of a new name, fill it, and move the services to it',
      pointer: after.push === true ? '/push' : after.source === undefined ? '/query' : '/source',
    }),
  );
}

function schedule(
  context: Context,
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
): readonly (Analysis | undefined)[] {
  const { address, desired } = context;
  const pointer = after.materialize === undefined ? '' : '/materialize';
  const lost = before.materialize?.cron !== undefined && after.materialize?.cron === undefined && after.push !== true;
  const lookback = (set: CanonicalFeatureSet): number => durationMs(set.materialize?.lookback ?? '0s');
  return [
    lost && !materializedElsewhere(after.name, context)
      ? says(
          'safe',
          finding('FS113', 'warning', desired, {
            detail: `${address} was materialized at ${before.materialize?.cron}. Nothing with a schedule does it any more: its values grow old${after.ttl === undefined ? '' : `, and expire after ${after.ttl}`}.`,
            fix: 'leave `cron` in, or let a pipeline with a schedule materialize it',
            pointer,
          }),
        )
      : undefined,
    lookback(after) < lookback(before)
      ? says(
          'safe',
          finding('FS114', 'warning', desired, {
            detail: `${address} looks back ${after.materialize?.lookback ?? '0s'} instead of ${before.materialize?.lookback}: rows that arrive later than that are not found any more.`,
            fix: 'leave `lookback` as long as rows may be late',
            pointer: after.materialize?.lookback === undefined ? pointer : '/materialize/lookback',
          }),
        )
      : undefined,
  ];
}

function ofFeature(
  context: Context,
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
  name: string,
  differs: boolean,
): readonly (Analysis | undefined)[] {
  const { address, desired, readers, stays } = context;
  const [old, next] = [before.features[name], after.features[name]];
  if (old === undefined || next === undefined) return [];
  const here = `/features/${escapePointer(name)}`;
  const read = readers.servicesReading(`${after.name}.${name}`).filter(stays).length > 0;
  const found: (Analysis | undefined)[] = [
    expectation(old.expect, next.expect, name, here, desired),
    onFailure(
      `an expectation of ${name}`,
      old.expect?.onFailure ?? before.expect?.onFailure,
      next.expect?.onFailure ?? after.expect?.onFailure,
      next.expect?.onFailure === undefined ? here : `${here}/expect/onFailure`,
      old.expect?.onFailure === next.expect?.onFailure ? undefined : desired,
    ),
  ];
  if (!canonicallyEqual(old.default, next.default) && read && !differs)
    found.push(defaultOf(context, after, name, old.default, here));
  if (old.unit !== undefined && next.unit !== undefined && old.unit !== next.unit) {
    found.push(
      says(
        'breaking',
        finding('FS111', 'warning', desired, {
          detail: `The numbers of ${after.name}.${name} stay as they are and are called ${next.unit} instead of ${old.unit}. If the values change with it, rows of both units lie in one version of ${address}.`,
          fix: `if they do, declare a feature of another name in ${next.unit}; if ${old.unit} was a mistake, suppress FS111 here and say so`,
          pointer: `${here}/unit`,
        }),
      ),
    );
  }
  return found;
}

function defaultOf(
  context: Context,
  set: CanonicalFeatureSet,
  name: string,
  old: Feature['default'],
  here: string,
): Analysis {
  const next = set.features[name]?.default;
  const refused = next === undefined && endpointsReading(context, set).length > 0;
  const then =
    next === undefined
      ? `are refused (EP203): it has no default any more, which was ${JSON.stringify(old)}`
      : `take ${JSON.stringify(next)} instead of ${old === undefined ? 'being refused' : JSON.stringify(old)}`;
  return says(
    refused ? 'breaking' : 'safe',
    finding('FS110', refused ? 'warning' : 'info', context.desired, {
      detail: `From the apply on, predictions without a value of ${set.name}.${name} ${then}.`,
      ...(refused ? { fix: 'see that every entity has a value before you apply' } : {}),
      pointer: next === undefined ? here : `${here}/default`,
    }),
  );
}

function expectation(
  old: Expectation | undefined,
  next: Expectation | undefined,
  name: string,
  here: string,
  desired: Context['desired'],
): Analysis | undefined {
  const tightened = allows(next, old);
  const loosened = allows(old, next);
  if (!tightened && !loosened) return undefined;
  const removed = old !== undefined && next === undefined;
  const what = removed
    ? `Values of ${name} are not checked any more`
    : tightened
      ? `Values of ${name} that passed may not pass the next check`
      : `Values of ${name} that were stopped pass from now on`;
  return says(
    'safe',
    finding('FS109', tightened || removed ? 'warning' : 'info', desired, {
      detail: `${what}.${tightened ? ' Rows that are stored are not checked again.' : ''}`,
      fix: tightened
        ? 'look at the statistics of the feature first: mlops features stats SET'
        : 'see that nothing relies on the check',
      pointer: next === undefined ? here : `${here}/expect`,
    }),
  );
}

/** What is expected of the rows together. */
function ofSet(
  { address, desired }: Context,
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
): Analysis | undefined {
  const [old, next] = [before.expect ?? {}, after.expect ?? {}];
  const stricter = (a: SetExpectation, b: SetExpectation): boolean =>
    (a.minRows ?? 0) > (b.minRows ?? 0) ||
    (a.unique === true && b.unique !== true) ||
    lifetime(a.freshness) < lifetime(b.freshness);
  const tightened = stricter(next, old);
  if (!tightened && !stricter(old, next)) return undefined;
  return says(
    'safe',
    finding('FS109', tightened ? 'warning' : 'info', desired, {
      detail: tightened
        ? `Rows of ${address} that passed may not pass the next check. Rows that are stored are not checked again.`
        : `Rows of ${address} that were told of pass from now on.`,
      fix: tightened
        ? `look at what the set holds first: mlops features stats ${after.name}`
        : 'see that nothing relies on the check',
      pointer: after.expect === undefined ? '' : '/expect',
    }),
  );
}

const CONSEQUENCES: Readonly<Record<OnFailure, string>> = {
  warn: 'counts, and is told of',
  quarantine: 'is kept aside, and reaches neither training nor the online store',
  fail: 'stops the materialization, or refuses the push',
};

/** `desired` is left out where nothing of it was edited here. */
function onFailure(
  what: string,
  old: OnFailure = 'warn',
  next: OnFailure = 'warn',
  pointer: string,
  desired: Context['desired'],
): Analysis | undefined {
  if (old === next || desired === undefined) return undefined;
  return says(
    'safe',
    finding('FS109', next === 'warn' ? 'info' : 'warning', desired, {
      detail: `A row that breaks ${what} ${CONSEQUENCES[next]}; it ${old === 'warn' ? 'counted' : old === 'fail' ? 'stopped everything' : 'was kept aside'}.`,
      fix:
        next === 'warn'
          ? 'see that nothing relies on the check'
          : 'see first how many rows break it: mlops features show SET',
      pointer,
    }),
  );
}

/** Whether `less` refuses something that `more` lets pass. */
function allows(less: Expectation | undefined, more: Expectation | undefined): boolean {
  const bound = (value: number | undefined, none: number): number => value ?? none;
  if (bound(less?.min, Number.NEGATIVE_INFINITY) > bound(more?.min, Number.NEGATIVE_INFINITY)) return true;
  if (bound(less?.max, Number.POSITIVE_INFINITY) < bound(more?.max, Number.POSITIVE_INFINITY)) return true;
  if (bound(less?.maxNull, 1) < bound(more?.maxNull, 1)) return true;
  if (bound(less?.minLength, 0) > bound(more?.minLength, 0)) return true;
  if (bound(less?.maxLength, Number.POSITIVE_INFINITY) < bound(more?.maxLength, Number.POSITIVE_INFINITY)) return true;
  // Which of two patterns lets more pass cannot be told: each may stop something that the other does not.
  if (less?.pattern !== undefined && less.pattern !== more?.pattern) return true;
  const only = less?.in;
  return only !== undefined && (more?.in === undefined || more.in.some((value) => !only.includes(value)));
}
