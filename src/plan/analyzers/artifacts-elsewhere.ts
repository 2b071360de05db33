/** Artifacts are kept elsewhere: nothing is moved, so what there is has to be copied before it is asked for. */
import type { CanonicalEnvironment } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';

/** PL126, where models are recorded whose files lie where they were. */
export function artifactsElsewhere({
  before,
  after,
  desired,
  desiredResources,
  isRecorded,
}: AnalysisContext<'environment'>): Analysis | undefined {
  const [old, next] = [placeOf(before), placeOf(after)];
  if (old === next) return undefined;
  const models = [...desiredResources.values()].flatMap(({ kind, address }) =>
    kind === 'model' && isRecorded(address) ? [address] : [],
  );
  if (models.length === 0) return undefined;
  return says(
    'safe',
    finding('PL126', 'warning', desired, {
      detail: `Artifacts are kept in ${next} instead of ${old} once the daemons have been started again. Versions of ${listed(models)} cannot be loaded until their files are there too.`,
      fix: 'copy what is below the one to the other first: names and content are the same',
      pointer: after?.artifacts?.s3 === undefined ? '' : '/artifacts/s3',
    }),
  );
}

function placeOf(settings: CanonicalEnvironment | undefined): string {
  const s3 = settings?.artifacts?.s3;
  if (s3 === undefined) return 'files of the project';
  const { bucket, prefix = 'mlops', endpoint } = s3;
  const server = endpoint === undefined ? '' : ` at ${typeof endpoint === 'string' ? endpoint : endpoint.$env}`;
  return `s3://${bucket}/${prefix}${server}`;
}
