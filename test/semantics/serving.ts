// Serving: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const serving: Section = {
  'A version of a model is asked with the versions of the feature sets that it learned from, wherever it stands and whatever has been applied since.':
    {
      'serving/serving.test.ts': [
        'asks each version with the feature-set versions that it learned from, also after a promotion and a rollback',
      ],
    },
  'One whose lineage does not name them (registered over HTTP) is asked with the newest that serves.': {
    'features/versions.test.ts': ['lets a version without a lineage read the newest that serves'],
    'serving/serving.test.ts': ['serves a version without a signature by the features that its model declares'],
  },
  'A version of a model enters staging or production only while the feature-set versions that it learned from serve (MD207); none is retired meanwhile.':
    {
      'serving/serving.test.ts': ['promotes no version that learned from what is not there'],
      'features/versions.test.ts': [
        'keeps what is in staging, what a rollback returns to and the newest in development, and retires the rest',
      ],
    },
  'A variant is a hash of endpoint and key into 10,000 buckets: sticky, the same on every replica.': {
    'serving/bucket.test.ts': ['the bucket of %s:%s is the hash of both, modulo 10000', 'has golden buckets'],
    'serving/router.test.ts': ['keeps a key on its variant, and a share of keys near the split'],
    'serving/serving.test.ts': ['routes each row by its key, sticky, and says who answered'],
  },
  'It is recorded with each prediction.': {
    'serving/serving.test.ts': ['logs every prediction with what it was made from, all of them written when it closes'],
  },
  'The first rule that is true decides before the split; one that cannot be evaluated is not true, and is counted.': {
    'serving/endpoints.test.ts': [
      'is routed by the first rule that is true, else by the split; one that cannot be evaluated is counted',
    ],
  },
  'A variant that has nothing to serve, fails or takes longer than its `timeout` is answered for by its `fallback`; both are logged.':
    {
      'serving/endpoints.test.ts': [
        'is answered by the fallback of a variant that fails, and logs both',
        'that takes longer than its time is answered for by its fallback, else refused',
      ],
    },
  "What a request lacks is the request's.": {
    'serving/endpoints.test.ts': ['is not answered by a fallback for what a request lacks'],
  },
  'An ensemble answers without an optional member that does not answer, row by row, the weights that are left counting as all; without one that is not optional it does not answer.':
    {
      'serving/endpoints.test.ts': [
        'leaves an optional member out of the rows that it has no value for, and the others count as all',
        'leaves an optional member out that takes longer than its time',
        'is answered by the fallback of a variant that fails, and logs both',
      ],
      'serving/combine.property.test.ts': ['a weighted mean is that of as many equal members as each weighs'],
    },
  "Its members' features are read in one round trip.": {
    'serving/endpoints.test.ts': ['answers with the mean of members, read in one round trip, and says what each said'],
  },
  'A shadow gets a copy of the requests of its share of the keys once they are answered; it neither delays an answer nor fails it, and what it does not take is counted.':
    {
      'serving/endpoints.test.ts': [
        'copies the requests of a share of keys to a shadow, whose answers only the log has',
        'does not wait for a shadow, nor fail with it; what does not fit is dropped and counted',
      ],
      'serving/bucket-python.test.ts': ['buckets of variants and of shadows are those that Python computes'],
    },
  'A variant or a version that is asked for by name answers, or nobody does; that is logged as asked for.': {
    'serving/endpoints.test.ts': ['answers by the variant or the version that was asked for, and says that'],
  },
  'A version is swapped without dropping a request; one that fails to load never replaces one that serves.': {
    'serving/serving.test.ts': [
      'drops no request across 50 promotions under load, and never goes back to an older version',
      'a version that does not load never replaces one that serves, and shows why',
    ],
    'e2e/promotion.test.ts': ['drops no request across twenty promotions'],
  },
  'A version that is damaged, or is not what it declares, is refused before it serves; its session is released once the last request that uses it has its answer, and no earlier.':
    {
      'serving/runtime/refused-models.test.ts': ['is refused where it is cut off, wherever that is'],
      'serving/runtime/loaded-versions.test.ts': [
        'is refused where its bytes have another digest',
        'is released when the last request that uses it has its answer, and no earlier',
        'lose no request and no memory, and release each session once',
      ],
    },
  'The versions in memory never take more than `serving.memory`: what no endpoint answers with goes, the longest unused first; what an endpoint answers with never does.':
    {
      'serving/runtime/loaded-versions.test.ts': [
        'is given to what is asked for, taken from what was not used for the longest time',
        'is never taken from what an endpoint pins, a lease holds or a request uses: who comes is refused, and told why',
      ],
    },
  'Requests that run together are answered as if each had run alone; one that fails never fails another.': {
    'serving/runtime/batcher.test.ts': ['bit for bit: %s', 'are each told their own where they fail together'],
  },
  'Over the Open Inference Protocol a model answers with the version in production, else the newest loaded by hand, else the newest; a promotion is followed without a request lost, and what does not load replaces nothing.':
    {
      'api/inference.test.ts': [
        'answers with the version in production, else the newest, and with a version that is named',
        'loads and unloads models and versions, and says what answers',
        'goes on with its version where the one in production does not load',
        'loses no request while versions are promoted',
      ],
    },
  'Every digit of an integer and every bit of binary data is kept.': {
    'api/inference.test.ts': [
      'keeps 64-bit integers exact, both ways',
      'takes and gives %s as %s, in JSON and in bytes',
    ],
    'inference/recorded-models.test.ts': [
      'answer as recorded, more than 800 of them, and the others are refused and told why',
    ],
  },
  'What was served is what the offline store answers for that moment, but for what can be told of it: a row that came, or came online, after the answer, a push to one store alone, a ttl that changed, a store that had lost its records.':
    {
      'features/verify.test.ts': [
        'explains every difference, in whatever order rows are pushed, ingested, materialized and read',
      ],
    },
  '`features verify` holds the log of predictions to that, and the answers to other readers that were drawn to be kept.':
    {
      'features/verify.test.ts': ['replays answers to readers by the same rule, each with its entity and its record'],
      'daemon/answer-log.test.ts': ['whoever asks, by our interface or as Feast does'],
    },
  'A batch prediction answers each row as an endpoint would, and each row names the version that answered.': {
    'orchestrator/batch-prediction.test.ts': [
      'answers each row as the endpoint does, and writes it where it was asked to',
    ],
  },
  'A deployment has succeeded once every daemon that answers requests serves the version; one that does not load is not moved.':
    {
      'serving/deployment.test.ts': [
        'moves the version to the stage that the endpoint follows, and is done once every daemon serves it',
        'of a version that does not load moves nothing',
      ],
      'orchestrator/deployment.test.ts': [
        'ends once the daemon serves the version that was trained, and predictions come from it',
      ],
    },
  'The log of predictions is written in blocks beside the answers; a block that is written is durable, and written again it changes nothing.':
    {
      'contract/prediction-log.test.ts': ['writes many in one go, and the same ones again without effect'],
      'lib/log-writer.test.ts': ['sends what may have been written again as it was, and what came meanwhile after it'],
      'stores/postgres/prediction-blocks.test.ts': [
        'keeps every row that was logged before there were blocks, its time to the microsecond included',
      ],
    },
  "What the endpoint's `log` leaves out is written nowhere; the lot is drawn by request, so that a row is logged with its shadows and its members or not at all.":
    {
      'serving/serving.test.ts': [
        'logs the share of the requests that the endpoint says, the same ones everywhere, without the features that it excludes',
      ],
    },
  'Each logged prediction is in the offline store exactly once or waits to be there, whenever a daemon is killed.': {
    'contract/prediction-moves.test.ts': [
      'are there once, with all that was logged, and with what they turned out to be',
      'are neither lost nor there twice where a mover dies between its table and its note, or another is faster',
    ],
  },
  "It leaves the control store only when it is there and the endpoint's `log.keep` is over.": {
    'contract/prediction-moves.test.ts': [
      'leave the control store once they are there and older than the endpoint keeps them, and stay a row of the table',
    ],
  },
  'An outcome is recorded once however often it is told; another one corrects it, and what was known at a time stays readable.':
    {
      'serving/feedback.test.ts': [
        'is joined to the row of the request, and told again changes nothing',
        'corrects by another word, which counts; what was known before stays readable as of then',
      ],
    },
  'A batch is recorded whole or not at all.': {
    'serving/feedback.test.ts': ['takes a batch of 10,000 whole or not at all, and names the rows that cannot be'],
  },
  'One of a prediction that is not in the log, or that comes later than `within`, is refused.': {
    'serving/feedback.test.ts': [
      'is refused of what failed, of a row that the request has not, of another endpoint, and of one that takes none',
      'comes days late, but not later than the endpoint says',
    ],
  },
  'Figures of a variant count a row at the time when it was answered, with the outcome that was told last.': {
    'contract/variant-figures.test.ts': [
      'belong to the time when a row was answered',
      'join outcomes that came later, the last one of each row, with their losses and the area under the curve',
    ],
  },
  'What is not known is null.': {
    'contract/variant-figures.test.ts': [
      'count rows by variant, version and role, failures among them, and know nothing that was not logged',
    ],
  },
  'What a version learned from is frozen with it as its reference profile, and never changes.': {
    'training/training.test.ts': [
      'freezes what was learned from with the model: inputs of the train rows, answers to the test rows',
    ],
  },
  'Drift is of its bins.': {
    'contract/variant-figures.test.ts': [
      'hold inputs and answers against the profile of the version, those that were not logged left out',
    ],
    'stores/drift.test.ts': ['is the population stability index of Evidently, empty bins included'],
  },
  'Inputs are checked against the signature.': {
    'serving/serving.test.ts': ['refuses %s among the inputs'],
    'serving/onnx-runtime.test.ts': ['refuses an integer input that is missing or broken, by name'],
  },
  'A missing feature follows its declared default, else the answer is 422 and names it.': {
    'serving/serving.test.ts': ['refuses a feature that is %s, naming it, and takes its default where there is one'],
    'api/contract.test.ts': ['name the feature that is missing'],
  },
};
