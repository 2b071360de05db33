/** Results of an endpoint for people. */
import type { Results, VariantResult } from '../compose/views.ts';
import { instant, number, table } from './output.ts';

export function resultsText(results: Results): string {
  const { endpoint, since, until, variants, sampleRatio, metrics, baseline, alpha, power } = results;
  const confidence = `${number((1 - alpha) * 100)} %`;
  return [
    `${endpoint}, ${instant(since)} to ${instant(until)} (UTC), against ${baseline}`,
    '',
    variants.length === 0
      ? 'No rows yet.'
      : table(
          ['VARIANT', 'MODEL', 'VERSION', 'SHARE', 'ROWS', 'FAILED', 'KEYS', 'WITH OUTCOME'],
          variants.map((one) => [
            one.variant,
            one.model ?? '-',
            one.version === null ? '-' : String(one.version),
            `${number(one.share)} %`,
            String(one.requests),
            String(one.failures),
            one.keys === null ? '-' : String(one.keys),
            String(one.labelled),
          ]),
        ),
    ...(sampleRatio === null ? [] : ['', ratioText(sampleRatio)]),
    ...(metrics.length === 0
      ? []
      : [
          '',
          table(
            [
              'METRIC',
              'VARIANT',
              'ROWS',
              'VALUE',
              confidence,
              'DIFFERENCE',
              'AT ANY TIME',
              'P',
              'VERDICT',
              'MORE ROWS',
            ],
            metrics.flatMap(({ metric, variants: all }) => all.map((one) => [metric, ...cells(one)])),
          ),
          '',
          `AT ANY TIME holds however often one looks; P is of it. MORE ROWS: what it takes to see the least effect with a power of ${number(power * 100)} %.`,
        ]),
  ].join('\n');
}

function cells({ variant, version, rows, value, interval, comparison }: VariantResult): readonly string[] {
  const named = version === null ? variant : `${variant} ${version}`;
  const own = [named, String(rows), number(value), range(interval)];
  if (comparison === null) return [...own, '', '', '', '', ''];
  const { difference, sequential, verdict, needed } = comparison;
  return [
    ...own,
    `${signed(difference.value)} ${range(difference.interval)}`,
    range(sequential?.interval ?? null),
    sequential === null ? '-' : number(sequential.pValue),
    sequential === null ? 'too few rows' : verdict === 'open' ? 'nothing shown' : verdict,
    needed === null ? '-' : String(needed.more),
  ];
}

function ratioText({ variants, pValue, mismatch }: NonNullable<Results['sampleRatio']>): string {
  const counts = variants.map(
    ({ variant, observed, expected }) => `${variant} ${observed} of ${Math.round(expected)} expected`,
  );
  return mismatch
    ? `warning: the keys are not divided as the shares say (${counts.join(', ')}; p = ${number(pValue)}): something on the way loses or draws them, and no comparison can be trusted`
    : `keys divided as the shares say (${counts.join(', ')}; p = ${number(pValue)})`;
}

const range = (interval: readonly [number, number] | null): string =>
  interval === null ? '-' : `[${number(interval[0])}, ${number(interval[1])}]`;
const signed = (value: number): string => `${value > 0 ? '+' : ''}${number(value)}`;
